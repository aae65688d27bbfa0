#pragma once

#include <string>
#include <vector>

#include "model/delivery.hpp"
#include "model/message.hpp"

namespace herald {

/// One attempt to make.
struct ProviderCall {
    std::uint64_t call = 0;  ///< chosen by the caller, returned with the outcome
    DeliveryId delivery;
    int attempt = 1;
    Message message;
    TimePoint expires_at{};  ///< the notification's deadline, which the provider is told where it can be
};

struct FinishedCall {
    std::uint64_t call = 0;
    Outcome outcome;
    TimePoint ended_at{};
    bool sent = true;  ///< false: refused without a request, which says nothing about the provider's health
};

/// A completion queue in front of one account at one provider. For one thread; the senders of three lanes
/// have one each over the same account.
class Provider {
public:
    virtual ~Provider() = default;

    /// Starts the calls; never blocks. Each comes out of take_finished exactly once, also when the provider
    /// hangs (Unknown or Deferred at its deadline).
    virtual void submit(std::vector<ProviderCall> calls) = 0;
    /// Finished calls in any order, at most `max`; waits up to `wait` for the first.
    virtual std::vector<FinishedCall> take_finished(std::size_t max, Millis wait) = 0;
};

/// What the wiring knows of an account.
struct AccountTraits {
    std::string name;  ///< `apns`, `twilio`: in logs, metrics and attempts
    Route route = Route::sms;
    Millis call_deadline{10'000};
    int max_in_flight = 64;
    double rate_per_second = 0;
};

}  // namespace herald
