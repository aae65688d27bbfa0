#include "adapters/postgres/migrations.hpp"

#include <fmt/format.h>

#include "adapters/postgres/partitions.hpp"

namespace herald::postgres {
namespace {

/// A number that no other program on this database is likely to lock.
constexpr std::int64_t kMigrationLock = 0x4865'7261'6c64'02;

int schema_version(Connection& connection) {
    connection.queue("SELECT coalesce(max(version), 0) FROM schema_version", {});
    const auto rows = connection.flush();
    return rows.at(0).front().integer();
}

Error newer(int version, int newest) {
    return {
        ErrorCode::conflict,
        fmt::format("the database's schema has version {}, newer than this program's {}", version, newest)};
}

Status run_missing(Connection& connection, std::span<const std::string_view> migrations) {
    const int newest = static_cast<int>(migrations.size());
    const int current = schema_version(connection);
    if (current > newest) return fail(newer(current, newest));
    for (int version = current + 1; version <= newest; ++version) {
        connection.run_script(std::string(migrations[static_cast<std::size_t>(version - 1)]));
        connection.run_script(fmt::format("INSERT INTO schema_version VALUES ({})", version));
    }
    make_days(connection);
    return {};
}

}  // namespace

Status migrate(Connection& connection, std::span<const std::string_view> migrations) {
    return guard("migrate the database", [&]() -> Status {
        // Whoever comes second waits here, and finds nothing left to do.
        connection.run_script(
            fmt::format("BEGIN; SET LOCAL lock_timeout = '60s';"
                        "SET LOCAL enable_seqscan = on; SET LOCAL client_min_messages = warning;"
                        "SELECT pg_advisory_xact_lock({});"
                        "CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY)",
                        kMigrationLock));
        try {
            auto done = run_missing(connection, migrations);
            connection.run_script(done ? "COMMIT" : "ROLLBACK");
            return done;
        } catch (const DatabaseError&) {
            if (connection.alive()) connection.run_script("ROLLBACK");
            throw;
        }
    });
}

Status check_version(Connection& connection, int newest) {
    return guard("open the database", [&]() -> Status {
        int version = 0;
        try {
            version = schema_version(connection);
        } catch (const DatabaseError& error) {
            if (error.sqlstate != "42P01") throw;  // no such table
        }
        if (version > newest) return fail(newer(version, newest));
        if (version < newest) {
            return fail(
                ErrorCode::conflict,
                fmt::format("the database's schema has version {}, this program needs {}: run `herald "
                            "migrate` first",
                            version, newest));
        }
        return {};
    });
}

}  // namespace herald::postgres
