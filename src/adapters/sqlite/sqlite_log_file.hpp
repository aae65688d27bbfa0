#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapters/sqlite/database.hpp"
#include "base/clock.hpp"
#include "ports/event_log.hpp"

namespace herald::sqlite {

/// A record with what its row carries besides.
struct StoredRecord {
    std::int64_t partition_id = 0;
    std::int64_t bytes_before = 0;  ///< of all earlier records of the partition, those deleted since included
    LogRecord record;
};

struct StoredPartition {
    std::int64_t id = 0;
    std::string topic;
    int number = 0;
    std::int64_t next_offset = 0;
    std::int64_t bytes = 0;  ///< of all records ever appended
};

struct StoredPosition {
    std::string group;
    std::int64_t partition_id = 0;
    std::int64_t next_offset = 0;
};

/// Offsets from `from` up to, not including, `below`.
struct RecordRange {
    std::int64_t partition_id = 0;
    std::int64_t from = 0;
    std::int64_t below = 0;
};

/// The first record at or after some offset.
struct FirstRecord {
    std::int64_t offset = 0;
    std::int64_t bytes_before = 0;
    TimePoint appended_at{};
};

/// What a record weighs in the bounds: its bytes and the cost of a row.
std::int64_t weight(const std::string& key, const std::string& value, const std::string& traceparent);
std::int64_t weight(const LogRecord& record);

struct LogFileOptions {
    std::filesystem::path path = {};
    std::string vfs = {};
    bool query_only = false;
    int checkpoint_pages = 4000;
};

/// The log's tables, through one connection. For one thread at a time.
class LogFile {
public:
    static Result<std::unique_ptr<LogFile>> open(const LogFileOptions& options);

    Result<std::vector<StoredPartition>> partitions();
    Result<std::vector<StoredPosition>> positions();
    Result<std::vector<StoredPartition>> create_partitions(const std::string& topic, int first, int count);

    struct Batch {
        std::vector<std::shared_ptr<const StoredRecord>> records;
        std::vector<StoredPartition> partitions;  ///< the new ends of those that have records here
        std::vector<StoredPosition> positions;
    };
    /// One transaction, synced.
    Status write(const Batch& batch);
    /// One transaction.
    Status remove(std::span<const RecordRange> ranges);

    Result<std::optional<FirstRecord>> first(std::int64_t partition_id, std::int64_t from);
    /// The offset of the first record of the range that was appended after `cutoff`, or the range's end.
    Result<std::int64_t> first_younger(const RecordRange& range, TimePoint cutoff);

    struct Read {
        std::vector<LogRecord> records;
        std::int64_t next = 0;  ///< where to go on; the range's end when all of it was read
    };
    /// Up to `max` records, and not much more than `max_bytes`. Topic and partition number are the caller's
    /// to fill in.
    Result<Read> read(const RecordRange& range, std::size_t max, std::int64_t max_bytes);

private:
    explicit LogFile(std::unique_ptr<Database> database) : database_(std::move(database)) {}

    void insert(const StoredRecord& stored);

    std::unique_ptr<Database> database_;
};

}  // namespace herald::sqlite
