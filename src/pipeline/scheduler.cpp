#include "pipeline/scheduler.hpp"

#include <map>

#include "base/crash_point.hpp"
#include "model/records.hpp"
#include "pipeline/topics.hpp"

namespace herald {
namespace {

constexpr std::size_t kMaxBatch = 1'000;
constexpr Millis kBehind{2'000};
constexpr Millis kLookAgain{20};

std::string destination(const Timer& timer) {
    return timer.kind == TimerKind::step ? topics::requests(timer.lane) : topics::deliveries(timer.route, timer.lane);
}

NewRecord record_of(const Timer& timer) {
    if (timer.kind == TimerKind::step) {
        return {destination(timer), timer.key,
                encode(ContinueRecord{timer.tenant, timer.delivery.notification, timer.delivery.step}), ""};
    }
    return {destination(timer), timer.key, encode(DeliveryRecord{timer.tenant, timer.delivery, timer.attempt}), ""};
}

}  // namespace

Scheduler::Scheduler(const Clock& clock, EventLog& log, TimerStore& timers, Metrics& metrics)
    : clock_(clock),
      log_(log),
      timers_(timers),
      moved_(metrics.counter("herald_timers_moved_total", "Due timers that went back to the log.")),
      lateness_(metrics.histogram("herald_timer_lateness_seconds", "From a timer's due time to its record in the log.",
                                  latency_bounds())) {}

Status Scheduler::pass(Millis wait) {
    std::size_t moved = 0;
    for (const auto lane : kLanes) {
        const auto count = move_due(lane);
        if (!count) return fail(count.error());
        moved += *count;
    }
    if (moved == 0) std::this_thread::sleep_for(std::min(wait, kLookAgain));
    return {};
}

/// Unknown lag holds timers back as a long one does.
bool Scheduler::is_behind(const Timer& timer) {
    const auto group = timer.kind == TimerKind::step ? topics::kPlannerGroup : topics::kSenderGroup;
    const auto oldest = log_.oldest_unfinished(group, destination(timer));
    return !oldest || (*oldest && clock_.now() - **oldest > kBehind);
}

Result<std::size_t> Scheduler::move_due(Lane lane) {
    auto due = timers_.take_due(lane, kMaxBatch);
    if (!due) return fail(due.error());
    std::map<std::string, bool> behind;
    std::vector<Timer> moving;
    std::vector<NewRecord> records;
    for (auto& timer : *due) {
        const auto topic = destination(timer);
        auto known = behind.find(topic);
        if (known == behind.end()) known = behind.emplace(topic, is_behind(timer)).first;
        if (known->second) continue;
        records.push_back(record_of(timer));
        moving.push_back(std::move(timer));
    }
    if (moving.empty()) return 0;
    if (auto status = log_.append_and_wait(std::move(records)); !status) return fail(status.error());
    crash_point("timer_appended");
    const auto now = clock_.now();
    for (const auto& timer : moving) lateness_.Observe(std::chrono::duration<double>(now - timer.due).count());
    moved_.Increment(static_cast<double>(moving.size()));
    if (auto status = timers_.delete_timers(moving); !status) return fail(status.error());
    return moving.size();
}

}  // namespace herald
