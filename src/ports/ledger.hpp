#pragma once

#include "ports/delivery_store.hpp"
#include "ports/plan_store.hpp"

namespace herald {

// The ledger's rules about one delivery, as pure functions over its row. An engine reads the row, asks, and
// writes what changed, all in one transaction; so every engine that works row by row decides the same.

struct AttemptRow {
    int n = 0;  ///< 0: the delivery was closed before its first attempt
    AttemptState state = AttemptState::none;
    std::string account;
    std::string reason;
    std::string reference;
    TimePoint begun_at{};
    std::optional<TimePoint> ended_at;

    bool operator==(const AttemptRow&) const = default;
};

/// The newest attempt and what the others fold to. A delivery without a row is planned.
struct DeliveryRow {
    DeliveryState state = DeliveryState::sending;
    DeliveryState verdict = DeliveryState::retrying;
    AttemptState best = AttemptState::none;
    int tries = 0;
    std::string reason;                  ///< of `state`
    std::optional<TimePoint> closed_at;  ///< it ended without a further attempt
    AttemptRow newest;
    ClaimToken token = 0;
    TimePoint lease_until{};
    std::int64_t epoch = 0;  ///< of the claim; those of an earlier epoch are dead

    bool operator==(const DeliveryRow&) const = default;
};

/// Somebody said that nothing more is to begin: `cancelled` or `erased`.
struct CancelMark {
    TimePoint at{};
    std::string reason;

    bool operator==(const CancelMark&) const = default;
};

/// What a claim must know besides the row.
struct ClaimFacts {
    ClaimToken token = 0;
    TimePoint now{};
    std::int64_t epoch = 0;
    NotificationPtr notification;  ///< null: nobody knows it
    std::optional<CancelMark> cancelled;
    const Plan* plan = nullptr;  ///< of the delivery's step; null: there is none
    bool older_unknown = false;  ///< an attempt before the newest ended unknown
};

struct ClaimChange {
    ClaimResult result;
    bool changed = false;               ///< write the row
    std::optional<AttemptRow> retired;  ///< the former newest attempt, to be kept with the older ones
};

const PlanEntry* find_entry(const Plan& plan, int ordinal);

ClaimChange claim_delivery(const ClaimRequest& request, const ClaimFacts& facts,
                           std::optional<DeliveryRow>& row);

/// `attempt` is row.newest or one of the older ones. False: it has that rank already, and nothing changed.
bool settle_attempt(DeliveryRow& row, AttemptRow& attempt, const Settlement& settlement);
bool apply_receipt(DeliveryRow& row, AttemptRow& attempt, const ReceiptRecord& receipt);

/// Whether the retry that a settlement brings is still wanted after it was settled.
bool wants_retry(const DeliveryRow& row, const Settlement& settlement);
/// That retry, due in the store's time; `now` is the store's.
Timer retry_of(const Settlement& settlement, TimePoint now);

/// Closes what has not begun, or waits for attempt `closure.attempt`. False: it did neither.
bool close_delivery(std::optional<DeliveryRow>& row, const Closure& closure);
/// The same, whatever the number of its next attempt.
bool cancel_delivery(std::optional<DeliveryRow>& row, const CancelMark& mark);

/// The row of a delivery that was planned for a notification whose record had been refused.
DeliveryRow refused_delivery(const std::string& reason, TimePoint at);

/// The attempt to append for a delivery that no timer moves and that is not final; nothing while a claim is
/// live or has only just ended.
std::optional<int> overdue_attempt(const std::optional<DeliveryRow>& row, TimePoint now, std::int64_t epoch);

/// What GET shows of one entry; `older` are the attempts before the newest, oldest first.
DeliveryView view_delivery(const DeliveryId& id, const PlanEntry& entry,
                           const std::optional<DeliveryRow>& row, const std::vector<AttemptRow>& older);

/// A cancel came before this plan, by which nothing would begin anyway: the notification was called
/// cancelled, and does not end as something else. True: the plan has changed.
bool cancel_plan(Plan& plan, const CancelMark& mark);

/// Takes out what tells about the person, who was erased.
void forget_person(Notification& notification);
void forget_person(Plan& plan);

/// The timer of a plan's wait; nothing when it waits for nothing.
std::optional<Timer> wait_timer(const Notification& notification, const Plan& plan);

inline constexpr Millis kGatesLast{60'000};  ///< after planning
inline constexpr Millis kLeaseMargin{10'000};

}  // namespace herald
