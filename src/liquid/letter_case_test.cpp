#include "liquid/letter_case.hpp"

#include <gtest/gtest.h>

namespace herald::liquid {
namespace {

TEST(LetterCaseTest, KnowsLettersBeyondAscii) {
    EXPECT_EQ(upcase("čau ñandú ŷ ж ω 𐐨"), "ČAU ÑANDÚ Ŷ Ж Ω 𐐀");
    EXPECT_EQ(downcase("ČAU ÑANDÚ Ŷ Ж Ω 𐐀"), "čau ñandú ŷ ж ω 𐐨");
}

TEST(LetterCaseTest, CapitalizesTheFirstCharacterOnly) { EXPECT_EQ(capitalize("éCOLE dE"), "École de"); }

TEST(LetterCaseTest, LeavesOtherCharactersAlone) { EXPECT_EQ(upcase("1 €, 日本 🎉"), "1 €, 日本 🎉"); }

TEST(LetterCaseTest, SurvivesBytesThatAreNoText) { EXPECT_FALSE(upcase("a\xe2\x82").empty()); }

}  // namespace
}  // namespace herald::liquid
