#pragma once

#include <optional>
#include <string>

#include "model/delivery.hpp"
#include "model/words.hpp"

namespace herald {

struct RetryPolicy {
    Millis base{1'000};
    Millis cap{300'000};
    int max_tries = 10;  ///< attempts that ended deferred or unknown
    Millis reconcile_push{0};
    Millis reconcile_sms{30'000};
    Millis reconcile_email{30'000};

    Millis reconcile(Channel channel) const;
};

/// An attempt that has just ended.
struct EndedAttempt {
    int number = 1;
    int tries = 0;             ///< those before it that ended deferred or unknown
    bool was_unknown = false;  ///< an earlier attempt of this delivery is in doubt
    Channel channel = Channel::push;
    Guarantee guarantee = Guarantee::at_least_once;
    TimePoint now{};
    TimePoint deadline{};
};

/// What becomes of its delivery.
struct Decision {
    DeliveryState verdict = DeliveryState::failed;
    std::optional<TimePoint> retry_at;  ///< with the verdict retrying
    int tries = 0;
    std::string reason;
};

/// `jitter` is a random number from [0, 1): exponential backoff with full jitter, never before the provider's
/// own wait, never past the deadline; what was not processed comes back at once the first time, then backs
/// off too. Unknown waits for a receipt before it repeats, at most half of what is left. An Unusable of
/// account scope comes back as soon as the breaker lets it; narrower scopes fail.
Decision decide(const Outcome& outcome, const EndedAttempt& attempt, const RetryPolicy& policy,
                double jitter);

/// `unregistered: …`, `deferred: 503 …`: the reason as it is stored and shown.
std::string reason_of(const Outcome& outcome);

}  // namespace herald
