#pragma once

#include <algorithm>
#include <string>

#include "base/clock.hpp"

namespace herald {

/// `per_second` tokens a second, at most `burst` at once.
struct Rate {
    double per_second = 0;  ///< 0 = no limit

    int burst() const { return std::clamp(static_cast<int>(per_second * 0.05), 1, 1000); }
};

struct Tokens {
    int granted = 0;
    Millis wait{0};  ///< until the next one, when fewer were granted than asked for
};

/// Buckets by name (GCRA). Thread-safe, synchronous.
class RateLimiter {
public:
    virtual ~RateLimiter() = default;
    virtual Tokens take(const std::string& bucket, Rate rate, int wanted) = 0;
    /// Tokens that were taken and not used.
    virtual void give_back(const std::string& bucket, Rate rate, int tokens) = 0;
};

}  // namespace herald
