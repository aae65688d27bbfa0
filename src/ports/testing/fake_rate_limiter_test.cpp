#include "ports/testing/fake_rate_limiter.hpp"

#include "ports/testing/rate_limiter_contract.hpp"

namespace herald {
namespace {

class FakeRateLimiterUnderTest final : public RateLimiterUnderTest {
public:
    RateLimiter& limiter() override { return limiter_; }
    void advance(Millis by) override { clock_.advance(by); }

private:
    ManualClock clock_;
    FakeRateLimiter limiter_{clock_};
};

std::unique_ptr<RateLimiterUnderTest> open_fake_limiter() {
    return std::make_unique<FakeRateLimiterUnderTest>();
}

INSTANTIATE_TEST_SUITE_P(Fake, RateLimiterContract, testing::Values(open_fake_limiter));

TEST(FakeRateLimiter, CountsWhatWasTakenAndKept) {
    ManualClock clock;
    FakeRateLimiter limiter(clock);
    limiter.take("account", Rate{0}, 5);
    limiter.give_back("account", Rate{0}, 2);
    EXPECT_EQ(limiter.taken("account"), 3);
    EXPECT_EQ(limiter.taken("another"), 0);
}

TEST(FakeRateLimiter, RefusesOnRequest) {
    ManualClock clock;
    FakeRateLimiter limiter(clock);
    limiter.refuse("account", Millis{250});
    const auto tokens = limiter.take("account", Rate{0}, 1);
    EXPECT_EQ(tokens.granted, 0);
    EXPECT_EQ(tokens.wait, Millis{250});
    limiter.refuse("account", std::nullopt);
    EXPECT_EQ(limiter.take("account", Rate{0}, 1).granted, 1);
}

}  // namespace
}  // namespace herald
