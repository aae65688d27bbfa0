#include "adapters/postgres/store_rows.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "ports/row_codec.hpp"

namespace herald::postgres {
namespace {

/// A look-up in a daily table for each of the asked: an index scan a row, in their order, in the days from $2
/// to $3. A plain join leaves the planner to guess how much lies between the two, and it guesses a handful:
/// then it reads all that does and compares it with all that was asked.
std::string look_up(std::string_view columns, std::string_view table, Lock lock) {
    return fmt::format(
        "SELECT d.* FROM unnest($1) AS asked (id), LATERAL (SELECT {} FROM {} d"
        " WHERE d.id = asked.id AND d.id BETWEEN $2 AND $3 {}) AS d",
        columns, table, lock == Lock::rows ? "FOR NO KEY UPDATE" : "OFFSET 0");
}

Json read_object(Columns& columns) {
    if (columns.is_null()) {
        columns.skip();
        return Json(Json::Object{});
    }
    auto json = Json::parse(columns.view());
    if (!json) throw UnreadableRow("the store holds bad JSON: " + json.error().message);
    return *std::move(json);
}

std::vector<Channel> read_channels(Columns& columns) {
    auto channels = decode_channels(columns.view());
    if (!channels) throw UnreadableRow("the store holds bad channels: " + channels.error().message);
    return *std::move(channels);
}

NotificationRow read_notification(Columns& columns) {
    Notification notification;
    NotificationRow row;
    notification.id = columns.id();
    notification.tenant = TenantId(columns.text());
    row.known = !columns.is_null();
    notification.user_id = UserId(columns.text());
    notification.lane = columns.word(parse_lane);
    notification.accepted_at = columns.time();
    notification.deadline_at = columns.time();
    notification.send_at = columns.maybe_time();
    notification.template_id = TemplateId(columns.text());
    notification.template_version = columns.integer();
    notification.channels = read_channels(columns);
    notification.data = read_object(columns);
    notification.metadata = read_object(columns);
    notification.traceparent = columns.text();
    const auto cancelled_at = columns.maybe_time();
    const auto cancel_reason = columns.text();
    if (cancelled_at) row.cancelled = CancelMark{*cancelled_at, cancel_reason};
    row.failed_at = columns.maybe_time();
    row.failed_reason = columns.text();
    row.plan = columns.text();
    row.notification = std::make_shared<const Notification>(std::move(notification));
    return row;
}

DeliveryId read_delivery_id(Columns& columns) {
    DeliveryId id;
    id.notification = columns.id();
    id.step = columns.integer();
    id.ordinal = columns.integer();
    return id;
}

DeliveryRow read_delivery(Columns& columns) {
    DeliveryRow row;
    row.token = static_cast<ClaimToken>(columns.integer64());
    row.lease_until = columns.time();
    row.newest.begun_at = columns.time();
    row.newest.ended_at = columns.maybe_time();
    row.closed_at = columns.maybe_time();
    row.epoch = columns.integer64();
    row.newest.n = columns.integer();
    row.tries = columns.integer();
    row.state = columns.word(parse_delivery_state);
    row.verdict = columns.word(parse_delivery_state);
    row.best = columns.word(parse_attempt_state);
    row.newest.state = columns.word(parse_attempt_state);
    row.newest.account = columns.text();
    row.reason = columns.text();
    row.newest.reason = columns.text();
    row.newest.reference = columns.text();
    return row;
}

constexpr std::string_view kNotificationColumns =
    "d.id, d.tenant, d.user_id, d.lane, d.accepted_at, d.deadline_at, d.send_at, d.template_id,"
    " d.template_version, d.channels, d.data, d.metadata, d.traceparent, d.cancelled_at, d.cancel_reason,"
    " d.failed_at, d.failed_reason, d.plan";

constexpr std::string_view kDeliveryColumns =
    "d.id, d.step, d.ordinal, d.tenant, d.token, d.lease_until, d.begun_at, d.ended_at, d.closed_at, d.epoch,"
    " d.attempt, d.tries, d.state, d.verdict, d.best, d.attempt_state, d.account, d.reason, d.attempt_reason,"
    " d.reference";

Array<NotificationId> array_of(const NotificationIds& ids) {
    Array<NotificationId> array;
    for (const auto& id : ids) array.add(id);
    return array;
}

Ticket queue_look_up(Transaction& transaction, std::string_view sql, const NotificationIds& ids) {
    if (ids.empty()) return transaction.queue("SELECT WHERE false");
    return transaction.queue(sql, array_of(ids), *ids.begin(), *ids.rbegin());
}

/// The columns of deliveries, in the order of the statements below.
struct DeliveryArrays {
    explicit DeliveryArrays(const DeliveryRows& rows) {
        for (const auto& [id, stored] : rows) add(id, stored);
    }

