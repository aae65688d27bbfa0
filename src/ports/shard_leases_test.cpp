#include "ports/shard_leases.hpp"

#include <gtest/gtest.h>

namespace herald {
namespace {

constexpr Millis kLease{5'000};
const TimePoint kStart = from_millis(1'700'000'000'000);

TEST(ShardLeasesTest, OneOwnerHoldsAll) {
    ShardLeases leases;
    EXPECT_TRUE(leases.renew("a", kStart, kLease).all());
    EXPECT_TRUE(leases.renew("a", kStart + Millis{1'000}, kLease).all());
}

TEST(ShardLeasesTest, ANewOwnerTakesOverWhatTheFirstLetsGo) {
    ShardLeases leases;
    leases.renew("a", kStart, kLease);
    EXPECT_TRUE(leases.renew("b", kStart, kLease).none());
    const auto first = leases.renew("a", kStart, kLease);
    const auto second = leases.renew("b", kStart, kLease);
    EXPECT_EQ(first.count(), 32u);
    EXPECT_EQ(second, ~first);
}

TEST(ShardLeasesTest, ThreeHoldAboutAThirdEach) {
    ShardLeases leases;
    TimerShards held[3];
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 3; ++i)
            held[i] = leases.renew(std::string(1, static_cast<char>('a' + i)), kStart, kLease);
    }
    EXPECT_TRUE((held[0] | held[1] | held[2]).all());
    EXPECT_EQ(held[0].count() + held[1].count() + held[2].count(), kTimerShards);
    for (const auto& one : held) EXPECT_GE(one.count(), 20u);
}

TEST(ShardLeasesTest, WhatADeadOwnerHeldIsFreeAfterItsLease) {
    ShardLeases leases;
    leases.renew("a", kStart, kLease);
    EXPECT_TRUE(leases.renew("b", kStart + kLease - Millis{1}, kLease).none());
    EXPECT_TRUE(leases.renew("b", kStart + kLease, kLease).all());
}

TEST(ShardLeasesTest, ComesBackAsItWasWritten) {
    ShardLeases leases;
    leases.renew("a", kStart, kLease);
    leases.renew("b", kStart, kLease);
    EXPECT_EQ(ShardLeases::decode(leases.encode()).value(), leases);
}

TEST(ShardLeasesTest, WhatIsNoLeasesIsRefused) {
    for (const auto* text : {"", "{}", R"({"owners":{},"holders":[]})", "[1]"})
        EXPECT_FALSE(ShardLeases::decode(text)) << text;
}

}  // namespace
}  // namespace herald
