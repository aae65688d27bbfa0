#include "adapters/postgres/store.hpp"
#include "adapters/postgres/store_rows.hpp"
#include "base/log.hpp"
#include "ports/row_codec.hpp"

namespace herald {

using namespace postgres;

namespace {

/// What a walk over open deliveries needs of a notification.
struct Walked {
    NotificationId id;
    TenantId tenant;
    UserId user;
    std::string lane;
    TimePoint deadline_at{};
    bool marked = false;               ///< cancelled, erased or refused
    std::map<int, std::string> plans;  ///< by step, as stored
};

std::vector<Walked> walk(Transaction& transaction, const std::optional<NotificationId>& after,
                         TimePoint drawn_before, std::size_t limit) {
    const auto rows = transaction.execute(
        "SELECT id, tenant, user_id, lane, deadline_at, cancelled_at IS NOT NULL OR failed_at IS NOT NULL, "
        "plan"
        " FROM notifications WHERE id > $1 AND id < $2 AND user_id IS NOT NULL ORDER BY id LIMIT $3",
        after.value_or(NotificationId{}), lowest_id(drawn_before), static_cast<std::int64_t>(limit));
    std::vector<Walked> walked;
    for (auto columns : rows) {
        auto& one = walked.emplace_back();
        one.id = columns.id();
        one.tenant = TenantId(columns.text());
        one.user = UserId(columns.text());
        one.lane = columns.text();
        one.deadline_at = columns.time();
        one.marked = columns.boolean();
        if (!columns.is_null()) one.plans[0] = columns.text();
    }
    return walked;
}

/// Looks for what no timer moves: `found` has what is overdue of it.
class OpenWalk {
public:
    OpenWalk(Transaction& transaction, TimePoint planned_before, std::vector<Walked>& walked,
             std::vector<OpenDelivery>& found)
        : planned_before_(planned_before),
          now_(transaction.now()),
          epoch_(transaction.epoch()),
          found_(found) {
        NotificationIds ids;
        for (const auto& one : walked) ids.insert(one.id);
        if (ids.empty()) return;
        Array<NotificationId> asked;
        for (const auto& id : ids) asked.add(id);
        const auto plans = queue_later_plans(transaction, ids);
        const auto timers = transaction.queue(
            "SELECT t.id, t.step, t.ordinal FROM unnest($1) AS asked (id) JOIN timers t ON t.id = asked.id",
            std::move(asked));
        const auto deliveries = queue_all_deliveries(transaction, ids, Lock::none);
        transaction.flush();
        read(walked, transaction.take(plans), transaction.take(timers));
        deliveries_ = read_deliveries(transaction.take(deliveries));
    }

    /// Whether anything of it is open and no timer moves it. What cannot be read is left to a person.
    bool visit(const Walked& one) {
        const auto found_before = found_.size();
        try {
            const auto lane = parse_lane(one.lane);
            if (!lane) throw UnreadableRow("the store holds the unknown lane " + one.lane);
            bool open = false;
            std::optional<Plan> last;
            for (const auto& [step, text] : one.plans) {
                last = read_plan(text);
                open |= collect_deliveries(one, *lane, *last);
            }
            if (last) open |= collect_wait(one, *lane, *last);
            return open;
        } catch (const UnreadableRow& row) {
            log::error("store.unreadable", {{"id", to_string(one.id)}, {"reason", row.what()}});
            found_.resize(found_before);
            return false;
        }
    }

private:
    void read(std::vector<Walked>& walked, const Rows& plans, const Rows& timers) {
        std::map<NotificationId, Walked*> by_id;
        for (auto& one : walked) by_id.emplace(one.id, &one);
        for (auto columns : plans) {
            auto& one = *by_id.at(columns.id());
            const auto step = columns.integer();
            one.plans[step] = columns.text();
        }
        for (auto columns : timers) {
            DeliveryId id;
            id.notification = columns.id();
            id.step = columns.integer();
            id.ordinal = columns.integer();
            timers_.insert(id);
        }
    }

