#pragma once

#include <algorithm>
#include <cstddef>

#include "base/clock.hpp"
#include "model/words.hpp"

namespace herald {

/// Keeps a stage's batches large where records come fast, as a row in a large batch costs the engines half of
/// one in a small batch: while a stage takes more than a thousand records a second, a batch begins not before
/// `kGathering` after the one before it did. A stage that leaves some behind does not wait for more, nor does
/// the critical lane.
class Pace {
public:
    static constexpr Millis kGathering{40};
    static constexpr std::size_t kMany = 16;  ///< a smaller batch tells nothing of how fast they come

    explicit Pace(Lane lane) : may_gather_(lane != Lane::critical) {}

    /// `uptime` is the clock's; `took_all`: no record was left for the next batch.
    void batch_begins(std::size_t size, bool took_all, Millis uptime) {
        if (size == 0) return;
        const bool fast = size >= kMany && Millis(size) > uptime - began_;
        began_ = uptime;
        next_ = may_gather_ && fast && took_all ? uptime + kGathering : Millis{0};
    }
    /// How long to wait for more before the next batch.
    Millis rest(Millis uptime) const { return std::max(next_ - uptime, Millis{0}); }

private:
    const bool may_gather_;
    Millis began_{0};
    Millis next_{0};
};

}  // namespace herald
