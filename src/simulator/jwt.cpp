#include "simulator/jwt.hpp"

#include <algorithm>

#include "base/crypto.hpp"

namespace herald::simulator {
namespace {

std::optional<Json> read_part(std::string_view encoded) {
    const auto text = base64_decode(encoded);
    if (!text) return std::nullopt;
    auto json = Json::parse(*text);
    if (!json || json->as_object() == nullptr) return std::nullopt;
    return std::move(*json);
}

}  // namespace

std::optional<Jwt> read_jwt(std::string_view token) {
    const auto first = token.find('.');
    const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    auto header = read_part(token.substr(0, first));
    auto claims = read_part(token.substr(first + 1, second - first - 1));
    auto signature = base64_decode(token.substr(second + 1));
    if (!header || !claims || !signature) return std::nullopt;
    return Jwt{std::move(*header), std::move(*claims), std::string(token.substr(0, second)),
               std::move(*signature)};
}

std::optional<std::string_view> bearer_token(std::string_view authorization) {
    constexpr std::string_view scheme = "bearer ";
    if (authorization.size() <= scheme.size()) return std::nullopt;
    const bool same = std::equal(scheme.begin(), scheme.end(), authorization.begin(),
                                 [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
    if (!same) return std::nullopt;
    return authorization.substr(scheme.size());
}

}  // namespace herald::simulator
