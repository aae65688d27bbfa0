#pragma once

#include <map>
#include <set>
#include <vector>

#include "adapters/postgres/database.hpp"
#include "ports/ledger.hpp"

namespace herald::postgres {

// How rows become values and back, for batches. All of it throws, and is called inside of `Database::write`
// or `read`. What "queues" travels with the transaction's next round trip; what "loads" makes one, with all
// that is queued. Every statement that finds rows of the daily tables by id also names the lowest and the
// highest id, so that it touches no other day.

/// Sorted and each once: rows are locked and inserted in this order by everybody.
using NotificationIds = std::set<NotificationId>;

enum class Lock { none, rows };

/// A notification with its marks.
struct NotificationRow {
    NotificationPtr notification;
    bool known = false;  ///< otherwise there are only the marks
    std::optional<CancelMark> cancelled;
    std::optional<TimePoint> failed_at;
    std::string failed_reason;
    std::string plan;  ///< of step 0, as stored; empty: there is none

    bool marked() const { return cancelled || failed_at; }
};
using NotificationRows = std::map<NotificationId, NotificationRow>;

/// Of whatever tenant: the caller compares. Under a lock nobody else changes their marks or stores a plan of
/// theirs until the transaction ends.
NotificationRows load_notifications(Transaction& transaction, const NotificationIds& ids, Lock lock);
Ticket queue_notifications(Transaction& transaction, const NotificationIds& ids, Lock lock);
NotificationRows read_notifications(const Rows& rows);

/// By notification and step.
using Plans = std::map<std::pair<NotificationId, int>, Plan>;
/// Nothing but NULL where the object is empty.
std::optional<std::string> stored_object(const Json& json);
Plan read_plan(std::string_view text);
/// Of all steps; those of step 0 are in the rows already.
Plans load_plans(Transaction& transaction, const NotificationRows& rows);
Ticket queue_later_plans(Transaction& transaction, const NotificationIds& ids);
void read_later_plans(const Rows& rows, Plans& plans);
/// Queues the plan in place of what is stored.
void replace_plan(Transaction& transaction, const NotificationId& id, const Plan& plan);

/// A delivery's row with the tenant that it belongs to.
struct StoredDelivery {
    TenantId tenant;
    DeliveryRow row;
};
using DeliveryRows = std::map<DeliveryId, StoredDelivery>;
using DeliveryIds = std::set<DeliveryId>;
/// Queues the reading of those that exist, and locks them.
Ticket lock_deliveries(Transaction& transaction, const DeliveryIds& ids);
/// All deliveries of these notifications.
Ticket queue_all_deliveries(Transaction& transaction, const NotificationIds& ids, Lock lock);
DeliveryRows read_deliveries(const Rows& rows);

/// Whether the rows are claims, whose leases begin with the statement that writes them, not with the
/// transaction.
enum class Leases { stand, begin };
/// What becomes of a new row where somebody else's stands.
enum class WhereOneStands {
    leave,  ///< it is not written, and not counted in the ticket's `affected`
    fail,   ///< kRowStands
};
inline constexpr std::string_view kRowStands = "23505";  ///< the SQLSTATE unique_violation
/// Queues what is new. The statement waits for the commit of whoever inserts the same row, and the next one
/// reads their row.
Ticket insert_deliveries(Transaction& transaction, const DeliveryRows& rows, Leases leases = Leases::stand,
                         WhereOneStands where_one_stands = WhereOneStands::leave);
/// Queues what was read under a lock.
void update_deliveries(Transaction& transaction, const DeliveryRows& rows, Leases leases = Leases::stand);

/// The attempts before the newest, oldest first.
using OlderAttempts = std::map<DeliveryId, std::vector<AttemptRow>>;
Ticket queue_older_attempts(Transaction& transaction, const NotificationIds& ids);
OlderAttempts read_older_attempts(const Rows& rows);
struct AttemptWrite {
    TenantId tenant;
    AttemptRow attempt;
};
/// By delivery and number.
using AttemptWrites = std::map<std::pair<DeliveryId, int>, AttemptWrite>;
/// Queues them, in place of what stands.
void save_older_attempts(Transaction& transaction, const AttemptWrites& writes);

/// Closes what no attempt of these notifications has begun and what waits for a retry. False: neither it nor
/// a wait was left. The notifications were loaded under a lock.
bool close_open(Transaction& transaction, const NotificationRows& rows, const CancelMark& mark);
/// Queues the mark: from now on no attempt begins. The first mark stands.
void save_mark(Transaction& transaction, const NotificationIds& ids, const CancelMark& mark);
/// Queues the removal of all that tells about the person, from the notifications and their plans.
void forget_person(Transaction& transaction, const NotificationRows& rows);

/// Queues them, never due before the transaction's now; what is there already is left.
void save_timers(Transaction& transaction, std::vector<Timer> timers);

/// Binds each key to its row unless it is bound already, and gives back the row that stands for each; keys
/// are each there once, and locked afterwards.
std::vector<IdempotencyRow> bind_keys(Transaction& transaction, const std::vector<IdempotencyRow>& rows);

/// While plans are being stored they hold this lock shared, and read the erasures in a later statement. An
/// erasure takes it alone, in a statement of its own (`SELECT pg_advisory_xact_lock($1)`), before it writes
/// its row and looks for notifications. So either the planner sees the erasure, or the erasure sees the plan.
inline constexpr std::int64_t kPlanningLock = 0x4865'7261'6c64'01;

}  // namespace herald::postgres
