#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace herald {

using Millis = std::chrono::milliseconds;
/// Wall time in UTC, in milliseconds: what is stored, sent and shown.
using TimePoint = std::chrono::time_point<std::chrono::system_clock, Millis>;

/// Time as Herald sees it. Thread-safe.
class Clock {
public:
    virtual ~Clock() = default;
    virtual TimePoint now() const = 0;
    /// CLOCK_BOOTTIME: only rises, and counts while the machine sleeps; leases and deadlines are measured
    /// with it.
    virtual Millis uptime() const = 0;
};

class SystemClock final : public Clock {
public:
    TimePoint now() const override;
    Millis uptime() const override;
};

/// A clock that a test turns by hand. Thread-safe.
class ManualClock final : public Clock {
public:
    explicit ManualClock(TimePoint start = TimePoint{Millis{1'700'000'000'000}}) : now_(start) {}
    TimePoint now() const override;
    Millis uptime() const override;
    void advance(Millis by);

private:
    mutable std::mutex mutex_;
    TimePoint now_;
    Millis uptime_{1'000'000};
};

inline std::int64_t to_millis(TimePoint time) { return time.time_since_epoch().count(); }
inline TimePoint from_millis(std::int64_t ms) { return TimePoint{Millis{ms}}; }

/// `2026-01-31T09:00:00.123Z` (RFC 3339, always UTC, always milliseconds).
std::string to_rfc3339(TimePoint time);
/// Any RFC 3339 time with a zone; fractions beyond milliseconds are cut off. Nothing when it is not one.
std::optional<TimePoint> parse_rfc3339(std::string_view text);

}  // namespace herald
