#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace herald {

/// RFC 7515, compact: `header` and `claims` are JSON; `sign` gives the raw signature of its input.
Result<std::string> sign_jwt(std::string_view header, std::string_view claims,
                             const std::function<Result<std::string>(std::string_view input)>& sign);

}  // namespace herald
