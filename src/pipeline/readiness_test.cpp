#include "pipeline/readiness.hpp"

#include <gtest/gtest.h>

namespace herald {
namespace {

TEST(ReadinessTest, IsReadyOnceStartedAndWhileAllAreWell) {
    Readiness readiness;
    EXPECT_FALSE(readiness.ready());
    readiness.set_started();
    EXPECT_TRUE(readiness.ready());
    readiness.ill("sender.sms.normal", "no store");
    EXPECT_FALSE(readiness.ready());
    readiness.well("sender.sms.normal");
    EXPECT_TRUE(readiness.ready());
}

TEST(ReadinessTest, StaysReadyWhileOnlyPartsAreIllThatAreNotNeeded) {
    Readiness readiness;
    readiness.set_needed({"log"});
    readiness.set_started();
    readiness.ill("store", "away");
    EXPECT_TRUE(readiness.ready());
    readiness.ill("log", "away");
    EXPECT_FALSE(readiness.ready());
}

TEST(ReadinessTest, IsNotReadyWhileItStops) {
    Readiness readiness;
    readiness.set_started();
    readiness.set_stopping();
    EXPECT_FALSE(readiness.ready());
}

TEST(ReadinessTest, TellsTheLatestReasonOfEachIllPart) {
    Readiness readiness;
    readiness.ill("log", "slow");
    readiness.ill("log", "full");
    readiness.ill("store", "locked");
    const std::map<std::string, std::string> expected{{"log", "full"}, {"store", "locked"}};
    EXPECT_EQ(readiness.ill_parts(), expected);
}

}  // namespace
}  // namespace herald
