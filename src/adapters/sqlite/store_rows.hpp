#pragma once

#include <map>

#include "adapters/sqlite/database.hpp"
#include "base/crypto.hpp"
#include "ports/ledger.hpp"

namespace herald::sqlite {

// How values become columns and back. All of it throws, and is called inside of a guard.

inline void bind_at(SQLite::Statement& to, int index, int value) { to.bind(index, value); }
inline void bind_at(SQLite::Statement& to, int index, std::int64_t value) { to.bind(index, value); }
inline void bind_at(SQLite::Statement& to, int index, const std::string& value) { to.bind(index, value); }
inline void bind_at(SQLite::Statement& to, int index, std::string_view value) {
    to.bind(index, std::string(value));
}
inline void bind_at(SQLite::Statement& to, int index, TimePoint value) { to.bind(index, to_millis(value)); }
inline void bind_at(SQLite::Statement& to, int index, const NotificationId& value) {
    to.bind(index, value.uuid.bytes.data(), static_cast<int>(value.uuid.bytes.size()));
}
inline void bind_at(SQLite::Statement& to, int index, std::span<const std::uint8_t> value) {
    to.bind(index, value.data(), static_cast<int>(value.size()));
}
template <class Tag>
void bind_at(SQLite::Statement& to, int index, const StrongString<Tag>& value) {
    to.bind(index, value.str());
}
template <class T>
void bind_at(SQLite::Statement& to, int index, const std::optional<T>& value) {
    if (value) bind_at(to, index, *value);
    else to.bind(index);
}

/// Values in the order of the statement's question marks.
template <class... Values>
void bind_all(SQLite::Statement& to, const Values&... values) {
    int index = 0;
    (bind_at(to, ++index, values), ...);
}

/// Runs a statement that returns nothing; says how many rows it changed.
template <class... Values>
int execute(Database& database, std::string_view sql, const Values&... values) {
    auto query = database.query(sql);
    bind_all(*query, values...);
    return query->exec();
}

inline std::span<const std::uint8_t> as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The columns of the current row, from the first on.
class Columns {
public:
    explicit Columns(SQLite::Statement& row) : row_(row) {}

    int integer() { return row_.getColumn(next_++).getInt(); }
    std::int64_t integer64() { return row_.getColumn(next_++).getInt64(); }
    /// Text or blob; null is empty.
    std::string text() { return row_.getColumn(next_++).getString(); }
    TimePoint time() { return from_millis(integer64()); }
    std::optional<TimePoint> maybe_time() {
        const auto column = row_.getColumn(next_++);
        return column.isNull() ? std::nullopt : std::optional(from_millis(column.getInt64()));
    }
    bool is_null() { return row_.getColumn(next_).isNull(); }
    NotificationId id();
    /// A member of a closed set, read by its parse function.
    template <class Word>
    Word word(std::optional<Word> (*parse)(std::string_view)) {
        const auto column = row_.getColumn(next_++);
        const auto value = parse({column.getText(), static_cast<std::size_t>(column.getBytes())});
        if (!value) throw UnreadableRow(std::string("the store holds the unknown word ") + column.getText());
        return *value;
    }

private:
    SQLite::Statement& row_;
    int next_ = 0;
};

Json read_json(const std::string& text);
Plan read_plan(const std::string& text);

/// A notification with its marks.
struct NotificationRow {
    NotificationPtr notification;
    bool known = false;  ///< otherwise there are only the marks
    std::optional<CancelMark> cancelled;
    std::optional<TimePoint> failed_at;
    std::string failed_reason;
};
std::optional<NotificationRow> load_notification(Database& database, const TenantId& tenant,
                                                 const NotificationId& id);
/// Makes sure that there is a row to mark.
void save_bare_notification(Database& database, const TenantId& tenant, const NotificationId& id);

std::optional<Plan> load_plan(Database& database, const TenantId& tenant, const NotificationId& id, int step);
/// By step.
std::vector<Plan> load_plans(Database& database, const TenantId& tenant, const NotificationId& id);

std::optional<DeliveryRow> load_delivery(Database& database, const TenantId& tenant, const DeliveryId& id);
/// All of one notification.
std::map<DeliveryId, DeliveryRow> load_deliveries(Database& database, const TenantId& tenant,
                                                  const NotificationId& id);
void save_delivery(Database& database, const TenantId& tenant, const DeliveryId& id, const DeliveryRow& row);

/// The attempts before the newest, oldest first.
std::vector<AttemptRow> load_older_attempts(Database& database, const DeliveryId& id);
void save_older_attempt(Database& database, const TenantId& tenant, const DeliveryId& id,
                        const AttemptRow& attempt);

std::int64_t load_epoch(Database& database);

/// Closes what no attempt has begun and what waits for a retry. False: neither it nor a wait was left.
bool close_open(Database& database, const NotificationRow& row, const CancelMark& mark);
/// From now on no attempt begins; the first mark stands.
void save_mark(Database& database, const NotificationId& id, const CancelMark& mark);

/// False: a row with this key stands already.
bool insert_idempotency_row(Database& database, const IdempotencyRow& row);
std::optional<IdempotencyRow> load_idempotency_row(Database& database, const TenantId& tenant,
                                                   const std::string& key);

/// Never due before `now`.
void save_timer(Database& database, Timer timer, TimePoint now);

std::optional<TimePoint> load_erasure(Database& database, const TenantId& tenant, const UserId& user);

}  // namespace herald::sqlite
