#include "ports/stories.hpp"

#include "base/log.hpp"

namespace herald {

Story tell_story(const Notification& notification, const std::optional<CancelMark>& cancelled,
                 const std::string& failed_reason, std::vector<Plan> plans,
                 const std::map<DeliveryId, DeliveryRow>& deliveries,
                 const std::map<DeliveryId, std::vector<AttemptRow>>& older) {
    Story story;
    story.notification = notification;
    story.plans = std::move(plans);
    if (cancelled) {
        story.cancelled_at = cancelled->at;
        story.cancel_reason = cancelled->reason;
    }
    story.failed_reason = failed_reason;
    for (const auto& plan : story.plans) {
        for (const auto& entry : plan.entries) {
            const DeliveryId id{notification.id, plan.step, entry.ordinal};
            const auto row = deliveries.find(id);
            const auto before = older.find(id);
            story.deliveries.push_back(
                view_delivery(id, entry, row == deliveries.end() ? std::nullopt : std::optional(row->second),
                              before == older.end() ? std::vector<AttemptRow>{} : before->second));
        }
    }
    return story;
}

OpenWalk::OpenWalk(const Options& options) : options_(options) {
    open_.resume_after = options.after;
    open_.walked_to = options.after;
}

void OpenWalk::visit(const WalkedNotification& one) {
    for (const auto& plan : one.plans) {
        for (const auto& entry : plan.entries) visit_entry(one, plan, entry);
    }
    if (!one.plans.empty()) visit_wait(one, one.plans.back());
    walked(one.id);
}

void OpenWalk::pass_over(const NotificationId& id, const std::string& reason) {
    log::error("store.unreadable", {{"id", to_string(id)}, {"reason", reason}});
    walked(id);
}

void OpenWalk::walked(const NotificationId& id) {
    if (all_closed_) open_.resume_after = id;
    open_.walked_to = id;
}

void OpenWalk::visit_entry(const WalkedNotification& one, const Plan& plan, const PlanEntry& entry) {
    if (entry.state != DeliveryState::planned) return;
    const DeliveryId id{one.id, plan.step, entry.ordinal};
    const auto stored = one.deliveries.find(id);
    const auto row = stored == one.deliveries.end() ? std::nullopt : std::optional(stored->second);
    if ((row && is_final(row->state)) || one.timers.contains(id)) return;
    all_closed_ = false;
    const auto next = overdue_attempt(row, options_.now, options_.epoch);
    if (!next || plan.planned_at >= options_.planned_before) return;
    open_.found.push_back({one.tenant, id, entry.route.value_or(Route::push_apns), one.lane,
                           record_key(one.tenant, one.user), *next, one.deadline_at, plan.planned_at});
}

/// A wait whose end nobody has planned.
void OpenWalk::visit_wait(const WalkedNotification& one, const Plan& last) {
    const DeliveryId step{one.id, last.step + 1, 0};
    if (!last.wait_until || one.marked || one.timers.contains(step)) return;
    all_closed_ = false;
    if (*last.wait_until >= options_.planned_before) return;
    open_.found.push_back({one.tenant, step, Route{}, one.lane, record_key(one.tenant, one.user), 0,
                           one.deadline_at, *last.wait_until});
}

OpenDeliveries OpenWalk::end(bool reached_end) && {
    open_.reached_end = reached_end;
    return std::move(open_);
}

}  // namespace herald
