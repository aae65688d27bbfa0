#include "simulator/sms_segments.hpp"

#include <cstdint>
#include <vector>

namespace herald::simulator {
namespace {

constexpr std::u32string_view kBasic =
    U"@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    U"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    U"abcdefghijklmnopqrstuvwxyzäöñüà";
constexpr std::u32string_view kExtension = U"^{}\\[~]|€\f";

std::vector<char32_t> code_points(std::string_view utf8) {
    std::vector<char32_t> points;
    points.reserve(utf8.size());
    for (const char c : utf8) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) points.push_back(byte);
        else if (byte < 0xc0 && !points.empty()) points.back() = points.back() << 6 | (byte & 0x3fu);
        else points.push_back(byte < 0xe0 ? byte & 0x1fu : byte < 0xf0 ? byte & 0x0fu : byte & 0x07u);
    }
    return points;
}

struct Capacity {
    int alone;
    int in_part;
};

int pack(const std::vector<int>& widths, Capacity capacity) {
    int total = 0;
    for (const int width : widths) total += width;
    if (total <= capacity.alone) return 1;
    int parts = 1;
    int used = 0;
    for (const int width : widths) {
        if (used + width > capacity.in_part) {
            ++parts;
            used = 0;
        }
        used += width;
    }
    return parts;
}

}  // namespace

int sms_segments(std::string_view utf8) {
    const auto points = code_points(utf8);
    bool gsm = true;
    std::vector<int> septets;
    std::vector<int> units;
    for (const char32_t point : points) {
        const bool extended = kExtension.find(point) != std::u32string_view::npos;
        gsm = gsm && (extended || kBasic.find(point) != std::u32string_view::npos);
        septets.push_back(extended ? 2 : 1);
        units.push_back(point > 0xffff ? 2 : 1);
    }
    return gsm ? pack(septets, {160, 153}) : pack(units, {70, 67});
}

std::size_t count_characters(std::string_view utf8) {
    std::size_t count = 0;
    for (const char c : utf8) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
    return count;
}

}  // namespace herald::simulator
