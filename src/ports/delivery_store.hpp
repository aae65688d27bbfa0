#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/plan.hpp"
#include "model/records.hpp"
#include "ports/timer.hpp"

namespace herald {

/// Drawn per claim batch; repeating a statement with its own token gives its own rows back.
using ClaimToken = std::uint64_t;

struct ClaimRequest {
    TenantId tenant;
    DeliveryId delivery;
    int attempt = 1;
    std::string account;        ///< that would carry it; stored with the attempt
    Millis lease{15'000};       ///< call deadline + 5 s
    bool gates_passed = false;  ///< the caller has just passed the gates again
};

enum class ClaimVerdict {
    claimed,        ///< yours to call, until lease_until
    busy,           ///< somebody else's live claim, until lease_until
    in_doubt,       ///< a claim past its lease: attempt `attempt` may have been sent; settle it as unknown
    past_deadline,  ///< not begun; close it as expired
    needs_gates,    ///< not begun; planned more than 60 s ago: pass the gates, then claim with gates_passed
    settled,     ///< final already, or this attempt has ended: append its event again, then finish the record
    superseded,  ///< a later attempt exists, or an earlier one is still open: nothing to do
    not_planned,  ///< no stored plan has this delivery
};

/// What the sender needs of the notification; shared by the deliveries of one claim batch.
using NotificationPtr = std::shared_ptr<const Notification>;

struct ClaimResult {
    ClaimVerdict verdict = ClaimVerdict::not_planned;
    TimePoint lease_until{};  ///< busy; claimed: at the earliest; by the store's clock
    /// Uptime of the caller's machine directly before the statement that begins leases was sent: a lease that
    /// this call began, began no earlier. What went before, as waiting for a connection, does not count.
    Millis asked_at{};
    // claimed, in_doubt, past_deadline, needs_gates:
    NotificationPtr notification;
    PlanEntry entry;
    int tries = 0;             ///< earlier attempts that ended deferred or unknown
    bool was_unknown = false;  ///< one of them ended unknown
    // settled:
    DeliveryState state = DeliveryState::planned;
    int attempt = 0;  ///< the newest; with in_doubt the one in doubt
    AttemptState attempt_state = AttemptState::none;
    std::string reason;
    TimePoint ended_at{};
};

/// The end of one attempt with all its effects, which are one transaction.
struct Settlement {
    TenantId tenant;
    DeliveryId delivery;
    int attempt = 1;
    AttemptState state = AttemptState::unknown;
    DeliveryState verdict = DeliveryState::failed;
    int tries = 0;
    std::string reason;
    std::string reference;
    TimePoint ended_at{};
    std::optional<Timer> retry;
    /// The sender's clock when it reckoned when `retry` is due; the store takes over how long that was ahead,
    /// not the time itself. Nothing: it is the store's time.
    std::optional<TimePoint> reckoned_at;
    /// The token is dead for everybody; what was registered after `registered_before` stays.
    struct DeviceRemoval {
        std::string token;
        TimePoint registered_before{};
    };
    std::optional<DeviceRemoval> remove_device;
    std::optional<Suppression> suppress;
};

struct SettleResult {
    bool raised = false;  ///< false: the attempt had reached that rank already; no effect took place
    DeliveryState state = DeliveryState::planned;  ///< of the delivery, afterwards
};

/// A delivery that ends without a further attempt: skipped, expired or cancelled.
struct Closure {
    TenantId tenant;
    DeliveryId delivery;
    int attempt = 1;  ///< the one that would have begun
    DeliveryState state = DeliveryState::skipped;
    std::string reason;
    TimePoint at{};
};

/// Claims and their ends. A method is one transaction. Ids are unique inside a batch; results come in its
/// order. The store's own clock decides about leases, deadlines and gates. Thread-safe, synchronous.
class DeliveryStore {
public:
    virtual ~DeliveryStore() = default;

    virtual Result<std::vector<ClaimResult>> claim(std::span<const ClaimRequest> requests,
                                                   ClaimToken token) = 0;
    /// Rules 4 and 5: raises the attempt, newest or older; what does not raise has no effect.
    virtual Result<std::vector<SettleResult>> settle(std::span<const Settlement> settlements) = 0;
    /// Under the claim's key: has no effect on a delivery whose attempt `attempt` has begun. `raised` says
    /// whether it had one.
    virtual Result<std::vector<SettleResult>> close_deliveries(std::span<const Closure> closures) = 0;
    /// Raises attempts by what providers tell later. Receipts for attempts nobody knows have no effect.
    virtual Result<std::vector<SettleResult>> apply_receipts(std::span<const ReceiptRecord> receipts) = 0;

    /// Embedded only, at start: no other process can hold a claim, so every claim begun before now is past
    /// its lease.
    virtual Status declare_claims_dead() = 0;
};

}  // namespace herald
