#include "model/delivery.hpp"

#include <algorithm>

namespace herald {

namespace {

constexpr std::string_view kAttemptNames[] = {"none",     "begun",    "unknown",   "deferred",    "unusable",
                                              "rejected", "accepted", "delivered", "undelivered", "bounced"};
constexpr std::string_view kDeliveryNames[] = {"planned",   "sending", "retrying", "sent",
                                               "delivered", "unknown", "failed",   "bounced",
                                               "skipped",   "expired", "cancelled"};
constexpr std::string_view kNotificationNames[] = {"accepted", "scheduled", "in_progress", "delivered",
                                                   "sent",     "unknown",   "bounced",     "failed",
                                                   "expired",  "cancelled", "skipped"};
constexpr std::string_view kRejectNames[] = {"invalid_address",   "unregistered",      "recipient_opted_out",
                                             "payload_too_large", "content_refused",   "bad_request",
                                             "template_failed",   "unreachable_region"};
constexpr std::string_view kScopeNames[] = {"account", "sender", "country", "platform"};

template <class E, std::size_t N>
std::optional<E> find_name(const std::string_view (&names)[N], std::string_view text) {
    const auto* const found = std::find(std::begin(names), std::end(names), text);
    if (found == std::end(names)) return std::nullopt;
    return static_cast<E>(found - std::begin(names));
}

}  // namespace

std::string_view to_string(AttemptState state) { return kAttemptNames[static_cast<std::size_t>(state)]; }
std::string_view to_string(DeliveryState state) { return kDeliveryNames[static_cast<std::size_t>(state)]; }
std::string_view to_string(NotificationState state) {
    return kNotificationNames[static_cast<std::size_t>(state)];
}
std::string_view to_string(RejectReason reason) { return kRejectNames[static_cast<std::size_t>(reason)]; }
std::string_view to_string(Scope scope) { return kScopeNames[static_cast<std::size_t>(scope)]; }

std::optional<AttemptState> parse_attempt_state(std::string_view text) {
    return find_name<AttemptState>(kAttemptNames, text);
}
std::optional<DeliveryState> parse_delivery_state(std::string_view text) {
    return find_name<DeliveryState>(kDeliveryNames, text);
}

int rank(AttemptState state) {
    switch (state) {
        case AttemptState::none:
            return 0;
        case AttemptState::begun:
            return 1;
        case AttemptState::unknown:
            return 2;
        case AttemptState::deferred:
        case AttemptState::unusable:
        case AttemptState::rejected:
            return 3;
        case AttemptState::accepted:
            return 4;
        case AttemptState::delivered:
        case AttemptState::undelivered:
            return 5;
        case AttemptState::bounced:
            return 6;
    }
    return 0;
}

bool is_final(DeliveryState state) {
    return state != DeliveryState::planned && state != DeliveryState::sending &&
           state != DeliveryState::retrying;
}

DeliveryState fold_attempts(AttemptState best, AttemptState newest, DeliveryState verdict) {
    switch (best) {
        case AttemptState::accepted:
            return DeliveryState::sent;
        case AttemptState::delivered:
            return DeliveryState::delivered;
        case AttemptState::undelivered:
            return DeliveryState::failed;
        case AttemptState::bounced:
            return DeliveryState::bounced;
        default:
            break;
    }
    if (newest == AttemptState::begun) return DeliveryState::sending;
    return verdict;
}

NotificationState fold_deliveries(std::span<const DeliveryState> deliveries, bool waits) {
    if (deliveries.empty()) return waits ? NotificationState::scheduled : NotificationState::accepted;
    if (!std::all_of(deliveries.begin(), deliveries.end(), is_final)) return NotificationState::in_progress;
    if (waits) return NotificationState::in_progress;
    constexpr std::pair<DeliveryState, NotificationState> order[] = {
        {DeliveryState::delivered, NotificationState::delivered},
        {DeliveryState::sent, NotificationState::sent},
        {DeliveryState::unknown, NotificationState::unknown},
        {DeliveryState::bounced, NotificationState::bounced},
        {DeliveryState::failed, NotificationState::failed},
        {DeliveryState::expired, NotificationState::expired},
        {DeliveryState::cancelled, NotificationState::cancelled},
        {DeliveryState::skipped, NotificationState::skipped}};
    for (const auto& [delivery, notification] : order) {
        if (std::find(deliveries.begin(), deliveries.end(), delivery) != deliveries.end())
            return notification;
    }
    return NotificationState::skipped;
}

AttemptState state_of(const Outcome& outcome) {
    struct Visitor {
        AttemptState operator()(const Accepted&) const { return AttemptState::accepted; }
        AttemptState operator()(const Rejected&) const { return AttemptState::rejected; }
        AttemptState operator()(const Deferred&) const { return AttemptState::deferred; }
        AttemptState operator()(const Unknown&) const { return AttemptState::unknown; }
        AttemptState operator()(const Unusable&) const { return AttemptState::unusable; }
    };
    return std::visit(Visitor{}, outcome);
}

}  // namespace herald
