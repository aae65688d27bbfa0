#include "adapters/redis/rate_limiter.hpp"

#include <array>
#include <numeric>
#include <random>

#include "adapters/redis/testing/stack_redis.hpp"
#include "ports/testing/rate_limiter_contract.hpp"

namespace herald {
namespace {

class RedisRateLimiterUnderTest final : public RateLimiterUnderTest {
public:
    RedisRateLimiterUnderTest() {
        RedisLimiterOptions options = redis::on_the_stack();
        options.clock = &clock_;
        options.buckets_go_by_clock = true;
        auto limiter = RedisRateLimiter::open(options);
        CHECK(limiter.has_value());
        limiter_ = *std::move(limiter);
    }
    RateLimiter& limiter() override { return *limiter_; }
    void advance(Millis by) override { clock_.advance(by); }

private:
    ManualClock clock_;
    std::unique_ptr<RedisRateLimiter> limiter_;
};

std::unique_ptr<RateLimiterUnderTest> open_redis_limiter() {
    if (!redis::stack_url()) return nullptr;
    return std::make_unique<RedisRateLimiterUnderTest>();
}

/// Several processes, as far as Redis can tell, which take from one bucket by one clock.
class RedisRateLimitersTogether : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(redis::stack_url());
        options_ = redis::on_the_stack();
        options_.clock = &clock_;
        options_.buckets_go_by_clock = true;
        for (int i = 0; i < 4; ++i) limiters_.push_back(*RedisRateLimiter::open(options_));
    }

    int take(std::size_t process, int wanted) {
        const int granted = limiters_[process]->take("account", rate_, wanted).granted;
        by_ms_.back() += granted;
        return granted;
    }
    void give_back(std::size_t process, int tokens) {
        limiters_[process]->give_back("account", rate_, tokens);
        by_ms_.back() -= tokens;
    }
    void next_ms() {
        clock_.advance(Millis{1});
        by_ms_.push_back(0);
    }
    int total() const { return std::accumulate(by_ms_.begin(), by_ms_.end(), 0); }
    int most_within(std::size_t ms) const {
        int sum = 0, most = 0;
        for (std::size_t i = 0; i < by_ms_.size(); ++i) {
            sum += by_ms_[i] - (i >= ms ? by_ms_[i - ms] : 0);
            most = std::max(most, sum);
        }
        return most;
    }

    const Rate rate_{1000};
    ManualClock clock_;
    RedisLimiterOptions options_;
    std::vector<std::unique_ptr<RedisRateLimiter>> limiters_;
    std::vector<int> by_ms_{0};
};

TEST_F(RedisRateLimitersTogether, HaveTheRateOfOneWhenAllWantAll) {
    std::array<int, 4> by_process{};
    for (std::size_t ms = 0; ms < 3000; ++ms, next_ms()) {
        for (std::size_t i = 0; i < 4; ++i) by_process[(ms + i) % 4] += take((ms + i) % 4, 3);
    }
    EXPECT_EQ(total(), 2999 + rate_.burst());
    for (const auto ms : {1U, 10U, 100U, 1000U})
        EXPECT_LE(most_within(ms), static_cast<int>(ms) - 1 + rate_.burst());
    for (const int taken : by_process) EXPECT_GT(taken, 500);
}

TEST_F(RedisRateLimitersTogether, HaveTheRateOfOneWhenTheyWantUnevenly) {
    std::mt19937 random(4711);
    for (int ms = 0; ms < 10'000; ++ms, next_ms()) {
        if (ms % 5 == 0) take(0, 1);
        take(1, 10);
        if (ms % 100 == 0) {
            for (int i = 0; i < 30; ++i) take(2, 1);
        }
        if (random() % 7 == 0) give_back(3, take(3, static_cast<int>(random() % 20)) / 2);
    }
    EXPECT_NEAR(total(), 10'000, 200);
    for (const auto ms : {1U, 10U, 100U, 1000U}) {
        EXPECT_LE(most_within(ms), static_cast<int>(ms) - 1 + 2 * rate_.burst()) << ms;
    }
}

INSTANTIATE_TEST_SUITE_P(Redis, RateLimiterContract, testing::Values(open_redis_limiter));

}  // namespace
}  // namespace herald
