#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "ports/rate_limiter.hpp"

namespace herald {

/// GCRA within one process: per bucket, one moment says everything. Thread-safe.
class LocalRateLimiter final : public RateLimiter {
public:
    /// `clock` must outlive this; only its uptime is read.
    explicit LocalRateLimiter(const Clock& clock) : clock_(clock) {}

    Tokens take(const std::string& bucket, Rate rate, int wanted) override;
    void give_back(const std::string& bucket, Rate rate, int tokens) override;

private:
    using Nanos = std::chrono::nanoseconds;

    void forget_full_buckets(Nanos now);

    const Clock& clock_;
    std::mutex mutex_;
    /// The theoretical arrival time: when the bucket will be full again, by the clock's uptime. A bucket that
    /// is not here, or whose moment has passed, is full.
    std::unordered_map<std::string, Nanos> full_at_;
};

}  // namespace herald
