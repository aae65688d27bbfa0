#include "adapters/postgres/partitions.hpp"
#include "adapters/postgres/store.hpp"
#include "adapters/postgres/store_rows.hpp"
#include "ports/row_codec.hpp"

namespace herald {

using namespace postgres;

namespace {

/// Of those that belong to no day, the oldest, in order.
Array<NotificationId> oldest(Transaction& transaction, TimePoint before, std::size_t limit) {
    Array<NotificationId> ids;
    for (auto columns :
         transaction.execute("SELECT id FROM notifications_rest WHERE id < $1 ORDER BY id LIMIT $2",
                             lowest_id(before), static_cast<std::int64_t>(limit))) {
        ids.add(columns.id());
    }
    return ids;
}

}  // namespace

/// Days go whole, and so a day stays until all of it is old.
Result<std::size_t> PostgresStore::drop_notifications(TimePoint accepted_before, std::size_t limit) {
    const auto kept = database_.with_connection("keep the days", [&](Connection& connection) {
        make_days(connection);
        drop_days(connection, accepted_before);
    });
    if (!kept) return fail(kept.error());
    return database_.write("drop old notifications", [&](Transaction& transaction) {
        const auto ids = oldest(transaction, accepted_before, limit);
        if (ids.size() == 0) return ids.size();
        for (const auto* statement :
             {"DELETE FROM attempts WHERE id = ANY ($1)", "DELETE FROM deliveries WHERE id = ANY ($1)",
              "DELETE FROM plans WHERE id = ANY ($1)", "DELETE FROM notifications WHERE id = ANY ($1)"}) {
            transaction.queue(statement, Array<NotificationId>(ids));
        }
        return ids.size();
    });
}

}  // namespace herald
