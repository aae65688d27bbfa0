#include "adapters/sqlite/store.hpp"
#include "adapters/sqlite/store_rows.hpp"
#include "ports/row_codec.hpp"
#include "ports/stories.hpp"

namespace herald {

using namespace sqlite;

namespace {

/// The lane as it stands, so that one which cannot be read does not end the walk.
struct Walked {
    WalkedNotification notification;
    std::string lane;
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
        auto& [one, lane] = walked.emplace_back();
        one.id = columns.id();
        one.tenant = TenantId(columns.text());
        one.user = UserId(columns.text());
        lane = columns.text();
        one.deadline_at = columns.time();
        one.marked = !columns.is_null();
    }
    return walked;
}

std::set<DeliveryId> load_timed(Database& database, const NotificationId& id) {
    auto query = database.query("SELECT step, ordinal FROM timers WHERE id = ?");
    bind_all(*query, id);
    std::set<DeliveryId> timed;
    while (query->executeStep()) {
        Columns columns(*query);
        const int step = columns.integer();
        timed.insert({id, step, columns.integer()});
    }
    return timed;
}

void load_rows(Database& database, Walked& walked) {
    auto& one = walked.notification;
    const auto lane = parse_lane(walked.lane);
    if (!lane) throw UnreadableRow("the store holds the unknown lane " + walked.lane);
    one.lane = *lane;
    one.plans = load_plans(database, one.tenant, one.id);
    one.deliveries = load_deliveries(database, one.tenant, one.id);
    one.timers = load_timed(database, one.id);
}

}  // namespace

Result<std::optional<Story>> SqliteStore::load_story(const TenantId& tenant, const NotificationId& id) {
    return read("load a story", [&](Database& database) -> std::optional<Story> {
        const auto row = load_notification(database, tenant, id);
        if (!row) return std::nullopt;
        auto plans = load_plans(database, tenant, id);
        const auto deliveries = load_deliveries(database, tenant, id);
        std::map<DeliveryId, std::vector<AttemptRow>> older;
        for (const auto& [delivery, newest] : deliveries)
            older.emplace(delivery, load_older_attempts(database, delivery));
        return tell_story(*row->notification, row->cancelled, row->failed_reason, std::move(plans),
                          deliveries, older);
    });
}

Result<OpenDeliveries> SqliteStore::find_open(std::optional<NotificationId> after, TimePoint planned_before,
                                              std::size_t limit) {
    return read("find open deliveries", [&](Database& database) {
        auto walked = walk(database, after, planned_before, limit);
        OpenWalk open({after, planned_before, clock_.now(), load_epoch(database)});
        for (auto& one : walked) {
            try {
                load_rows(database, one);
                open.visit(one.notification);
            } catch (const UnreadableRow& row) {
                open.pass_over(one.notification.id, row.what());
            }
        }
        return std::move(open).end(walked.size() < limit);
    });
}

}  // namespace herald
