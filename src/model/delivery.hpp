#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "model/ids.hpp"
#include "model/words.hpp"

namespace herald {

/// One call to a provider, from the least known to the most; an attempt only rises (formats.md, States).
/// `none` is the row of a delivery that was closed before its first attempt.
enum class AttemptState {
    none,
    begun,
    unknown,
    deferred,
    unusable,
    rejected,
    accepted,
    delivered,
    undelivered,
    bounced
};
std::string_view to_string(AttemptState state);
std::optional<AttemptState> parse_attempt_state(std::string_view text);
/// deferred, unusable and rejected share a rank, delivered and undelivered too: among equals the first
/// stands.
int rank(AttemptState state);
inline bool raises(AttemptState from, AttemptState to) { return rank(to) > rank(from); }

/// A delivery is a fold over its attempts.
enum class DeliveryState {
    planned,
    sending,
    retrying,  // open
    sent,
    delivered,
    unknown,
    failed,
    bounced,
    skipped,
    expired,
    cancelled
};
std::string_view to_string(DeliveryState state);
std::optional<DeliveryState> parse_delivery_state(std::string_view text);
bool is_final(DeliveryState state);

/// `best` is the highest state among all attempts, `newest` that of the last one, `verdict` what Herald
/// decided when it ended: retrying, failed, expired, unknown, skipped or cancelled. What a provider said
/// beats a verdict.
DeliveryState fold_attempts(AttemptState best, AttemptState newest, DeliveryState verdict);

enum class NotificationState {
    accepted,
    scheduled,
    in_progress,
    delivered,
    sent,
    unknown,
    bounced,
    failed,
    expired,
    cancelled,
    skipped
};
std::string_view to_string(NotificationState state);
/// `waits`: a step of it still waits for a clock. Without any delivery and without a wait it is `accepted`.
NotificationState fold_deliveries(std::span<const DeliveryState> deliveries, bool waits);

// What an attempt ended in.

enum class RejectReason {
    invalid_address,  ///< the provider says no such token, number or mailbox
    unregistered,     ///< the app was uninstalled, the token has ended
    recipient_opted_out,
    payload_too_large,
    content_refused,
    bad_request,      ///< the provider calls our request wrong: ours to mend
    template_failed,  ///< it could not be rendered; nothing was sent
    unreachable_region,
};
std::string_view to_string(RejectReason reason);

enum class Scope { account, sender, country, platform };
std::string_view to_string(Scope scope);

/// The provider has the message; `reference` is its own id for it, which later receipts carry.
struct Accepted {
    std::string reference;
};
/// Refused for good. `address_is_dead`: stop using the address. `dead_since`: what was registered later is
/// not meant (APNs). `suppress`: the person does not want this channel.
struct Rejected {
    RejectReason reason = RejectReason::bad_request;
    bool address_is_dead = false;
    bool suppress = false;
    std::optional<TimePoint> dead_since;
    std::string detail;
};
/// Not now. Nothing was sent; try again no earlier than `wait` from now. `at_once`: the provider did not
/// process it, so it may be repeated without a pause.
struct Deferred {
    Millis wait{0};
    std::string detail;
    bool at_once = false;
};
/// The request left and no answer came: it may or may not have been sent.
struct Unknown {
    std::string detail;
};
/// Cannot send at all within `scope`: wrong credentials, no credit. Costs the delivery no try.
struct Unusable {
    Scope scope = Scope::account;
    std::string detail;
};

using Outcome = std::variant<Accepted, Rejected, Deferred, Unknown, Unusable>;
AttemptState state_of(const Outcome& outcome);

}  // namespace herald
