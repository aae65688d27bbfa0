#include "adapters/postgres/timer_checkpoint.hpp"

#include <algorithm>

namespace herald::postgres {
namespace {

/// The server's clock may be set back, or another server take over: what then lies before the checkpoint
/// waits no longer than this.
constexpr Millis kSearchAll{60'000};

}  // namespace

TimePoint TimerCheckpoint::start(Lane lane, TimePoint now) {
    std::lock_guard lock(mutex_);
    auto& place = places_[static_cast<std::size_t>(lane)];
    if (now >= place.searched_all && now < place.searched_all + kSearchAll) return place.at;
    place = {TimePoint{}, now};
    return place.at;
}

void TimerCheckpoint::found(Lane lane, TimePoint now, TimePoint earliest) {
    std::lock_guard lock(mutex_);
    // What is put in is never due before its transaction began; so nothing can still appear before `now` less
    // the longest transaction.
    auto& place = places_[static_cast<std::size_t>(lane)];
    place.at = std::max(place.at, std::min(earliest, now - margin_));
}

}  // namespace herald::postgres
