#include "pipeline/account.hpp"

#include <gtest/gtest.h>

#include "pipeline/testing/doubles.hpp"
#include "ports/testing/fake_provider.hpp"
#include "ports/testing/fake_rate_limiter.hpp"

namespace herald {
namespace {

class AccountTest : public ::testing::Test {
protected:
    static AccountTraits traits() {
        AccountTraits traits;
        traits.name = "twilio";
        traits.max_in_flight = 10;
        return traits;
    }
    void learn(int times, const Outcome& outcome) {
        for (int i = 0; i < times; ++i) account.learn(outcome);
    }

    ManualClock clock;
    ScriptedLimiter limiter;
    Account account{traits(), clock, limiter};
};

TEST_F(AccountTest, GivesSlotsAndTokensTogether) {
    limiter.left = 100;
    EXPECT_EQ(account.obtain(Lane::critical, 4).calls, 4);
    EXPECT_EQ(account.slots.in_use(), 4);
    EXPECT_EQ(limiter.left, 96);
}

TEST_F(AccountTest, TakesNoTokensWithoutASlot) {
    account.obtain(Lane::critical, 10);
    const int before = limiter.left;
    const auto permits = account.obtain(Lane::critical, 5);
    EXPECT_EQ(permits.calls, 0);
    EXPECT_GT(permits.wait, Millis{0});
    EXPECT_EQ(limiter.left, before);
}

TEST_F(AccountTest, KeepsNoSlotsWithoutAToken) {
    limiter.left = 2;
    const auto permits = account.obtain(Lane::critical, 5);
    EXPECT_EQ(permits.calls, 2);
    EXPECT_GT(permits.wait, Millis{0});
    EXPECT_EQ(account.slots.in_use(), 2);
}

TEST_F(AccountTest, TakesNothingWhileItsBreakerIsOpen) {
    account.breaker.unusable();
    limiter.left = 5;
    EXPECT_EQ(account.obtain(Lane::critical, 5).calls, 0);
    EXPECT_EQ(account.slots.in_use(), 0);
    EXPECT_EQ(limiter.left, 5);
}

TEST_F(AccountTest, ProbesWithOneCall) {
    account.breaker.unusable();
    clock.advance(Millis{1'000});
    EXPECT_EQ(account.obtain(Lane::normal, 5).calls, 1);
    EXPECT_EQ(account.obtain(Lane::normal, 5).calls, 0);
}

TEST_F(AccountTest, AProbeThatFindsNoTokenIsNoProbe) {
    account.breaker.unusable();
    clock.advance(Millis{1'000});
    limiter.left = 0;
    EXPECT_EQ(account.obtain(Lane::normal, 5).calls, 0);
    limiter.left = 5;
    EXPECT_EQ(account.obtain(Lane::normal, 5).calls, 1);
}

TEST_F(AccountTest, WhatIsNotUsedGoesBack) {
    account.breaker.unusable();
    clock.advance(Millis{1'000});
    limiter.left = 5;
    account.obtain(Lane::normal, 1);
    account.give_back_unused(Lane::normal, 1);
    EXPECT_EQ(account.slots.in_use(), 0);
    EXPECT_EQ(limiter.left, 5);
    EXPECT_EQ(account.breaker.allowance(), 1);
}

TEST_F(AccountTest, AnEndedCallKeepsItsToken) {
    limiter.left = 5;
    account.obtain(Lane::normal, 1);
    account.call_ended(Lane::normal);
    EXPECT_EQ(account.slots.in_use(), 0);
    EXPECT_EQ(limiter.left, 4);
}

TEST_F(AccountTest, SilenceOpensTheBreaker) {
    learn(20, no_answer());
    EXPECT_EQ(account.breaker.state(), Breaker::State::open);
}

TEST_F(AccountTest, ServerErrorsOpenTheBreaker) {
    learn(20, defer(Millis{0}));
    EXPECT_EQ(account.breaker.state(), Breaker::State::open);
}

TEST_F(AccountTest, BeingToldToWaitDoesNotOpenTheBreaker) {
    learn(100, defer(Millis{1'000}));
    learn(100, defer_at_once());
    EXPECT_EQ(account.breaker.state(), Breaker::State::closed);
}

TEST_F(AccountTest, ARefusedMessageShowsAHealthyProvider) {
    learn(19, no_answer());
    learn(20, reject(RejectReason::invalid_address));
    learn(1, no_answer());
    EXPECT_EQ(account.breaker.state(), Breaker::State::closed);
}

TEST_F(AccountTest, WrongCredentialsOpenTheBreakerAtOnce) {
    account.learn(unusable(Scope::account));
    EXPECT_EQ(account.breaker.state(), Breaker::State::open);
}

TEST_F(AccountTest, ANarrowerScopeDoesNotOpenTheBreaker) {
    learn(100, unusable(Scope::country));
    learn(100, unusable(Scope::sender));
    learn(100, unusable(Scope::platform));
    EXPECT_EQ(account.breaker.state(), Breaker::State::closed);
}

/// Ten seconds at 100 a second, in which each lane asks for what it wants every 10 ms.
class TokenShareTest : public ::testing::Test {
protected:
    std::array<int, 3> compete(std::array<int, 3> wanted) {
        AccountTraits traits;
        traits.name = "twilio";
        traits.max_in_flight = 1'000;
        traits.rate_per_second = 100;
        ManualClock clock;
        FakeRateLimiter limiter(clock);
        Account account(traits, clock, limiter);
        std::array<int, 3> got{};
        for (int step = 0; step < 1'000; ++step) {
            // The most modest lane asks last, so that nothing but its share protects it.
            for (const auto lane : {Lane::bulk, Lane::normal, Lane::critical}) {
                const auto index = static_cast<std::size_t>(lane);
                const int calls = account.obtain(lane, wanted[index]).calls;
                got[index] += calls;
                for (int i = 0; i < calls; ++i) account.call_ended(lane);
            }
            clock.advance(Millis{10});
        }
        return got;
    }
};

TEST_F(TokenShareTest, ALaneAloneGetsTheWholeRate) { EXPECT_NEAR(compete({0, 0, 50})[2], 1'000, 10); }

TEST_F(TokenShareTest, BulkLeavesAFifthToTheOthers) {
    const auto got = compete({0, 50, 50});
    EXPECT_LE(got[2], 830);
    EXPECT_GE(got[1], 170);
    EXPECT_NEAR(got[0] + got[1] + got[2], 1'000, 20);
}

TEST_F(TokenShareTest, ATenthIsCriticalsAlone) {
    const auto got = compete({50, 50, 50});
    EXPECT_GE(got[0], 90);
    EXPECT_NEAR(got[0] + got[1] + got[2], 1'000, 20);
}

}  // namespace
}  // namespace herald
