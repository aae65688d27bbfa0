#include "api/authentication.hpp"

#include <algorithm>

namespace herald::api {
namespace {

/// The token of `Bearer <token>` (RFC 6750); the scheme's name has no case. Empty for any other scheme.
std::string_view bearer_token(std::string_view authorization) {
    constexpr std::string_view scheme = "bearer ";
    if (authorization.size() < scheme.size()) return {};
    const bool is_bearer =
        std::equal(scheme.begin(), scheme.end(), authorization.begin(), [](char expected, char c) {
            return expected == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
        });
    if (!is_bearer) return {};
    authorization.remove_prefix(scheme.size());
    authorization.remove_prefix(std::min(authorization.find_first_not_of(' '), authorization.size()));
    return authorization;
}

}  // namespace

std::optional<TenantId> Authentication::tenant_of(const net::Headers& headers) const {
    const auto authorization = net::find_header(headers, "authorization");
    if (anonymous_ && (!authorization || keys_.empty())) return default_tenant();
    if (!authorization) return std::nullopt;
    const auto token = bearer_token(*authorization);
    if (token.empty()) return std::nullopt;
    const auto digest = sha256(token);
    const ApiKey* found = nullptr;
    // Compares with every key, so that the time does not tell which one came close.
    for (const auto& key : keys_) {
        if (equal_in_constant_time(as_text(digest), as_text(key.sha256))) found = &key;
    }
    return found ? std::optional(found->tenant) : std::nullopt;
}

}  // namespace herald::api
