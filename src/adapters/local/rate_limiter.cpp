#include "adapters/local/rate_limiter.hpp"

#include <algorithm>

namespace herald {
namespace {

using Nanos = std::chrono::nanoseconds;

/// Buckets are accounts; far more than there can be means that full ones are lying about.
constexpr std::size_t kManyBuckets = 10'000;
/// One token a day is the slowest there is, or the arithmetic would overflow.
constexpr double kSlowest = 1.0 / 86'400;

bool limits(Rate rate) { return rate.per_second > 0; }

/// From one token to the next.
Nanos interval_of(Rate rate) {
    return Nanos{static_cast<std::int64_t>(std::max(1e9 / std::max(rate.per_second, kSlowest), 1.0))};
}

}  // namespace

Tokens LocalRateLimiter::take(const std::string& bucket, Rate rate, int wanted) {
    if (!limits(rate) || wanted <= 0) return {std::max(wanted, 0), Millis{0}};
    const Nanos interval = interval_of(rate);
    const Nanos capacity = interval * rate.burst();
    std::lock_guard lock(mutex_);
    const Nanos now = clock_.uptime();
    if (full_at_.size() >= kManyBuckets) forget_full_buckets(now);
    auto& full_at = full_at_[bucket];
    full_at = std::max(full_at, now);
    const auto there = std::max<std::int64_t>((now + capacity - full_at) / interval, 0);
    const int granted = static_cast<int>(std::min<std::int64_t>(there, wanted));
    full_at += interval * granted;
    if (granted == wanted) return {granted, Millis{0}};
    return {granted, std::chrono::ceil<Millis>(full_at + interval - capacity - now)};
}

void LocalRateLimiter::give_back(const std::string& bucket, Rate rate, int tokens) {
    if (!limits(rate) || tokens <= 0) return;
    std::lock_guard lock(mutex_);
    const auto found = full_at_.find(bucket);
    if (found != full_at_.end()) found->second -= interval_of(rate) * tokens;
}

void LocalRateLimiter::forget_full_buckets(Nanos now) {
    std::erase_if(full_at_, [now](const auto& bucket) { return bucket.second <= now; });
}

}  // namespace herald
