#include <algorithm>
#include <tuple>

#include "adapters/postgres/store.hpp"
#include "adapters/postgres/store_rows.hpp"
#include "ports/row_codec.hpp"
#include "ports/shard_leases.hpp"

namespace herald {

using namespace postgres;

namespace {

constexpr std::int64_t kCountedAtMost = 100'000;
/// Timers that are held back and may stand before those that are not.
constexpr std::int64_t kPassedOver = 20'000;
constexpr std::string_view kShardLeases = "timer_shards";

/// The columns of the key, in the one order in which timers are put in and taken out, so that two batches
/// cannot lock each other out.
struct TimerKeys {
    explicit TimerKeys(std::vector<Timer>& timers) {
        std::sort(timers.begin(), timers.end(), [](const Timer& a, const Timer& b) {
            return std::tie(a.lane, a.due, a.delivery, a.attempt, a.kind) <
                   std::tie(b.lane, b.due, b.delivery, b.attempt, b.kind);
        });
        for (const auto& timer : timers) {
            lanes.add(to_string(timer.lane));
            dues.add(timer.due);
            ids.add(timer.delivery.notification);
            steps.add(timer.delivery.step);
            ordinals.add(timer.delivery.ordinal);
            attempts.add(timer.attempt);
            kinds.add(to_string(timer.kind));
        }
    }

