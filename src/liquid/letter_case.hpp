#pragma once

#include <string>
#include <string_view>

namespace herald::liquid {

/// Unicode's simple mappings, character by character and the same in every language: ß stays as it is.
std::string upcase(std::string_view utf8);
std::string downcase(std::string_view utf8);
/// The first character in upper case, the others in lower case.
std::string capitalize(std::string_view utf8);

}  // namespace herald::liquid
