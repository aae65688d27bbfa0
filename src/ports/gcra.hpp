#pragma once

#include <chrono>

#include "ports/rate_limiter.hpp"

namespace herald {

using Nanos = std::chrono::nanoseconds;

/// What the arithmetic can hold of a rate that is a limit: one token a day is the slowest there is.
double bounded_per_second(Rate rate);

/// GCRA: the one moment at which a bucket will be full again says how many tokens it holds.
struct Gcra {
    Nanos interval{1};  ///< from one token to the next
    int burst = 1;

    static Gcra of(Rate rate);

    Nanos capacity() const { return interval * burst; }
    int tokens_there(Nanos full_at, Nanos now) const;
};

/// A bucket that one process has to itself, full at first. The rate may change from call to call; times are
/// of any clock that only rises. Not thread-safe.
class LocalBucket {
public:
    void empty(Rate rate, Nanos now) { full_at_ = now + Gcra::of(rate).capacity(); }
    Tokens take(Rate rate, int wanted, Nanos now);
    void give_back(Rate rate, int tokens) { full_at_ -= Gcra::of(rate).interval * tokens; }
    bool is_full(Nanos now) const { return full_at_ <= now; }

private:
    Nanos full_at_{0};
};

}  // namespace herald
