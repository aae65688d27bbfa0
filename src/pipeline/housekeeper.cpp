#include "pipeline/housekeeper.hpp"

namespace herald {
namespace {

constexpr std::chrono::hours kIdempotencyLife{24};
constexpr std::size_t kMaxRows = 1'000;
constexpr std::size_t kMaxNotifications = 500;
constexpr Millis kPause{60'000};
/// Between batches of notifications: each holds up the store's other writes.
constexpr Millis kBreath{100};

}  // namespace

Status Housekeeper::pass(Millis wait) {
    if (clock_.uptime() < next_) {
        std::this_thread::sleep_for(wait);
        return {};
    }
    const auto forgotten = idempotency_.forget(clock_.now() - kIdempotencyLife, kMaxRows);
    if (!forgotten) return fail(forgotten.error());
    if (*forgotten == kMaxRows) return {};  // these first; notifications go when nothing else is due
    const auto dropped = plans_.drop_notifications(clock_.now() - retention_, kMaxNotifications);
    if (!dropped) return fail(dropped.error());
    next_ = clock_.uptime() + (*dropped == kMaxNotifications ? kBreath : kPause);
    return {};
}

}  // namespace herald
