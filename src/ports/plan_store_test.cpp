#include "ports/plan_store.hpp"

#include "ports/testing/builders.hpp"

namespace herald {
namespace {

Story story_of(std::vector<std::pair<DeliveryState, std::string>> deliveries) {
    Story story;
    story.notification = make_notification(1);
    story.plans = {make_plan()};
    for (const auto& [state, reason] : deliveries) {
        DeliveryView view;
        view.state = state;
        view.reason = reason;
        story.deliveries.push_back(view);
    }
    return story;
}

TEST(StoryTest, WithoutAPlanItIsAccepted) {
    const Story story;
    EXPECT_EQ(story.state(), NotificationState::accepted);
    EXPECT_EQ(story.reason(), "");
}

TEST(StoryTest, TheReasonIsThatOfTheDeliveryThatDecides) {
    const auto story =
        story_of({{DeliveryState::skipped, "no_email"}, {DeliveryState::failed, "rejected: bad_request"}});
    EXPECT_EQ(story.state(), NotificationState::failed);
    EXPECT_EQ(story.reason(), "rejected: bad_request");
}

TEST(StoryTest, WhatSucceededNeedsNoReason) {
    const auto story = story_of({{DeliveryState::skipped, "no_email"}, {DeliveryState::sent, ""}});
    EXPECT_EQ(story.state(), NotificationState::sent);
    EXPECT_EQ(story.reason(), "");
}

TEST(StoryTest, AnOpenDeliverySaysWhyItIsOpen) {
    const auto story = story_of({{DeliveryState::sent, ""}, {DeliveryState::retrying, "deferred: 503"}});
    EXPECT_EQ(story.state(), NotificationState::in_progress);
    EXPECT_EQ(story.reason(), "deferred: 503");
}

TEST(StoryTest, AWaitAfterFinalDeliveriesIsInProgress) {
    auto story = story_of({{DeliveryState::sent, ""}});
    story.plans.push_back(make_wait(kTestStart + std::chrono::minutes(5), kTestStart, 1));
    EXPECT_EQ(story.state(), NotificationState::in_progress);
}

TEST(StoryTest, ACancelEndsTheWait) {
    auto story = story_of({{DeliveryState::sent, ""}});
    story.plans.push_back(make_wait(kTestStart + std::chrono::minutes(5), kTestStart, 1));
    story.cancelled_at = kTestStart;
    EXPECT_EQ(story.state(), NotificationState::sent);
}

TEST(StoryTest, AWaitThatIsOverNoLongerCounts) {
    auto story = story_of({{DeliveryState::delivered, ""}});
    story.plans = {make_wait(kTestStart), make_plan(kTestStart, 1)};
    EXPECT_EQ(story.state(), NotificationState::delivered);
}

}  // namespace
}  // namespace herald
