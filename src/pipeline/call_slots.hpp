#pragma once

#include <array>
#include <mutex>

#include "model/words.hpp"

namespace herald {

/// The calls that one account may have in flight, shared by the lanes: 10 % are critical's alone, and bulk
/// holds at most 80 %. Thread-safe.
class CallSlots {
public:
    explicit CallSlots(int max);

    /// Takes up to `wanted` and says how many it got.
    int take(Lane lane, int wanted);
    void give_back(Lane lane, int slots);
    int in_use() const;
    int max() const { return max_; }

private:
    const int max_;
    const std::array<int, kLanes.size()> most_;  ///< that a lane may hold
    const int without_critical_;                 ///< that normal and bulk may hold together
    mutable std::mutex mutex_;
    std::array<int, kLanes.size()> held_{};
};

}  // namespace herald
