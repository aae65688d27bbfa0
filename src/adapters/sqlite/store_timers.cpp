#include "adapters/sqlite/store.hpp"
#include "adapters/sqlite/store_rows.hpp"
#include "ports/row_codec.hpp"

namespace herald {

using namespace sqlite;

namespace {

constexpr std::int64_t kCountedAtMost = 100'000;
/// Timers that are held back and may stand before those that are not.
constexpr std::int64_t kPassedOver = 20'000;

std::int64_t hour_of(TimePoint time) { return to_millis(time) / 3'600'000; }

/// The first hour from `from` on that has a timer.
std::optional<std::int64_t> next_hour(Database& database, std::int64_t from) {
    auto query = database.query("SELECT due_hour FROM timers WHERE due_hour >= ? ORDER BY due_hour LIMIT 1");
    bind_all(*query, from);
    if (!query->executeStep()) return std::nullopt;
    return query->getColumn(0).getInt64();
}

void read_due(Database& database, std::int64_t hour, Lane lane, TimePoint now, std::size_t limit,
              const TimerStore::HeldBack& held_back, std::vector<Timer>& due) {
    auto query = database.query(
        "SELECT due, kind, id, step, ordinal, attempt, tenant, key, route FROM timers"
        " WHERE due_hour = ? AND lane = ? AND due <= ? ORDER BY due LIMIT ?");
    bind_all(*query, hour, to_string(lane), now, static_cast<std::int64_t>(limit - due.size()) + kPassedOver);
    while (due.size() < limit && query->executeStep()) {
        Columns columns(*query);
        Timer timer;
        timer.lane = lane;
        timer.due = columns.time();
        timer.kind = columns.word(parse_timer_kind);
        timer.delivery.notification = columns.id();
        timer.delivery.step = columns.integer();
        timer.delivery.ordinal = columns.integer();
        timer.attempt = columns.integer();
        timer.tenant = TenantId(columns.text());
        timer.key = columns.text();
        timer.route = columns.word(parse_route);
        if (!held_back.covers(timer)) due.push_back(std::move(timer));
    }
}

std::int64_t count(Database& database, std::int64_t hour, Lane lane, std::int64_t limit) {
    auto query =
        database.query("SELECT count(*) FROM (SELECT 1 FROM timers WHERE due_hour = ? AND lane = ? LIMIT ?)");
    bind_all(*query, hour, to_string(lane), limit);
    query->executeStep();
    return query->getColumn(0).getInt64();
}

}  // namespace

void sqlite::save_timer(Database& database, Timer timer, TimePoint now) {
    timer.due = std::max(timer.due, now);
    execute(database,
            "INSERT INTO timers (due_hour, lane, due, kind, id, step, ordinal, attempt, tenant, key, route)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            hour_of(timer.due), to_string(timer.lane), timer.due, to_string(timer.kind),
            timer.delivery.notification, timer.delivery.step, timer.delivery.ordinal, timer.attempt,
            timer.tenant, as_bytes(timer.key), to_string(timer.route));
}

Status SqliteStore::put_timers(std::span<const Timer> timers) {
    return write("put timers", [&](Database& database) {
        const auto now = clock_.now();
        for (const auto& timer : timers) save_timer(database, timer, now);
    });
}

Result<std::vector<Timer>> SqliteStore::take_due(Lane lane, std::size_t limit, const HeldBack& held_back) {
    return read("read due timers", [&](Database& database) {
        const auto now = clock_.now();
        std::vector<Timer> due;
        auto hour = next_hour(database, 0);
        while (hour && *hour <= hour_of(now) && due.size() < limit) {
            read_due(database, *hour, lane, now, limit, held_back, due);
            hour = next_hour(database, *hour + 1);
        }
        return due;
    });
}

Status SqliteStore::delete_timers(std::span<const Timer> timers) {
    return write("delete timers", [&](Database& database) {
        for (const auto& timer : timers) {
            execute(database,
                    "DELETE FROM timers WHERE due_hour = ? AND lane = ? AND due = ? AND kind = ? AND id = ? "
                    "AND step = ?"
                    " AND ordinal = ? AND attempt = ?",
                    hour_of(timer.due), to_string(timer.lane), timer.due, to_string(timer.kind),
                    timer.delivery.notification, timer.delivery.step, timer.delivery.ordinal, timer.attempt);
        }
    });
}

Result<TimerShards> SqliteStore::lease_shards(const std::string& owner, Millis lease) {
    std::lock_guard lock(writer_mutex_);
    return shards_.renew(owner, clock_.now(), lease);
}

Result<std::vector<TimerStore::Level>> SqliteStore::timer_levels() {
    return read("count timers", [&](Database& database) {
        std::vector<Level> levels;
        levels.reserve(kLanes.size());
        for (const auto lane : kLanes) levels.push_back({lane, 0});
        for (auto hour = next_hour(database, 0); hour; hour = next_hour(database, *hour + 1)) {
            for (auto& level : levels) {
                level.waiting += count(database, *hour, level.lane, kCountedAtMost - level.waiting);
            }
        }
        return levels;
    });
}

}  // namespace herald
