#include "pipeline/shard_lease.hpp"

#include <gtest/gtest.h>

#include "ports/testing/fake_store.hpp"

namespace herald {
namespace {

class ShardLeaseTest : public ::testing::Test {
protected:
    ManualClock clock_;
    FakeStore store_{clock_};
    ShardLease first_{store_, clock_};
    ShardLease second_{store_, clock_};
};

TEST_F(ShardLeaseTest, HoldsAllWhenAlone) {
    EXPECT_TRUE(first_.held().value().all());
    EXPECT_TRUE(first_.holds_first().value());
}

TEST_F(ShardLeaseTest, AsksAboutOnceASecond) {
    EXPECT_TRUE(first_.held());
    store_.fail_next();
    EXPECT_TRUE(first_.held());
    clock_.advance(Millis{1'000});
    EXPECT_FALSE(first_.held());
}

TEST_F(ShardLeaseTest, HoldsNothingThatItCouldNotRenew) {
    EXPECT_TRUE(first_.held());
    clock_.advance(Millis{5'000});
    store_.fail_next();
    EXPECT_FALSE(first_.held()) << "somebody else may hold it by now";
}

TEST_F(ShardLeaseTest, TwoShareAndOneOfThemHoldsTheFirst) {
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(first_.held());
        ASSERT_TRUE(second_.held());
        clock_.advance(Millis{1'000});
    }
    EXPECT_EQ(first_.held().value(), ~second_.held().value());
    EXPECT_NE(first_.holds_first().value(), second_.holds_first().value());
}

}  // namespace
}  // namespace herald
