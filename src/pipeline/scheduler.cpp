#include "pipeline/scheduler.hpp"

#include "base/crash_point.hpp"
#include "model/records.hpp"
#include "pipeline/topics.hpp"

namespace herald {
namespace {

constexpr std::size_t kMaxBatch = 1'000;
constexpr Millis kBehind{2'000};
constexpr Millis kLookAgain{20};
constexpr Millis kCountAgain{250};

std::string destination(const Timer& timer) {
    return timer.kind == TimerKind::step ? topics::requests(timer.lane)
                                         : topics::deliveries(timer.route, timer.lane);
}

NewRecord record_of(const Timer& timer) {
    if (timer.kind == TimerKind::step) {
        return {destination(timer), timer.key,
                encode(ContinueRecord{timer.tenant, timer.delivery.notification, timer.delivery.step}), ""};
    }
    return {destination(timer), timer.key,
            encode(DeliveryRecord{timer.tenant, timer.delivery, timer.attempt}), ""};
}

}  // namespace

Scheduler::Scheduler(const Clock& clock, EventLog& log, TimerStore& timers, ShardLease& lease,
                     Metrics& metrics, std::map<Route, Millis> call_deadlines)
    : clock_(clock),
      log_(log),
      timers_(timers),
      lease_(lease),
      call_deadlines_(std::move(call_deadlines)),
      metrics_(metrics),
      moved_(metrics.counter("herald_timers_moved_total", "Due timers that went back to the log.")),
      lateness_(metrics.histogram("herald_timer_lateness_seconds",
                                  "From a timer's due time to its record in the log.", latency_bounds())) {}

Status Scheduler::pass(Millis wait) {
    std::size_t moved = 0;
    for (const auto lane : kLanes) {
        const auto count = move_due(lane);
        if (!count) return fail(count.error());
        moved += *count;
    }
    if (auto status = show_levels(); !status) return status;
    if (moved == 0) std::this_thread::sleep_for(std::min(wait, kLookAgain));
    return {};
}

Status Scheduler::show_levels() {
    if (clock_.uptime() < next_count_) return {};
    next_count_ = clock_.uptime() + kCountAgain;
    const auto levels = timers_.timer_levels();
    if (!levels) return fail(levels.error());
    for (const auto& level : *levels) {
        metrics_
            .gauge("herald_timers_waiting", "Timers, counted up to 100,000.",
                   {{"lane", std::string(to_string(level.lane))}})
            .Set(static_cast<double>(level.waiting));
    }
    return {};
}

/// Unknown lag holds timers back as a long one does.
bool Scheduler::is_behind(const char* group, const std::string& topic, Millis allowance) {
    const auto oldest = log_.oldest_unfinished(group, topic);
    return !oldest || (*oldest && clock_.now() - **oldest > kBehind + allowance);
}

TimerStore::HeldBack Scheduler::destinations_behind(Lane lane) {
    TimerStore::HeldBack behind;
    behind.steps = is_behind(topics::kPlannerGroup, topics::requests(lane), Millis{0});
    for (const auto route : kRoutes) {
        const auto deadline = call_deadlines_.find(route);
        const auto allowance = deadline == call_deadlines_.end() ? Millis{0} : deadline->second;
        if (is_behind(topics::kSenderGroup, topics::deliveries(route, lane), allowance)) {
            behind.routes.insert(route);
        }
    }
    return behind;
}

Result<std::size_t> Scheduler::move_due(Lane lane) {
    const auto held = lease_.held();
    if (!held) return fail(held.error());
    if (held->none()) return 0;
    auto held_back = destinations_behind(lane);
    held_back.shards = ~*held;
    auto due = timers_.take_due(lane, kMaxBatch, held_back);
    if (!due) return fail(due.error());
    auto moving = *std::move(due);
    std::vector<NewRecord> records;
    records.reserve(moving.size());
    for (const auto& timer : moving) records.push_back(record_of(timer));
    if (moving.empty()) return 0;
    if (auto status = log_.append_and_wait(std::move(records)); !status) return fail(status.error());
    crash_point("timer_appended");
    const auto now = clock_.now();
    for (const auto& timer : moving)
        lateness_.Observe(std::chrono::duration<double>(now - timer.due).count());
    moved_.Increment(static_cast<double>(moving.size()));
    if (auto status = timers_.delete_timers(moving); !status) return fail(status.error());
    return moving.size();
}

}  // namespace herald
