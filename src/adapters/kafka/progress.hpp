#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "adapters/kafka/inquiry.hpp"
#include "adapters/kafka/log_state.hpp"
#include "ports/event_log.hpp"

namespace herald::kafka {

/// How far every group is, in any process: a thread that keeps looking at the ends of the partitions and the
/// committed offsets. It also finds out whether Kafka is there, and sees to it that consumers nobody polls
/// still commit. Thread-safe.
class Progress {
public:
    static Result<std::unique_ptr<Progress>> start(const KafkaLogOptions& options,
                                                   std::shared_ptr<LogState> state);
    ~Progress();
    void stop();

    Result<std::optional<TimePoint>> oldest_unfinished(const std::string& group,
                                                       const std::string& topic) const;
    Result<std::vector<EventLog::Lag>> lag() const;

    /// 0.8 at the age of the oldest unfinished request from which intake refuses: 40 % of the retention.
    /// While Kafka cannot be asked, what is known goes on ageing; what came to be after the last look counts
    /// as old as that look once it is more than 10 s past. Before the first look, and with no request open,
    /// 0.
    double level() const;

private:
    using SteadyTime = std::chrono::steady_clock::time_point;
    static constexpr std::int64_t kNothing = std::numeric_limits<std::int64_t>::max();

    struct PartitionProgress {
        int partition = 0;
        std::int64_t records = 0;
        std::optional<TimePoint> oldest;
    };
    using ReadingProgress = std::vector<PartitionProgress>;
    struct Look {
        SteadyTime at{};
        TimePoint time{};
        std::vector<Result<ReadingProgress>> readings;  ///< in the order of the options
    };
    /// What one look has found before the readings are put together.
    struct Found {
        Inquiry::Offsets ends;
        std::vector<Result<Inquiry::CommittedByPartition>> committed;
    };

    Progress(const KafkaLogOptions& options, std::shared_ptr<LogState> state,
             std::unique_ptr<Inquiry> inquiry);
    void run();
    Status look();
    Status find_partitions();
    Status find_first_kept(TimePoint now, const Inquiry::Offsets& ends);
    Result<Found> find();
    std::int64_t next_of(const Found& found, std::size_t reading, const PartitionKey& key) const;
    std::optional<TimePoint> told_by_note(const Found& found, std::size_t reading, const PartitionKey& key,
                                          std::int64_t next, TimePoint now) const;
    void find_append_times(const Found& found, TimePoint now);
    Result<ReadingProgress> reading_progress(const Found& found, std::size_t reading, TimePoint now) const;
    void publish(Look look);
    Result<ReadingProgress> known(std::size_t reading) const;

    const KafkaLogOptions options_;
    const std::shared_ptr<LogState> state_;

    // Of the thread.
    std::unique_ptr<Inquiry> inquiry_;
    std::vector<PartitionKey> partitions_;
    SteadyTime partitions_at_{};
    Inquiry::Offsets first_kept_;  ///< older records are past the retention
    TimePoint first_kept_at_{};
    struct AppendTime {
        std::int64_t offset = 0;
        TimePoint time;
    };
    std::map<std::pair<std::size_t, int>, AppendTime> append_times_;  ///< by reading and partition

    mutable std::mutex mutex_;  ///< guards what follows
    std::condition_variable wake_;
    bool stop_ = false;
    Look last_;

    std::atomic<std::int64_t> oldest_request_ms_{kNothing};
    std::atomic<std::int64_t> level_time_ms_;
    std::atomic<SteadyTime::rep> level_at_;

    std::thread thread_;
};

}  // namespace herald::kafka
