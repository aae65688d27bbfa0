#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters/kafka/client.hpp"
#include "adapters/kafka/log_state.hpp"
#include "ports/event_log.hpp"

namespace herald::kafka {

/// One member of the Kafka group of one group and topic. Whoever polls serves its rebalances, so that a stage
/// that stands still for max.poll.interval.ms loses its partitions. It may outlive the log, and is told
/// `closed` then. Except for `commit_soon` and `commit_now` it is for one thread.
class LogConsumer final : public herald::LogConsumer {
public:
    static Result<std::unique_ptr<LogConsumer>> open(const KafkaLogOptions& options,
                                                     std::shared_ptr<LogState> state,
                                                     const std::string& group, const std::string& topic);
    ~LogConsumer() override;

    Result<std::vector<LogRecord>> poll(std::size_t max, Millis wait) override;
    Status commit(const std::vector<LogPosition>& positions) override;
    std::vector<int> take_revoked() override;

    /// Hands Kafka the positions that are not there yet, unless it did less than `commit_every` ago.
    void commit_soon();
    /// The same at once, and waits for the answer, for a bounded time.
    void commit_now();

    /// Partitions held, and the next offset of each that this consumer would hand out; -1 before the first.
    /// Nothing until Kafka has said what they are, and while it shares them out anew.
    std::optional<std::map<int, std::int64_t>> holdings();
    const std::string& group() const { return group_; }
    const std::string& topic() const { return topic_; }

private:
    static constexpr std::int64_t kNone = -1;
    struct Holding {
        std::int64_t next = kNone;      ///< to hand out; everything from `position` to here is in work
        std::int64_t position = kNone;  ///< everything below is finished
        std::int64_t sent = kNone;      ///< the position that Kafka was last told
        std::int64_t stored = kNone;    ///< the position that Kafka is known to have
        std::optional<TimePoint> oldest_unfinished;
        std::optional<TimePoint> newest_read;
    };

    LogConsumer(const KafkaLogOptions& options, std::shared_ptr<LogState> state, const std::string& group,
                const std::string& topic);
    Status start();
    void say_farewell();
    static void prepare(rd_kafka_conf_t* conf);
    static void on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t error,
                             rd_kafka_topic_partition_list_t* partitions, void* opaque);
    static void on_commit(rd_kafka_t*, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* offsets,
                          void* opaque);

    void assigned(rd_kafka_topic_partition_list_t& partitions);
    void take_over(rd_kafka_topic_partition_t& partition, bool committed_known);
    void revoked(bool lost);
    void lose(int partition);
    bool receive(const rd_kafka_message_t& message, std::vector<LogRecord>& records);
    std::vector<LogRecord> take_withheld(std::size_t max);
    void tell_expired();
    Partitions unsent_positions();
    void forget_unanswered();
    void answered(const rd_kafka_topic_partition_list_t& offsets, rd_kafka_resp_err_t error);

    const KafkaLogOptions options_;
    const std::shared_ptr<LogState> state_;
    const std::string group_;
    const std::string topic_;
    const std::string kafka_group_;
    const std::string kafka_topic_;

    std::mutex mutex_;  ///< guards what follows
    std::map<int, Holding> holdings_;
    bool settled_ = false;  ///< false: before the first assignment, and between two
    std::set<int> revoked_;
    /// Of partitions that were lost and won back before the caller knew of the loss.
    std::deque<LogRecord> withheld_;
    std::optional<Error> illness_;  ///< to be told by the next poll that finds nothing
    std::chrono::steady_clock::time_point committed_at_{};
    bool awaits_answer_ = false;  ///< to the commit of that time
    std::int64_t expired_ = 0;    ///< records that nobody read and nobody will; not told yet

    Client client_;
};

}  // namespace herald::kafka
