#pragma once

#include <mutex>
#include <string_view>

#include "base/clock.hpp"

namespace herald {

/// Keeps calls away from an account that fails. Opens at once for `unusable`, or when most of the recent
/// calls failed; after a pause it lets calls through one by one, closes with the first that succeeds, and
/// pauses twice as long after a few that failed in a row. Thread-safe; shared by the lanes.
class Breaker {
public:
    enum class State { closed, open, probing };

    explicit Breaker(const Clock& clock) : clock_(clock) {}

    /// How many calls may start now: 0 while open, 1 for the probe, many while closed. Those that really
    /// start are told by `started`.
    int allowance() const;
    void started(int calls);

    void succeeded();
    /// No answer, or an answer that says the provider is ill.
    void failed();
    /// The account cannot send at all: opens.
    void unusable();
    /// An answer that says nothing about the provider's health (throttled, refused stream).
    void neutral();

    State state() const;
    /// When the next probe may go; now when it is not open.
    TimePoint next_probe() const;

private:
    void open();
    void forget_old();
    bool probe_due() const;

    const Clock& clock_;
    mutable std::mutex mutex_;
    State state_ = State::closed;
    Millis open_until_{0};  ///< uptime
    Millis pause_{0};
    int probes_ = 0;  ///< under way
    int failed_probes_ = 0;
    Millis window_start_{0};
    int recent_ = 0;
    int recent_failures_ = 0;
};

std::string_view to_string(Breaker::State state);

}  // namespace herald
