#include "pipeline/shard_lease.hpp"

#include "base/uuid.hpp"

namespace herald {
namespace {

constexpr Millis kLease{5'000};
constexpr Millis kRenewAfter{1'000};

}  // namespace

ShardLease::ShardLease(TimerStore& timers, const Clock& clock)
    : timers_(timers),
      clock_(clock),
      owner_(to_string(Uuid::v7(clock.now()))),
      asked_at_(clock.uptime() - kLease) {}

Result<TimerShards> ShardLease::held() {
    std::lock_guard lock(mutex_);
    // Before the call: the store's lease begins no earlier.
    const auto now = clock_.uptime();
    if (now - asked_at_ < kRenewAfter) return shards_;
    auto shards = timers_.lease_shards(owner_, kLease);
    if (!shards) return fail(shards.error());
    shards_ = *shards;
    asked_at_ = now;
    return shards_;
}

Result<bool> ShardLease::holds_first() {
    const auto shards = held();
    if (!shards) return fail(shards.error());
    return shards->test(0);
}

}  // namespace herald
