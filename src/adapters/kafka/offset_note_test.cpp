#include "adapters/kafka/offset_note.hpp"

#include <gtest/gtest.h>

namespace herald::kafka {
namespace {

TEST(OffsetNote, ReadsWhatItWrote) {
    const auto early = from_millis(1'700'000'000'000);
    const auto late = from_millis(1'700'000'000'123);
    for (const auto& note : {OffsetNote{}, OffsetNote{early, late}, OffsetNote{std::nullopt, late},
                             OffsetNote{early, std::nullopt}})
        EXPECT_EQ(decode_offset_note(encode(note)), note) << encode(note);
}

TEST(OffsetNote, IsOneLineThatAPersonCanRead) {
    EXPECT_EQ(encode({from_millis(1'700'000'000'000), std::nullopt}), "1 1700000000000 -");
}

TEST(OffsetNote, MakesNothingOfWhatSomebodyElseWrote) {
    for (const auto* text :
         {"", "1", "1 ", "1 5", "1 5 x", "1 5 6 7", "2 5 6", "1 5 6 ", "consumer-1", "1  5"})
        EXPECT_EQ(decode_offset_note(text), OffsetNote{}) << text;
}

}  // namespace
}  // namespace herald::kafka
