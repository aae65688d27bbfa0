#pragma once

#include <memory>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "ports/rate_limiter.hpp"

namespace herald {

class RateLimiterUnderTest {
public:
    virtual ~RateLimiterUnderTest() = default;
    virtual RateLimiter& limiter() = 0;
    virtual void advance(Millis by) = 0;
};

/// Null when what it needs is not there; then it has said so as a failure of the test.
using OpenRateLimiter = std::unique_ptr<RateLimiterUnderTest> (*)();

class RateLimiterContract : public testing::TestWithParam<OpenRateLimiter> {
protected:
    void SetUp() override {
        under_test_ = GetParam()();
        ASSERT_NE(under_test_, nullptr);
    }
    Tokens take(int wanted, Rate rate, const std::string& bucket = "account") {
        return under_test_->limiter().take(bucket, rate, wanted);
    }
    void give_back(int tokens, Rate rate) { under_test_->limiter().give_back("account", rate, tokens); }
    void advance(Millis by) { under_test_->advance(by); }
    RateLimiter& limiter() { return under_test_->limiter(); }

private:
    std::unique_ptr<RateLimiterUnderTest> under_test_;
};

TEST_P(RateLimiterContract, AFullBucketHoldsItsBurst) {
    EXPECT_EQ(take(1000, Rate{200}).granted, 10);
    EXPECT_EQ(take(1, Rate{200}).granted, 0);
}

TEST_P(RateLimiterContract, ASlowBucketHoldsOneToken) {
    EXPECT_EQ(take(10, Rate{1}).granted, 1);
    advance(Millis{999});
    EXPECT_EQ(take(10, Rate{1}).granted, 0);
    advance(Millis{1});
    EXPECT_EQ(take(10, Rate{1}).granted, 1);
}

TEST_P(RateLimiterContract, GrantsWhatWasAskedForWithoutAWait) {
    const auto tokens = take(4, Rate{200});
    EXPECT_EQ(tokens.granted, 4);
    EXPECT_EQ(tokens.wait, Millis{0});
    EXPECT_EQ(take(6, Rate{200}).granted, 6);
}

TEST_P(RateLimiterContract, TellsWhenTheNextTokenIsThere) {
    take(10, Rate{200});
    const auto tokens = take(1, Rate{200});
    EXPECT_EQ(tokens.granted, 0);
    EXPECT_EQ(tokens.wait, Millis{5});
    advance(Millis{4});
    EXPECT_EQ(take(1, Rate{200}).granted, 0);
    advance(Millis{1});
    EXPECT_EQ(take(1, Rate{200}).granted, 1);
}

TEST_P(RateLimiterContract, WhoeverWaitsAsToldIsServed) {
    const Rate odd{7};
    take(1, odd);
    for (int i = 0; i < 20; ++i) {
        const auto refused = take(1, odd);
        ASSERT_EQ(refused.granted, 0);
        ASSERT_GT(refused.wait, Millis{0});
        advance(refused.wait);
        ASSERT_EQ(take(1, odd).granted, 1);
    }
}

TEST_P(RateLimiterContract, AnIdleBucketFillsNoHigherThanItsBurst) {
    take(10, Rate{200});
    advance(std::chrono::hours(1));
    EXPECT_EQ(take(1000, Rate{200}).granted, 10);
}

TEST_P(RateLimiterContract, ABucketInUseFillsNoHigherThanItsBurst) {
    for (int i = 0; i < 70; ++i) ASSERT_EQ(take(1, Rate{2000}).granted, 1);
    advance(std::chrono::hours(1));
    EXPECT_EQ(take(1000, Rate{2000}).granted, 100);
    EXPECT_EQ(take(1, Rate{2000}).granted, 0);
}

TEST_P(RateLimiterContract, WhoTakesOneAtATimeGetsTheWholeRate) {
    int total = 0;
    for (int ms = 0; ms < 1000; ++ms) {
        while (take(1, Rate{2000}).granted == 1) ++total;
        advance(Millis{1});
    }
    EXPECT_EQ(total, 100 + 2 * 999);
}

TEST_P(RateLimiterContract, WhoTakesLessThanTheRateIsNeverRefused) {
    for (int ms = 0; ms < 1000; ++ms) {
        ASSERT_EQ(take(1, Rate{2000}).granted, 1) << ms;
        advance(Millis{1});
    }
}

TEST_P(RateLimiterContract, NeverGrantsMoreInAnySecondThanRateAndBurst) {
    const Rate rate{100};
    std::vector<int> by_ms;
    int total = 0;
    for (int ms = 0; ms < 5000; ++ms) {
        by_ms.push_back(take(3, rate).granted);
        total += by_ms.back();
        advance(Millis{1});
    }
    for (std::size_t from = 0; from + 1000 <= by_ms.size(); from += 100) {
        int in_second = 0;
        for (std::size_t ms = from; ms < from + 1000; ++ms) in_second += by_ms[ms];
        EXPECT_LE(in_second, 100 + rate.burst());
    }
    EXPECT_NEAR(total, 500, rate.burst());
}

TEST_P(RateLimiterContract, WhatIsGivenBackCanBeTakenAgain) {
    take(10, Rate{200});
    give_back(3, Rate{200});
    EXPECT_EQ(take(10, Rate{200}).granted, 3);
}

TEST_P(RateLimiterContract, WhatIsGivenBackWithEveryTakeCostsNothing) {
    for (int i = 0; i < 50; ++i) {
        ASSERT_EQ(take(8, Rate{200}).granted, 8);
        give_back(8, Rate{200});
    }
    EXPECT_EQ(take(1000, Rate{200}).granted, 10);
}

TEST_P(RateLimiterContract, GivingBackFillsNoHigherThanTheBurst) {
    take(2, Rate{200});
    give_back(500, Rate{200});
    EXPECT_EQ(take(1000, Rate{200}).granted, 10);
    EXPECT_EQ(take(1, Rate{200}).granted, 0);
}

TEST_P(RateLimiterContract, BucketsAreIndependent) {
    take(10, Rate{200}, "one");
    EXPECT_EQ(take(10, Rate{200}, "one").granted, 0);
    EXPECT_EQ(take(10, Rate{200}, "two").granted, 10);
}

TEST_P(RateLimiterContract, ZeroMeansNoLimit) {
    for (int i = 0; i < 10; ++i) {
        const auto tokens = take(1'000'000, Rate{0});
        EXPECT_EQ(tokens.granted, 1'000'000);
        EXPECT_EQ(tokens.wait, Millis{0});
    }
    give_back(5, Rate{0});
}

TEST_P(RateLimiterContract, AskingForNothingTakesNothing) {
    EXPECT_EQ(take(0, Rate{1}).granted, 0);
    EXPECT_EQ(take(1, Rate{1}).granted, 1);
}

TEST_P(RateLimiterContract, ThreadsShareABucket) {
    std::atomic<int> granted = 0;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&] {
            for (int i = 0; i < 100; ++i) granted += limiter().take("account", Rate{2000}, 1).granted;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(granted, 100);
}

}  // namespace herald
