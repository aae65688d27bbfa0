#include "base/log.hpp"

#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace herald::log {
namespace {

std::string written(const std::function<void()>& what) {
    testing::internal::CaptureStderr();
    what();
    return testing::internal::GetCapturedStderr();
}

TEST(LogTest, WritesOneJsonObjectALine) {
    const auto line = written([] {
        warning("delivery.attempt", {{"text", "a\"b\nc"}, {"n", 7}, {"share", 0.5}, {"final", true}});
    });
    ASSERT_EQ(line.find('\n'), line.size() - 1);
    const auto json = Json::parse(line).value();
    EXPECT_EQ(json.text("level"), "warning");
    EXPECT_EQ(json.text("event"), "delivery.attempt");
    EXPECT_EQ(json.text("text"), "a\"b\nc");
    EXPECT_EQ(json.integer("n"), 7);
    EXPECT_EQ(json.find("share")->as_double(), 0.5);
    EXPECT_EQ(*json.find("final")->as_bool(), true);
    EXPECT_TRUE(parse_rfc3339(json.text("time")));
}

TEST(LogTest, WritesWhatReachesTheLevelAndDrainsWhenItStops) {
    for (const auto least : {Level::debug, Level::info, Level::warning, Level::error}) {
        const auto lines = written([least] {
            start(least);
            for (const auto level : {Level::debug, Level::info, Level::warning, Level::error}) {
                EXPECT_EQ(enabled(level), level >= least);
                write(level, "line", {});
            }
            stop();
        });
        EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 4 - static_cast<int>(least));
    }
    start(Level::info);
    stop();
}

}  // namespace
}  // namespace herald::log
