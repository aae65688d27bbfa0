#include "adapters/kafka/topic_rules.hpp"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace herald::kafka {
namespace {

/// What Kafka adds to a batch of one record.
constexpr std::int64_t kBatchOverhead = 64 * 1024;

bool is_requests(const std::string& name) { return name.starts_with("requests."); }

std::int64_t retention_ms(const KafkaLogOptions& options) { return Millis(options.retention).count(); }

std::int64_t number(const TopicSettings& settings, const std::string& name) {
    const auto found = settings.find(name);
    std::int64_t value = 0;
    if (found != settings.end())
        std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
    return value;
}

std::string text(const TopicSettings& settings, const std::string& name) {
    const auto found = settings.find(name);
    return found == settings.end() ? "" : found->second;
}

/// What is wrong with a topic, and the setting that would be right.
struct Fault {
    std::string what;
    std::string setting;
};

std::optional<Fault> fault_of(const KafkaLogOptions& options, const std::string& name,
                              const TopicShape& shape, const TopicSettings& settings) {
    const auto retention = number(settings, "retention.ms");
    if (retention >= 0 && retention < retention_ms(options)) {
        return Fault{
            fmt::format("keeps records for {} ms, which is less than HERALD_LOG_RETENTION_S", retention),
            fmt::format("retention.ms={}", retention_ms(options))};
    }
    if (number(settings, "retention.bytes") != -1)
        return Fault{"deletes records by size, also unread ones", "retention.bytes=-1"};
    if (text(settings, "cleanup.policy") != "delete")
        return Fault{"is compacted, which loses records that share a key", "cleanup.policy=delete"};
    if (text(settings, "unclean.leader.election.enable") != "false")
        return Fault{"lets a replica lead that lacks acknowledged records (unclean leader election)",
                     "unclean.leader.election.enable=false"};
    if (text(settings, "message.timestamp.type") != "CreateTime")
        return Fault{"replaces the time of a record by the broker's", "message.timestamp.type=CreateTime"};
    const auto largest = options.max_record_bytes + kBatchOverhead;
    if (number(settings, "max.message.bytes") < largest)
        return Fault{"refuses records that Herald may write", fmt::format("max.message.bytes={}", largest)};
    const bool replicated = shape.fewest_replicas >= kSafeReplicas;
    if (replicated && number(settings, "min.insync.replicas") < 2)
        return Fault{"acknowledges a record that only one replica has", "min.insync.replicas=2"};
    if (!replicated && is_requests(name) && number(settings, "flush.messages") != 1)
        return Fault{"has fewer than three replicas and acknowledges a request before it is on disk",
                     "flush.messages=1"};
    return std::nullopt;
}

}  // namespace

TopicSettings topic_settings(const KafkaLogOptions& options, const std::string& name, int replication) {
    TopicSettings settings = {
        {"cleanup.policy", "delete"},
        {"retention.ms", std::to_string(retention_ms(options))},
        {"retention.bytes", "-1"},
        {"message.timestamp.type", "CreateTime"},
        {"max.message.bytes", std::to_string(options.max_record_bytes + kBatchOverhead)},
        {"unclean.leader.election.enable", "false"},
        {"min.insync.replicas", std::to_string(replication >= kSafeReplicas ? 2 : 1)},
    };
    if (replication < kSafeReplicas && is_requests(name)) settings.emplace("flush.messages", "1");
    return settings;
}

Status check_topic(const KafkaLogOptions& options, const std::string& name, int brokers,
                   const TopicShape& shape, const TopicSettings& settings) {
    const auto full = options.topic_prefix + name;
    if (brokers >= kSafeReplicas && shape.fewest_replicas < kSafeReplicas) {
        return fail(
            ErrorCode::invalid,
            fmt::format("Kafka topic {} has too few replicas, {} on {} brokers; raise them to {} with "
                        "kafka-reassign-partitions",
                        full, shape.fewest_replicas, brokers, kSafeReplicas));
    }
    const auto fault = fault_of(options, name, shape, settings);
    if (!fault) return {};
    return fail(ErrorCode::invalid,
                fmt::format("Kafka topic {} {}; set it with kafka-configs --alter --topic {} --add-config {}",
                            full, fault->what, full, fault->setting));
}

}  // namespace herald::kafka
