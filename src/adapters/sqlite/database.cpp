#include "adapters/sqlite/database.hpp"

#include <sqlite3.h>

namespace herald::sqlite {
namespace {

ErrorCode code_of(int primary) {
    switch (primary) {
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_PROTOCOL:
        case SQLITE_NOMEM:
        case SQLITE_INTERRUPT:
            return ErrorCode::unavailable;
        case SQLITE_CONSTRAINT:
        case SQLITE_MISMATCH:
        case SQLITE_TOOBIG:
            return ErrorCode::refused_content;
        default:
            return ErrorCode::internal;
    }
}

int flags_of(const DatabaseOptions& options) {
    const int create = options.query_only ? 0 : SQLite::OPEN_CREATE;
    return SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX | create;
}

int schema_version(SQLite::Database& connection) {
    return connection.execAndGet("SELECT coalesce(max(version), 0) FROM schema_version").getInt();
}

}  // namespace

Error to_error(std::string_view doing, const SQLite::Exception& exception) {
    return {code_of(exception.getErrorCode() & 0xff), fmt::format("{}: {}", doing, exception.what())};
}

Query::Query(Cached& cached) : cached_(cached) {
    CHECK(!cached_.lent);
    cached_.statement.clearBindings();
    cached_.lent = true;
}

Query::~Query() {
    cached_.statement.tryReset();
    cached_.lent = false;
}

Database::Database(const DatabaseOptions& options)
    : connection_(options.path.string(), flags_of(options), options.busy_timeout_ms, options.vfs) {
    connection_.exec(
        fmt::format("PRAGMA cache_size=-{}; PRAGMA mmap_size={}; PRAGMA temp_store=MEMORY;"
                    "PRAGMA foreign_keys=OFF; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint={};"
                    "PRAGMA journal_size_limit=67108864; PRAGMA secure_delete=FAST",
                    options.cache_kib, options.mmap_bytes, options.checkpoint_pages));
    if (options.query_only) connection_.exec("PRAGMA query_only=ON");
}

Result<std::unique_ptr<Database>> Database::open(const DatabaseOptions& options) {
    const auto doing = "open " + options.path.string();
    return guard(doing, [&]() -> Result<std::unique_ptr<Database>> {
        std::unique_ptr<Database> database(new Database(options));
        const auto mode = database->connection_.execAndGet("PRAGMA journal_mode=WAL").getString();
        if (mode != "wal")
            return fail(ErrorCode::unavailable, doing + ": the file system cannot carry a WAL");
        return database;
    });
}

Status Database::migrate(std::span<const std::string_view> migrations) {
    const int newest = static_cast<int>(migrations.size());
    auto current = transaction("read the schema's version", [&] {
        connection_.exec("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY)");
        return schema_version(connection_);
    });
    if (!current) return fail(current.error());
    if (*current > newest) {
        return fail(ErrorCode::conflict,
                    fmt::format("the schema has version {}, newer than this program's {}", *current, newest));
    }
    for (int version = *current + 1; version <= newest; ++version) {
        auto done = transaction(fmt::format("migrate the schema to version {}", version), [&] {
            if (schema_version(connection_) >= version) return;  // another process was faster
            connection_.exec(std::string(migrations[static_cast<std::size_t>(version - 1)]));
            connection_.exec(fmt::format("INSERT INTO schema_version VALUES ({})", version));
        });
        if (!done) return done;
    }
    return {};
}

Query Database::query(std::string_view sql) {
    auto found = statements_.find(sql);
    if (found == statements_.end()) {
        std::string text(sql);
        SQLite::Statement statement(connection_, text);
        found = statements_.emplace(std::move(text), Query::Cached{std::move(statement)}).first;
    }
    return Query(found->second);
}

}  // namespace herald::sqlite
