#include "liquid/source_error.hpp"

#include <algorithm>

namespace herald::liquid {

SourceError error_at(std::string_view source, std::string_view where, std::string message) {
    const auto before = source.substr(0, static_cast<std::size_t>(where.data() - source.data()));
    const auto line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    const auto in_line = before.substr(line_start);
    const auto is_first_byte = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
    return {.line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
            .column = static_cast<int>(std::count_if(in_line.begin(), in_line.end(), is_first_byte)) + 1,
            .message = std::move(message)};
}

}  // namespace herald::liquid
