#include "adapters/redis/lease.hpp"

#include <gtest/gtest.h>

namespace herald::redis {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kStart = std::chrono::hours(1);

/// Of a bucket with 1,000 tokens a second and a burst of 50.
struct LeaseTest : testing::Test {
    LeaseTest() { lease.set_rate(Rate{1000}); }

    /// The bucket was full, and this process is the only one.
    void grant(int tokens, Nanos at) {
        lease.granted({tokens, std::chrono::milliseconds(tokens), 0us}, 0, at, at);
    }

    Lease lease;
};

TEST_F(LeaseTest, HoldsNothingAtFirst) {
    EXPECT_EQ(lease.take(1, kStart), 0);
    EXPECT_LE(lease.next_at(), kStart);
}

TEST_F(LeaseTest, GivesNoMoreThanWasGranted) {
    grant(20, kStart);
    EXPECT_EQ(lease.take(15, kStart), 15);
    EXPECT_EQ(lease.take(15, kStart), 5);
    EXPECT_EQ(lease.take(1, kStart), 0);
}

TEST_F(LeaseTest, WhatTheBucketHasRefilledIsUsableNoMore) {
    grant(20, kStart);
    EXPECT_FALSE(lease.has_leftover(kStart));
    EXPECT_TRUE(lease.has_leftover(kStart + 15ms));
    EXPECT_EQ(lease.take(20, kStart + 15ms), 5);
}

TEST_F(LeaseTest, ReturnsWhatIsUsableNoMoreAndKeepsTheRest) {
    grant(20, kStart);
    EXPECT_EQ(lease.request(1, kStart + 15ms).returned, 15);
    EXPECT_EQ(lease.request(1, kStart + 15ms).returned, 0);
    EXPECT_EQ(lease.take(20, kStart + 15ms), 5);
}

TEST_F(LeaseTest, AsksForWhatIsWantedNow) {
    const auto request = lease.request(7, kStart);
    EXPECT_EQ(request.wanted, 7);
    EXPECT_EQ(request.burst, 50);
    EXPECT_DOUBLE_EQ(request.interval_us, 1000);
}

TEST_F(LeaseTest, AsksForNoMoreThanTheBurst) { EXPECT_EQ(lease.request(7000, kStart).wanted, 50); }

TEST_F(LeaseTest, AsksForWhatWasUsedLately) {
    grant(20, kStart);
    lease.take(20, kStart);
    EXPECT_EQ(lease.request(1, kStart + 30ms).wanted, 20);
    EXPECT_EQ(lease.request(1, kStart + 200ms).wanted, 1);
}

TEST_F(LeaseTest, RunsLowBeforeItIsEmpty) {
    grant(20, kStart);
    lease.take(12, kStart);
    EXPECT_FALSE(lease.runs_low(kStart));
    lease.take(5, kStart);
    lease.take(1, kStart);
    EXPECT_TRUE(lease.runs_low(kStart));
}

TEST_F(LeaseTest, DoesNotAskAheadOfAnEmptyBucket) {
    grant(50, kStart);
    lease.take(49, kStart);
    EXPECT_FALSE(lease.runs_low(kStart));
}

TEST_F(LeaseTest, KnowsWhenTheBucketHasTheNextToken) {
    lease.granted({0, 50ms, 800us}, 1, kStart, kStart + 100us);
    EXPECT_EQ(lease.next_at(), kStart + 800us);
}

TEST_F(LeaseTest, TakersWhoWaitGetTheirsHoweverLateTheAnswer) {
    lease.granted({20, 20ms, 0us}, 8, kStart, kStart + 80ms);
    EXPECT_EQ(lease.take(20, kStart + 80ms), 8);
    EXPECT_EQ(lease.take(20, kStart + 80ms), 0);
}

TEST_F(LeaseTest, WhatNobodyFetchedIsNotKeptForHim) {
    lease.granted({20, 20ms, 0us}, 8, kStart, kStart);
    EXPECT_EQ(lease.take(20, kStart + 200ms), 0);
}

TEST_F(LeaseTest, TakesBackNoMoreThanTheBucketLacks) {
    grant(20, kStart);
    lease.take(20, kStart);
    lease.give_back(20, kStart + 15ms);
    EXPECT_EQ(lease.take(20, kStart + 15ms), 5);
}

}  // namespace
}  // namespace herald::redis
