#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace herald::kafka {

class LogConsumer;

/// What a log shares with its consumers, which may outlive it. Thread-safe.
class LogState {
public:
    /// `grace`: for how long looks may fail before Kafka counts as away.
    explicit LogState(Millis grace) : grace_(grace) {}

    bool closed() const;
    void close();

    /// Whether Kafka can be reached, as whoever looks found last. A look that fails alone says nothing:
    /// leaders move.
    Status ping() const;
    void found(Status status);

    /// False when the log is closed.
    bool enter(LogConsumer& consumer);
    /// Afterwards nobody is calling the consumer.
    void leave(LogConsumer& consumer);
    void for_each(const std::function<void(LogConsumer&)>& visit);

private:
    const Millis grace_;
    mutable std::mutex mutex_;
    bool closed_ = false;
    Status status_;
    std::chrono::steady_clock::time_point well_at_ = std::chrono::steady_clock::now();
    std::mutex consumers_mutex_;  ///< held while consumers are visited
    std::vector<LogConsumer*> consumers_;
};

}  // namespace herald::kafka