    bool collect_deliveries(const Walked& one, Lane lane, const Plan& plan) {
        bool open = false;
        for (const auto& entry : plan.entries) {
            if (entry.state != DeliveryState::planned) continue;
            const DeliveryId id{one.id, plan.step, entry.ordinal};
            const auto stored = deliveries_.find(id);
            const auto row = stored == deliveries_.end() ? std::nullopt : std::optional(stored->second.row);
            if ((row && is_final(row->state)) || timers_.contains(id)) continue;
            open = true;
            const auto next = overdue_attempt(row, now_, epoch_);
            if (!next || plan.planned_at >= planned_before_) continue;
            found_.push_back({one.tenant, id, entry.route.value_or(Route::push_apns), lane,
                              record_key(one.tenant, one.user), *next, one.deadline_at, plan.planned_at});
        }
        return open;
    }

    /// A wait whose end nobody has planned.
    bool collect_wait(const Walked& one, Lane lane, const Plan& last) {
        const DeliveryId step{one.id, last.step + 1, 0};
        if (!last.wait_until || one.marked || timers_.contains(step)) return false;
        if (*last.wait_until < planned_before_) {
            found_.push_back({one.tenant, step, Route{}, lane, record_key(one.tenant, one.user), 0,
                              one.deadline_at, *last.wait_until});
        }
        return true;
    }

    const TimePoint planned_before_;
    const TimePoint now_;
    const std::int64_t epoch_;
    std::vector<OpenDelivery>& found_;
    DeliveryRows deliveries_;
    DeliveryIds timers_;
};

Story tell(const NotificationRow& row, const Plans& plans, const DeliveryRows& deliveries,
           const OlderAttempts& older) {
    Story story;
    story.notification = *row.notification;
    if (row.cancelled) {
        story.cancelled_at = row.cancelled->at;
        story.cancel_reason = row.cancelled->reason;
    }
    story.failed_reason = row.failed_reason;
    for (const auto& [key, plan] : plans) {
        story.plans.push_back(plan);
        for (const auto& entry : plan.entries) {
            const DeliveryId id{key.first, key.second, entry.ordinal};
            const auto stored = deliveries.find(id);
            const auto before = older.find(id);
            story.deliveries.push_back(view_delivery(
                id, entry, stored == deliveries.end() ? std::nullopt : std::optional(stored->second.row),
                before == older.end() ? std::vector<AttemptRow>{} : before->second));
        }
    }
    return story;
}

}  // namespace

Result<std::optional<Story>> PostgresStore::load_story(const TenantId& tenant, const NotificationId& id) {
    return database_.read("load a story", [&](Transaction& transaction) -> std::optional<Story> {
        const auto notification = queue_notifications(transaction, {id}, Lock::none);
        const auto later_plans = queue_later_plans(transaction, {id});
        const auto deliveries = queue_all_deliveries(transaction, {id}, Lock::none);
        const auto older = queue_older_attempts(transaction, {id});
        transaction.flush();
        const auto rows = read_notifications(transaction.take(notification));
        if (rows.empty() || rows.begin()->second.notification->tenant != tenant) return std::nullopt;
        const auto& row = rows.begin()->second;
        Plans plans;
        if (!row.plan.empty()) plans.emplace(std::pair(id, 0), read_plan(row.plan));
        read_later_plans(transaction.take(later_plans), plans);
        return tell(row, plans, read_deliveries(transaction.take(deliveries)),
                    read_older_attempts(transaction.take(older)));
    });
}

Result<OpenDeliveries> PostgresStore::find_open(std::optional<NotificationId> after, TimePoint planned_before,
                                                std::size_t limit) {
    return database_.read_for_stage("find open deliveries", [&](Transaction& transaction) {
        OpenDeliveries open;
        open.resume_after = after;
        open.walked_to = after;
        auto walked = walk(transaction, after, planned_before, limit);
        OpenWalk visitor(transaction, planned_before, walked, open.found);
        bool all_closed = true;
        for (const auto& one : walked) {
            if (visitor.visit(one)) all_closed = false;
            if (all_closed) open.resume_after = one.id;
            open.walked_to = one.id;
        }
        open.reached_end = walked.size() < limit;
        return open;
    });
}

}  // namespace herald
