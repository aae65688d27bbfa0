#include "ports/event_log.hpp"

#include <condition_variable>
#include <mutex>

namespace herald {
namespace {

/// Whatever a batch fans out to, no single append outgrows the log's queue.
constexpr std::size_t kSlice = 1'000;

}  // namespace

struct PendingAppend::Answer {
    std::mutex mutex;
    std::condition_variable given;
    std::optional<Status> status;
};

PendingAppend::PendingAppend(EventLog& log, std::vector<NewRecord> records)
    : answer_(std::make_shared<Answer>()) {
    log.append(std::move(records), [answer = answer_](Status status) {
        std::lock_guard lock(answer->mutex);
        answer->status = std::move(status);
        answer->given.notify_all();
    });
}

std::optional<Status> PendingAppend::wait_for(Millis wait) {
    std::unique_lock lock(answer_->mutex);
    const auto is_given = [this] { return answer_->status.has_value(); };
    if (wait == Millis::max()) answer_->given.wait(lock, is_given);
    else answer_->given.wait_for(lock, wait, is_given);
    return answer_->status;
}

Status EventLog::append_and_wait(std::vector<NewRecord> records) {
    for (std::size_t done = 0; done < records.size(); done += kSlice) {
        const auto begin = std::make_move_iterator(records.begin() + static_cast<std::ptrdiff_t>(done));
        const auto end = begin + static_cast<std::ptrdiff_t>(std::min(kSlice, records.size() - done));
        PendingAppend append(*this, {begin, end});
        auto status = append.wait_for(Millis::max());
        if (!*status) return *status;
    }
    return {};
}

void FinishedPrefix::polled(const LogRecord& record) {
    auto& partition = partitions_[record.partition];
    if (partition.slots.empty()) partition.first = record.offset;
    const std::int64_t next = partition.first + static_cast<std::int64_t>(partition.slots.size());
    if (record.offset < next) return;  // polled before
    // A hole in the offsets holds nothing to wait for.
    for (std::int64_t offset = next; offset < record.offset; ++offset) partition.slots.push_back({{}, true});
    partition.slots.push_back({record.appended_at, false});
    ++open_;
}

void FinishedPrefix::finished(int number, std::int64_t offset) {
    const auto found = partitions_.find(number);
    if (found == partitions_.end()) return;  // the partition was lost meanwhile
    auto& partition = found->second;
    const std::int64_t index = offset - partition.first;
    if (index < 0 || index >= static_cast<std::int64_t>(partition.slots.size())) return;
    auto& slot = partition.slots[static_cast<std::size_t>(index)];
    if (slot.finished) return;
    slot.finished = true;
    --open_;
    while (!partition.slots.empty() && partition.slots.front().finished) {
        partition.slots.pop_front();
        ++partition.first;
        partition.moved = true;
    }
}

void FinishedPrefix::drop(int number) {
    const auto found = partitions_.find(number);
    if (found == partitions_.end()) return;
    for (const auto& slot : found->second.slots) open_ -= slot.finished ? 0 : 1;
    partitions_.erase(found);
}

std::vector<LogPosition> FinishedPrefix::take_positions() {
    std::vector<LogPosition> positions;
    for (auto& [number, partition] : partitions_) {
        if (!std::exchange(partition.moved, false)) continue;
        LogPosition position{number, partition.first, std::nullopt};
        if (!partition.slots.empty()) position.oldest_unfinished = partition.slots.front().appended_at;
        positions.push_back(position);
    }
    return positions;
}

Status FinishedPrefix::commit_to(LogConsumer& consumer) {
    const auto positions = take_positions();
    if (positions.empty()) return {};
    auto status = consumer.commit(positions);
    if (!status) {
        for (const auto& position : positions) partitions_.at(position.partition).moved = true;
    }
    return status;
}

std::int64_t FinishedPrefix::skew() const {
    std::size_t widest = 0;
    for (const auto& [number, partition] : partitions_) widest = std::max(widest, partition.slots.size());
    return static_cast<std::int64_t>(widest);
}

}  // namespace herald
