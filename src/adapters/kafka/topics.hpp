#pragma once

#include <string>
#include <vector>

#include "adapters/kafka/log_options.hpp"
#include "base/result.hpp"

namespace herald {

struct KafkaTopicPlan {
    std::vector<std::string> names;  ///< without the prefix
    int partitions = 12;
    int replication = 0;  ///< 0: three, or as many as there are brokers
};

/// Makes the topics that are missing and leaves the others alone; returns when all of them can be used. With
/// three replicas a record is safe once two have it; with fewer, `requests.*` are flushed to disk before they
/// are acknowledged.
Status create_topics(const KafkaLogOptions& options, const KafkaTopicPlan& plan);

/// `invalid` when a topic is missing or cannot keep what Herald promises; the message names topic, what is
/// wrong and the remedy.
Status check_topics(const KafkaLogOptions& options, const std::vector<std::string>& names);

/// Deletes them with all records.
Status delete_topics(const KafkaLogOptions& options, const std::vector<std::string>& names);

}  // namespace herald
