#include "pipeline/sweeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/testing/world.hpp"

namespace herald {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::SizeIs;

class SweeperTest : public ::testing::Test {
protected:
    /// The log loses the emails that nobody has read.
    void forget_emails() {
        const auto topic = topics::deliveries(Route::email, Lane::normal);
        auto& positions = world.disk->positions[{topics::kSenderGroup, topic}];
        const auto& partitions = world.disk->topics[topic].partitions;
        for (std::size_t i = 0; i < partitions.size(); ++i)
            positions[i] = static_cast<std::int64_t>(partitions[i].records.size());
    }

    NotificationId accept_for_a_day() {
        world.put_template("slow", "at_least_once", 86'400);
        return world.accept(world.request({Channel::sms}, "slow"));
    }

    World world;
};

TEST_F(SweeperTest, AWaitWhoseContinueWasLostGoesOn) {
    const auto id = world.accept(world.later(hours(2)));
    world.run();
    world.clock.advance(hours(2));
    ASSERT_TRUE(world.scheduler->pass(Millis{0}));
    ASSERT_THAT(world.store.timers(), SizeIs(0));
    world.lose_log();
    world.clock.advance(minutes(1));
    world.sweep();
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::sent);
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(SweeperTest, ALostRetryBehindTheWatermarkIsFoundWithinTheHour) {
    world.sms().will(defer(minutes(10)));
    const auto id = accept_for_a_day();
    world.run();
    world.clock.advance(minutes(5));
    world.sweep();  // it waits for its timer: the watermark passes it
    world.clock.advance(minutes(5));
    ASSERT_TRUE(world.scheduler->pass(Millis{0}));
    world.forget_deliveries();
    world.clock.advance(hours(1));
    world.sweep();
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 deferred", "#2 accepted"));
}

TEST_F(SweeperTest, BetweenFullWalksItStartsAtTheWatermark) {
    world.sms().will(defer(minutes(10)));
    accept_for_a_day();
    world.run();
    world.clock.advance(minutes(5));
    world.sweep();
    world.clock.advance(minutes(5));
    ASSERT_TRUE(world.scheduler->pass(Millis{0}));
    world.forget_deliveries();
    world.clock.advance(minutes(5));
    world.sweep();
    EXPECT_THAT(world.delivery_records(), SizeIs(2)) << "the first and the retry that was lost";
}

TEST_F(SweeperTest, WhatOneLaneIsBehindWithDoesNotStopTheOthers) {
    world.accept({Channel::sms});
    const auto lost = world.accept({Channel::email});
    ASSERT_TRUE(world.plan());
    forget_emails();
    world.clock.advance(minutes(2));
    world.sweep();
    EXPECT_THAT(world.delivery_records(), SizeIs(1)) << "its record still stands in the log";
    EXPECT_THAT(world.delivery_records(Route::email), SizeIs(2));
    world.run();
    EXPECT_EQ(world.state(lost), DeliveryState::sent);
}

}  // namespace
}  // namespace herald