    Array<std::string_view> lanes, kinds;
    Array<TimePoint> dues;
    Array<NotificationId> ids;
    Array<int> steps, ordinals, attempts;
};

/// From `due, kind, id, step, ordinal, attempt, tenant, key, route`.
Timer read_timer(Lane lane, Columns row) {
    Timer timer;
    timer.lane = lane;
    timer.due = row.time();
    timer.kind = row.word(parse_timer_kind);
    timer.delivery.notification = row.id();
    timer.delivery.step = row.integer();
    timer.delivery.ordinal = row.integer();
    timer.attempt = row.integer();
    timer.tenant = TenantId(row.text());
    timer.key = row.text();
    timer.route = row.word(parse_route);
    return timer;
}

Ticket queue_due(Transaction& transaction, Lane lane, TimePoint from, std::size_t limit,
                 const TimerStore::HeldBack& held_back) {
    Array<std::string_view> routes;
    for (const auto route : held_back.routes) routes.add(to_string(route));
    Array<int> shards;
    for (std::size_t shard = 0; shard < kTimerShards; ++shard) {
        if (held_back.shards.test(shard)) shards.add(static_cast<int>(shard));
    }
    const auto wanted = static_cast<std::int64_t>(limit);
    return transaction.queue(
        "SELECT due, kind, id, step, ordinal, attempt, tenant, key, route FROM ("
        "  SELECT * FROM timers WHERE lane = $1 AND due BETWEEN $2 AND $3"
        "  ORDER BY due, id, step, ordinal, attempt, kind LIMIT $4) AS due"
        " WHERE NOT CASE WHEN kind = 'continue' THEN $5 ELSE route = ANY ($6) END"
        " AND NOT get_byte(uuid_send(id), 15) % 64 = ANY ($7)"
        " ORDER BY due, id, step, ordinal, attempt, kind LIMIT $8",
        to_string(lane), from, transaction.now(), wanted + kPassedOver, held_back.steps, std::move(routes),
        std::move(shards), wanted);
}

/// Held back or not, and due or not.
Ticket queue_earliest(Transaction& transaction, Lane lane, TimePoint from) {
    return transaction.queue("SELECT due FROM timers WHERE lane = $1 AND due >= $2 ORDER BY due LIMIT 1",
                             to_string(lane), from);
}

}  // namespace

void postgres::save_timers(Transaction& transaction, std::vector<Timer> timers) {
    if (timers.empty()) return;
    for (auto& timer : timers) timer.due = std::max(timer.due, transaction.now());
    TimerKeys keys(timers);
    Array<std::string_view> tenants, routes;
    Array<wire::Bytes> records;
    for (const auto& timer : timers) {
        tenants.add(timer.tenant.str());
        records.add({timer.key});
        routes.add(to_string(timer.route));
    }
    transaction.queue(
        "INSERT INTO timers (lane, due, id, step, ordinal, attempt, kind, tenant, key, route)"
        " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        std::move(keys.lanes), std::move(keys.dues), std::move(keys.ids), std::move(keys.steps),
        std::move(keys.ordinals), std::move(keys.attempts), std::move(keys.kinds), std::move(tenants),
        std::move(records), std::move(routes));
}

Status PostgresStore::put_timers(std::span<const Timer> timers) {
    return database_.write("put timers", [&](Transaction& transaction) {
        save_timers(transaction, {timers.begin(), timers.end()});
    });
}

Result<std::vector<Timer>> PostgresStore::take_due(Lane lane, std::size_t limit, const HeldBack& held_back) {
    return database_.read_for_stage("read due timers", [&](Transaction& transaction) {
        const auto from = timer_checkpoint_.start(lane, transaction.now());
        const auto ticket = queue_due(transaction, lane, from, limit, held_back);
        const auto earliest_ticket = queue_earliest(transaction, lane, from);
        transaction.flush();
        const auto earliest = transaction.take(earliest_ticket);
        timer_checkpoint_.found(lane, transaction.now(),
                                earliest.empty() ? transaction.now() : earliest.front().time());
        std::vector<Timer> due;
        for (const auto row : transaction.take(ticket)) due.push_back(read_timer(lane, row));
        return due;
    });
}

Status PostgresStore::delete_timers(std::span<const Timer> timers) {
    return database_.write("delete timers", [&](Transaction& transaction) {
        std::vector<Timer> sorted(timers.begin(), timers.end());
        TimerKeys keys(sorted);
        transaction.queue(
            "DELETE FROM timers t USING unnest($1, $2, $3, $4, $5, $6, $7)"
            " AS moved (lane, due, id, step, ordinal, attempt, kind)"
            " WHERE t.lane = moved.lane AND t.due = moved.due AND t.id = moved.id AND t.step = moved.step"
            " AND t.ordinal = moved.ordinal AND t.attempt = moved.attempt AND t.kind = moved.kind",
            std::move(keys.lanes), std::move(keys.dues), std::move(keys.ids), std::move(keys.steps),
            std::move(keys.ordinals), std::move(keys.attempts), std::move(keys.kinds));
    });
}

Result<TimerShards> PostgresStore::lease_shards(const std::string& owner, Millis lease) {
    return database_.write("lease the timers' shards", [&](Transaction& transaction) -> Result<TimerShards> {
        transaction.queue("INSERT INTO notes (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                          kShardLeases, ShardLeases{}.encode());
        // Two schedulers that ask at once: the second waits here, and sees what the first has taken.
        const auto rows =
            transaction.execute("SELECT value FROM notes WHERE name = $1 FOR UPDATE", kShardLeases);
        auto leases = ShardLeases::decode(rows.front().view());
        if (!leases) return fail(leases.error());
        const auto held = leases->renew(owner, transaction.now(), lease);
        transaction.queue("UPDATE notes SET value = $2 WHERE name = $1", kShardLeases, leases->encode());
        return held;
    });
}

Result<std::vector<TimerStore::Level>> PostgresStore::timer_levels() {
    return database_.read_for_stage("count timers", [&](Transaction& transaction) {
        Array<std::string_view> lanes;
        for (const auto lane : kLanes) lanes.add(to_string(lane));
        const auto rows = transaction.execute(
            "SELECT lane, (SELECT count(*) FROM"
            " (SELECT FROM timers t WHERE t.lane = asked.lane LIMIT $2) AS counted)"
            " FROM unnest($1) AS asked (lane)",
            std::move(lanes), kCountedAtMost);
        std::vector<Level> levels;
        for (auto row : rows) {
            const auto lane = row.word(parse_lane);
            levels.push_back({lane, row.integer64()});
        }
        return levels;
    });
}

}  // namespace herald
