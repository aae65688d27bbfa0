#include "adapters/sqlite/sqlite_log_consumer.hpp"

namespace herald::sqlite {
namespace {

constexpr std::int64_t kMaxReadBytes = 4 * 1024 * 1024;

}  // namespace

SqliteLogConsumer::SqliteLogConsumer(std::shared_ptr<LogState> state,
                                     std::shared_ptr<std::atomic<std::int64_t>> disk_reads,
                                     LogFileOptions file, std::string topic)
    : state_(std::move(state)),
      disk_reads_(std::move(disk_reads)),
      file_options_(std::move(file)),
      topic_(std::move(topic)) {}

SqliteLogConsumer::~SqliteLogConsumer() {
    if (subscription_.group != nullptr) state_->leave(subscription_, member_);
}

Status SqliteLogConsumer::join(const std::string& group) {
    auto joined = state_->join(group, topic_, member_);
    if (!joined) return fail(joined.error());
    subscription_ = *joined;
    return {};
}

Result<std::vector<LogRecord>> SqliteLogConsumer::poll(std::size_t max, Millis wait) {
    auto fetched = state_->fetch(subscription_, member_, max, wait);
    if (!fetched) return fail(fetched.error());
    std::vector<LogRecord> records;
    records.reserve(fetched->records.size());
    for (const auto& stored : fetched->records) records.push_back(stored->record);
    if (!fetched->on_disk || records.size() >= max) return records;
    auto read_records = read(*fetched->on_disk, max - records.size());
    if (!read_records) {
        if (records.empty()) return read_records;
        return records;  // the cursor stands still, so the next poll meets the error again
    }
    for (auto& record : *read_records) records.push_back(std::move(record));
    return records;
}

Result<std::vector<LogRecord>> SqliteLogConsumer::read(const LogState::OnDisk& on_disk, std::size_t max) {
    auto file = reader();
    if (!file) return fail(file.error());
    ++*disk_reads_;
    auto read = (*file)->read(on_disk.range, max, kMaxReadBytes);
    if (!read) return fail(read.error());
    if (!state_->advance(member_, on_disk, read->next)) return std::vector<LogRecord>{};
    for (auto& record : read->records) {
        record.topic = topic_;
        record.partition = on_disk.partition;
    }
    return std::move(read->records);
}

Status SqliteLogConsumer::commit(const std::vector<LogPosition>& positions) {
    for (const auto& position : positions) {
        if (auto committed = commit(position); !committed) return committed;
    }
    return {};
}

Status SqliteLogConsumer::commit(const LogPosition& position) {
    std::int64_t next = position.next_offset;
    std::optional<FirstRecord> head;
    for (;;) {
        const auto unresolved = state_->commit(subscription_, member_, position.partition, next, head);
        if (!unresolved) return fail(unresolved.error());
        if (!*unresolved) return {};
        auto file = reader();
        if (!file) return fail(file.error());
        const auto first = (*file)->first((*unresolved)->partition_id, (*unresolved)->from);
        if (!first) return fail(first.error());
        head = *first;
        if (!head) next = (*unresolved)->below;
    }
}

Result<LogFile*> SqliteLogConsumer::reader() {
    if (!reader_) {
        auto opened = LogFile::open(file_options_);
        if (!opened) return fail(opened.error());
        reader_ = std::move(*opened);
    }
    return reader_.get();
}

}  // namespace herald::sqlite
