#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "ports/event_log.hpp"

namespace herald {

/// What a FakeEventLog leaves behind when it closes: hand it to the next one and it has been opened again.
struct FakeLogDisk {
    struct Partition {
        std::vector<LogRecord> records;  ///< by offset; nothing is ever deleted, only hidden by age
        std::vector<std::int64_t> bytes_before;
        std::int64_t bytes = 0;
    };
    struct Topic {
        std::vector<Partition> partitions;
        std::vector<std::pair<int, std::int64_t>> order;  ///< partition and offset, in the order of appending
    };
    using Group = std::pair<std::string, std::string>;  ///< group and topic

    std::map<std::string, Topic> topics;
    std::map<Group, std::vector<std::int64_t>> positions;  ///< by partition
};

struct FakeLogOptions {
    const Clock* clock = nullptr;  ///< outlives the log
    /// (group, topic). Without a list whoever asks is a declared group.
    std::optional<std::vector<FakeLogDisk::Group>> groups = std::nullopt;
    int partitions = 4;
    std::int64_t max_bytes = 1'073'741'824;
    Millis retention = std::chrono::days(7);
    std::set<std::string> unread = {"events", "receipts", "dead"};
};

/// An EventLog in memory, with a thread of its own for `done`. Consumers must be gone before it is.
class FakeEventLog final : public EventLog {
public:
    explicit FakeEventLog(FakeLogOptions options,
                          std::shared_ptr<FakeLogDisk> disk = std::make_shared<FakeLogDisk>());
    ~FakeEventLog() override;

    void append(std::vector<NewRecord> records, std::function<void(Status)> done) override;
    Result<std::unique_ptr<LogConsumer>> subscribe(const std::string& group,
                                                   const std::string& topic) override;
    Result<std::optional<TimePoint>> oldest_unfinished(const std::string& group,
                                                       const std::string& topic) override;
    Result<std::vector<Lag>> lag() override;
    double level() const override;
    Status ping() override;

    /// All that was ever appended, in that order.
    std::vector<LogRecord> records(const std::string& topic) const;
    /// The next append is answered so and leaves nothing behind.
    void fail_next_append(Error error);
    /// The next append is stored, and its answer is lost.
    void fail_next_append_after_storing(Error error);
    /// The next commit of any consumer is answered so and forgets nothing.
    void fail_next_commit(Error error);
    /// From here on appends are taken and neither stored nor answered: a disk that hangs. Closing answers
    /// `closed`.
    void hold_appends();
    void release_appends();
    int partitions() const { return options_.partitions; }
    /// Later appends and consumers are answered `closed`.
    void close();

private:
    friend class FakeLogConsumer;

    struct Append {
        std::vector<NewRecord> records;
        std::function<void(Status)> done;
        Status verdict;
        bool stored_all_the_same = false;
    };
    struct Member {
        std::map<int, std::int64_t> cursors;  ///< by partition held
        std::set<int> revoked;
    };
    struct Failure {
        Error error;
        bool after_storing = false;
    };

    void run();
    void store(std::vector<NewRecord>& records);
    FakeLogDisk::Topic& topic(const std::string& name) const;
    bool declared(const FakeLogDisk::Group& group) const;
    bool counts(const std::string& topic) const;
    std::vector<std::int64_t>& positions(const FakeLogDisk::Group& group) const;
    std::int64_t first_kept(const std::string& topic, const FakeLogDisk::Partition& partition) const;
    std::int64_t first_unfinished(const FakeLogDisk::Group& group, std::size_t partition) const;
    std::int64_t unfinished_bytes(const std::string& topic, std::size_t partition) const;
    double level_locked() const;

    // For FakeLogConsumer.
    void join(const FakeLogDisk::Group& group, Member& member);
    void leave(const FakeLogDisk::Group& group, Member& member);
    void share(const FakeLogDisk::Group& group);
    std::vector<LogRecord> collect(const FakeLogDisk::Group& group, Member& member, std::size_t max) const;

    const FakeLogOptions options_;
    const std::shared_ptr<FakeLogDisk> disk_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Append> appends_;
    std::optional<Failure> failure_;
    std::optional<Error> commit_failure_;
    std::map<FakeLogDisk::Group, std::vector<Member*>> members_;
    std::map<FakeLogDisk::Group, std::vector<Member*>> holders_;  ///< by partition
    bool held_ = false;
    bool closed_ = false;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace herald
