#include "adapters/postgres/store.hpp"
#include "adapters/postgres/store_rows.hpp"
#include "ports/row_codec.hpp"
#include "ports/stories.hpp"

namespace herald {

using namespace postgres;

namespace {

/// Lane and plans as they stand, so that what cannot be read does not end the walk.
struct Walked {
    WalkedNotification notification;
    std::string lane;
    std::map<int, std::string> plans;  ///< by step
};

std::map<DeliveryId, DeliveryRow> rows_of(DeliveryRows&& stored) {
    std::map<DeliveryId, DeliveryRow> rows;
    for (auto& [id, one] : stored) rows.emplace(id, std::move(one.row));
    return rows;
}

std::vector<Walked> walk(Transaction& transaction, const std::optional<NotificationId>& after,
                         TimePoint drawn_before, std::size_t limit) {
    const auto rows = transaction.execute(
        "SELECT id, tenant, user_id, lane, deadline_at, cancelled_at IS NOT NULL OR failed_at IS NOT NULL, "
        "plan"
        " FROM notifications WHERE id > $1 AND id < $2 AND user_id IS NOT NULL ORDER BY id LIMIT $3",
        after.value_or(NotificationId{}), lowest_id(drawn_before), static_cast<std::int64_t>(limit));
    std::vector<Walked> walked;
    for (auto columns : rows) {
        auto& [one, lane, plans] = walked.emplace_back();
        one.id = columns.id();
        one.tenant = TenantId(columns.text());
        one.user = UserId(columns.text());
        lane = columns.text();
        one.deadline_at = columns.time();
        one.marked = columns.boolean();
        if (!columns.is_null()) plans[0] = columns.text();
    }
    return walked;
}

void load_rows(Transaction& transaction, std::vector<Walked>& walked) {
    NotificationIds ids;
    Array<NotificationId> asked;
    std::map<NotificationId, Walked*> by_id;
    for (auto& one : walked) {
        const auto& id = one.notification.id;
        ids.insert(id);
        asked.add(id);
        by_id.emplace(id, &one);
    }
    if (ids.empty()) return;
    const auto plans = queue_later_plans(transaction, ids);
    const auto timers = transaction.queue(
        "SELECT t.id, t.step, t.ordinal FROM unnest($1) AS asked (id) JOIN timers t ON t.id = asked.id",
        std::move(asked));
    const auto deliveries = queue_all_deliveries(transaction, ids, Lock::none);
    transaction.flush();
    const Rows plan_rows = transaction.take(plans);
    for (auto columns : plan_rows) {
        auto& one = *by_id.at(columns.id());
        const auto step = columns.integer();
        one.plans[step] = columns.text();
    }
    const Rows timer_rows = transaction.take(timers);
    for (auto columns : timer_rows) {
        DeliveryId id;
        id.notification = columns.id();
        id.step = columns.integer();
        id.ordinal = columns.integer();
        by_id.at(id.notification)->notification.timers.insert(id);
    }
    for (auto& [id, row] : rows_of(read_deliveries(transaction.take(deliveries))))
        by_id.at(id.notification)->notification.deliveries.emplace(id, std::move(row));
}

/// Throws on what no program of this version wrote.
void decode(Walked& walked) {
    const auto lane = parse_lane(walked.lane);
    if (!lane) throw UnreadableRow("the store holds the unknown lane " + walked.lane);
    walked.notification.lane = *lane;
    for (const auto& [step, text] : walked.plans) walked.notification.plans.push_back(read_plan(text));
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
        std::vector<Plan> by_step;
        for (auto& [key, plan] : plans) by_step.push_back(std::move(plan));
        return tell_story(*row.notification, row.cancelled, row.failed_reason, std::move(by_step),
                          rows_of(read_deliveries(transaction.take(deliveries))),
                          read_older_attempts(transaction.take(older)));
    });
}

Result<OpenDeliveries> PostgresStore::find_open(std::optional<NotificationId> after, TimePoint planned_before,
                                                std::size_t limit) {
    return database_.read_for_stage("find open deliveries", [&](Transaction& transaction) {
        auto walked = walk(transaction, after, planned_before, limit);
        load_rows(transaction, walked);
        OpenWalk open({after, planned_before, transaction.now(), transaction.epoch()});
        for (auto& one : walked) {
            try {
                decode(one);
                open.visit(one.notification);
            } catch (const UnreadableRow& row) {
                open.pass_over(one.notification.id, row.what());
            }
        }
        return std::move(open).end(walked.size() < limit);
    });
}

}  // namespace herald
