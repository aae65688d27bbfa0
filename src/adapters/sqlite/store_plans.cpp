#include "adapters/sqlite/store.hpp"
#include "adapters/sqlite/store_rows.hpp"
#include "ports/row_codec.hpp"

namespace herald {

using namespace sqlite;

namespace {

/// Fills the row unless it is filled already; marks that came first stay.
void save_notification(Database& database, const Notification& n) {
    execute(database,
            "INSERT INTO notifications (id, tenant, lane, accepted_at, deadline_at, send_at, user_id,"
            " template_id, template_version, channels, data, metadata, traceparent)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET lane = excluded.lane, accepted_at = excluded.accepted_at,"
            " deadline_at = excluded.deadline_at, send_at = excluded.send_at, user_id = excluded.user_id,"
            " template_id = excluded.template_id, template_version = excluded.template_version,"
            " channels = excluded.channels, data = excluded.data, metadata = excluded.metadata,"
            " traceparent = excluded.traceparent WHERE user_id IS NULL AND tenant = excluded.tenant",
            n.id, n.tenant, to_string(n.lane), n.accepted_at, n.deadline_at, n.send_at, n.user_id,
            n.template_id, n.template_version, encode_channels(n.channels), n.data.dump(), n.metadata.dump(),
            n.traceparent);
}

struct Marks {
    std::optional<CancelMark> cancelled;
    std::optional<TimePoint> failed_at;
    std::string failed_reason;

