#include "adapters/sqlite/store.hpp"
#include "adapters/sqlite/store_rows.hpp"

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
    Lane lane = Lane::normal;
    TimePoint deadline_at{};
};

std::vector<Walked> walk(Database& database, const std::optional<NotificationId>& after, std::size_t limit) {
    auto query = database.query(
        "SELECT id, tenant, user_id, lane, deadline_at FROM notifications"
        " WHERE id > ? AND user_id IS NOT NULL ORDER BY id LIMIT ?");
    bind_all(*query, after.value_or(NotificationId{}), static_cast<std::int64_t>(limit));
    std::vector<Walked> walked;
    while (query->executeStep()) {
        Columns columns(*query);
        auto& one = walked.emplace_back();
        one.id = columns.id();
        one.tenant = TenantId(columns.text());
        one.user = UserId(columns.text());
        one.lane = columns.word(parse_lane);
        one.deadline_at = columns.time();
    }
    return walked;
}

/// Adds what is open and overdue to `found`; says whether anything is open that no timer moves.
bool collect_open(Database& database, const Walked& one, const Plan& plan, TimePoint planned_before,
                  TimePoint now, std::int64_t epoch, std::vector<OpenDelivery>& found) {
    bool open = false;
    for (const auto& entry : plan.entries) {
        if (entry.state != DeliveryState::planned) continue;
        const DeliveryId id{one.id, plan.step, entry.ordinal};
        const auto row = load_delivery(database, one.tenant, id);
        if ((row && is_final(row->state)) || has_timer(database, id)) continue;
        open = true;
        const auto next = overdue_attempt(row, now, epoch);
        if (!next || plan.planned_at >= planned_before) continue;
        found.push_back({one.tenant, id, entry.route.value_or(Route::push_apns), one.lane,
                         record_key(one.tenant, one.user), *next, one.deadline_at});
    }
    return open;
}

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
        const auto epoch = load_epoch(database);
        const auto walked = walk(database, after, limit);
        bool all_closed = true;
        for (const auto& one : walked) {
            for (const auto& plan : load_plans(database, one.tenant, one.id)) {
                if (collect_open(database, one, plan, planned_before, clock_.now(), epoch, open.found))
                    all_closed = false;
            }
            if (all_closed) open.resume_after = one.id;
            open.walked_to = one.id;
        }
        open.reached_end = walked.size() < limit;
        return open;
    });
}

}  // namespace herald
