#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapters/kafka/log_options.hpp"
#include "ports/event_log.hpp"

namespace herald {

namespace kafka {
class LogState;
class Producer;
class Progress;
}  // namespace kafka

/// An EventLog on Kafka, for any number of processes. The topics must exist (`create_topics`). A record's
/// append time is this process's clock when `append` was called. A position that was committed less than
/// `commit_every` ago may be lost by a crash; its records come again then.
class KafkaEventLog final : public EventLog {
public:
    /// Does not wait for Kafka: what cannot be reached yet is `unavailable` until it can.
    static Result<std::unique_ptr<KafkaEventLog>> open(const KafkaLogOptions& options);
    ~KafkaEventLog() override;

    void append(std::vector<NewRecord> records, std::function<void(Status)> done) override;
    Result<std::unique_ptr<LogConsumer>> subscribe(const std::string& group,
                                                   const std::string& topic) override;
    Result<std::optional<TimePoint>> oldest_unfinished(const std::string& group,
                                                       const std::string& topic) override;
    Result<std::vector<Lag>> lag() override;
    double level() const override;
    Status ping() override;

    /// Waits for the acknowledgements and commits every position, for a bounded time each. Then appends are
    /// answered `closed`, and so are consumers. Neither this nor the destructor may be called on the log's
    /// thread.
    void close();

    struct Counts {
        std::int64_t records = 0;   ///< acknowledged
        std::int64_t rebuilds = 0;  ///< broken producers that were replaced
    };
    /// Since opening.
    Counts counts() const;

private:
    explicit KafkaEventLog(const KafkaLogOptions& options);

    const KafkaLogOptions options_;
    std::shared_ptr<kafka::LogState> state_;
    std::unique_ptr<kafka::Producer> producer_;
    std::unique_ptr<kafka::Progress> progress_;
};

}  // namespace herald
