#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace herald {

/// A record to append. Topics are given without the prefix: `requests.normal`.
struct NewRecord {
    std::string topic;
    /// Decides the partition, unless the engine gathers requests (KafkaLogOptions); nothing may rest on it.
    std::string key;
    std::string value;
    std::string traceparent;  ///< the only header; may be empty
};

struct LogRecord {
    std::string topic;
    int partition = 0;
    std::int64_t offset = 0;
    std::string key;
    std::string value;
    std::string traceparent;
    TimePoint appended_at{};
};

/// How far a group is in one partition.
struct LogPosition {
    int partition = 0;
    std::int64_t next_offset = 0;  ///< everything below is finished
    std::optional<TimePoint>
        oldest_unfinished;  ///< append time of the record at next_offset; none when there is none
};

/// One member of a group, reading one topic. For one thread.
class LogConsumer {
public:
    virtual ~LogConsumer() = default;

    /// Up to `max` records of the partitions that this consumer holds, in order within each; waits up to
    /// `wait` for the first. After a partition changed hands its unfinished records come again.
    virtual Result<std::vector<LogRecord>> poll(std::size_t max, Millis wait) = 0;

    /// Forgets what lies below the positions. A position of a partition that this consumer has lost is
    /// ignored.
    virtual Status commit(const std::vector<LogPosition>& positions) = 0;

    /// Partitions lost since the last call: the tracker drops what it knows of them.
    virtual std::vector<int> take_revoked() = 0;
};

/// An append-only log with topics, partitions by key, and groups of consumers. Thread-safe.
class EventLog {
public:
    virtual ~EventLog() = default;

    /// Appends all records, or none that could be told. `done` is called exactly once, on the log's thread,
    /// never inside this call, also when the log closes: success means durable on disk. `busy`: certainly
    /// nothing was enqueued (full). Any other error: it may have been.
    virtual void append(std::vector<NewRecord> records, std::function<void(Status)> done) = 0;

    /// The same in slices of 1,000, waiting for each; after an error the earlier slices are there. For
    /// stages, whose repeats are absorbed; never for an io thread.
    Status append_and_wait(std::vector<NewRecord> records);

    virtual Result<std::unique_ptr<LogConsumer>> subscribe(const std::string& group,
                                                           const std::string& topic) = 0;

    /// The append time of the oldest record that the group has not finished in any partition, at most 1 s
    /// old. An error means unknown; an empty optional that everything is finished.
    virtual Result<std::optional<TimePoint>> oldest_unfinished(const std::string& group,
                                                               const std::string& topic) = 0;

    struct Lag {
        std::string group;
        std::string topic;
        int partition = 0;
        std::int64_t records = 0;
        Millis age{0};  ///< of the oldest unfinished record
    };
    virtual Result<std::vector<Lag>> lag() = 0;

    /// How full the log is, from 0 to 1, by what is not finished in topics with a group. Cheap.
    virtual double level() const = 0;

    /// Whether records can be appended and read, as far as is known by now; does not wait for the engine.
    virtual Status ping() = 0;
};

/// An append whose answer is waited for in moments, by one who has other things to do meanwhile.
class PendingAppend {
public:
    PendingAppend(EventLog& log, std::vector<NewRecord> records);
    /// The log's answer; nothing when there is none yet after `wait`.
    std::optional<Status> wait_for(Millis wait);

private:
    struct Answer;
    std::shared_ptr<Answer> answer_;  ///< whoever gives it may outlive this
};

/// Remembers which polled records are finished and tells the prefix that may be forgotten. A value, for one
/// thread.
class FinishedPrefix {
public:
    void polled(const LogRecord& record);
    void finished(int partition, std::int64_t offset);
    void drop(int partition);

    /// The partitions whose prefix has grown since the last call.
    std::vector<LogPosition> take_positions();
    /// Commits those; after an error they are committed with the next call.
    Status commit_to(LogConsumer& consumer);
    /// Records that were polled and are not below the prefix yet.
    std::size_t open() const { return open_; }
    /// Distance between the oldest unfinished and the newest polled record of the widest partition.
    std::int64_t skew() const;

private:
    struct Slot {
        TimePoint appended_at;
        bool finished = false;
    };
    struct Partition {
        std::int64_t first = 0;  ///< offset of slots.front()
        std::deque<Slot> slots;
        bool moved = false;
    };
    std::map<int, Partition> partitions_;
    std::size_t open_ = 0;
};

}  // namespace herald
