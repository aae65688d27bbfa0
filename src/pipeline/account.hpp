#pragma once

#include <string>

#include "pipeline/breaker.hpp"
#include "pipeline/call_slots.hpp"
#include "ports/provider.hpp"
#include "ports/rate_limiter.hpp"

namespace herald {

/// One set of credentials at a provider, as the senders of its three lanes share it. Thread-safe.
class Account {
public:
    Account(AccountTraits account_traits, const Clock& clock, RateLimiter& limiter)
        : traits(std::move(account_traits)), breaker(clock), slots(traits.max_in_flight), limiter_(limiter) {}

    const AccountTraits traits;
    Breaker breaker;
    CallSlots slots;

    /// Breaker, then call slots, then tokens (rule 3: all before the claim). `wait` says when to ask again.
    struct Permits {
        int calls = 0;
        Millis wait{0};
    };
    Permits obtain(Lane lane, int wanted);
    /// Gives back what was obtained and is not used for a call.
    void give_back_unused(Lane lane, int calls);
    /// A call has ended and its outcome is settled.
    void call_ended(Lane lane) { slots.give_back(lane, 1); }
    /// Feeds the breaker.
    void learn(const Outcome& outcome);

private:
    Rate rate() const { return {traits.rate_per_second}; }

    RateLimiter& limiter_;
};

}  // namespace herald
