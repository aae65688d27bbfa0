#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/sqlite/sqlite_log_file.hpp"
#include "adapters/sqlite/sqlite_log_group.hpp"

namespace herald::sqlite {

struct LogPartition {
    StoredPartition stored;  ///< with the end that readers may see
    /// The newest records, without a hole up to the end: who keeps up never reads the file.
    std::deque<std::shared_ptr<const StoredRecord>> tail;
    std::int64_t tail_bytes = 0;
};

struct LogTopic {
    bool by_time = false;  ///< its records go by age, whether read or not, and count towards no bound
    bool kept = false;     ///< read by a group of another time; without one of now nothing may go
    std::vector<LogPartition> partitions;
    std::vector<std::unique_ptr<LogGroup>> groups;

    bool counts() const { return !by_time && !groups.empty(); }
};

/// Where the log stands: ends, tails, positions and members. Thread-safe; topics and groups are never taken
/// away.
class LogState {
public:
    struct Options {
        std::int64_t max_bytes = 0;
        std::int64_t tail_bytes = 0;  ///< per partition
        std::set<std::string> by_time;
    };
    explicit LogState(Options options) : options_(std::move(options)) {}

    // Building.
    void add_topic(std::vector<StoredPartition> partitions);
    void add_group(const std::string& topic, const std::string& group, std::vector<GroupPosition> positions);
    /// Somebody who is not declared this time reads the topic.
    void keep(const std::string& topic);
    /// `hook` is called, under this object's lock, whenever a position has moved, until `close`.
    void on_commit(std::function<void()> hook);

    // The writer's side, for one thread.
    std::size_t topics() const;
    /// Empty when there is no such topic.
    std::vector<StoredPartition> partitions(const std::string& topic) const;
    void publish(const LogFile::Batch& batch);
    std::vector<StoredPosition> take_moved_positions();
    /// What `take_moved_positions` gave is on disk, or has to be given again.
    void positions_written(const std::vector<StoredPosition>& positions, bool written);

    struct Retained {
        std::int64_t partition_id = 0;
        bool by_time = false;
        std::int64_t finished = 0;  ///< every group's position on disk is here or beyond
        std::int64_t end = 0;
    };
    std::vector<Retained> retained() const;
    /// Rows before `first` are deleted; without one there is no row left. Groups that stood before go on from
    /// there.
    void removed(std::int64_t partition_id, const std::optional<FirstRecord>& first);

    // The consumers' side.
    struct Subscription {
        LogTopic* topic = nullptr;
        LogGroup* group = nullptr;
    };
    Result<Subscription> join(const std::string& group, const std::string& topic, LogMember& member);
    void leave(const Subscription& subscription, LogMember& member);

    /// A range that is not in memory. Whoever has read it calls `advance`.
    struct OnDisk {
        int partition = 0;
        std::uint64_t epoch = 0;
        RecordRange range;
    };
    struct Fetched {
        std::vector<std::shared_ptr<const StoredRecord>> records;
        std::optional<OnDisk> on_disk;
    };
    Result<Fetched> fetch(const Subscription& subscription, LogMember& member, std::size_t max, Millis wait);
    /// False when the member does not hold the partition any more, or not since then.
    bool advance(LogMember& member, const OnDisk& read, std::int64_t next);

    /// Moves the group's position. When the record that would be the oldest unfinished one is not in memory
    /// nothing happens yet, and the range that begins with it is the answer: look it up and call again with
    /// `head`.
    Result<std::optional<RecordRange>> commit(const Subscription& subscription, LogMember& member,
                                              int partition, std::int64_t next_offset,
                                              const std::optional<FirstRecord>& head);
    std::vector<int> take_revoked(LogMember& member);
    /// From here on consumers get `closed`, and no position moves.
    void close();

    Result<std::optional<TimePoint>> oldest_unfinished(const std::string& group,
                                                       const std::string& topic) const;
    std::vector<EventLog::Lag> lag(TimePoint now) const;
    double level() const;

private:
    struct Place {
        LogTopic* topic = nullptr;
        std::size_t number = 0;
        LogPartition& partition() const { return topic->partitions[number]; }
    };

    LogGroup* find_group(const std::string& group, const std::string& topic) const;
    Fetched collect(const LogTopic& topic, LogMember& member, std::size_t max);
    void move(const Place& place, LogGroup& group, std::int64_t next_offset,
              const std::optional<FirstRecord>& head);
    void trim_tail(const Place& place);
    std::int64_t unfinished_bytes(const Place& place) const;

    const Options options_;
    mutable std::mutex mutex_;
    std::map<std::string, std::unique_ptr<LogTopic>> topics_;
    std::unordered_map<std::int64_t, Place> places_;  ///< by partition id
    std::function<void()> on_commit_;
    bool closed_ = false;
    std::atomic<std::int64_t> unfinished_bytes_ = 0;
};

}  // namespace herald::sqlite
