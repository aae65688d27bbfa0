#pragma once

#include <mutex>
#include <string>

#include "ports/timer_store.hpp"

namespace herald {

/// The share of the timers that this process moves, kept by renewing it. Whoever holds the first shard also
/// does what one process at a time should: sweep, and drop what is too old. Thread-safe.
class ShardLease {
public:
    ShardLease(TimerStore& timers, const Clock& clock);

    /// What is held now; asks the store about once a second. Nothing once the lease has run out unrenewed.
    Result<TimerShards> held();
    Result<bool> holds_first();

private:
    TimerStore& timers_;
    const Clock& clock_;
    const std::string owner_;
    std::mutex mutex_;
    TimerShards shards_;
    Millis asked_at_;
};

}  // namespace herald