    bool any() const { return cancelled || failed_at; }
};

std::optional<Marks> load_marks(Database& database, const TenantId& tenant, const NotificationId& id) {
    auto query = database.query(
        "SELECT cancelled_at, cancel_reason, failed_at, failed_reason FROM notifications"
        " WHERE id = ? AND tenant = ?");
    bind_all(*query, id, tenant);
    if (!query->executeStep()) return std::nullopt;
    Columns columns(*query);
    Marks marks;
    const auto cancelled_at = columns.maybe_time();
    const auto reason = columns.text();
    if (cancelled_at) marks.cancelled = CancelMark{*cancelled_at, reason};
    marks.failed_at = columns.maybe_time();
    marks.failed_reason = columns.text();
    return marks;
}

void insert_plan(Database& database, const Notification& notification, const Plan& plan) {
    execute(database, "INSERT INTO plans (id, step, tenant, planned_at, plan) VALUES (?, ?, ?, ?, ?)",
            notification.id, plan.step, notification.tenant, plan.planned_at, encode_plan(plan));
}

std::vector<int> load_ordinals(Database& database, const NotificationId& id, int step) {
    auto query = database.query("SELECT ordinal FROM deliveries WHERE id = ? AND step = ? ORDER BY ordinal");
    bind_all(*query, id, step);
    std::vector<int> ordinals;
    while (query->executeStep()) ordinals.push_back(query->getColumn(0).getInt());
    return ordinals;
}

void close_planned(Database& database, const Notification& notification, const Plan& plan,
                   const Marks& marks) {
    for (const auto& entry : plan.entries) {
        if (entry.state != DeliveryState::planned) continue;
        const DeliveryId id{notification.id, plan.step, entry.ordinal};
        auto row = load_delivery(database, notification.tenant, id);
        if (row) continue;
        if (marks.cancelled) cancel_delivery(row, *marks.cancelled);
        else row = refused_delivery(marks.failed_reason, *marks.failed_at);
        save_delivery(database, notification.tenant, id, *row);
    }
}

/// Planning may have read the person before they were erased.
bool was_erased(Database& database, const Notification& notification, Marks& marks) {
    const auto erased_at = load_erasure(database, notification.tenant, notification.user_id);
    if (!erased_at || notification.accepted_at > *erased_at) return false;
    if (!marks.cancelled) marks.cancelled = CancelMark{*erased_at, "erased"};
    execute(database,
            "UPDATE notifications SET data = '{}', metadata = '{}', cancelled_at = ?, cancel_reason = ?"
            " WHERE id = ?",
            marks.cancelled->at, marks.cancelled->reason, notification.id);
    return true;
}

/// The row that the plan's key is bound to from now on.
IdempotencyRow bind_key(Database& database, const IdempotencyRow& row) {
    if (insert_idempotency_row(database, row)) return row;
    return load_idempotency_row(database, row.tenant, row.key).value();
}

Result<StoredPlan> store_plan(Database& database, const Notification& notification, const Plan& given,
                              TimePoint now) {
    save_notification(database, notification);
    auto marks = load_marks(database, notification.tenant, notification.id);
    if (!marks) return fail(ErrorCode::refused_content, "store plans: an id belongs to another tenant");
    StoredPlan stored;
    stored.id = notification.id;
    if (auto plan = load_plan(database, notification.tenant, notification.id, given.step)) {
        stored.plan = *std::move(plan);
    } else {
        stored.plan = given;
        if (marks->cancelled) cancel_plan(stored.plan, *marks->cancelled);
        if (was_erased(database, notification, *marks)) forget_person(stored.plan);
        insert_plan(database, notification, stored.plan);
        const auto timer = wait_timer(notification, stored.plan);
        if (timer && !marks->any()) save_timer(database, *timer, now);
    }
    stored.cancelled = marks->any();
    if (stored.cancelled) close_planned(database, notification, stored.plan, *marks);
    stored.begun = load_ordinals(database, notification.id, stored.plan.step);
    return stored;
}

/// Under the id that its key is bound to, when it has one.
Result<StoredPlan> bind_and_store(Database& database, const NewPlan& given, TimePoint now) {
    if (!given.binding) return store_plan(database, given.notification, given.plan, now);
    const auto bound = bind_key(database, *given.binding);
    if (bound.body_hash != given.binding->body_hash) {
        StoredPlan refused;
        refused.key_reused = true;
        return refused;
    }
    auto notification = given.notification;
    notification.id = bound.id;
    return store_plan(database, notification, given.plan, now);
}

}  // namespace

Result<std::vector<StoredPlan>> SqliteStore::store_plans(std::span<const NewPlan> plans) {
    return write("store plans", [&](Database& database) -> Result<std::vector<StoredPlan>> {
        std::vector<StoredPlan> stored;
        stored.reserve(plans.size());
        for (const auto& plan : plans) {
            auto one = bind_and_store(database, plan, clock_.now());
            if (!one) return fail(one.error());
            stored.push_back(*std::move(one));
        }
        return stored;
    });
}

Result<std::vector<std::optional<Notification>>> SqliteStore::load_steps(std::span<const StepRef> steps) {
    return read("load due steps", [&](Database& database) {
        std::vector<std::optional<Notification>> loaded;
        for (const auto& step : steps) {
            auto& slot = loaded.emplace_back();
            const auto before = load_plan(database, step.tenant, step.id, step.step - 1);
            if (!before || !before->wait_until) continue;
            if (const auto row = load_notification(database, step.tenant, step.id)) slot = *row->notification;
        }
        return loaded;
    });
}

Status SqliteStore::store_dead(const TenantId& tenant, const NotificationId& id, const std::string& reason,
                               TimePoint now) {
    return write("store a refused record's notification", [&](Database& database) {
        save_bare_notification(database, tenant, id);
        execute(database,
                "UPDATE notifications SET failed_at = ?, failed_reason = ? WHERE id = ? AND tenant = ?"
                " AND failed_at IS NULL AND cancelled_at IS NULL"
                " AND NOT EXISTS (SELECT 1 FROM plans WHERE plans.id = notifications.id)",
                now, reason, id, tenant);
    });
}

Result<CancelResult> SqliteStore::cancel(const TenantId& tenant, const NotificationId& id, TimePoint now) {
    return write("cancel", [&](Database& database) -> Result<CancelResult> {
        save_bare_notification(database, tenant, id);
        const auto row = load_notification(database, tenant, id);
        if (!row) return fail(ErrorCode::not_found, "cancel: there is no such notification");
        if (row->cancelled) return CancelResult::cancelled;
        const CancelMark mark{now, "cancelled"};
        if (row->failed_at || !close_open(database, *row, mark)) return CancelResult::too_late;
        save_mark(database, id, mark);
        return CancelResult::cancelled;
    });
}

}  // namespace herald
