#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.hpp"

namespace herald::simulator {

/// Runs functions later, on one thread of its own. Thread-safe. A function must not block.
class Delayed {
public:
    Delayed();
    ~Delayed();

    /// `owner` is only a name for `release`. After `stop` the function runs at once, on the caller's thread.
    void after(Millis delay, const void* owner, std::function<void()> run);
    /// Runs all that waits for this owner now, on the caller's thread.
    void release(const void* owner);
    /// Runs all that waits now, and whatever comes later at once. A second call does nothing.
    void stop();

private:
    using Time = std::chrono::steady_clock::time_point;
    struct Entry {
        Time due;
        std::uint64_t order;
        const void* owner;
        std::function<void()> run;
    };
    static bool later(const Entry& a, const Entry& b) {
        return a.due != b.due ? a.due > b.due : a.order > b.order;
    }
    void loop();

    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Entry> heap_;  ///< the earliest on top
    std::uint64_t order_ = 0;
    bool stopped_ = false;
    std::thread thread_;
};

}  // namespace herald::simulator
