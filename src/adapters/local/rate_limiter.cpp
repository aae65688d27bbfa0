#include "adapters/local/rate_limiter.hpp"

#include <algorithm>

namespace herald {
namespace {

/// Buckets are accounts; far more than there can be means that full ones are lying about.
constexpr std::size_t kManyBuckets = 10'000;

bool limits(Rate rate) { return rate.per_second > 0; }

}  // namespace

Tokens LocalRateLimiter::take(const std::string& bucket, Rate rate, int wanted) {
    if (!limits(rate) || wanted <= 0) return {std::max(wanted, 0), Millis{0}};
    std::lock_guard lock(mutex_);
    const Nanos now = clock_.uptime();
    if (buckets_.size() >= kManyBuckets) forget_full_buckets(now);
    return buckets_[bucket].take(rate, wanted, now);
}

void LocalRateLimiter::give_back(const std::string& bucket, Rate rate, int tokens) {
    if (!limits(rate) || tokens <= 0) return;
    std::lock_guard lock(mutex_);
    const auto found = buckets_.find(bucket);
    if (found != buckets_.end()) found->second.give_back(rate, tokens);
}

void LocalRateLimiter::forget_full_buckets(Nanos now) {
    std::erase_if(buckets_, [now](const auto& entry) { return entry.second.is_full(now); });
}

}  // namespace herald
