#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "net/socket.hpp"

namespace herald::net {

/// epoll, timers and tasks on the one thread that calls `run`. Only `post` may be called from other threads,
/// and any method before `run` begins.
class EventLoop {
public:
    using Task = std::function<void()>;
    using Instant = std::chrono::steady_clock::time_point;
    using TimerId = std::pair<Instant, std::uint64_t>;

    EventLoop();
    ~EventLoop();

    /// Until `stop` was called and nothing is posted any more; then lets go of all watches and timers.
    void run();
    void stop() { stopping_ = true; }

    /// False, and the task is dropped, once `run` has ended.
    bool post(Task task);
    /// Once what is at hand has been handled, before the loop waits again.
    void defer(Task task) { deferred_.push_back(std::move(task)); }

    /// `handler` gets the epoll events; it may forget its own or any other descriptor.
    void watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> handler);
    void change(int fd, std::uint32_t events);
    void forget(int fd);

    TimerId at(Instant when, Task task);
    void cancel(TimerId timer) { timers_.erase(timer); }

private:
    struct Watch {
        std::uint64_t id;
        std::shared_ptr<std::function<void(std::uint32_t)>> handler;
    };

    void run_posted();
    void run_due_timers(Instant now);
    void run_deferred();
    void wait();
    int fall_asleep();
    void let_go();

    Fd epoll_;
    Fd wakeup_;
    bool stopping_ = false;
    std::uint64_t next_id_ = 1;
    std::unordered_map<int, Watch> watches_;
    std::unordered_map<std::uint64_t, int>
        fd_of_;  ///< an event of a closed descriptor must not hit its successor
    std::map<TimerId, Task> timers_;
    std::vector<Task> deferred_;

    std::mutex mutex_;
    std::vector<Task> posted_;  ///< guarded by mutex_
    bool asleep_ = false;       ///< guarded by mutex_; only then a post has to wake the loop
    bool ended_ = false;        ///< guarded by mutex_
};

}  // namespace herald::net
