#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "ports/rate_limiter.hpp"

namespace herald {

/// Buckets of tokens that refill by the clock, and that a test can look into and close.
class FakeRateLimiter final : public RateLimiter {
public:
    explicit FakeRateLimiter(const Clock& clock) : clock_(clock) {}

    Tokens take(const std::string& bucket, Rate rate, int wanted) override;
    void give_back(const std::string& bucket, Rate rate, int tokens) override;

    /// Tokens taken and not given back, since the beginning.
    int taken(const std::string& bucket) const;
    /// From here on the bucket grants nothing and tells to wait so long, whatever its rate; none opens it
    /// again.
    void refuse(const std::string& bucket, std::optional<Millis> wait);

private:
    struct Bucket {
        std::optional<double> tokens;  ///< none before the first use: full
        Millis filled_at{0};
        int taken = 0;
        std::optional<Millis> refusal;
    };

    void fill(Bucket& bucket, Rate rate) const;

    const Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::string, Bucket> buckets_;
};

}  // namespace herald