    void add(const DeliveryId& id, const StoredDelivery& stored) {
        const auto& row = stored.row;
        const auto& newest = row.newest;
        ids.add(id.notification);
        steps.add(id.step);
        ordinals.add(id.ordinal);
        tokens.add(static_cast<std::int64_t>(row.token));
        leases.add(row.lease_until);
        begun.add(newest.begun_at);
        ended.add(newest.ended_at);
        closed.add(row.closed_at);
        epochs.add(row.epoch);
        attempts.add(newest.n);
        tries.add(row.tries);
        tenants.add(stored.tenant.str());
        states.add(to_string(row.state));
        verdicts.add(to_string(row.verdict));
        bests.add(to_string(row.best));
        attempt_states.add(to_string(newest.state));
        accounts.add(newest.account);
        reasons.add_unless_empty(row.reason);
        attempt_reasons.add_unless_empty(newest.reason);
        references.add_unless_empty(newest.reference);
    }

    Array<NotificationId> ids;
    Array<int> steps, ordinals, attempts, tries;
    Array<std::int64_t> tokens, epochs;
    Array<TimePoint> leases, begun, ended, closed;
    Array<std::string_view> tenants, states, verdicts, bests, attempt_states, accounts, reasons,
        attempt_reasons, references;
};

NotificationIds ids_of(const NotificationRows& rows) {
    NotificationIds ids;
    for (const auto& [id, row] : rows) ids.insert(id);
    return ids;
}

}  // namespace

std::optional<std::string> stored_object(const Json& json) {
    if (const auto* object = json.as_object(); object && object->empty()) return std::nullopt;
    return json.dump();
}

Ticket queue_notifications(Transaction& transaction, const NotificationIds& ids, Lock lock) {
    static const auto kSql = look_up(kNotificationColumns, "notifications", Lock::none);
    static const auto kLocking = look_up(kNotificationColumns, "notifications", Lock::rows);
    return queue_look_up(transaction, lock == Lock::rows ? kLocking : kSql, ids);
}

NotificationRows read_notifications(const Rows& rows) {
    NotificationRows found;
    for (auto columns : rows) {
        auto row = read_notification(columns);
        const auto id = row.notification->id;
        found.emplace(id, std::move(row));
    }
    return found;
}

NotificationRows load_notifications(Transaction& transaction, const NotificationIds& ids, Lock lock) {
    const auto ticket = queue_notifications(transaction, ids, lock);
    transaction.flush();
    return read_notifications(transaction.take(ticket));
}

Plan read_plan(std::string_view text) {
    auto plan = decode_plan(text);
    if (!plan) throw UnreadableRow("the store holds a bad plan: " + plan.error().message);
    return *std::move(plan);
}

Ticket queue_later_plans(Transaction& transaction, const NotificationIds& ids) {
    static const auto kSql = look_up("d.id, d.step, d.plan", "plans", Lock::none);
    return queue_look_up(transaction, kSql, ids);
}

void read_later_plans(const Rows& rows, Plans& plans) {
    for (auto columns : rows) {
        const auto id = columns.id();
        const auto step = columns.integer();
        plans.insert_or_assign({id, step}, read_plan(columns.view()));
    }
}

Plans load_plans(Transaction& transaction, const NotificationRows& rows) {
    const auto ticket = queue_later_plans(transaction, ids_of(rows));
    transaction.flush();
    Plans plans;
    for (const auto& [id, row] : rows) {
        if (!row.plan.empty()) plans.insert_or_assign({id, 0}, read_plan(row.plan));
    }
    read_later_plans(transaction.take(ticket), plans);
    return plans;
}

void replace_plan(Transaction& transaction, const NotificationId& id, const Plan& plan) {
    if (plan.step == 0) {
        transaction.queue("UPDATE notifications SET plan = $2 WHERE id = $1", id, encode_plan(plan));
    } else {
        transaction.queue("UPDATE plans SET plan = $3 WHERE id = $1 AND step = $2", id, plan.step,
                          encode_plan(plan));
    }
}

Ticket lock_deliveries(Transaction& transaction, const DeliveryIds& ids) {
    static const auto kSql = fmt::format(
        "SELECT d.* FROM unnest($1, $2, $3) AS asked (id, step, ordinal), LATERAL (SELECT {} FROM deliveries "
        "d"
        " WHERE d.id = asked.id AND d.step = asked.step AND d.ordinal = asked.ordinal"
        " AND d.id BETWEEN $4 AND $5 FOR NO KEY UPDATE) AS d",
        kDeliveryColumns);
    if (ids.empty()) return transaction.queue("SELECT WHERE false");
    Array<NotificationId> notifications;
    Array<int> steps, ordinals;
    for (const auto& id : ids) {
        notifications.add(id.notification);
        steps.add(id.step);
        ordinals.add(id.ordinal);
    }
    return transaction.queue(kSql, std::move(notifications), std::move(steps), std::move(ordinals),
                             ids.begin()->notification, ids.rbegin()->notification);
}

Ticket queue_all_deliveries(Transaction& transaction, const NotificationIds& ids, Lock lock) {
    static const auto kSql = look_up(kDeliveryColumns, "deliveries", Lock::none);
    static const auto kLocking = look_up(kDeliveryColumns, "deliveries", Lock::rows);
    return queue_look_up(transaction, lock == Lock::rows ? kLocking : kSql, ids);
}

DeliveryRows read_deliveries(const Rows& rows) {
    DeliveryRows found;
    for (auto columns : rows) {
        const auto id = read_delivery_id(columns);
        auto& stored = found[id];
        stored.tenant = TenantId(columns.text());
        stored.row = read_delivery(columns);
    }
    return found;
}

namespace {

/// What has passed since $21 is added to the leases; a test says in $22 what time it is.
constexpr std::string_view kInsert =
    "INSERT INTO deliveries (id, step, ordinal, token, lease_until, begun_at, ended_at, closed_at, epoch,"
    " attempt, tries, tenant, state, verdict, best, attempt_state, account, reason, attempt_reason,"
    " reference) SELECT id, step, ordinal, token, lease_until + (SELECT coalesce(coalesce($22,"
    " (extract(epoch FROM statement_timestamp()) * 1000)::bigint) - $21, 0)), begun_at, ended_at, closed_at,"
    " epoch, attempt, tries, tenant, state, verdict, best, attempt_state, account, reason, attempt_reason,"
    " reference FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,"
    " $19, $20) AS r (id, step, ordinal, token, lease_until, begun_at, ended_at, closed_at, epoch, attempt,"
    " tries, tenant, state, verdict, best, attempt_state, account, reason, attempt_reason, reference)";

Ticket queue_rows(Transaction& transaction, std::string_view sql, const DeliveryRows& rows, Leases leases) {
    DeliveryArrays a(rows);
    return transaction.queue(
        sql, std::move(a.ids), std::move(a.steps), std::move(a.ordinals), std::move(a.tokens),
        std::move(a.leases), std::move(a.begun), std::move(a.ended), std::move(a.closed), std::move(a.epochs),
        std::move(a.attempts), std::move(a.tries), std::move(a.tenants), std::move(a.states),
        std::move(a.verdicts), std::move(a.bests), std::move(a.attempt_states), std::move(a.accounts),
        std::move(a.reasons), std::move(a.attempt_reasons), std::move(a.references),
        leases == Leases::begin ? std::optional(transaction.now()) : std::nullopt, transaction.test_time());
}

}  // namespace

Ticket insert_deliveries(Transaction& transaction, const DeliveryRows& rows, Leases leases,
                         WhereOneStands where_one_stands) {
    static const auto kLeaving = fmt::format("{} ON CONFLICT DO NOTHING", kInsert);
    return queue_rows(transaction, where_one_stands == WhereOneStands::leave ? kLeaving : kInsert, rows,
                      leases);
}

/// As an insert that meets its own row: it finds the day and the row by itself, where an UPDATE would have to
/// be joined.
void update_deliveries(Transaction& transaction, const DeliveryRows& rows, Leases leases) {
    static const auto kSql = fmt::format(
        "{} ON CONFLICT (id, step, ordinal) DO UPDATE SET token = excluded.token,"
        " lease_until = excluded.lease_until, begun_at = excluded.begun_at, ended_at = excluded.ended_at,"
        " closed_at = excluded.closed_at, epoch = excluded.epoch, attempt = excluded.attempt,"
        " tries = excluded.tries, state = excluded.state, verdict = excluded.verdict, best = excluded.best,"
        " attempt_state = excluded.attempt_state, account = excluded.account, reason = excluded.reason,"
        " attempt_reason = excluded.attempt_reason, reference = excluded.reference",
        kInsert);
    if (!rows.empty()) queue_rows(transaction, kSql, rows, leases);
}

Ticket queue_older_attempts(Transaction& transaction, const NotificationIds& ids) {
    static const auto kSql =
        look_up(
            "d.id, d.step, d.ordinal, d.n, d.begun_at, d.ended_at, d.state, d.account, d.reason, d.reference",
            "attempts", Lock::none) +
        " ORDER BY d.id, d.step, d.ordinal, d.n";
    return queue_look_up(transaction, kSql, ids);
}

OlderAttempts read_older_attempts(const Rows& rows) {
    OlderAttempts found;
    for (auto columns : rows) {
        auto& attempt = found[read_delivery_id(columns)].emplace_back();
        attempt.n = columns.integer();
        attempt.begun_at = columns.time();
        attempt.ended_at = columns.maybe_time();
        attempt.state = columns.word(parse_attempt_state);
        attempt.account = columns.text();
        attempt.reason = columns.text();
        attempt.reference = columns.text();
    }
    return found;
}

void save_older_attempts(Transaction& transaction, const AttemptWrites& writes) {
    if (writes.empty()) return;
    Array<NotificationId> ids;
    Array<int> steps, ordinals, numbers;
    Array<TimePoint> begun, ended;
    Array<std::string_view> tenants, states, accounts, reasons, references;
    for (const auto& [key, write] : writes) {
        const auto& attempt = write.attempt;
        ids.add(key.first.notification);
        steps.add(key.first.step);
        ordinals.add(key.first.ordinal);
        numbers.add(key.second);
        begun.add(attempt.begun_at);
        ended.add(attempt.ended_at);
        tenants.add(write.tenant.str());
        states.add(to_string(attempt.state));
        accounts.add(attempt.account);
        reasons.add_unless_empty(attempt.reason);
        references.add_unless_empty(attempt.reference);
    }
    transaction.queue(
        "INSERT INTO attempts (id, step, ordinal, n, begun_at, ended_at, tenant, state, account, reason,"
        " reference) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        " ON CONFLICT (id, step, ordinal, n) DO UPDATE SET begun_at = excluded.begun_at,"
        " ended_at = excluded.ended_at, state = excluded.state, account = excluded.account,"
        " reason = excluded.reason, reference = excluded.reference",
        std::move(ids), std::move(steps), std::move(ordinals), std::move(numbers), std::move(begun),
        std::move(ended), std::move(tenants), std::move(states), std::move(accounts), std::move(reasons),
        std::move(references));
}

namespace {

/// What a closing changes of these plans' deliveries.
struct Closing {
    DeliveryRows added;
    DeliveryRows changed;
};

Closing close_planned(const Plans& plans, const NotificationRows& rows, DeliveryRows standing,
                      const CancelMark& mark) {
    Closing closing;
    for (const auto& [key, plan] : plans) {
        for (const auto& entry : plan.entries) {
            if (entry.state != DeliveryState::planned) continue;
            const DeliveryId id{key.first, key.second, entry.ordinal};
            const auto found = standing.find(id);
            const bool stands = found != standing.end();
            auto row = stands ? std::optional(found->second.row) : std::nullopt;
            if (!cancel_delivery(row, mark)) continue;
            auto& to = stands ? closing.changed : closing.added;
            to.insert_or_assign(id, StoredDelivery{rows.at(key.first).notification->tenant, *std::move(row)});
        }
    }
    return closing;
}

bool waits(const Plans& plans, const NotificationId& id) {
    const auto behind = plans.lower_bound({NotificationId{id}, std::numeric_limits<int>::max()});
    if (behind == plans.begin()) return true;
    const auto& [key, last] = *std::prev(behind);
    return key.first != id || last.wait_until.has_value();
}

}  // namespace

bool close_open(Transaction& transaction, const NotificationRows& rows, const CancelMark& mark) {
    const auto ids = ids_of(rows);
    const auto plans = load_plans(transaction, rows);
    bool closed = std::any_of(ids.begin(), ids.end(), [&](const auto& id) { return waits(plans, id); });
    for (;;) {
        const auto standing = queue_all_deliveries(transaction, ids, Lock::rows);
        transaction.flush();
        const auto closing = close_planned(plans, rows, read_deliveries(transaction.take(standing)), mark);
        closed |= !closing.changed.empty();
        update_deliveries(transaction, closing.changed);
        if (closing.added.empty()) return closed;
        const auto inserted = insert_deliveries(transaction, closing.added);
        transaction.flush();
        const auto own = transaction.take(inserted).affected();
        closed |= own > 0;
        if (own == closing.added.size()) return closed;
        // A claim inserted its row first, and may have settled for a retry by now: look again.
    }
}

void save_mark(Transaction& transaction, const NotificationIds& ids, const CancelMark& mark) {
    if (ids.empty()) return;
    transaction.queue(
        "UPDATE notifications SET cancelled_at = $2, cancel_reason = $3"
        " WHERE id = ANY ($1) AND cancelled_at IS NULL",
        array_of(ids), mark.at, mark.reason);
}

void forget_person(Transaction& transaction, const NotificationRows& rows) {
    if (rows.empty()) return;
    const auto ids = ids_of(rows);
    auto plans = load_plans(transaction, rows);
    transaction.queue("UPDATE notifications SET data = NULL, metadata = NULL WHERE id = ANY ($1)",
                      array_of(ids));
    for (auto& [key, plan] : plans) {
        forget_person(plan);
        replace_plan(transaction, key.first, plan);
    }
}

}  // namespace herald::postgres
