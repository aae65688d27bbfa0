#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "base/thread_name.hpp"
#include "model/words.hpp"

namespace herald {

/// One statement in flight per kind and process, holding what all lanes have ready: callers hand their items
/// in, one thread merges them, critical first, and makes the synchronous call. Results come back in the order
/// of the items. A merged batch that is refused for its content is made again caller by caller, so that
/// nobody suffers for another's item. Thread-safe.
template <class Item, class Answer>
class StoreBatcher {
public:
    using Answers = Result<std::vector<Answer>>;
    using Call = std::function<Answers(const std::vector<Item>&)>;

    StoreBatcher(std::string thread_name, Call call, std::size_t max_items, std::size_t max_queued_items)
        : call_(std::move(call)),
          max_items_(max_items),
          max_queued_(max_queued_items),
          thread_([this, name = std::move(thread_name)] {
              name_this_thread(name);
              run();
          }) {}

    /// Makes what is queued, then joins.
    ~StoreBatcher() {
        {
            std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_all();
        thread_.join();
    }

    /// `done` is called on the batcher's thread, exactly once; `busy` at once, on the caller's, when the
    /// queue is full.
    void submit(std::vector<Item> items, Lane lane, std::function<void(Answers)> done) {
        {
            std::lock_guard lock(mutex_);
            if (!stopping_ && queued_ + items.size() <= max_queued_) {
                queued_ += items.size();
                queues_[static_cast<std::size_t>(lane)].push_back({std::move(items), std::move(done)});
                wake_.notify_one();
                return;
            }
        }
        done(fail(ErrorCode::busy, "the queue in front of the store is full"));
    }

    /// The same, waiting for it. For stage threads.
    Answers run_and_wait(std::vector<Item> items, Lane lane) {
        if (items.empty()) return std::vector<Answer>{};
        std::mutex mutex;
        std::condition_variable ready;
        std::optional<Answers> answers;
        submit(std::move(items), lane, [&](Answers result) {
            std::lock_guard lock(mutex);
            answers = std::move(result);
            ready.notify_one();
        });
        std::unique_lock lock(mutex);
        ready.wait(lock, [&] { return answers.has_value(); });
        return *std::move(answers);
    }

private:
    struct Work {
        std::vector<Item> items;
        std::function<void(Answers)> done;
    };

    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            wake_.wait(lock, [this] { return stopping_ || queued_ > 0; });
            if (queued_ == 0) return;
            auto batch = take_batch();
            lock.unlock();
            make(std::move(batch));
            lock.lock();
        }
    }

    std::vector<Work> take_batch() {
        std::vector<Work> batch;
        std::size_t size = 0;
        for (auto& queue : queues_) {
            while (!queue.empty() && (batch.empty() || size + queue.front().items.size() <= max_items_)) {
                size += queue.front().items.size();
                batch.push_back(std::move(queue.front()));
                queue.pop_front();
            }
        }
        queued_ -= size;
        return batch;
    }

    void make(std::vector<Work> batch) {
        if (batch.size() == 1) return batch[0].done(call_(batch[0].items));
        std::vector<Item> merged;
        for (const auto& work : batch) merged.insert(merged.end(), work.items.begin(), work.items.end());
        auto answers = call_(merged);
        if (!answers && answers.error().code == ErrorCode::refused_content) {
            for (auto& work : batch) work.done(call_(work.items));
            return;
        }
        std::size_t next = 0;
        for (auto& work : batch) {
            if (!answers) {
                work.done(fail(answers.error()));
                continue;
            }
            const auto begin = answers->begin() + static_cast<std::ptrdiff_t>(next);
            next += work.items.size();
            work.done(std::vector<Answer>(
                std::make_move_iterator(begin),
                std::make_move_iterator(answers->begin() + static_cast<std::ptrdiff_t>(next))));
        }
    }

    const Call call_;
    const std::size_t max_items_;
    const std::size_t max_queued_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::array<std::deque<Work>, kLanes.size()> queues_;
    std::size_t queued_ = 0;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace herald
