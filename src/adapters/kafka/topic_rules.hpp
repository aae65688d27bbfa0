#pragma once

#include <map>
#include <string>

#include "adapters/kafka/log_options.hpp"
#include "base/result.hpp"

namespace herald::kafka {

/// So many replicas make a record safe once two of them have it.
inline constexpr int kSafeReplicas = 3;

/// By Kafka's names.
using TopicSettings = std::map<std::string, std::string>;

struct TopicShape {
    int partitions = 0;
    int fewest_replicas = 0;
    bool usable = false;  ///< each partition has a leader
};

/// The settings that a topic is made with; `name` is without the prefix.
TopicSettings topic_settings(const KafkaLogOptions& options, const std::string& name, int replication);

/// Whether a topic can keep what Herald promises, on a cluster of so many brokers. `invalid` names the topic,
/// what is wrong and the remedy.
Status check_topic(const KafkaLogOptions& options, const std::string& name, int brokers,
                   const TopicShape& shape, const TopicSettings& settings);

}  // namespace herald::kafka
