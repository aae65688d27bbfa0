#pragma once

#include <bitset>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "model/ids.hpp"
#include "model/words.hpp"

namespace herald {

/// retry: the next attempt of a delivery · step: a step to be planned · lease: look again at somebody's claim
/// · parked: waits for a breaker's probe.
enum class TimerKind { retry, step, lease, parked };
/// "retry", "continue", "lease", "parked"
std::string_view to_string(TimerKind kind);

/// Something that goes back to the log when it is due. Two timers with equal fields are one.
struct Timer {
    Lane lane = Lane::normal;
    TimePoint due{};
    TimerKind kind = TimerKind::retry;
    TenantId tenant;
    std::string key;      ///< record key of the user
    DeliveryId delivery;  ///< ordinal 0 with kind `step`
    int attempt = 0;
    Route route = Route::push_apns;  ///< where a delivery goes back to; unused with kind `step`

    bool operator==(const Timer&) const = default;
};

/// Timers are shared between schedulers by shards.
inline constexpr std::size_t kTimerShards = 64;
using TimerShards = std::bitset<kTimerShards>;
/// The low bits of the notification id's last byte, which is keyed and so evenly spread.
inline std::size_t shard_of(const NotificationId& id) { return id.uuid.bytes[15] % kTimerShards; }

}  // namespace herald
