#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/kafka/client.hpp"
#include "adapters/kafka/offset_note.hpp"

namespace herald::kafka {

/// Topic as Herald names it, and partition.
using PartitionKey = std::pair<std::string, int>;

struct Committed {
    std::int64_t offset = 0;
    OffsetNote note;
};

/// Questions to the cluster that belong to no group; each waits for its answer, for a bounded time. For one
/// thread.
class Inquiry {
public:
    static Result<std::unique_ptr<Inquiry>> open(const KafkaLogOptions& options);
    ~Inquiry();

    /// The number of partitions by topic, of those that exist.
    Result<std::map<std::string, int>> partitions(const std::vector<std::string>& topics);

    /// Partitions that could not be asked are missing from the answers.
    using Offsets = std::map<PartitionKey, std::int64_t>;
    /// One past the newest record.
    Result<Offsets> ends(const std::vector<PartitionKey>& partitions);
    /// The first record appended at `time` or later; those without one are at -1.
    Result<Offsets> first_since(const std::vector<PartitionKey>& partitions, TimePoint time);

    /// By partition, for each reading; where a group has never committed there is none.
    using CommittedByPartition = std::map<int, Committed>;
    std::vector<Result<CommittedByPartition>> committed(const std::vector<KafkaLogOptions::Reading>& readings,
                                                        const std::vector<PartitionKey>& partitions);

    /// When the records at these offsets were appended, as far as they arrive within `wait`.
    std::map<PartitionKey, TimePoint> append_times(const Offsets& offsets, Millis wait);

private:
    explicit Inquiry(const KafkaLogOptions& options) : options_(options) {}
    static void on_error(rd_kafka_t*, int code, const char* reason, void* opaque);
    Partitions list_of(const std::vector<PartitionKey>& partitions, std::int64_t offset) const;
    Result<Offsets> list_offsets(const std::vector<PartitionKey>& partitions, std::int64_t time);
    Result<CommittedByPartition> committed_of(const KafkaLogOptions::Reading& reading,
                                              const std::vector<PartitionKey>& partitions);
    Result<rd_kafka_t*> client_of(const std::string& group);
    rd_kafka_topic_t* topic(const std::string& name);
    Error error(rd_kafka_resp_err_t code, const std::string& doing);
    std::string name_of(const char* kafka_topic) const;
    int patience() const { return static_cast<int>(options_.patience.count()); }

    const KafkaLogOptions options_;
    Client client_;
    /// One for each group, which it never joins: 2.0.2's admin request for committed offsets crashes when its
    /// coordinator is not reached in time.
    std::map<std::string, Client> group_clients_;
    std::map<std::string, Topic> topics_;
    std::string last_reason_;  ///< the newest that librdkafka said about its connections
};

}  // namespace herald::kafka
