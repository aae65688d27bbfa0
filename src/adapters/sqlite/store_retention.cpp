#include "adapters/sqlite/store.hpp"
#include "adapters/sqlite/store_rows.hpp"
#include "ports/row_codec.hpp"

namespace herald {

using namespace sqlite;

namespace {

/// The oldest, in order.
std::vector<NotificationId> oldest(Database& database, TimePoint before, std::size_t limit) {
    auto query = database.query("SELECT id FROM notifications WHERE id < ? ORDER BY id LIMIT ?");
    bind_all(*query, lowest_id(before), static_cast<std::int64_t>(limit));
    std::vector<NotificationId> ids;
    while (query->executeStep()) ids.push_back(Columns(*query).id());
    return ids;
}

}  // namespace

Result<std::size_t> SqliteStore::drop_notifications(TimePoint accepted_before, std::size_t limit) {
    return write("drop old notifications", [&](Database& database) {
        const auto ids = oldest(database, accepted_before, limit);
        if (ids.empty()) return ids.size();
        // Nothing of a younger notification has an id up to the last of these.
        for (const auto* statement :
             {"DELETE FROM attempts WHERE id <= ?", "DELETE FROM deliveries WHERE id <= ?",
              "DELETE FROM plans WHERE id <= ?", "DELETE FROM notifications WHERE id <= ?"}) {
            execute(database, statement, ids.back());
        }
        return ids.size();
    });
}

}  // namespace herald
