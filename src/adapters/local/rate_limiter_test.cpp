#include "adapters/local/rate_limiter.hpp"

#include "ports/testing/rate_limiter_contract.hpp"

namespace herald {
namespace {

class LocalRateLimiterUnderTest final : public RateLimiterUnderTest {
public:
    RateLimiter& limiter() override { return limiter_; }
    void advance(Millis by) override { clock_.advance(by); }

private:
    ManualClock clock_;
    LocalRateLimiter limiter_{clock_};
};

std::unique_ptr<RateLimiterUnderTest> open_local_limiter() {
    return std::make_unique<LocalRateLimiterUnderTest>();
}

INSTANTIATE_TEST_SUITE_P(Local, RateLimiterContract, testing::Values(open_local_limiter));

TEST(LocalRateLimiter, KeepsABucketInUseWhenItForgetsTheFullOnes) {
    ManualClock clock;
    LocalRateLimiter limiter(clock);
    limiter.take("in use", Rate{0.01}, 1);
    for (int i = 0; i < 30'000; ++i) {
        ASSERT_EQ(limiter.take(std::to_string(i), Rate{1000}, 1).granted, 1);
        clock.advance(Millis{1});
    }
    EXPECT_EQ(limiter.take("in use", Rate{0.01}, 1).granted, 0);
}

}  // namespace
}  // namespace herald
