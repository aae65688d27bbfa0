#pragma once

#include "adapters/redis/scripts.hpp"
#include "ports/gcra.hpp"

namespace herald::redis {

/// What one process holds of a bucket in Redis: tokens taken ahead, so that `take` needs no round trip.
/// The bucket fills while they lie here, so tokens are usable only as far as they and what the bucket surely
/// holds are not more than a full bucket; the rest is returned with the next request. So a bucket that is
/// used by one process has exactly its rate and burst, and others gain what this one does not use. The time
/// is the process's own. Not thread-safe.
class Lease {
public:
    void set_rate(Rate rate);

    /// At most `wanted`, out of what is held.
    int take(int wanted, Nanos now);
    void give_back(int tokens, Nanos now);
    /// Before this moment Redis has none, unless another process returns some.
    Nanos next_at() const { return next_at_; }
    /// Soon there will be none left, and Redis has some: time to ask ahead.
    bool runs_low(Nanos now) const;
    /// Something is held that time has made unusable.
    bool has_leftover(Nanos now) const { return held_ > usable(now); }

    /// For `unmet` takers' tokens and what was used lately again. What it returns is not held any more.
    LeaseRequest request(int unmet, Nanos now);
    /// The first `unmet` are for takers who wait: they are used, however long the answer was under way.
    void granted(const Grant& grant, int unmet, Nanos asked_at, Nanos now);

private:
    int usable(Nanos now) const;
    int used_lately(Nanos now) const;
    void note_use(int tokens, Nanos now);

    double interval_us_ = 1;
    Gcra gcra_;
    int held_ = 0;
    Nanos full_at_{0};
    Nanos next_at_{0};
    int owed_ = 0;  ///< of what is held: for takers who wait
    Nanos owed_until_{0};
    /// Tokens used in this window of time and in the one before it.
    Nanos window_began_{0};
    int used_ = 0;
    int used_before_ = 0;
};

}  // namespace herald::redis
