#include "adapters/sqlite/sqlite_log_queue.hpp"

#include <algorithm>

#include "adapters/sqlite/sqlite_log_file.hpp"

namespace herald::sqlite {
namespace {

std::int64_t weight_of(const std::vector<NewRecord>& records) {
    std::int64_t bytes = 0;
    for (const auto& record : records) bytes += weight(record.key, record.value, record.traceparent);
    return bytes;
}

}  // namespace

Status AppendQueue::admit(const PendingAppend& append) {
    if (phase_ != Phase::open) return fail(ErrorCode::closed, "append to the log: it is closed");
    if (!append.verdict) return append.verdict;
    const auto records = static_cast<std::int64_t>(append.records.size());
    const auto bytes = weight_of(append.records);
    if (records > bounds_.records || bytes > bounds_.bytes) {
        return fail(ErrorCode::too_large, "append to the log: more at once than its queue can ever hold");
    }
    if (records_ + records > bounds_.records || bytes_ + bytes > bounds_.bytes) {
        return fail(ErrorCode::busy, "append to the log: its queue is full");
    }
    records_ += records;
    bytes_ += bytes;
    return {};
}

void AppendQueue::push(PendingAppend append) {
    std::lock_guard lock(mutex_);
    append.verdict = admit(append);
    appends_.push_back(std::move(append));
    work_.notify_one();
}

void AppendQueue::wake_at(SteadyTime at) {
    std::lock_guard lock(mutex_);
    if (wake_at_ && *wake_at_ <= at) return;
    wake_at_ = at;
    work_.notify_one();
}

void AppendQueue::close() {
    std::unique_lock lock(mutex_);
    if (phase_ == Phase::open) phase_ = Phase::closing;
    work_.notify_one();
    closed_.wait(lock, [this] { return phase_ == Phase::closed; });
}

void AppendQueue::stop() {
    std::lock_guard lock(mutex_);
    stop_ = true;
    work_.notify_one();
}

AppendQueue::Work AppendQueue::take(SteadyTime no_later_than) {
    std::unique_lock lock(mutex_);
    while (appends_.empty() && !stop_ && phase_ != Phase::closing) {
        const auto until = std::min(no_later_than, wake_at_.value_or(no_later_than));
        if (std::chrono::steady_clock::now() >= until) break;
        work_.wait_until(lock, until);
    }
    wake_at_.reset();
    records_ = 0;
    bytes_ = 0;
    return {std::exchange(appends_, {}), phase_ == Phase::closing, stop_};
}

void AppendQueue::answer_close() {
    std::lock_guard lock(mutex_);
    phase_ = Phase::closed;
    closed_.notify_all();
}

}  // namespace herald::sqlite
