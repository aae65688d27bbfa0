#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace herald {

/// A few threads with a bounded queue, for the synchronous calls that an io thread must not make.
/// Thread-safe.
class WorkerPool {
public:
    WorkerPool(const std::string& thread_name, std::size_t threads, std::size_t max_queued);
    ~WorkerPool();  ///< runs what is queued, then joins

    /// False when the queue is full: the task will not run.
    [[nodiscard]] bool post(std::function<void()> task);
    std::size_t queued() const;

private:
    void run();

    const std::size_t max_queued_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> queue_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace herald
