#pragma once

#include "base/clock.hpp"

namespace herald {

/// A clock turned by hand whose wall time can also be set, as an administrator or NTP does it. Thread-safe.
class WallClock final : public Clock {
public:
    explicit WallClock(TimePoint start) : start_(start) {}
    TimePoint now() const override {
        std::lock_guard lock(mutex_);
        return start_ + passed_ + set_by_;
    }
    Millis uptime() const override {
        std::lock_guard lock(mutex_);
        return Millis{1'000'000} + passed_;
    }
    void advance(Millis by) {
        std::lock_guard lock(mutex_);
        passed_ += by;
    }
    void set_wall(Millis by) {
        std::lock_guard lock(mutex_);
        set_by_ += by;
    }

private:
    const TimePoint start_;
    mutable std::mutex mutex_;
    Millis passed_{0};
    Millis set_by_{0};
};

}  // namespace herald
