#include "simulator/delayed.hpp"

#include <algorithm>

#include "base/thread_name.hpp"

namespace herald::simulator {

Delayed::Delayed() : thread_([this] { loop(); }) {}

Delayed::~Delayed() { stop(); }

void Delayed::after(Millis delay, const void* owner, std::function<void()> run) {
    std::unique_lock lock(mutex_);
    if (stopped_) {
        lock.unlock();
        run();
        return;
    }
    const Time due = std::chrono::steady_clock::now() + delay;
    const bool first = heap_.empty() || due < heap_.front().due;
    heap_.push_back(Entry{due, order_++, owner, std::move(run)});
    std::push_heap(heap_.begin(), heap_.end(), later);
    lock.unlock();
    if (first) wake_.notify_one();
}

void Delayed::release(const void* owner) {
    std::vector<Entry> released;
    {
        const std::lock_guard lock(mutex_);
        const auto rest = std::stable_partition(heap_.begin(), heap_.end(),
                                                [&](const Entry& entry) { return entry.owner != owner; });
        released.assign(std::make_move_iterator(rest), std::make_move_iterator(heap_.end()));
        heap_.erase(rest, heap_.end());
        std::make_heap(heap_.begin(), heap_.end(), later);
    }
    for (auto& entry : released) entry.run();
}

void Delayed::stop() {
    std::vector<Entry> rest;
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return;
        stopped_ = true;
        rest.swap(heap_);
    }
    wake_.notify_one();
    thread_.join();
    for (auto& entry : rest) entry.run();
}

void Delayed::loop() {
    name_this_thread("simulator.delay");
    std::unique_lock lock(mutex_);
    while (!stopped_) {
        if (heap_.empty()) {
            wake_.wait(lock);
            continue;
        }
        const Time due = heap_.front().due;
        if (std::chrono::steady_clock::now() < due) {
            wake_.wait_until(lock, due);
            continue;
        }
        std::pop_heap(heap_.begin(), heap_.end(), later);
        auto run = std::move(heap_.back().run);
        heap_.pop_back();
        lock.unlock();
        run();
        run = nullptr;  // what it holds may end here, and not under the lock
        lock.lock();
    }
}

}  // namespace herald::simulator
