#include "adapters/kafka/log_state.hpp"

#include "base/log.hpp"

namespace herald::kafka {
bool LogState::closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
}

void LogState::close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
}

Status LogState::ping() const {
    std::lock_guard lock(mutex_);
    return status_;
}

void LogState::found(Status status) {
    std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (status) well_at_ = now;
    else if (now - well_at_ < grace_) return;
    if (!status && status_) log::warning("log.unreachable", {{"reason", status.error().message}});
    if (status && !status_) log::info("log.reachable");
    status_ = std::move(status);
}

bool LogState::enter(LogConsumer& consumer) {
    std::lock_guard lock(consumers_mutex_);
    if (closed()) return false;
    consumers_.push_back(&consumer);
    return true;
}

void LogState::leave(LogConsumer& consumer) {
    std::lock_guard lock(consumers_mutex_);
    std::erase(consumers_, &consumer);
}

void LogState::for_each(const std::function<void(LogConsumer&)>& visit) {
    std::lock_guard lock(consumers_mutex_);
    for (auto* consumer : consumers_) visit(*consumer);
}

}  // namespace herald::kafka
