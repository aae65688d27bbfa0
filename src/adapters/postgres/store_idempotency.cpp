#include <map>
#include <set>

#include "adapters/postgres/store.hpp"
#include "adapters/postgres/store_rows.hpp"

namespace herald {

using namespace postgres;

namespace {

using Key = std::pair<std::string_view, std::string_view>;
/// In the order in which their rows are locked, so that two batches cannot lock each other out.
using Asked = std::map<Key, const IdempotencyRow*>;
using Owned = std::pair<std::string, std::string>;
using Standing = std::map<Owned, IdempotencyRow>;

Key key_of(const IdempotencyRow& row) { return {row.tenant.str(), row.key}; }

/// From `tenant, key, body_hash, id, template_version, lane, accepted_at, deadline_at, in_flight_until`.
IdempotencyRow read_idempotency_row(Columns columns) {
    IdempotencyRow row;
    row.tenant = TenantId(columns.text());
    row.key = columns.text();
    const auto hash = columns.view();
    if (hash.size() != row.body_hash.size()) {
        throw UnreadableRow("the store holds a hash of another length");
    }
    std::copy(hash.begin(), hash.end(), row.body_hash.begin());
    row.id = columns.id();
    row.template_version = columns.integer();
    row.lane = columns.word(parse_lane);
    row.accepted_at = columns.time();
    row.deadline_at = columns.time();
    row.in_flight_until = columns.time();
    return row;
}

/// Gives back the keys that nobody had.
std::set<Owned> insert_new(Transaction& transaction, const Asked& asked) {
    Array<std::string_view> tenants, keys, lanes;
    Array<Sha256Digest> hashes;
    Array<NotificationId> ids;
    Array<int> versions;
    Array<TimePoint> accepted, deadlines, flights;
    for (const auto& [key, row] : asked) {
        tenants.add(key.first);
        keys.add(key.second);
        hashes.add(row->body_hash);
        ids.add(row->id);
        versions.add(row->template_version);
        lanes.add(to_string(row->lane));
        accepted.add(row->accepted_at);
        deadlines.add(row->deadline_at);
        flights.add(row->in_flight_until);
    }
    const auto rows = transaction.execute(
        "INSERT INTO idempotency (tenant, key, body_hash, id, template_version, lane, accepted_at,"
        " deadline_at, in_flight_until) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " ON CONFLICT DO NOTHING RETURNING tenant, key",
        std::move(tenants), std::move(keys), std::move(hashes), std::move(ids), std::move(versions),
        std::move(lanes), std::move(accepted), std::move(deadlines), std::move(flights));
    std::set<Owned> inserted;
    for (auto row : rows) {
        auto tenant = row.text();
        inserted.emplace(std::move(tenant), row.text());
    }
    return inserted;
}

/// Reads under a lock what stood in the way: of two that find the same flight past its end, the second waits
/// here and finds the first one's flight.
Standing load_standing(Transaction& transaction, const Asked& asked) {
    Array<std::string_view> tenants, keys;
    for (const auto& [key, row] : asked) {
        tenants.add(key.first);
        keys.add(key.second);
    }
    Standing standing;
    for (const auto row : transaction.execute(
             "SELECT i.tenant, i.key, i.body_hash, i.id, i.template_version, i.lane, i.accepted_at,"
             " i.deadline_at, i.in_flight_until FROM unnest($1, $2) AS asked (tenant, key)"
             " JOIN idempotency i USING (tenant, key) ORDER BY i.tenant, i.key FOR UPDATE OF i",
             std::move(tenants), std::move(keys))) {
        auto found = read_idempotency_row(row);
        Owned key(found.tenant.str(), found.key);
        standing.emplace(std::move(key), std::move(found));
    }
    return standing;
}

void prolong(Transaction& transaction, const Standing& taken_over) {
    if (taken_over.empty()) return;
    Array<std::string_view> tenants, keys;
    Array<TimePoint> flights;
    for (const auto& [key, row] : taken_over) {
        tenants.add(key.first);
        keys.add(key.second);
        flights.add(row.in_flight_until);
    }
    transaction.queue(
        "UPDATE idempotency i SET in_flight_until = taken.until"
        " FROM unnest($1, $2, $3) AS taken (tenant, key, until)"
        " WHERE i.tenant = taken.tenant AND i.key = taken.key",
        std::move(tenants), std::move(keys), std::move(flights));
}

/// A row that stood in the way and was then forgotten: made again, the transaction finds the key free.
DatabaseError gone_meanwhile() {
    return {ErrorCode::unavailable, "40001", "a key was forgotten while it was being looked at"};
}

}  // namespace

std::vector<IdempotencyRow> postgres::bind_keys(Transaction& transaction,
                                                const std::vector<IdempotencyRow>& rows) {
    Asked asked;
    for (const auto& row : rows) asked.emplace(key_of(row), &row);
    const auto inserted = insert_new(transaction, asked);
    std::vector<IdempotencyRow> bound;
    for (const auto& [key, row] : asked) {
        if (inserted.contains(Owned(key))) bound.push_back(*row);
    }
    std::erase_if(asked, [&](const auto& item) { return inserted.contains(Owned(item.first)); });
    if (asked.empty()) return bound;
    const auto standing = load_standing(transaction, asked);
    if (standing.size() < asked.size()) throw gone_meanwhile();
    for (const auto& [key, row] : standing) bound.push_back(row);
    return bound;
}

Result<std::vector<Remembered>> PostgresStore::remember(std::span<const IdempotencyRow> rows) {
    return database_.write("remember idempotency keys", [&](Transaction& transaction) {
        Asked asked;
        for (const auto& row : rows) asked.emplace(key_of(row), &row);
        // Of two that bring a key at once the second waits for the first one's commit, and inserts nothing.
        auto inserted = insert_new(transaction, asked);
        std::erase_if(asked, [&](const auto& item) { return inserted.contains(Owned(item.first)); });
        auto standing = asked.empty() ? Standing{} : load_standing(transaction, asked);

        std::vector<Remembered> remembered;
        remembered.reserve(rows.size());
        Standing taken_over;
        for (const auto& row : rows) {
            const Owned key(key_of(row));
            if (inserted.erase(key) > 0) {
                remembered.push_back({true, row});
                standing.insert_or_assign(key, row);
                continue;
            }
            const auto found = standing.find(key);
            if (found == standing.end()) throw gone_meanwhile();
            remembered.push_back({false, found->second});
            auto& stands = found->second;
            if (stands.body_hash != row.body_hash || stands.in_flight_until > transaction.now()) continue;
            stands.in_flight_until = row.in_flight_until;
            taken_over.insert_or_assign(key, stands);
        }
        prolong(transaction, taken_over);
        return remembered;
    });
}

Result<std::optional<IdempotencyRow>> PostgresStore::find(const TenantId& tenant, const std::string& key) {
    return database_.read(
        "find an idempotency key", [&](Transaction& transaction) -> std::optional<IdempotencyRow> {
            const auto rows = transaction.execute(
                "SELECT tenant, key, body_hash, id, template_version, lane, accepted_at, deadline_at,"
                " in_flight_until FROM idempotency WHERE tenant = $1 AND key = $2",
                tenant, key);
            if (rows.empty()) return std::nullopt;
            return read_idempotency_row(rows.front());
        });
}

Result<std::size_t> PostgresStore::forget(TimePoint before, std::size_t limit) {
    return database_.write("forget idempotency keys", [&](Transaction& transaction) {
        return transaction
            .execute(
                "DELETE FROM idempotency WHERE (tenant, key) IN (SELECT tenant, key FROM idempotency"
                " WHERE accepted_at < $1 ORDER BY accepted_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
                before, static_cast<std::int64_t>(limit))
            .affected();
    });
}

}  // namespace herald
