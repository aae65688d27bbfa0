#include "base/utf8.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/crypto.hpp"

namespace herald {
namespace {

std::string hex(const std::string& text) {
    return to_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

TEST(Utf8Test, AcceptsTheFirstAndLastOfEachLength) {
    const std::vector<std::string> texts = {
        "",
        std::string(1, '\0'),
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "aé€😀z",
    };
    for (const auto& text : texts) EXPECT_TRUE(is_valid_utf8(text)) << hex(text);
}

TEST(Utf8Test, RefusesWhatRfc3629Forbids) {
    const std::vector<std::string> texts = {
        "\x80",
        "\xbf",  // continuation alone
        "\xc0\xaf",
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf",  // overlong
        "\xed\xa0\x80",
        "\xed\xbf\xbf",  // surrogates
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",  // above U+10FFFF
        "\xc3",
        "\xe2\x82",
        "\xf0\x9f\x98",
        "a\xf0",  // cut short
        "\xc3(",
        "\xe2(\x82",
        "\xe2\x82(",
        "\xf0\x9f\x98(",
        "\xc3\xc3",
    };
    for (const auto& text : texts) {
        EXPECT_FALSE(is_valid_utf8(text)) << hex(text);
        EXPECT_FALSE(is_valid_utf8("é" + text)) << hex(text);
    }
}

TEST(Utf8Test, FindsControlCharacters) {
    for (int c = 0; c < 256; ++c) {
        const std::string text = {'a', static_cast<char>(c), 'b'};
        EXPECT_EQ(has_control_characters(text), c < 0x20 || c == 0x7f) << c;
    }
    EXPECT_FALSE(has_control_characters(""));
    EXPECT_FALSE(has_control_characters("é😀"));
}

}  // namespace
}  // namespace herald
