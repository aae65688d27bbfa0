#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "ports/gcra.hpp"

namespace herald {

/// Buckets within one process. Thread-safe.
class LocalRateLimiter final : public RateLimiter {
public:
    /// `clock` must outlive this; only its uptime is read.
    explicit LocalRateLimiter(const Clock& clock) : clock_(clock) {}

    Tokens take(const std::string& bucket, Rate rate, int wanted) override;
    void give_back(const std::string& bucket, Rate rate, int tokens) override;

private:
    void forget_full_buckets(Nanos now);

    const Clock& clock_;
    std::mutex mutex_;
    /// By the clock's uptime. A bucket that is not here is full.
    std::unordered_map<std::string, LocalBucket> buckets_;
};

}  // namespace herald
