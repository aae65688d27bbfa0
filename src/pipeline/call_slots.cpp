#include "pipeline/call_slots.hpp"

#include <algorithm>

#include "base/result.hpp"

namespace herald {

// With very few slots the shares round so that every lane keeps at least one.
CallSlots::CallSlots(int max)
    : max_(std::max(1, max)),
      most_{max_, std::max(1, max_ - max_ / 10), std::max(1, max_ * 8 / 10)},
      without_critical_(std::max(1, max_ - max_ / 10)) {}

int CallSlots::take(Lane lane, int wanted) {
    std::lock_guard lock(mutex_);
    const auto index = static_cast<std::size_t>(lane);
    const int all = held_[0] + held_[1] + held_[2];
    int room = std::min(max_ - all, most_[index] - held_[index]);
    if (lane != Lane::critical) room = std::min(room, without_critical_ - held_[1] - held_[2]);
    const int taken = std::clamp(wanted, 0, std::max(0, room));
    held_[index] += taken;
    return taken;
}

void CallSlots::give_back(Lane lane, int slots) {
    std::lock_guard lock(mutex_);
    auto& held = held_[static_cast<std::size_t>(lane)];
    CHECK(slots <= held);
    held -= slots;
}

int CallSlots::in_use() const {
    std::lock_guard lock(mutex_);
    return held_[0] + held_[1] + held_[2];
}

}  // namespace herald
