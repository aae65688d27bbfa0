#include "simulator/sms_segments.hpp"

namespace herald::simulator {
namespace {

std::string times(int count, std::string_view text) {
    std::string out;
    for (int i = 0; i < count; ++i) out += text;
    return out;
}

// Known answers of Twilio's own calculator (npm sms-segments-calculator 1.3.0).
TEST(SmsSegmentsTest, AgreesWithTwiliosCalculator) {
    const std::vector<std::pair<std::string, int>> cases = {
        {"", 1},
        {times(160, "a"), 1},
        {times(161, "a"), 2},
        {times(158, "a") + "€", 1},
        {times(159, "a") + "€", 2},
        {times(152, "a") + "€" + times(10, "a"), 2},
        {times(160, "é"), 1},
        {times(70, "ê"), 1},
        {times(71, "ê"), 2},
        {times(35, "😀"), 1},
        {times(36, "😀"), 2},
        {times(66, "ê") + "😀" + times(10, "x"), 2},
        {times(1600, "a"), 11},
        {times(1600, "ê"), 24},
    };
    for (const auto& [text, segments] : cases) EXPECT_EQ(sms_segments(text), segments) << text.substr(0, 20);
}

TEST(SmsSegmentsTest, CountsCharactersNotBytes) { EXPECT_EQ(count_characters("aé😀"), 3u); }

}  // namespace
}  // namespace herald::simulator
