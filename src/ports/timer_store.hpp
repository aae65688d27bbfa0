#pragma once

#include <set>
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
    /// What stays where it is, and does not stand before the others: timers for destinations that are behind,
    /// and those of shards that somebody else moves.
    struct HeldBack {
        std::set<Route> routes = {};
        bool steps = false;
        TimerShards shards = {};

        bool covers(const Timer& timer) const {
            if (shards.test(shard_of(timer.delivery.notification))) return true;
            return timer.kind == TimerKind::step ? steps : routes.contains(timer.route);
        }
        bool operator==(const HeldBack&) const = default;
    };

    /// Timers of a lane that are due by the store's clock, earliest first. Only reads; past 20,000 timers
    /// that are held back it may look no further.
    virtual Result<std::vector<Timer>> take_due(Lane lane, std::size_t limit, const HeldBack& held_back) = 0;
    Result<std::vector<Timer>> take_due(Lane lane, std::size_t limit) {
        return take_due(lane, limit, HeldBack{});
    }
    virtual Status delete_timers(std::span<const Timer> timers) = 0;

    /// The shards that `owner` may move for `lease` from now on. Those who ask within their lease share all
    /// shards about evenly, each held by one; what an owner has lost is free again after its lease. Asked by
    /// every scheduler, well before its lease ends.
    virtual Result<TimerShards> lease_shards(const std::string& owner, Millis lease) = 0;

    struct Level {
        Lane lane = Lane::normal;
        std::int64_t waiting = 0;  ///< counted up to 100,000
    };
    virtual Result<std::vector<Level>> timer_levels() = 0;
};

}  // namespace herald
