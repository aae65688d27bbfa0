#include "ports/gcra.hpp"

namespace herald {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kStart = std::chrono::hours(1);

TEST(LocalBucket, IsFullAtFirst) {
    LocalBucket bucket;
    EXPECT_TRUE(bucket.is_full(kStart));
    EXPECT_EQ(bucket.take(Rate{200}, 1000, kStart).granted, 10);
    EXPECT_FALSE(bucket.is_full(kStart + 49ms));
    EXPECT_TRUE(bucket.is_full(kStart + 50ms));
}

TEST(LocalBucket, CanBeginEmpty) {
    LocalBucket bucket;
    bucket.empty(Rate{1000}, kStart);
    const auto tokens = bucket.take(Rate{1000}, 10, kStart);
    EXPECT_EQ(tokens.granted, 0);
    EXPECT_EQ(tokens.wait, Millis{1});
}

TEST(LocalBucket, HasItsRateAndItsBurst) {
    LocalBucket bucket;
    bucket.empty(Rate{200}, kStart);
    int total = 0;
    for (auto now = kStart; now <= kStart + 1s; now += 1ms) total += bucket.take(Rate{200}, 3, now).granted;
    EXPECT_EQ(total, 200);
    EXPECT_EQ(bucket.take(Rate{200}, 1000, kStart + 1h).granted, 10);
}

TEST(LocalBucket, TakesBack) {
    LocalBucket bucket;
    bucket.empty(Rate{200}, kStart);
    EXPECT_EQ(bucket.take(Rate{200}, 10, kStart + 1s).granted, 10);
    bucket.give_back(Rate{200}, 4);
    EXPECT_EQ(bucket.take(Rate{200}, 10, kStart + 1s).granted, 4);
}

TEST(LocalBucket, OwesNoMoreThanItHoldsAtANewRate) {
    LocalBucket bucket;
    bucket.empty(Rate{1}, kStart);
    EXPECT_EQ(bucket.take(Rate{1000}, 1, kStart + 1ms).granted, 0);
    EXPECT_EQ(bucket.take(Rate{1000}, 1, kStart + 2ms).granted, 1);
}

}  // namespace
}  // namespace herald
