#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "ports/event_log.hpp"

namespace herald {

namespace sqlite {
class LogState;
class LogWriter;
struct LogFileOptions;
}  // namespace sqlite

struct SqliteLogOptions {
    /// Who reads what has to be known from the start, or retention would delete what nobody has asked for
    /// yet.
    struct Reading {
        std::string group;
        std::string topic;
    };

    std::filesystem::path path = {};
    const Clock* clock = nullptr;  ///< outlives the log
    std::vector<Reading> groups = {};
    int partitions = 4;                      ///< of each topic; a topic that has more keeps them
    std::int64_t max_bytes = 1'073'741'824;  ///< of unfinished records; what `level` is measured against
    std::chrono::seconds retention = std::chrono::days(7);
    /// Topics that go by `retention` whether or not anybody reads them. So do topics that no group
    /// has ever been declared to read.
    std::set<std::string> unread = {"events", "receipts", "dead"};

    std::int64_t queue_max_records = 50'000;
    std::int64_t queue_max_bytes = 64 * 1024 * 1024;
    std::int64_t max_record_bytes = 8 * 1024 * 1024;
    std::int64_t tail_bytes = 1024 * 1024;  ///< newest records kept in memory, per partition
    Millis commit_every{50};                ///< the longest that a finished position stays in memory only
    Millis sweep_every{100};
    int checkpoint_pages = 4000;  ///< size of the WAL at which a commit also checkpoints
    std::string vfs = {};         ///< empty = the system's
};

/// An EventLog in one SQLite file, for one process. Partitions are rows of a table; the file is written by
/// one thread, which is also the log's thread for `done`. A position that was committed less than
/// `commit_every` ago may be lost by a crash; its records come again then.
class SqliteEventLog final : public EventLog {
public:
    static Result<std::unique_ptr<SqliteEventLog>> open(const SqliteLogOptions& options);
    ~SqliteEventLog() override;

    void append(std::vector<NewRecord> records, std::function<void(Status)> done) override;
    Result<std::unique_ptr<LogConsumer>> subscribe(const std::string& group,
                                                   const std::string& topic) override;
    Result<std::optional<TimePoint>> oldest_unfinished(const std::string& group,
                                                       const std::string& topic) override;
    Result<std::vector<Lag>> lag() override;
    double level() const override;
    Status ping() override;

    /// Writes what is queued and every position. Then appends are answered `closed`, and so are consumers.
    /// Neither this nor the destructor may be called on the log's thread.
    void close();

    struct Counts {
        std::int64_t transactions = 0;  ///< that wrote records or positions
        std::int64_t records = 0;       ///< appended
        std::int64_t removed = 0;       ///< deleted by retention
        std::int64_t disk_reads = 0;    ///< polls that memory could not serve
    };
    /// Since opening.
    Counts counts() const;

private:
    explicit SqliteEventLog(const SqliteLogOptions& options);

    const SqliteLogOptions options_;
    std::shared_ptr<sqlite::LogState> state_;
    std::shared_ptr<std::atomic<std::int64_t>> disk_reads_;
    std::unique_ptr<sqlite::LogWriter> writer_;
};

}  // namespace herald
