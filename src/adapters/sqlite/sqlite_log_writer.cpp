#include "adapters/sqlite/sqlite_log_writer.hpp"

#include <algorithm>

#include "base/crash_point.hpp"
#include "base/log.hpp"
#include "base/thread_name.hpp"

namespace herald::sqlite {
namespace {

constexpr std::size_t kMaxTopics = 1000;
constexpr std::int64_t kRowsPerSweep = 1000;
constexpr std::int64_t kMostRowsPerSweep = 10'000;  ///< appends wait while these are deleted
/// Age alone makes rows go so slowly that looking more seldom is enough.
constexpr int kIdleSweepFactor = 10;

SteadyTime steady_now() { return std::chrono::steady_clock::now(); }

/// FNV-1a: the same in every process and version, so that a key stays in its partition.
std::size_t partition_of(const std::string& key, std::size_t partitions) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return static_cast<std::size_t>((hash ^ (hash >> 32)) % partitions);
}

bool is_request(const std::string& topic) { return topic.starts_with("requests."); }

}  // namespace

LogWriter::LogWriter(std::unique_ptr<LogFile> file, LogState& state, const Clock& clock,
                     const Options& options)
    : file_(std::move(file)),
      state_(state),
      clock_(clock),
      options_(options),
      sweeper_(*file_, state),
      queue_(options.queue) {
    state_.on_commit([this] { queue_.wake_at(steady_now() + options_.commit_every); });
    thread_ = std::thread([this] { run(); });
}

LogWriter::~LogWriter() {
    queue_.close();
    queue_.stop();
    thread_.join();
}

void LogWriter::run() {
    name_this_thread("sqlite.log");
    bool open = true;
    for (;;) {
        auto work = queue_.take(open ? next_sweep_ : steady_now() + std::chrono::hours(1));
        write(work.appends);
        if (work.closing) {
            open = false;
            queue_.answer_close();
        }
        if (work.stop && work.appends.empty()) return;  // a `done` may have appended again
        if (open && steady_now() >= next_sweep_) sweep(work.appends.empty());
    }
}

void LogWriter::write(std::vector<PendingAppend>& appends) {
    LogFile::Batch batch;
    for (auto& append : appends) {
        if (append.verdict) append.verdict = place(append.records, batch);
    }
    const auto written = commit(batch);
    for (auto& append : appends) {
        if (append.verdict) append.verdict = written;
        append.done(std::move(append.verdict));
    }
}

Status LogWriter::place(std::vector<NewRecord>& records, LogFile::Batch& batch) {
    for (const auto& record : records) {
        if (weight(record.key, record.value, record.traceparent) > options_.max_record_bytes) {
            return fail(ErrorCode::refused_content, "append to " + record.topic + ": a record is too large");
        }
        if (auto there = ensure_topic(record.topic); !there) return there;
    }
    const auto now = clock_.now();
    for (auto& record : records) {
        auto& partitions = ends_.at(record.topic);
        auto& partition = partitions[partition_of(record.key, partitions.size())];
        auto stored = std::make_shared<StoredRecord>();
        stored->partition_id = partition.id;
        stored->bytes_before = partition.bytes;
        stored->record = {std::move(record.topic),
                          partition.number,
                          partition.next_offset,
                          std::move(record.key),
                          std::move(record.value),
                          std::move(record.traceparent),
                          now};
        ++partition.next_offset;
        partition.bytes += weight(stored->record);
        touched_.insert(&partition);
        batch.records.push_back(std::move(stored));
    }
    return {};
}

Status LogWriter::ensure_topic(const std::string& topic) {
    if (ends_.contains(topic)) return {};
    auto partitions = state_.partitions(topic);
    if (partitions.empty()) {
        if (topic.empty() || state_.topics() >= kMaxTopics) {
            return fail(ErrorCode::invalid, "append to the log: no room for a topic named '" + topic + "'");
        }
        auto created = file_->create_partitions(topic, 0, options_.partitions);
        if (!created) return fail(created.error());
        state_.add_topic(*created);
        partitions = std::move(*created);
    }
    ends_[topic] = std::move(partitions);
    return {};
}

Status LogWriter::commit(LogFile::Batch& batch) {
    for (const auto* partition : touched_) batch.partitions.push_back(*partition);
    touched_.clear();
    batch.positions = state_.take_moved_positions();
    if (batch.records.empty() && batch.positions.empty()) return {};
    auto written = file_->write(batch);
    if (written) {
        const bool requests = std::any_of(batch.records.begin(), batch.records.end(), [](const auto& stored) {
            return is_request(stored->record.topic);
        });
        if (requests) crash_point("appended");
        ++counts_.transactions;
        counts_.records += static_cast<std::int64_t>(batch.records.size());
        written_since_sweep_ += static_cast<std::int64_t>(batch.records.size());
        state_.publish(batch);
    } else {
        ends_.clear();  // they count what was not written
        queue_.wake_at(steady_now() + options_.commit_every);
    }
    state_.positions_written(batch.positions, written.has_value());
    if (!batch.positions.empty()) next_sweep_ = std::min(next_sweep_, steady_now() + options_.sweep_every);
    notice(written);
    return written;
}

void LogWriter::sweep(bool idle) {
    // Under load as much goes as came, so that the file does not grow with the day.
    const auto rows = std::clamp(std::exchange(written_since_sweep_, 0), kRowsPerSweep, kMostRowsPerSweep);
    const auto swept = sweeper_.sweep(rows, clock_.now() - options_.retention);
    if (swept) counts_.removed += swept->rows;
    notice(swept ? Status{} : fail(swept.error()));
    const auto pace =
        swept && swept->rows > 0 ? options_.sweep_every : kIdleSweepFactor * options_.sweep_every;
    next_sweep_ = steady_now() + (swept && swept->more && idle ? Millis{0} : pace);
}

void LogWriter::notice(const Status& status) {
    if (!status && !ill_) log::error("log.write_failed", {{"reason", status.error().message}});
    if (status && ill_) log::info("log.write_recovered");
    ill_ = !status;
}

}  // namespace herald::sqlite
