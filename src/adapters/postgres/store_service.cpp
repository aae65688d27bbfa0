#include "adapters/postgres/store.hpp"

namespace herald {

using namespace postgres;

namespace {

IdKeys load_id_keys(Transaction& transaction) {
    IdKeys keys;
    for (auto row : transaction.execute("SELECT key FROM id_keys ORDER BY number DESC")) {
        keys.push_back(row.text());
    }
    return keys;
}

}  // namespace

Result<IdKeys> PostgresStore::id_keys() {
    return database_.write("read the keys of ids", [](Transaction& transaction) {
        auto keys = load_id_keys(transaction);
        if (!keys.empty()) return keys;
        // Two first starts: the second waits here, and then sees the first one's key.
        transaction.execute("LOCK TABLE id_keys IN SHARE ROW EXCLUSIVE MODE");
        keys = load_id_keys(transaction);
        if (!keys.empty()) return keys;
        std::array<std::uint8_t, 32> bytes{};
        fill_random(bytes);
        transaction.queue("INSERT INTO id_keys (key) VALUES ($1)", wire::Bytes{as_text(bytes)});
        keys.emplace_back(as_text(bytes));
        return keys;
    });
}

Result<std::optional<std::string>> PostgresStore::get_note(const std::string& name) {
    return database_.read("read a note", [&](Transaction& transaction) -> std::optional<std::string> {
        const auto rows = transaction.execute("SELECT value FROM notes WHERE name = $1", name);
        if (rows.empty()) return std::nullopt;
        return rows.front().text();
    });
}

Status PostgresStore::put_note(const std::string& name, const std::string& value) {
    return database_.write("write a note", [&](Transaction& transaction) {
        transaction.queue(
            "INSERT INTO notes (name, value) VALUES ($1, $2)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name, value);
    });
}

Status PostgresStore::ping() {
    return database_.read("ping the store", [](Transaction& transaction) { transaction.epoch(); });
}

}  // namespace herald
