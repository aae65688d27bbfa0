#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "ports/event_log.hpp"

namespace herald::sqlite {

/// Real time: the writer's pace is no business of a clock that tests turn.
using SteadyTime = std::chrono::steady_clock::time_point;

struct PendingAppend {
    std::vector<NewRecord> records;
    std::function<void(Status)> done;
    Status verdict;  ///< an error when it was refused before anything was written
};

/// What waits for the writer's thread, bounded in records and bytes. Refused appends pass through it too,
/// because their answer is due on that thread. Thread-safe; `take` and `answer_close` are the writer's.
class AppendQueue {
public:
    struct Bounds {
        std::int64_t records = 0;
        std::int64_t bytes = 0;
    };
    explicit AppendQueue(Bounds bounds) : bounds_(bounds) {}

    /// A verdict that is an error already stays; otherwise the queue may refuse with `busy`, `too_large` or
    /// `closed`.
    void push(PendingAppend append);
    /// Wakes the writer at `at`, or earlier.
    void wake_at(SteadyTime at);
    /// Refuses what comes from now on, and returns when the writer has called `answer_close`.
    void close();
    /// Ends the writer's thread after what is queued.
    void stop();

    struct Work {
        std::vector<PendingAppend> appends;
        bool closing = false;
        bool stop = false;
    };
    /// Everything queued; waits for it until `wake_at`, `close`, `stop` or `no_later_than`.
    Work take(SteadyTime no_later_than);
    void answer_close();

private:
    Status admit(const PendingAppend& append);

    const Bounds bounds_;
    std::mutex mutex_;
    std::condition_variable work_;
    std::condition_variable closed_;
    std::vector<PendingAppend> appends_;
    std::int64_t records_ = 0;
    std::int64_t bytes_ = 0;
    std::optional<SteadyTime> wake_at_;
    enum class Phase { open, closing, closed } phase_ = Phase::open;
    bool stop_ = false;
};

}  // namespace herald::sqlite
