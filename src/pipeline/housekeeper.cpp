#include "pipeline/housekeeper.hpp"

namespace herald {
namespace {

constexpr std::chrono::hours kIdempotencyLife{24};
constexpr std::size_t kMaxBatch = 1'000;
constexpr Millis kPause{60'000};

}  // namespace

Status Housekeeper::pass(Millis wait) {
    if (clock_.uptime() < next_) {
        std::this_thread::sleep_for(wait);
        return {};
    }
    const auto removed = idempotency_.forget(clock_.now() - kIdempotencyLife, kMaxBatch);
    if (!removed) return fail(removed.error());
    if (*removed < kMaxBatch) next_ = clock_.uptime() + kPause;
    return {};
}

}  // namespace herald
