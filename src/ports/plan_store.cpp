#include "ports/plan_store.hpp"

#include <algorithm>

namespace herald {
namespace {

bool waits(const Story& story) {
    return !story.plans.empty() && story.plans.back().wait_until && !story.cancelled_at;
}

std::vector<DeliveryState> states_of(const Story& story) {
    std::vector<DeliveryState> states;
    states.reserve(story.deliveries.size());
    for (const auto& delivery : story.deliveries) states.push_back(delivery.state);
    return states;
}

}  // namespace

NotificationState Story::state() const {
    if (!failed_reason.empty()) return NotificationState::failed;
    if (deliveries.empty() && cancelled_at) return NotificationState::cancelled;
    return fold_deliveries(states_of(*this), waits(*this));
}

std::string Story::reason() const {
    if (!failed_reason.empty()) return failed_reason;
    const auto decided = state();
    for (const auto& delivery : deliveries) {
        const bool decides = fold_deliveries(std::span(&delivery.state, 1), false) == decided;
        if (decides && !delivery.reason.empty()) return delivery.reason;
    }
    if (decided == NotificationState::cancelled) return cancel_reason;
    return "";
}

}  // namespace herald
