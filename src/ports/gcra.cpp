#include "ports/gcra.hpp"

#include <algorithm>

namespace herald {

double bounded_per_second(Rate rate) { return std::clamp(rate.per_second, 1.0 / 86'400, 1e9); }

Gcra Gcra::of(Rate rate) {
    return {Nanos{static_cast<std::int64_t>(1e9 / bounded_per_second(rate))}, rate.burst()};
}

int Gcra::tokens_there(Nanos full_at, Nanos now) const {
    const auto there = (capacity() - std::max(full_at - now, Nanos{0})) / interval;
    return static_cast<int>(std::max<std::int64_t>(there, 0));
}

Tokens LocalBucket::take(Rate rate, int wanted, Nanos now) {
    const auto gcra = Gcra::of(rate);
    full_at_ = std::clamp(full_at_, now, now + gcra.capacity());
    const int granted = std::min(gcra.tokens_there(full_at_, now), wanted);
    full_at_ += gcra.interval * granted;
    if (granted == wanted) return {granted, Millis{0}};
    return {granted, std::chrono::ceil<Millis>(full_at_ + gcra.interval - gcra.capacity() - now)};
}

}  // namespace herald
