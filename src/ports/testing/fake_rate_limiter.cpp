#include "ports/testing/fake_rate_limiter.hpp"

#include <algorithm>
#include <cmath>

namespace herald {
namespace {

/// What a sum of fractions may be short of a whole token.
constexpr double kRounding = 1e-6;

}  // namespace

Tokens FakeRateLimiter::take(const std::string& name, Rate rate, int wanted) {
    std::lock_guard lock(mutex_);
    auto& bucket = buckets_[name];
    if (bucket.refusal) return {0, *bucket.refusal};
    if (rate.per_second <= 0 || wanted <= 0) {
        bucket.taken += std::max(wanted, 0);
        return {std::max(wanted, 0), Millis{0}};
    }
    fill(bucket, rate);
    const int granted = std::min(static_cast<int>(*bucket.tokens + kRounding), wanted);
    *bucket.tokens -= granted;
    bucket.taken += granted;
    if (granted == wanted) return {granted, Millis{0}};
    const double missing = 1 - *bucket.tokens - kRounding;
    return {granted,
            Millis{static_cast<std::int64_t>(std::ceil(missing / rate.per_second * 1000 - kRounding))}};
}

void FakeRateLimiter::give_back(const std::string& name, Rate rate, int tokens) {
    std::lock_guard lock(mutex_);
    auto& bucket = buckets_[name];
    bucket.taken -= tokens;
    if (rate.per_second <= 0) return;
    fill(bucket, rate);
    *bucket.tokens = std::min<double>(*bucket.tokens + tokens, rate.burst());
}

int FakeRateLimiter::taken(const std::string& bucket) const {
    std::lock_guard lock(mutex_);
    const auto found = buckets_.find(bucket);
    return found == buckets_.end() ? 0 : found->second.taken;
}

void FakeRateLimiter::refuse(const std::string& bucket, std::optional<Millis> wait) {
    std::lock_guard lock(mutex_);
    buckets_[bucket].refusal = wait;
}

void FakeRateLimiter::fill(Bucket& bucket, Rate rate) const {
    const auto now = clock_.uptime();
    const double passed_s = std::chrono::duration<double>(now - bucket.filled_at).count();
    const double tokens = bucket.tokens ? *bucket.tokens + passed_s * rate.per_second : rate.burst();
    bucket.tokens = std::min<double>(tokens, rate.burst());
    bucket.filled_at = now;
}

}  // namespace herald
