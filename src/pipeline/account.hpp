#pragma once

#include <array>
#include <atomic>
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
        : traits(std::move(account_traits)),
          breaker(clock),
          slots(traits.max_in_flight),
          clock_(clock),
          limiter_(limiter) {}

    const AccountTraits traits;
    Breaker breaker;
    CallSlots slots;

    /// Breaker, then call slots, then tokens (rule 3: all before the claim). `wait` says when to ask again.
    /// While another lane waits for tokens, bulk gets at most 80 % of the rate; a tenth is critical's alone.
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
    /// The lane went without a token a moment ago.
    bool waits(Lane lane) const;
    Tokens take_tokens(Lane lane, int wanted);

    const Clock& clock_;
    RateLimiter& limiter_;
    /// Uptime in ms at which a lane last went without a token that it wanted.
    std::array<std::atomic<std::int64_t>, kLanes.size()> went_without_{};
};

}  // namespace herald
