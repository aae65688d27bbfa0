#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"

namespace herald::simulator {

/// A JSON Web Token in compact form (RFC 7519), taken apart and not verified.
struct Jwt {
    Json header;
    Json claims;
    std::string signing_input;
    std::string signature;  ///< raw bytes
};

/// Nothing when it is not one.
std::optional<Jwt> read_jwt(std::string_view token);

/// The token of an `Authorization: Bearer …` value, the scheme in any case; nothing for another scheme.
std::optional<std::string_view> bearer_token(std::string_view authorization);

}  // namespace herald::simulator
