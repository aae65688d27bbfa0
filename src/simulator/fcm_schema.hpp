#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace herald::simulator {

struct FcmViolation {
    std::string field;
    std::string description;
};

/// What proto-JSON refuses in the body of messages:send: unknown fields and values of a wrong type, with
/// Google's own words. Names may be in snake_case or camelCase.
std::vector<FcmViolation> check_fcm_schema(const Json& request);

/// The member under its snake_case name or that in camelCase; null when absent or null.
const Json* proto_member(const Json& object, std::string_view snake_name);

}  // namespace herald::simulator
