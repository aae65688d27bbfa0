#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "adapters/sqlite/sqlite_log_queue.hpp"
#include "adapters/sqlite/sqlite_log_state.hpp"
#include "adapters/sqlite/sqlite_log_sweeper.hpp"
#include "base/clock.hpp"

namespace herald::sqlite {

/// The one thread that writes the file. It takes everything queued, writes it with the positions that moved
/// as one transaction, and only then calls each `done`: one fsync for all that came meanwhile.
class LogWriter {
public:
    struct Options {
        AppendQueue::Bounds queue;
        int partitions = 0;  ///< of a topic that is new
        std::int64_t max_record_bytes = 0;
        Millis retention{0};
        Millis commit_every{0};
        Millis sweep_every{0};
    };
    /// `state` and `clock` must outlive the writer.
    LogWriter(std::unique_ptr<LogFile> file, LogState& state, const Clock& clock, const Options& options);
    ~LogWriter();
    LogWriter(const LogWriter&) = delete;
    LogWriter& operator=(const LogWriter&) = delete;

    void append(PendingAppend append) { queue_.push(std::move(append)); }
    /// Writes all that is queued and every position. Later appends are answered `closed`.
    void close() { queue_.close(); }

    struct Counts {
        std::atomic<std::int64_t> transactions = 0;
        std::atomic<std::int64_t> records = 0;
        std::atomic<std::int64_t> removed = 0;
    };
    const Counts& counts() const { return counts_; }
    /// The newest write failed.
    bool ill() const { return ill_; }

private:
    void run();
    void write(std::vector<PendingAppend>& appends);
    Status place(std::vector<NewRecord>& records, LogFile::Batch& batch);
    Status ensure_topic(const std::string& topic);
    Status commit(LogFile::Batch& batch);
    void sweep(bool idle);
    void notice(const Status& status);

    std::unique_ptr<LogFile> file_;
    LogState& state_;
    const Clock& clock_;
    const Options options_;
    LogSweeper sweeper_;
    AppendQueue queue_;
    Counts counts_;

    // Of the writer's thread.
    std::unordered_map<std::string, std::vector<StoredPartition>> ends_;  ///< with what the open batch adds
    std::set<const StoredPartition*> touched_;                            ///< by the open batch, within ends_
    std::int64_t written_since_sweep_ = 0;
    SteadyTime next_sweep_{};
    std::atomic<bool> ill_ = false;

    std::thread thread_;
};

}  // namespace herald::sqlite
