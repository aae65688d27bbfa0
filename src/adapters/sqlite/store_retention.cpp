#include "adapters/sqlite/store.hpp"
#include "adapters/sqlite/store_rows.hpp"

namespace herald {

using namespace sqlite;

namespace {

/// The least id of that time.
NotificationId first_id_of(TimePoint time) {
    NotificationId id;
    auto ms = static_cast<std::uint64_t>(std::max<std::int64_t>(to_millis(time), 0));
    for (std::size_t i = 6; i-- > 0; ms >>= 8) id.uuid.bytes[i] = static_cast<std::uint8_t>(ms & 255);
    return id;
}

/// The oldest, in order.
std::vector<NotificationId> oldest(Database& database, TimePoint before, std::size_t limit) {
    auto query = database.query("SELECT id FROM notifications WHERE id < ? ORDER BY id LIMIT ?");
    bind_all(*query, first_id_of(before), static_cast<std::int64_t>(limit));
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
