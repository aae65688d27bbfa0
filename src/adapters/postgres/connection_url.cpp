#include "adapters/postgres/connection_url.hpp"

#include <algorithm>
#include <charconv>
#include <memory>

#include <libpq-fe.h>

namespace herald::postgres {
namespace {

constexpr std::string_view kSeparator = "://";

bool is_postgres_scheme(std::string_view scheme) { return scheme == "postgres" || scheme == "postgresql"; }

/// asyncpg says `ssl=` where libpq says `sslmode=`.
std::string with_sslmode(std::string url) {
    for (const auto* begin : {"?", "&"}) {
        const auto found = url.find(std::string(begin) + "ssl=");
        if (found != std::string::npos) url.replace(found + 1, 4, "sslmode=");
    }
    return url;
}

/// As libpq reads it: without the name of a driver behind the scheme.
std::string without_driver(std::string_view url) {
    const auto end = url.find(kSeparator);
    if (end == std::string_view::npos) return std::string(url);
    const auto plus = url.substr(0, end).find('+');
    if (plus == std::string_view::npos || !is_postgres_scheme(url.substr(0, plus))) return std::string(url);
    return with_sslmode(std::string(url.substr(0, plus)) + std::string(url.substr(end)));
}

/// libpq reads these only when it connects, and then a mistake looks like a server that is not there.
bool has_valid_ports(std::string_view ports) {
    while (!ports.empty()) {
        const auto one = ports.substr(0, ports.find(','));
        int port = 0;
        const auto [end, error] = std::from_chars(one.data(), one.data() + one.size(), port);
        const bool whole = error == std::errc{} && end == one.data() + one.size();
        if (!one.empty() && (!whole || port < 1 || port > 65535)) return false;
        ports.remove_prefix(std::min(one.size() + 1, ports.size()));
    }
    return true;
}

bool has_valid_sslmode(std::string_view mode) {
    constexpr std::string_view kModes[] = {"",        "disable",   "allow",      "prefer",
                                           "require", "verify-ca", "verify-full"};
    return std::find(std::begin(kModes), std::end(kModes), mode) != std::end(kModes);
}

/// libpq quotes what it could not read, and that may be a password.
Error refusal(std::string_view url) {
    const bool known = url.find(kSeparator) == std::string_view::npos ||
                       is_postgres_scheme(url.substr(0, url.find(kSeparator)));
    return {ErrorCode::invalid, known ? "the database's URL cannot be read: see libpq, Connection Strings"
                                      : "the database's URL must begin with postgresql:// or postgres://"};
}

}  // namespace

std::string_view ConnectionParameters::find(std::string_view keyword) const {
    for (const auto& one : all) {
        if (one.keyword == keyword) return one.value;
    }
    return {};
}

void ConnectionParameters::set(std::string_view keyword, std::string value) {
    for (auto& one : all) {
        if (one.keyword == keyword) {
            one.value = std::move(value);
            return;
        }
    }
    all.push_back({std::string(keyword), std::move(value)});
}

void ConnectionParameters::set_default(std::string_view keyword, std::string value) {
    if (find(keyword).empty()) set(keyword, std::move(value));
}

Result<ConnectionParameters> parse_connection_url(std::string_view url) {
    const auto text = without_driver(url);
    if (text.find(kSeparator) == std::string::npos && text.find('=') == std::string::npos) {
        return fail(refusal("?://"));
    }
    char* reason = nullptr;
    const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> options(
        PQconninfoParse(text.c_str(), &reason), PQconninfoFree);
    PQfreemem(reason);
    if (!options) return fail(refusal(text));
    ConnectionParameters parameters;
    for (const auto* option = options.get(); option->keyword; ++option) {
        if (option->val) parameters.all.push_back({option->keyword, option->val});
    }
    if (!has_valid_ports(parameters.find("port")) || !has_valid_sslmode(parameters.find("sslmode"))) {
        return fail(refusal(text));
    }
    return parameters;
}

}  // namespace herald::postgres
