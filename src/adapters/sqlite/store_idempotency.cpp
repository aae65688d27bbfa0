#include "adapters/sqlite/store.hpp"
#include "adapters/sqlite/store_rows.hpp"

namespace herald {

namespace sqlite {

bool insert_idempotency_row(Database& database, const IdempotencyRow& row) {
    return execute(database,
                   "INSERT INTO idempotency (tenant, key, body_hash, id, template_version, lane, accepted_at,"
                   " deadline_at, in_flight_until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                   row.tenant, row.key, row.body_hash, row.id, row.template_version, to_string(row.lane),
                   row.accepted_at, row.deadline_at, row.in_flight_until) > 0;
}

std::optional<IdempotencyRow> load_idempotency_row(Database& database, const TenantId& tenant,
                                                   const std::string& key) {
    auto query = database.query(
        "SELECT body_hash, id, template_version, lane, accepted_at, deadline_at, in_flight_until"
        " FROM idempotency WHERE tenant = ? AND key = ?");
    bind_all(*query, tenant, key);
    if (!query->executeStep()) return std::nullopt;
    Columns columns(*query);
    IdempotencyRow row;
    row.tenant = tenant;
    row.key = key;
    const auto hash = columns.text();
    if (hash.size() != row.body_hash.size())
        throw std::runtime_error("the store holds a hash of another length");
    std::copy(hash.begin(), hash.end(), row.body_hash.begin());
    row.id = columns.id();
    row.template_version = columns.integer();
    row.lane = columns.word(parse_lane);
    row.accepted_at = columns.time();
    row.deadline_at = columns.time();
    row.in_flight_until = columns.time();
    return row;
}

}  // namespace sqlite

using namespace sqlite;

namespace {

Remembered remember_one(Database& database, const IdempotencyRow& row, TimePoint now) {
    if (insert_idempotency_row(database, row)) return {true, row};
    auto standing = load_idempotency_row(database, row.tenant, row.key).value();
    if (standing.body_hash == row.body_hash && standing.in_flight_until <= now) {
        execute(database, "UPDATE idempotency SET in_flight_until = ? WHERE tenant = ? AND key = ?",
                row.in_flight_until, row.tenant, row.key);
    }
    return {false, std::move(standing)};
}

}  // namespace

Result<std::vector<Remembered>> SqliteStore::remember(std::span<const IdempotencyRow> rows) {
    return write("remember idempotency keys", [&](Database& database) {
        const auto now = clock_.now();
        std::vector<Remembered> remembered;
        remembered.reserve(rows.size());
        for (const auto& row : rows) remembered.push_back(remember_one(database, row, now));
        return remembered;
    });
}

Result<std::optional<IdempotencyRow>> SqliteStore::find(const TenantId& tenant, const std::string& key) {
    return read("find an idempotency key",
                [&](Database& database) { return load_idempotency_row(database, tenant, key); });
}

Result<std::size_t> SqliteStore::forget(TimePoint before, std::size_t limit) {
    return write("forget idempotency keys", [&](Database& database) {
        const int removed =
            execute(database,
                    "DELETE FROM idempotency WHERE (tenant, key) IN (SELECT tenant, key FROM idempotency"
                    " WHERE accepted_at < ? ORDER BY accepted_at LIMIT ?)",
                    before, static_cast<std::int64_t>(limit));
        return static_cast<std::size_t>(removed);
    });
}

}  // namespace herald
