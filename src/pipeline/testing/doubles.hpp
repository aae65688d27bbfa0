#pragma once

#include <algorithm>

#include "ports/event_log.hpp"
#include "ports/rate_limiter.hpp"

namespace herald {

/// Grants what a test allows.
class ScriptedLimiter final : public RateLimiter {
public:
    Tokens take(const std::string&, Rate, int wanted) override {
        const int granted = std::min(wanted, left);
        left -= granted;
        return {granted, granted < wanted ? Millis{1} : Millis{0}};
    }
    void give_back(const std::string&, Rate, int tokens) override { left += tokens; }

    int left = 1'000'000'000;
};

/// A log that works, and cannot say how far its groups are.
class BlindLog final : public EventLog {
public:
    explicit BlindLog(EventLog& log) : log_(log) {}

    void append(std::vector<NewRecord> records, std::function<void(Status)> done) override {
        log_.append(std::move(records), std::move(done));
    }
    Result<std::unique_ptr<LogConsumer>> subscribe(const std::string& group,
                                                   const std::string& topic) override {
        return log_.subscribe(group, topic);
    }
    Result<std::optional<TimePoint>> oldest_unfinished(const std::string&, const std::string&) override {
        return fail(ErrorCode::unavailable, "the positions cannot be read");
    }
    Result<std::vector<Lag>> lag() override { return log_.lag(); }
    double level() const override { return log_.level(); }
    Status ping() override { return log_.ping(); }

private:
    EventLog& log_;
};

}  // namespace herald
