#include "base/clock.hpp"

#include <ctime>

#include <fmt/format.h>

namespace herald {

TimePoint SystemClock::now() const {
    return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
}

Millis SystemClock::uptime() const {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return Millis{time.tv_sec * 1000 + time.tv_nsec / 1'000'000};
}

TimePoint ManualClock::now() const {
    std::lock_guard lock(mutex_);
    return now_;
}

Millis ManualClock::uptime() const {
    std::lock_guard lock(mutex_);
    return uptime_;
}

void ManualClock::advance(Millis by) {
    std::lock_guard lock(mutex_);
    now_ += by;
    uptime_ += by;
}

std::string to_rfc3339(TimePoint time) {
    using namespace std::chrono;
    const auto day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss<Millis> clock{time - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                       clock.subseconds().count());
}

namespace {

/// Reads exactly `digits` decimal digits and takes them off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    if (text.size() < digits) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

/// `Z` or `+hh:mm`; nothing when it is neither.
std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
    if (take(text, "Zz")) return std::chrono::minutes{0};
    const bool west = !text.empty() && text.front() == '-';
    if (!take(text, "+-")) return std::nullopt;
    const auto hours = take_number(text, 2);
    if (!hours || !take(text, ":")) return std::nullopt;
    const auto minutes = take_number(text, 2);
    if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    const std::chrono::minutes offset{*hours * 60 + *minutes};
    return west ? -offset : offset;
}

}  // namespace

std::optional<TimePoint> parse_rfc3339(std::string_view text) {
    using namespace std::chrono;
    const auto year_number = take_number(text, 4);
    if (!year_number || !take(text, "-")) return std::nullopt;
    const auto month_number = take_number(text, 2);
    if (!month_number || !take(text, "-")) return std::nullopt;
    const auto day_number = take_number(text, 2);
    if (!day_number || !take(text, "Tt ")) return std::nullopt;
    const auto hour = take_number(text, 2);
    if (!hour || !take(text, ":")) return std::nullopt;
    const auto minute = take_number(text, 2);
    if (!minute || !take(text, ":")) return std::nullopt;
    const auto second = take_number(text, 2);
    if (!second) return std::nullopt;
    int fraction = 0;
    if (take(text, ".")) {
        int scale = 100;
        bool any = false;
        while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
            fraction += (text.front() - '0') * scale;
            scale /= 10;
            any = true;
            text.remove_prefix(1);
        }
        if (!any) return std::nullopt;
    }
    const auto offset = take_offset(text);
    if (!offset || !text.empty()) return std::nullopt;
    const year_month_day date{year{*year_number}, month{static_cast<unsigned>(*month_number)},
                              day{static_cast<unsigned>(*day_number)}};
    if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    return TimePoint{sys_days{date} + hours{*hour} + minutes{*minute} + seconds{*second} + Millis{fraction} -
                     *offset};
}

}  // namespace herald
