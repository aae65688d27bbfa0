#include "adapters/postgres/partitions.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/log.hpp"
#include "ports/row_codec.hpp"

namespace herald::postgres {
namespace {

/// Statements wait behind whoever waits for such a lock, so it is not waited for long.
constexpr std::string_view kBegin = "BEGIN; SET LOCAL lock_timeout = '500ms'; SET LOCAL enable_seqscan = on;";

/// `20260131`
std::string name_of(Day day) {
    const std::chrono::year_month_day date(day);
    return fmt::format("{:04}{:02}{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()));
}

std::optional<Day> parse_day(std::string_view table) {
    if (table.size() < 9 || table[table.size() - 9] != '_') return std::nullopt;
    const auto digits = table.substr(table.size() - 8);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(value / 10000)),
                                           std::chrono::month(value / 100 % 100),
                                           std::chrono::day(value % 100));
    return date.ok() ? std::optional(Day(date)) : std::nullopt;
}

TimePoint start_of(Day day) { return std::chrono::time_point_cast<Millis>(day); }

std::string first_id_of(Day day) { return to_string(lowest_id(start_of(day))); }

Day server_day(Connection& connection) {
    connection.queue("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint", {});
    const auto rows = connection.flush();
    return std::chrono::floor<std::chrono::days>(rows.at(0).front().time());
}

std::vector<Day> days_of(Connection& connection, std::string_view table) {
    connection.queue(
        "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = to_regclass($1) ORDER BY 1",
        Parameters::of(table));
    std::vector<Day> days;
    const auto rows = connection.flush();
    for (auto columns : rows.at(0)) {
        if (const auto day = parse_day(columns.view())) days.push_back(*day);
    }
    return days;
}

bool rest_has(Connection& connection, std::string_view table, Day day) {
    connection.queue(
        fmt::format("SELECT EXISTS (SELECT FROM {}_rest WHERE id >= $1 AND id < $2)", table),
        Parameters::of(lowest_id(start_of(day)), lowest_id(start_of(day + std::chrono::days{1}))));
    const auto rows = connection.flush();
    return rows.at(0).front().boolean();
}

/// Made apart and then attached, which stops nobody who uses the other days.
std::string make_table(std::string_view table, Day day) {
    const bool updated = table == "deliveries";
    return fmt::format(
        "CREATE TABLE {0}_{1} (LIKE {0} INCLUDING ALL) WITH (fillfactor = {2});"
        "ALTER TABLE {0} ATTACH PARTITION {0}_{1} FOR VALUES FROM ('{3}') TO ('{4}');",
        table, name_of(day), updated ? 45 : 100, first_id_of(day), first_id_of(day + std::chrono::days{1}));
}

/// Rolls back on failure, so that the connection is good for the next.
bool run_in_transaction(Connection& connection, std::string_view event, const std::string& script) {
    const bool nested = connection.in_transaction();
    try {
        connection.run_script(nested ? script : std::string(kBegin) + script + "COMMIT");
        return true;
    } catch (const DatabaseError& error) {
        if (nested || !connection.alive()) throw;
        connection.run_script("ROLLBACK");
        // Another process may have done it just now: there is such a table already, or no longer.
        const bool done = error.sqlstate == "42P07" || error.sqlstate == "42P01";
        if (!done) log::warning(event, {{"reason", error.what()}});
        return false;
    }
}

}  // namespace

void make_days(Connection& connection) {
    const auto today = server_day(connection);
    for (const auto table : kDailyTables) {
        const auto days = days_of(connection, table);
        for (auto day = today - std::chrono::days{1}; day <= today + kDaysAhead;
             day += std::chrono::days{1}) {
            if (std::binary_search(days.begin(), days.end(), day) || rest_has(connection, table, day))
                continue;
            run_in_transaction(connection, "postgres.day_not_made", make_table(table, day));
        }
    }
}

void drop_days(Connection& connection, TimePoint before) {
    for (const auto table : kDailyTables) {
        for (const auto day : days_of(connection, table)) {
            if (start_of(day + std::chrono::days{1}) > before) break;
            const auto name = fmt::format("{}_{}", table, name_of(day));
            if (run_in_transaction(connection, "postgres.day_not_dropped", "DROP TABLE " + name + ";")) {
                log::info("postgres.day_dropped", {{"table", name}});
            }
        }
    }
}

}  // namespace herald::postgres
