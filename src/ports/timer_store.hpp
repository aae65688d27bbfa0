#pragma once

#include <span>
#include <vector>

#include "base/result.hpp"
#include "ports/timer.hpp"

namespace herald {

/// Timers outside of a settlement. Thread-safe, synchronous.
class TimerStore {
public:
    virtual ~TimerStore() = default;

    /// Never due before the store's now. Putting the same timer twice is one.
    virtual Status put_timers(std::span<const Timer> timers) = 0;
    /// Timers of a lane that are due by the store's clock, earliest first. Only reads.
    virtual Result<std::vector<Timer>> take_due(Lane lane, std::size_t limit) = 0;
    virtual Status delete_timers(std::span<const Timer> timers) = 0;

    struct Level {
        Lane lane = Lane::normal;
        std::int64_t waiting = 0;  ///< counted up to 100,000
    };
    virtual Result<std::vector<Level>> timer_levels() = 0;
};

}  // namespace herald
