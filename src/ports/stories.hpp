#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "ports/ledger.hpp"

namespace herald {

// What is told of a notification from its rows, whatever engine they were read from.

/// `older` are the attempts before the newest, oldest first.
Story tell_story(const Notification& notification, const std::optional<CancelMark>& cancelled,
                 const std::string& failed_reason, std::vector<Plan> plans,
                 const std::map<DeliveryId, DeliveryRow>& deliveries,
                 const std::map<DeliveryId, std::vector<AttemptRow>>& older);

/// What a walk over open deliveries must know of a notification.
struct WalkedNotification {
    NotificationId id;
    TenantId tenant;
    UserId user;
    Lane lane = Lane::normal;
    TimePoint deadline_at{};
    bool marked = false;      ///< cancelled, erased or refused
    std::vector<Plan> plans;  ///< by step
    std::map<DeliveryId, DeliveryRow> deliveries;
    std::set<DeliveryId> timers;  ///< with ordinal 0 a step's
};

/// Rule 9: looks for what is open and no timer moves. Notifications come in the order of their ids.
class OpenWalk {
public:
    struct Options {
        std::optional<NotificationId> after;
        TimePoint planned_before{};
        TimePoint now{};
        std::int64_t epoch = 0;  ///< the store's: claims of an earlier one are dead
    };
    explicit OpenWalk(const Options& options);

    void visit(const WalkedNotification& one);
    /// What cannot be read is left to a person.
    void pass_over(const NotificationId& id, const std::string& reason);
    OpenDeliveries end(bool reached_end) &&;

private:
    void walked(const NotificationId& id);
    void visit_entry(const WalkedNotification& one, const Plan& plan, const PlanEntry& entry);
    void visit_wait(const WalkedNotification& one, const Plan& last);

    const Options options_;
    OpenDeliveries open_;
    bool all_closed_ = true;
};

}  // namespace herald
