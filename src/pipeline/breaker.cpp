#include "pipeline/breaker.hpp"

#include <algorithm>

namespace herald {
namespace {

constexpr Millis kWindow{10'000};
constexpr int kEnoughCalls = 20;
/// An outage, not a bad day: a provider that fails every third call is still worth calling.
constexpr double kFailureShare = 0.8;
constexpr Millis kFirstPause{1'000};
constexpr Millis kLongestPause{60'000};
/// A provider that fails every second call would otherwise be paused for a minute again and again.
constexpr int kFailedProbes = 3;
constexpr int kUnbounded = 1'000'000;

}  // namespace

std::string_view to_string(Breaker::State state) {
    switch (state) {
        case Breaker::State::closed:
            return "closed";
        case Breaker::State::open:
            return "open";
        case Breaker::State::probing:
            return "probing";
    }
    return "closed";
}

bool Breaker::probe_due() const { return clock_.uptime() >= open_until_; }

int Breaker::allowance() const {
    std::lock_guard lock(mutex_);
    if (state_ == State::closed) return kUnbounded;
    return probe_due() ? std::max(0, 1 - probes_) : 0;
}

void Breaker::started(int calls) {
    std::lock_guard lock(mutex_);
    if (state_ == State::closed || calls == 0) return;
    state_ = State::probing;
    probes_ += calls;
}

void Breaker::succeeded() {
    std::lock_guard lock(mutex_);
    if (state_ == State::probing) {
        state_ = State::closed;
        probes_ = 0;
        pause_ = Millis{0};
        recent_ = recent_failures_ = 0;
    }
    forget_old();
    ++recent_;
}

void Breaker::failed() {
    std::lock_guard lock(mutex_);
    if (state_ == State::probing) {
        probes_ = std::max(0, probes_ - 1);
        if (++failed_probes_ == kFailedProbes) open();
        return;
    }
    forget_old();
    ++recent_;
    ++recent_failures_;
    if (state_ == State::closed && recent_ >= kEnoughCalls && recent_failures_ >= kFailureShare * recent_)
        open();
}

void Breaker::unusable() {
    std::lock_guard lock(mutex_);
    if (state_ != State::open) open();
}

void Breaker::neutral() {
    std::lock_guard lock(mutex_);
    if (state_ == State::probing) probes_ = std::max(0, probes_ - 1);
}

Breaker::State Breaker::state() const {
    std::lock_guard lock(mutex_);
    return state_;
}

TimePoint Breaker::next_probe() const {
    std::lock_guard lock(mutex_);
    const auto left =
        state_ == State::closed ? Millis{0} : std::max(Millis{0}, open_until_ - clock_.uptime());
    return clock_.now() + left;
}

void Breaker::open() {
    pause_ = pause_ == Millis{0} ? kFirstPause : std::min(pause_ * 2, kLongestPause);
    open_until_ = clock_.uptime() + pause_;
    state_ = State::open;
    probes_ = failed_probes_ = 0;
    recent_ = recent_failures_ = 0;
}

void Breaker::forget_old() {
    const auto now = clock_.uptime();
    if (now - window_start_ < kWindow) return;
    window_start_ = now;
    recent_ = recent_failures_ = 0;
}

}  // namespace herald
