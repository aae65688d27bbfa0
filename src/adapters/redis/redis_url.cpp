#include "adapters/redis/redis_url.hpp"

#include <charconv>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace herald::redis {
namespace {

constexpr std::string_view kPlain = "redis://";
constexpr std::string_view kTls = "rediss://";

tl::unexpected<Error> refuse(std::string_view why) {
    return fail(ErrorCode::invalid, fmt::format("reading the Redis URL: {}", why));
}

std::optional<int> parse_number(std::string_view text, int max) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number < 0 || number > max) return {};
    return number;
}

std::optional<std::string> decode(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        unsigned char byte = 0;
        const auto digits = text.substr(i + 1, 2);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
        if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) return std::nullopt;
        decoded += static_cast<char>(byte);
        i += 2;
    }
    return decoded;
}

Status read_user(std::string_view text, RedisUrl& url) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) {
        return refuse("a user needs a password: user:password@host, or :password@host for the default user");
    }
    const auto user = decode(text.substr(0, colon));
    const auto password = decode(text.substr(colon + 1));
    if (!user || !password) return refuse("user and password must be percent-encoded");
    if (password->empty()) return refuse("the password is empty");
    url.user = *user;
    url.password = *password;
    return {};
}

Status read_host(std::string_view text, RedisUrl& url) {
    auto end_of_host = text.find(':');
    if (text.starts_with('[')) {
        const auto bracket = text.find(']');
        if (bracket == std::string_view::npos) return refuse("the bracket of the IPv6 address is not closed");
        url.host = text.substr(1, bracket - 1);
        end_of_host = bracket + 1;
    } else {
        url.host = text.substr(0, end_of_host);
    }
    if (url.host.empty()) return refuse("there is no host");
    const auto rest = text.substr(std::min(end_of_host, text.size()));
    if (rest.empty()) return {};
    const auto port = parse_number(rest.substr(1), std::numeric_limits<std::uint16_t>::max());
    if (rest.front() != ':' || !port || *port == 0) return refuse("the port is not one");
    url.port = static_cast<std::uint16_t>(*port);
    return {};
}

}  // namespace

std::string RedisUrl::place() const {
    return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                               : fmt::format("[{}]:{}", host, port);
}

Result<RedisUrl> parse_redis_url(std::string_view text) {
    RedisUrl url;
    url.tls = text.starts_with(kTls);
    if (!url.tls && !text.starts_with(kPlain)) return refuse("it must begin with redis:// or rediss://");
    text.remove_prefix(url.tls ? kTls.size() : kPlain.size());
    if (text.find_first_of("?#") != std::string_view::npos) {
        return refuse("it takes no parameters, and ? and # in a password must be percent-encoded");
    }
    const auto slash = text.find('/');
    if (slash != std::string_view::npos && slash + 1 < text.size()) {
        const auto database = parse_number(text.substr(slash + 1), std::numeric_limits<int>::max());
        if (!database) return refuse("the path must be the number of a database");
        url.database = *database;
    }
    auto authority = text.substr(0, slash);
    if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
        if (auto status = read_user(authority.substr(0, at), url); !status) return fail(status.error());
        authority.remove_prefix(at + 1);
    }
    if (auto status = read_host(authority, url); !status) return fail(status.error());
    return url;
}

}  // namespace herald::redis
