#pragma once

#include <string_view>

namespace herald {

/// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_valid_utf8(std::string_view text);

/// True when a byte below 0x20 or 0x7f is in it.
bool has_control_characters(std::string_view text);

}  // namespace herald
