#include "adapters/sqlite/store.hpp"

#include <sqlite3.h>

#include "adapters/sqlite/store_rows.hpp"
#include "adapters/sqlite/store_schema.hpp"

namespace herald {

using namespace sqlite;

namespace {

/// No row of ours comes near it; what is longer is refused for its content.
constexpr int kLongestValue = 4 * 1024 * 1024;

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const SqliteStoreOptions& options) {
    CHECK(options.clock && options.readers > 0);
    DatabaseOptions database;
    database.path = options.path;
    database.checkpoint_pages = options.checkpoint_pages;
    database.vfs = options.vfs;
    auto writer = Database::open(database);
    if (!writer) return fail(writer.error());
    if (auto done = (*writer)->migrate(store_migrations()); !done) return fail(done.error());
    sqlite3_limit((*writer)->connection().getHandle(), SQLITE_LIMIT_LENGTH, kLongestValue);
    auto readers = Readers::open(database, options.readers);
    if (!readers) return fail(readers.error());
    return std::unique_ptr<SqliteStore>(
        new SqliteStore(*options.clock, *std::move(writer), *std::move(readers)));
}

Result<IdKeys> SqliteStore::id_keys() {
    return write("read the keys of ids", [&](Database& database) {
        IdKeys keys;
        {
            auto query = database.query("SELECT key FROM id_keys ORDER BY number DESC");
            while (query->executeStep()) keys.push_back(query->getColumn(0).getString());
        }
        if (keys.empty()) {
            std::array<std::uint8_t, 32> bytes{};
            fill_random(bytes);
            execute(database, "INSERT INTO id_keys (key) VALUES (?)", std::span<const std::uint8_t>(bytes));
            keys.emplace_back(as_text(bytes));
        }
        return keys;
    });
}

Result<std::optional<std::string>> SqliteStore::get_note(const std::string& name) {
    return read("read a note", [&](Database& database) -> std::optional<std::string> {
        auto query = database.query("SELECT value FROM notes WHERE name = ?");
        bind_all(*query, name);
        if (!query->executeStep()) return std::nullopt;
        return query->getColumn(0).getString();
    });
}

Status SqliteStore::put_note(const std::string& name, const std::string& value) {
    return write("write a note", [&](Database& database) {
        execute(database, "INSERT OR REPLACE INTO notes (name, value) VALUES (?, ?)", name, value);
    });
}

Status SqliteStore::ping() {
    return read("ping the store", [&](Database& database) { load_epoch(database); });
}

}  // namespace herald
