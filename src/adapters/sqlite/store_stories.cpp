#include "adapters/sqlite/store.hpp"
#include "adapters/sqlite/store_rows.hpp"
#include "base/log.hpp"
#include "ports/row_codec.hpp"

namespace herald {

using namespace sqlite;

namespace {

bool has_timer(Database& database, const DeliveryId& id) {
    auto query = database.query("SELECT 1 FROM timers WHERE id = ? AND step = ? AND ordinal = ? LIMIT 1");
    bind_all(*query, id.notification, id.step, id.ordinal);
    return query->executeStep();
}

/// What a walk over open deliveries needs of a notification besides its plans.
struct Walked {
    NotificationId id;
    TenantId tenant;
    UserId user;
    std::string lane;
    TimePoint deadline_at{};
    bool marked = false;  ///< cancelled, erased or refused
};

std::vector<Walked> walk(Database& database, const std::optional<NotificationId>& after,
                         TimePoint drawn_before, std::size_t limit) {
    auto query = database.query(
        "SELECT id, tenant, user_id, lane, deadline_at, coalesce(cancelled_at, failed_at) FROM notifications"
        " WHERE id > ? AND id < ? AND user_id IS NOT NULL ORDER BY id LIMIT ?");
    bind_all(*query, after.value_or(NotificationId{}), lowest_id(drawn_before),
             static_cast<std::int64_t>(limit));
    std::vector<Walked> walked;
    while (query->executeStep()) {
        Columns columns(*query);
        auto& one = walked.emplace_back();
        one.id = columns.id();
        one.tenant = TenantId(columns.text());
        one.user = UserId(columns.text());
        one.lane = columns.text();
        one.deadline_at = columns.time();
        one.marked = !columns.is_null();
    }
    return walked;
}

/// Looks for what no timer moves: `found` has what is overdue of it.
class OpenWalk {
public:
    OpenWalk(Database& database, TimePoint planned_before, TimePoint now, std::vector<OpenDelivery>& found)
        : database_(database),
          planned_before_(planned_before),
          now_(now),
          epoch_(load_epoch(database)),
          found_(found) {}

    /// Whether anything of it is open and no timer moves it. What cannot be read is left to a person.
    bool visit(const Walked& one) {
        const auto found_before = found_.size();
        try {
            const auto lane = parse_lane(one.lane);
            if (!lane) throw UnreadableRow("the store holds the unknown lane " + one.lane);
            bool open = false;
            const auto plans = load_plans(database_, one.tenant, one.id);
            for (const auto& plan : plans) open |= collect_deliveries(one, *lane, plan);
            if (!plans.empty()) open |= collect_wait(one, *lane, plans.back());
            return open;
        } catch (const UnreadableRow& row) {
            log::error("store.unreadable", {{"id", to_string(one.id)}, {"reason", row.what()}});
            found_.resize(found_before);
            return false;
        }
    }

private:
    bool collect_deliveries(const Walked& one, Lane lane, const Plan& plan) {
        bool open = false;
        for (const auto& entry : plan.entries) {
            if (entry.state != DeliveryState::planned) continue;
            const DeliveryId id{one.id, plan.step, entry.ordinal};
            const auto row = load_delivery(database_, one.tenant, id);
            if ((row && is_final(row->state)) || has_timer(database_, id)) continue;
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
        if (!last.wait_until || one.marked || has_timer(database_, step)) return false;
        if (*last.wait_until < planned_before_) {
            found_.push_back({one.tenant, step, Route{}, lane, record_key(one.tenant, one.user), 0,
                              one.deadline_at, *last.wait_until});
        }
        return true;
    }

    Database& database_;
    const TimePoint planned_before_;
    const TimePoint now_;
    const std::int64_t epoch_;
    std::vector<OpenDelivery>& found_;
};

}  // namespace

Result<std::optional<Story>> SqliteStore::load_story(const TenantId& tenant, const NotificationId& id) {
    return read("load a story", [&](Database& database) -> std::optional<Story> {
        const auto row = load_notification(database, tenant, id);
        if (!row) return std::nullopt;
        Story story;
        story.notification = *row->notification;
        story.plans = load_plans(database, tenant, id);
        if (row->cancelled) {
            story.cancelled_at = row->cancelled->at;
            story.cancel_reason = row->cancelled->reason;
        }
        story.failed_reason = row->failed_reason;
        for (const auto& plan : story.plans) {
            for (const auto& entry : plan.entries) {
                const DeliveryId delivery{id, plan.step, entry.ordinal};
                const auto delivery_row = load_delivery(database, tenant, delivery);
                const auto older = load_older_attempts(database, delivery);
                story.deliveries.push_back(view_delivery(delivery, entry, delivery_row, older));
            }
        }
        return story;
    });
}

Result<OpenDeliveries> SqliteStore::find_open(std::optional<NotificationId> after, TimePoint planned_before,
                                              std::size_t limit) {
    return read("find open deliveries", [&](Database& database) {
        OpenDeliveries open;
        open.resume_after = after;
        open.walked_to = after;
        const auto walked = walk(database, after, planned_before, limit);
        OpenWalk visitor(database, planned_before, clock_.now(), open.found);
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
