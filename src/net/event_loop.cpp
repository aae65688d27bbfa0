#include "net/event_loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>

#include "base/result.hpp"
#include "net/thread_signals.hpp"

namespace herald::net {

namespace {

constexpr std::uint64_t kWakeup = 0;
constexpr int kMaxWaitMs = 60'000;
constexpr std::size_t kMaxEvents = 1'024;

void control(int epoll, int operation, int fd, std::uint32_t events, std::uint64_t id) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    CHECK(epoll_ctl(epoll, operation, fd, &event) == 0);
}

}  // namespace

EventLoop::EventLoop()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), wakeup_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    CHECK(epoll_.get() >= 0 && wakeup_.get() >= 0);
    control(epoll_.get(), EPOLL_CTL_ADD, wakeup_.get(), EPOLLIN, kWakeup);
}

EventLoop::~EventLoop() = default;

void EventLoop::run() {
    block_signals_on_this_thread();
    for (;;) {
        run_posted();
        run_deferred();
        if (stopping_) {
            const std::lock_guard lock(mutex_);
            if (!posted_.empty()) continue;
            ended_ = true;
            break;
        }
        // What has arrived by then comes first, however late this thread comes to look.
        const auto looked_at = std::chrono::steady_clock::now();
        wait();
        run_due_timers(looked_at);
    }
    let_go();
}

void EventLoop::let_go() {
    const auto watches = std::exchange(watches_, {});
    const auto timers = std::exchange(timers_, {});
    const auto deferred = std::exchange(deferred_, {});
    fd_of_.clear();
}

bool EventLoop::post(Task task) {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
    posted_.push_back(std::move(task));
    if (std::exchange(asleep_, false)) {
        const std::uint64_t one = 1;
        CHECK(write(wakeup_.get(), &one, sizeof one) == sizeof one);
    }
    return true;
}

void EventLoop::watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> handler) {
    const auto id = next_id_++;
    watches_[fd] = {id, std::make_shared<std::function<void(std::uint32_t)>>(std::move(handler))};
    fd_of_[id] = fd;
    control(epoll_.get(), EPOLL_CTL_ADD, fd, events, id);
}

void EventLoop::change(int fd, std::uint32_t events) {
    control(epoll_.get(), EPOLL_CTL_MOD, fd, events, watches_.at(fd).id);
}

void EventLoop::forget(int fd) {
    const auto found = watches_.find(fd);
    if (found == watches_.end()) return;
    control(epoll_.get(), EPOLL_CTL_DEL, fd, 0, 0);
    fd_of_.erase(found->second.id);
    watches_.erase(found);
}

EventLoop::TimerId EventLoop::at(Instant when, Task task) {
    const TimerId id{when, next_id_++};
    timers_.emplace(id, std::move(task));
    return id;
}

void EventLoop::run_posted() {
    std::vector<Task> tasks;
    {
        const std::lock_guard lock(mutex_);
        tasks.swap(posted_);
    }
    for (auto& task : tasks) task();
}

void EventLoop::run_due_timers(Instant now) {
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
        auto task = std::move(timers_.begin()->second);
        timers_.erase(timers_.begin());
        task();
    }
}

void EventLoop::run_deferred() {
    while (!deferred_.empty()) {
        const auto tasks = std::exchange(deferred_, {});
        for (const auto& task : tasks) task();
    }
}

/// How long to wait, in milliseconds.
int EventLoop::fall_asleep() {
    {
        const std::lock_guard lock(mutex_);
        if (!posted_.empty()) return 0;
        asleep_ = true;
    }
    if (timers_.empty()) return kMaxWaitMs;
    const auto left = timers_.begin()->first.first - std::chrono::steady_clock::now();
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    return static_cast<int>(std::clamp<std::int64_t>(ms, 0, kMaxWaitMs));
}

void EventLoop::wait() {
    std::array<epoll_event, kMaxEvents> events;
    const int n = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), fall_asleep());
    {
        const std::lock_guard lock(mutex_);
        asleep_ = false;
    }
    for (int i = 0; i < n; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        if (event.data.u64 == kWakeup) {
            std::uint64_t count = 0;
            // The count does not matter, and a wakeup that is gone already is none.
            [[maybe_unused]] const auto ignored = read(wakeup_.get(), &count, sizeof count);
            continue;
        }
        const auto fd = fd_of_.find(event.data.u64);
        if (fd == fd_of_.end()) continue;
        const auto handler = watches_.at(fd->second).handler;
        (*handler)(event.events);
    }
}

}  // namespace herald::net
