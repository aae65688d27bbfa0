#pragma once

#include <string_view>

namespace herald::simulator {

/// How many SMS a text takes: GSM 03.38 in 160 septets, or 153 in each of several; otherwise UCS-2 in 70 or
/// 67 UTF-16 units. A character of two septets and a surrogate pair are not split across parts. Grapheme
/// clusters are, which Twilio's own calculator avoids.
int sms_segments(std::string_view utf8);

/// Code points in valid UTF-8.
std::size_t count_characters(std::string_view utf8);

}  // namespace herald::simulator
