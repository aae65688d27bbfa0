#pragma once

#include <map>

#include "base/metrics.hpp"
#include "pipeline/shard_lease.hpp"
#include "pipeline/stage.hpp"
#include "ports/event_log.hpp"
#include "ports/timer_store.hpp"

namespace herald {

/// Moves due timers back to the log: retries to `deliveries`, steps to `requests`. Appends first and deletes
/// after the acknowledgement, so a crash between repeats a record, which falls to the claim. Critical first,
/// and only while the lane they go to is not behind. Several share the timers by shards, without a leader.
class Scheduler final : public Stage {
public:
    /// `call_deadlines`: how long a call of a route may take. A record that is being called is unfinished
    /// that long, and its lane is not behind for that.
    Scheduler(const Clock& clock, EventLog& log, TimerStore& timers, ShardLease& lease, Metrics& metrics,
              std::map<Route, Millis> call_deadlines = {});

    std::string name() const override { return "scheduler"; }
    Status pass(Millis wait) override;

private:
    Result<std::size_t> move_due(Lane lane);
    Status show_levels();
    bool is_behind(const char* group, const std::string& topic, Millis allowance);
    TimerStore::HeldBack destinations_behind(Lane lane);

    const Clock& clock_;
    EventLog& log_;
    TimerStore& timers_;
    ShardLease& lease_;
    const std::map<Route, Millis> call_deadlines_;
    Metrics& metrics_;
    Millis next_count_{0};
    Counter& moved_;
    Histogram& lateness_;
};

}  // namespace herald
