#include "adapters/redis/lease.hpp"

#include <algorithm>

namespace herald::redis {
namespace {

/// A lease is for as long as the burst of a bucket lasts.
constexpr Nanos kWindow = std::chrono::milliseconds(50);

}  // namespace

void Lease::set_rate(Rate rate) {
    gcra_ = Gcra::of(rate);
    interval_us_ = 1e6 / bounded_per_second(rate);
}

int Lease::usable(Nanos now) const {
    const int lacking = gcra_.burst - gcra_.tokens_there(full_at_, now);
    return std::min(held_, std::max(lacking, now < owed_until_ ? owed_ : 0));
}

int Lease::take(int wanted, Nanos now) {
    const int taken = std::min(wanted, usable(now));
    held_ -= taken;
    owed_ = std::max(owed_ - taken, 0);
    note_use(taken, now);
    return taken;
}

void Lease::give_back(int tokens, Nanos now) {
    const int room = gcra_.burst - gcra_.tokens_there(full_at_, now) - held_;
    const int taken_back = std::clamp(room, 0, tokens);
    held_ += taken_back;
    used_ = std::max(used_ - taken_back, 0);
}

bool Lease::runs_low(Nanos now) const {
    const int quarter = used_lately(now) / 4;
    return usable(now) < quarter && gcra_.tokens_there(full_at_, now) >= quarter;
}

LeaseRequest Lease::request(int unmet, Nanos now) {
    const int kept = usable(now);
    LeaseRequest request;
    request.interval_us = interval_us_;
    request.burst = gcra_.burst;
    request.wanted = std::clamp(std::max(unmet, used_lately(now)), 0, gcra_.burst);
    request.returned = held_ - kept;
    held_ = kept;
    return request;
}

void Lease::granted(const Grant& grant, int unmet, Nanos asked_at, Nanos now) {
    held_ += grant.tokens;
    owed_ = std::min(unmet, grant.tokens);
    owed_until_ = now + kWindow;
    // Redis looked at its clock somewhere between the question and the answer; a question that is asked at
    // `next_at_` takes as long to get there as this one did.
    full_at_ = asked_at + (now - asked_at) / 2 + grant.full_in;
    next_at_ = asked_at + grant.next_in;
}

int Lease::used_lately(Nanos now) const {
    if (now - window_began_ >= 2 * kWindow) return 0;
    return std::max(used_, now - window_began_ >= kWindow ? 0 : used_before_);
}

void Lease::note_use(int tokens, Nanos now) {
    if (now - window_began_ >= kWindow) {
        used_before_ = now - window_began_ >= 2 * kWindow ? 0 : used_;
        used_ = 0;
        window_began_ = now;
    }
    used_ += tokens;
}

}  // namespace herald::redis
