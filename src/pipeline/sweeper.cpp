#include "pipeline/sweeper.hpp"

#include "base/log.hpp"
#include "pipeline/events.hpp"
#include "pipeline/topics.hpp"

namespace herald {
namespace {

constexpr std::size_t kMaxBatch = 500;
constexpr Millis kFullWalkEvery = std::chrono::hours(1);
/// Between two batches, so that a long walk leaves the store to those who send.
constexpr Millis kRest{5};

bool is_step(const OpenDelivery& open) { return open.delivery.ordinal == 0; }

std::string destination(const OpenDelivery& open) {
    return is_step(open) ? topics::requests(open.lane) : topics::deliveries(open.route, open.lane);
}

NewRecord record_of(const OpenDelivery& open) {
    const auto& id = open.delivery;
    auto value = is_step(open) ? encode(ContinueRecord{open.tenant, id.notification, id.step})
                               : encode(DeliveryRecord{open.tenant, id, open.next_attempt});
    return {destination(open), open.key, std::move(value), ""};
}

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
    if (!walking_) begin_walk();
    auto open = plans_.find_open(after_, planned_before_, kMaxBatch);
    if (!open) return fail(open.error());
    std::erase_if(open->found, [&](const OpenDelivery& found) { return !is_lost(found); });
    if (auto status = handle(open->found); !status) return status;
    // The watermark moves only while nothing open was met on the way.
    if (!met_open_) watermark_ = open->resume_after;
    met_open_ |= open->resume_after != open->walked_to;
    after_ = open->walked_to;
    if (open->reached_end) {
        walking_ = false;
        next_walk_ = clock_.uptime() + pause_;
    } else {
        std::this_thread::sleep_for(std::min(wait, kRest));
    }
    return {};
}

void Sweeper::begin_walk() {
    walking_ = true;
    met_open_ = false;
    after_ = watermark_;
    if (clock_.uptime() >= next_full_walk_) {
        after_.reset();
        next_full_walk_ = clock_.uptime() + kFullWalkEvery;
    }
    planned_before_ = clock_.now() - margin_;
    horizons_.clear();
    for (const auto& [group, topic] : topics::consumed()) {
        if (const auto before = horizon(group, topic)) horizons_[topic] = *before;
    }
}

std::optional<TimePoint> Sweeper::horizon(const std::string& group, const std::string& topic) const {
    const auto oldest = log_.oldest_unfinished(group, topic);
    if (!oldest) return std::nullopt;
    const auto before = oldest->value_or(clock_.now()) - margin_;
    const auto resent = resent_at_.find(topic);
    if (resent != resent_at_.end() && before < resent->second) return std::nullopt;
    return before;
}

bool Sweeper::is_lost(const OpenDelivery& open) const {
    const auto before = horizons_.find(destination(open));
    return before != horizons_.end() && open.since < before->second;
}

Status Sweeper::handle(const std::vector<OpenDelivery>& found) {
    if (found.empty()) return {};
    const auto now = clock_.now();
    std::vector<NewRecord> records;
    for (const auto& open : found) {
        log::warning("sweeper.found",
                     {{"delivery", to_string(open.delivery)}, {"attempt", open.next_attempt}});
        // Also what has expired: a claim past its lease is settled by the sender that meets its record.
        records.push_back(record_of(open));
        resent_at_[records.back().topic] = now;
    }
    resent_.Increment(static_cast<double>(found.size()));
    // The records first: should this process die before the events, the claim finds what was closed and
    // appends them.
    if (auto status = log_.append_and_wait(std::move(records)); !status) return status;
    return expire(found, now);
}

/// A step past its deadline is expired by its planning.
Status Sweeper::expire(const std::vector<OpenDelivery>& found, TimePoint now) {
    std::vector<Closure> closures;
    std::vector<NewRecord> events;
    for (const auto& open : found) {
        if (is_step(open) || now < open.deadline_at) continue;
        closures.push_back(
            {open.tenant, open.delivery, open.next_attempt, DeliveryState::expired, "deadline_passed", now});
        events.push_back(event_record(open.tenant, open.key, open.delivery, open.next_attempt - 1, "expired",
                                      "deadline_passed", now));
    }
    const auto closed = closures_.run_and_wait(std::move(closures), Lane::normal);
    if (!closed) return fail(closed.error());
    std::vector<NewRecord> due;
    for (std::size_t i = 0; i < events.size(); ++i) {
        if ((*closed)[i].raised) due.push_back(std::move(events[i]));
    }
    return log_.append_and_wait(std::move(due));
}

}  // namespace herald
