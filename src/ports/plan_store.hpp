#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/plan.hpp"
#include "ports/idempotency_store.hpp"
#include "ports/timer.hpp"

namespace herald {

/// A plan to store, with the notification it belongs to and the timer of its wait.
struct NewPlan {
    Notification notification;
    Plan plan;
    /// A producer that is not Herald names a key instead of an id: the same transaction binds the key to the
    /// notification's id, or, where the key stands already, stores the plan under the id that it is bound to.
    std::optional<IdempotencyRow> binding = std::nullopt;
};

/// What stands in the store after the call: the first stored plan of that step, not necessarily the caller's.
struct StoredPlan {
    Plan plan;
    /// A cancel came first; its open deliveries are closed, and the claim tells so.
    bool cancelled = false;
    /// Deliveries of the plan that have a row already (claimed or closed); nothing is to be appended for
    /// them.
    std::vector<int> begun;
    /// The plan stands under this id: the caller's, unless its key had been bound before.
    NotificationId id = {};
    /// The key stands with another body: nothing was stored, and nothing is to be appended.
    bool key_reused = false;
};

/// One attempt as GET shows it.
struct AttemptView {
    int n = 0;
    std::string account;
    AttemptState state = AttemptState::none;
    std::string reason;
    std::string reference;
    TimePoint begun_at{};
    std::optional<TimePoint> ended_at;
};

struct DeliveryView {
    DeliveryId id;
    PlanEntry entry;
    DeliveryState state = DeliveryState::planned;
    std::string reason;
    std::vector<AttemptView> attempts;  ///< oldest first
};

/// All that the store knows of one notification.
struct Story {
    Notification notification;
    std::vector<Plan> plans;  ///< by step
    std::vector<DeliveryView> deliveries;
    std::optional<TimePoint> cancelled_at;
    std::string cancel_reason;  ///< "cancelled" or "erased", with cancelled_at
    std::string failed_reason;  ///< its record was refused; no plan follows

    NotificationState state() const;
    /// The reason of the delivery that decided the state; empty when there is none.
    std::string reason() const;
};

enum class CancelResult { cancelled, too_late };

/// A delivery that is not final and has no timer: the log should be moving it. With ordinal 0 the step that a
/// wait has led to, and nobody has planned.
struct OpenDelivery {
    TenantId tenant;
    DeliveryId delivery;
    Route route = Route::push_apns;
    Lane lane = Lane::normal;
    std::string key;
    int next_attempt = 1;
    TimePoint deadline_at{};
    TimePoint since{};  ///< when it was planned, or its wait ended
};

struct OpenDeliveries {
    std::vector<OpenDelivery> found;
    /// Where the next walk may start: everything before it is final or waits for a timer that is due later.
    std::optional<NotificationId> resume_after;
    /// The last one that this walk looked at: where it goes on.
    std::optional<NotificationId> walked_to;
    bool reached_end = false;
};

/// Notifications and their plans. A method is one transaction. Thread-safe, synchronous; for stages, not io
/// threads.
class PlanStore {
public:
    virtual ~PlanStore() = default;

    /// Rule 1: inserts what is not there (notification, plan, the `continue` timer of a wait), reads back.
    /// Same order as given. `refused_content` when something in the batch cannot be stored.
    virtual Result<std::vector<StoredPlan>> store_plans(std::span<const NewPlan> plans) = 0;

    /// The notifications of due steps, in the order asked; nothing where the store does not know one, or does
    /// not know that step as waited for.
    struct StepRef {
        TenantId tenant;
        NotificationId id;
        int step = 0;
    };
    virtual Result<std::vector<std::optional<Notification>>> load_steps(std::span<const StepRef> steps) = 0;

    /// Its record was refused for good; unless it has a plan, it is `failed: reason` from now on.
    virtual Status store_dead(const TenantId& tenant, const NotificationId& id, const std::string& reason,
                              TimePoint now) = 0;

    virtual Result<std::optional<Story>> load_story(const TenantId& tenant, const NotificationId& id) = 0;

    /// Rule 8: marks the notification, known or not, and closes each of its deliveries that no attempt has
    /// begun or that waits for a retry. `too_late` when none was left to close.
    virtual Result<CancelResult> cancel(const TenantId& tenant, const NotificationId& id, TimePoint now) = 0;

    /// Rule 9: walks notifications in the order of their ids, those drawn before `planned_before`, at most
    /// `limit`, and finds what is open since before then. What cannot be read is passed over.
    virtual Result<OpenDeliveries> find_open(std::optional<NotificationId> after, TimePoint planned_before,
                                             std::size_t limit) = 0;

    /// Removes those whose id was drawn before that time, oldest first, at most `limit`, with plans,
    /// deliveries and attempts; returns how many. Timers of theirs fall to the claim, which finds nothing
    /// planned. An engine that keeps days apart may keep a day until all of it is old; then it goes whole,
    /// and is not counted.
    virtual Result<std::size_t> drop_notifications(TimePoint accepted_before, std::size_t limit) = 0;
};

}  // namespace herald
