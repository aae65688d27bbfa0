#include "pipeline/call_slots.hpp"

#include <gtest/gtest.h>

namespace herald {
namespace {

TEST(CallSlotsTest, GivesNoMoreThanThereAre) {
    CallSlots slots(100);
    EXPECT_EQ(slots.take(Lane::critical, 70), 70);
    EXPECT_EQ(slots.take(Lane::critical, 70), 30);
    EXPECT_EQ(slots.take(Lane::critical, 1), 0);
    EXPECT_EQ(slots.in_use(), 100);
}

TEST(CallSlotsTest, BulkHoldsAtMostFourFifths) {
    CallSlots slots(100);
    EXPECT_EQ(slots.take(Lane::bulk, 100), 80);
}

TEST(CallSlotsTest, ATenthIsCriticalsAlone) {
    CallSlots slots(100);
    EXPECT_EQ(slots.take(Lane::bulk, 100), 80);
    EXPECT_EQ(slots.take(Lane::normal, 100), 10);
    EXPECT_EQ(slots.take(Lane::critical, 100), 10);
}

TEST(CallSlotsTest, CriticalMayHoldAll) {
    CallSlots slots(100);
    EXPECT_EQ(slots.take(Lane::critical, 200), 100);
    EXPECT_EQ(slots.take(Lane::normal, 1), 0);
}

TEST(CallSlotsTest, WhatIsGivenBackMayBeTakenAgain) {
    CallSlots slots(10);
    slots.take(Lane::normal, 9);
    slots.give_back(Lane::normal, 4);
    EXPECT_EQ(slots.in_use(), 5);
    EXPECT_EQ(slots.take(Lane::normal, 9), 4);
}

TEST(CallSlotsTest, EveryLaneKeepsOneHoweverFewThereAre) {
    for (const auto lane : kLanes) {
        CallSlots slots(1);
        EXPECT_EQ(slots.take(lane, 5), 1) << to_string(lane);
    }
}

TEST(CallSlotsTest, WithoutAnyThereIsOne) { EXPECT_EQ(CallSlots(0).max(), 1); }

TEST(CallSlotsTest, TakingNothingIsNothing) {
    CallSlots slots(10);
    EXPECT_EQ(slots.take(Lane::normal, 0), 0);
    EXPECT_EQ(slots.take(Lane::normal, -3), 0);
    EXPECT_EQ(slots.in_use(), 0);
}

TEST(CallSlotsDeathTest, GivingBackWhatWasNotTakenIsABug) {
    CallSlots slots(10);
    slots.take(Lane::normal, 1);
    EXPECT_DEATH(slots.give_back(Lane::bulk, 1), "slots <= held");
}

}  // namespace
}  // namespace herald
