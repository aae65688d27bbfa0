#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace herald {
namespace {

using std::chrono::hours;

std::string reread(std::string_view text) {
    const auto time = parse_rfc3339(text);
    return time ? to_rfc3339(*time) : "none";
}

TEST(ClockTest, WritesTimesInUtcWithMilliseconds) {
    const std::vector<std::pair<std::int64_t, std::string>> times = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1'700'000'000'123, "2023-11-14T22:13:20.123Z"},
        {951'782'400'000, "2000-02-29T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {253'402'300'799'999, "9999-12-31T23:59:59.999Z"},
        {1'000'000'000'009, "2001-09-09T01:46:40.009Z"},
    };
    for (const auto& [ms, text] : times) {
        EXPECT_EQ(to_rfc3339(from_millis(ms)), text);
        EXPECT_EQ(parse_rfc3339(text), from_millis(ms)) << text;
    }
}

TEST(ClockTest, ReadsOffsets) {
    const std::vector<std::pair<std::string, std::string>> times = {
        {"2026-01-31T09:00:00Z", "2026-01-31T09:00:00.000Z"},
        {"2026-01-31T09:00:00+00:00", "2026-01-31T09:00:00.000Z"},
        {"2026-01-31T09:00:00-00:00", "2026-01-31T09:00:00.000Z"},
        {"2026-01-31T09:00:00+05:45", "2026-01-31T03:15:00.000Z"},
        {"2026-01-31T09:00:00-08:00", "2026-01-31T17:00:00.000Z"},
        {"2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z"},
        {"2024-02-28T23:30:00-01:00", "2024-02-29T00:30:00.000Z"},
    };
    for (const auto& [text, utc] : times) EXPECT_EQ(reread(text), utc) << text;
}

TEST(ClockTest, CutsFractionsToMilliseconds) {
    EXPECT_EQ(reread("2026-01-31T09:00:00.5Z"), "2026-01-31T09:00:00.500Z");
    EXPECT_EQ(reread("2026-01-31T09:00:00.05Z"), "2026-01-31T09:00:00.050Z");
    EXPECT_EQ(reread("2026-01-31T09:00:00.1239999999999999999999Z"), "2026-01-31T09:00:00.123Z");
    EXPECT_EQ(reread("2026-01-31T09:00:00.0004+02:00"), "2026-01-31T07:00:00.000Z");
}

TEST(ClockTest, ReadsTheOtherSpellingsOfRfc3339) {
    EXPECT_EQ(reread("2026-01-31t09:00:00z"), "2026-01-31T09:00:00.000Z");
    EXPECT_EQ(reread("2026-01-31 09:00:00Z"), "2026-01-31T09:00:00.000Z");
}

TEST(ClockTest, ReadsALeapSecondAsTheNextMinute) {
    EXPECT_EQ(reread("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00.000Z");
}

TEST(ClockTest, RefusesWhatIsNoTime) {
    const std::vector<std::string> texts = {
        "",
        "now",
        "2026-01-31",
        "2026-01-31T09:00:00",
        "2026-01-31T09:00Z",
        "2026-1-31T09:00:00Z",
        "26-01-31T09:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T09:60:00Z",
        "2026-01-31T09:00:61Z",
        "2026-01-31T09:00:00.Z",
        "2026-01-31T09:00:00,5Z",
        "2026-01-31T09:00:00+24:00",
        "2026-01-31T09:00:00+01:60",
        "2026-01-31T09:00:00+0100",
        "2026-01-31T09:00:00+01",
        "2026-01-31T09:00:00 Z",
        "2026-01-31T09:00:00ZZ",
        " 2026-01-31T09:00:00Z",
        "2026-01-31T09:00:00Z ",
        "2026/01/31T09:00:00Z",
        "-026-01-31T09:00:00Z",
        "2026-01-31T+9:00:00Z",
        "1700000000",
    };
    for (const auto& text : texts) EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
}

TEST(ClockTest, TurnsBothTimesByHand) {
    ManualClock clock(from_millis(1'000));
    const auto up = clock.uptime();
    clock.advance(hours(2));
    EXPECT_EQ(clock.now(), from_millis(1'000) + hours(2));
    EXPECT_EQ(clock.uptime(), up + hours(2));
}

TEST(ClockTest, StandsStillUntilItIsTurned) {
    const ManualClock clock;
    EXPECT_EQ(clock.now(), clock.now());
    EXPECT_EQ(clock.uptime(), clock.uptime());
}

TEST(ClockTest, TellsTheTimeOfTheSystem) {
    const SystemClock clock;
    EXPECT_GT(clock.now(), *parse_rfc3339("2024-01-01T00:00:00Z"));
    const auto up = clock.uptime();
    EXPECT_GT(up, Millis{0});
    EXPECT_GE(clock.uptime(), up);
}

}  // namespace
}  // namespace herald
