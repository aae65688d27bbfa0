#pragma once

#include <array>
#include <mutex>

#include "base/clock.hpp"
#include "model/words.hpp"

namespace herald::postgres {

/// Where the search for due timers may begin. Timers that were moved leave dead entries in the index until
/// the next vacuum, and a search from the beginning of time would step over all of them every time.
/// Thread-safe.
class TimerCheckpoint {
public:
    /// `margin`: longer than a transaction can take that puts timers in.
    explicit TimerCheckpoint(Millis margin) : margin_(margin) {}

    TimePoint start(Lane lane, TimePoint now);
    /// A search from `start` at `now` found nothing due before `earliest`.
    void found(Lane lane, TimePoint now, TimePoint earliest);

private:
    struct Place {
        TimePoint at{};
        TimePoint searched_all{};
    };

    const Millis margin_;
    std::mutex mutex_;
    std::array<Place, kLanes.size()> places_;
};

}  // namespace herald::postgres
