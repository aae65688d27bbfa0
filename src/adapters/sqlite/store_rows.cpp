#include "adapters/sqlite/store_rows.hpp"

#include "ports/row_codec.hpp"

namespace herald::sqlite {
namespace {

std::vector<Channel> read_channels(const std::string& text) {
    auto channels = decode_channels(text);
    if (!channels) throw UnreadableRow("the store holds bad channels: " + channels.error().message);
    return *std::move(channels);
}

NotificationRow read_notification(Columns& columns, const TenantId& tenant, const NotificationId& id) {
    Notification notification;
    notification.id = id;
    notification.tenant = tenant;
    NotificationRow row;
    row.known = !columns.is_null();
    notification.user_id = UserId(columns.text());
    notification.lane = columns.word(parse_lane);
    notification.accepted_at = columns.time();
    notification.deadline_at = columns.time();
    notification.send_at = columns.maybe_time();
    notification.template_id = TemplateId(columns.text());
    notification.template_version = columns.integer();
    notification.channels = read_channels(columns.text());
    notification.data = read_json(columns.text());
    notification.metadata = read_json(columns.text());
    notification.traceparent = columns.text();
    const auto cancelled_at = columns.maybe_time();
    const auto cancel_reason = columns.text();
    if (cancelled_at) row.cancelled = CancelMark{*cancelled_at, cancel_reason};
    row.failed_at = columns.maybe_time();
    row.failed_reason = columns.text();
    row.notification = std::make_shared<const Notification>(std::move(notification));
    return row;
}

DeliveryRow read_delivery(Columns& columns) {
    DeliveryRow row;
    row.state = columns.word(parse_delivery_state);
    row.verdict = columns.word(parse_delivery_state);
    row.best = columns.word(parse_attempt_state);
    row.tries = columns.integer();
    row.reason = columns.text();
    row.closed_at = columns.maybe_time();
    row.newest.n = columns.integer();
    row.newest.state = columns.word(parse_attempt_state);
    row.newest.account = columns.text();
    row.newest.reason = columns.text();
    row.newest.reference = columns.text();
    row.newest.begun_at = columns.time();
    row.newest.ended_at = columns.maybe_time();
    row.token = static_cast<ClaimToken>(columns.integer64());
    row.lease_until = columns.time();
    row.epoch = columns.integer64();
    return row;
}

}  // namespace

NotificationId Columns::id() {
    const auto column = row_.getColumn(next_++);
    NotificationId id;
    if (column.getBytes() != static_cast<int>(id.uuid.bytes.size())) {
        throw UnreadableRow("the store holds an id of another length");
    }
    const auto* bytes = static_cast<const std::uint8_t*>(column.getBlob());
    std::copy_n(bytes, id.uuid.bytes.size(), id.uuid.bytes.begin());
    return id;
}

Json read_json(const std::string& text) {
    auto json = Json::parse(text);
    if (!json) throw UnreadableRow("the store holds bad JSON: " + json.error().message);
    return *std::move(json);
}

Plan read_plan(const std::string& text) {
    auto plan = decode_plan(text);
    if (!plan) throw UnreadableRow("the store holds a bad plan: " + plan.error().message);
    return *std::move(plan);
}

std::optional<NotificationRow> load_notification(Database& database, const TenantId& tenant,
                                                 const NotificationId& id) {
    auto query = database.query(
        "SELECT user_id, lane, accepted_at, deadline_at, send_at, template_id, template_version,"
        " channels, data, metadata, traceparent, cancelled_at, cancel_reason, failed_at, failed_reason"
        " FROM notifications WHERE id = ? AND tenant = ?");
    bind_all(*query, id, tenant);
    if (!query->executeStep()) return std::nullopt;
    Columns columns(*query);
    return read_notification(columns, tenant, id);
}

void save_bare_notification(Database& database, const TenantId& tenant, const NotificationId& id) {
    execute(database,
            "INSERT INTO notifications (id, tenant, accepted_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", id,
            tenant, id.uuid.time());
}

std::optional<Plan> load_plan(Database& database, const TenantId& tenant, const NotificationId& id,
                              int step) {
    auto query = database.query("SELECT plan FROM plans WHERE id = ? AND step = ? AND tenant = ?");
    bind_all(*query, id, step, tenant);
    if (!query->executeStep()) return std::nullopt;
    return read_plan(query->getColumn(0).getString());
}

std::vector<Plan> load_plans(Database& database, const TenantId& tenant, const NotificationId& id) {
    auto query = database.query("SELECT plan FROM plans WHERE id = ? AND tenant = ? ORDER BY step");
    bind_all(*query, id, tenant);
    std::vector<Plan> plans;
    while (query->executeStep()) plans.push_back(read_plan(query->getColumn(0).getString()));
    return plans;
}

std::optional<DeliveryRow> load_delivery(Database& database, const TenantId& tenant, const DeliveryId& id) {
    auto query = database.query(
        "SELECT state, verdict, best, tries, reason, closed_at, attempt, attempt_state, account,"
        " attempt_reason, reference, begun_at, ended_at, token, lease_until, epoch"
        " FROM deliveries WHERE id = ? AND step = ? AND ordinal = ? AND tenant = ?");
    bind_all(*query, id.notification, id.step, id.ordinal, tenant);
    if (!query->executeStep()) return std::nullopt;
    Columns columns(*query);
    return read_delivery(columns);
}

std::map<DeliveryId, DeliveryRow> load_deliveries(Database& database, const TenantId& tenant,
                                                  const NotificationId& id) {
    auto query = database.query(
        "SELECT step, ordinal, state, verdict, best, tries, reason, closed_at, attempt, attempt_state, "
        "account,"
        " attempt_reason, reference, begun_at, ended_at, token, lease_until, epoch"
        " FROM deliveries WHERE id = ? AND tenant = ?");
    bind_all(*query, id, tenant);
    std::map<DeliveryId, DeliveryRow> rows;
    while (query->executeStep()) {
        Columns columns(*query);
        const int step = columns.integer();
        const DeliveryId delivery{id, step, columns.integer()};
        rows.emplace(delivery, read_delivery(columns));
    }
    return rows;
}

void save_delivery(Database& database, const TenantId& tenant, const DeliveryId& id, const DeliveryRow& row) {
    const auto& newest = row.newest;
    execute(
        database,
        "INSERT OR REPLACE INTO deliveries (id, step, ordinal, tenant, state, verdict, best, tries, reason,"
        " closed_at, attempt, attempt_state, account, attempt_reason, reference, begun_at, ended_at, token,"
        " lease_until, epoch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        id.notification, id.step, id.ordinal, tenant, to_string(row.state), to_string(row.verdict),
        to_string(row.best), row.tries, row.reason, row.closed_at, newest.n, to_string(newest.state),
        newest.account, newest.reason, newest.reference, newest.begun_at, newest.ended_at,
        static_cast<std::int64_t>(row.token), row.lease_until, row.epoch);
}

std::vector<AttemptRow> load_older_attempts(Database& database, const DeliveryId& id) {
    auto query = database.query(
        "SELECT n, state, account, reason, reference, begun_at, ended_at FROM attempts"
        " WHERE id = ? AND step = ? AND ordinal = ? ORDER BY n");
    bind_all(*query, id.notification, id.step, id.ordinal);
    std::vector<AttemptRow> attempts;
    while (query->executeStep()) {
        Columns columns(*query);
        auto& attempt = attempts.emplace_back();
        attempt.n = columns.integer();
        attempt.state = columns.word(parse_attempt_state);
        attempt.account = columns.text();
        attempt.reason = columns.text();
        attempt.reference = columns.text();
        attempt.begun_at = columns.time();
        attempt.ended_at = columns.maybe_time();
    }
    return attempts;
}

void save_older_attempt(Database& database, const TenantId& tenant, const DeliveryId& id,
                        const AttemptRow& attempt) {
    execute(database,
            "INSERT OR REPLACE INTO attempts (id, step, ordinal, n, tenant, state, account, reason,"
            " reference, begun_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            id.notification, id.step, id.ordinal, attempt.n, tenant, to_string(attempt.state),
            attempt.account, attempt.reason, attempt.reference, attempt.begun_at, attempt.ended_at);
}

std::int64_t load_epoch(Database& database) {
    auto query = database.query("SELECT epoch FROM claim_epoch");
    query->executeStep();
    return query->getColumn(0).getInt64();
}

bool close_open(Database& database, const NotificationRow& row, const CancelMark& mark) {
    const auto& [id, tenant] = std::tie(row.notification->id, row.notification->tenant);
    const auto plans = load_plans(database, tenant, id);
    bool closed = plans.empty() || plans.back().wait_until;
    for (const auto& plan : plans) {
        for (const auto& entry : plan.entries) {
            if (entry.state != DeliveryState::planned) continue;
            const DeliveryId delivery{id, plan.step, entry.ordinal};
            auto delivery_row = load_delivery(database, tenant, delivery);
            if (!cancel_delivery(delivery_row, mark)) continue;
            save_delivery(database, tenant, delivery, *delivery_row);
            closed = true;
        }
    }
    return closed;
}

void save_mark(Database& database, const NotificationId& id, const CancelMark& mark) {
    execute(database,
            "UPDATE notifications SET cancelled_at = ?, cancel_reason = ?"
            " WHERE id = ? AND cancelled_at IS NULL",
            mark.at, mark.reason, id);
}

std::optional<TimePoint> load_erasure(Database& database, const TenantId& tenant, const UserId& user) {
    auto query = database.query("SELECT erased_at FROM erasures WHERE hash = ? AND tenant = ?");
    bind_all(*query, erasure_hash(tenant, user), tenant);
    if (!query->executeStep()) return std::nullopt;
    return from_millis(query->getColumn(0).getInt64());
}

}  // namespace herald::sqlite
