#include "pipeline/sweeper.hpp"

#include "base/log.hpp"
#include "pipeline/events.hpp"
#include "pipeline/topics.hpp"

namespace herald {
namespace {

constexpr std::size_t kMaxBatch = 500;

}  // namespace

Sweeper::Sweeper(const Clock& clock, EventLog& log, PlanStore& plans, CloseBatcher& closures,
                 Metrics& metrics, Millis pause, Millis margin)
    : clock_(clock),
      log_(log),
      plans_(plans),
      closures_(closures),
      pause_(pause),
      margin_(margin),
      next_walk_(clock.uptime() + pause),
      resent_(metrics.counter("herald_sweeper_found_total", "Open deliveries that nothing was moving.")) {}

Status Sweeper::pass(Millis wait) {
    if (clock_.uptime() < next_walk_) {
        std::this_thread::sleep_for(wait);
        return {};
    }
    const auto before = horizon();
    // What the last walk appended is read before another one appends it again.
    if (!before || (!walking_ && *before < resent_at_)) {
        next_walk_ = clock_.uptime() + pause_;
        return {};
    }
    walking_ = true;
    auto open = plans_.find_open(after_, *before, kMaxBatch);
    if (!open) return fail(open.error());
    if (auto status = handle(*open); !status) return status;
    // The watermark moves only while nothing open was met on the way.
    if (!met_open_) watermark_ = open->resume_after;
    met_open_ |= open->resume_after != open->walked_to;
    after_ = open->walked_to;
    if (open->reached_end) {
        after_ = watermark_;
        met_open_ = walking_ = false;
        next_walk_ = clock_.uptime() + pause_;
    }
    return {};
}

std::optional<TimePoint> Sweeper::horizon() {
    auto before = clock_.now() - margin_;
    for (const auto& [group, topic] : topics::consumed()) {
        const auto oldest = log_.oldest_unfinished(group, topic);
        if (!oldest) return std::nullopt;
        if (*oldest) before = std::min(before, **oldest - margin_);
    }
    return before;
}

Status Sweeper::handle(const OpenDeliveries& open) {
    if (open.found.empty()) return {};
    const auto now = clock_.now();
    std::vector<NewRecord> records;
    std::vector<Closure> closures;
    std::vector<NewRecord> events;
    for (const auto& delivery : open.found) {
        log::warning("sweeper.found",
                     {{"delivery", to_string(delivery.delivery)}, {"attempt", delivery.next_attempt}});
        // Also what has expired: a claim past its lease is settled by the sender that meets its record.
        records.push_back({topics::deliveries(delivery.route, delivery.lane), delivery.key,
                           encode(DeliveryRecord{delivery.tenant, delivery.delivery, delivery.next_attempt}),
                           ""});
        if (now < delivery.deadline_at) continue;
        closures.push_back({delivery.tenant, delivery.delivery, delivery.next_attempt, DeliveryState::expired,
                            "deadline_passed", now});
        events.push_back(event_record(delivery.tenant, delivery.key, delivery.delivery,
                                      delivery.next_attempt - 1, "expired", "deadline_passed", now));
    }
    resent_.Increment(static_cast<double>(open.found.size()));
    resent_at_ = now;
    // The records first: should this process die before the events, the claim finds what was closed and
    // appends them.
    if (auto status = log_.append_and_wait(std::move(records)); !status) return status;
    const auto closed = closures_.run_and_wait(std::move(closures), Lane::normal);
    if (!closed) return fail(closed.error());
    std::vector<NewRecord> due;
    for (std::size_t i = 0; i < events.size(); ++i) {
        if ((*closed)[i].raised) due.push_back(std::move(events[i]));
    }
    return log_.append_and_wait(std::move(due));
}

}  // namespace herald
