#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics.hpp"

namespace herald {

struct KafkaLogOptions {
    /// Who reads what. The Kafka group of a reading is `<prefix><group>.<topic>`: lanes of one group never
    /// rebalance each other.
    struct Reading {
        std::string group;
        std::string topic;
    };

    std::string bootstrap_servers = {};
    std::string topic_prefix = "herald.";
    /// librdkafka's properties by their own names. Those that the guarantees rest on are refused.
    std::map<std::string, std::string> properties = {};
    const Clock* clock = nullptr;  ///< outlives the log
    Metrics* metrics = nullptr;    ///< outlives the log; may be null
    std::vector<Reading> groups = {};
    std::chrono::seconds retention = std::chrono::days(7);  ///< by `clock`; what is older is never delivered
    std::string client_id = "herald";

    /// Appended and not acknowledged yet.
    std::int64_t queue_max_records = 50'000;
    std::int64_t queue_max_bytes = 64 * 1024 * 1024;
    std::int64_t max_record_bytes = 8 * 1024 * 1024;

    /// Records that come within a moment go to one partition of their topic, whatever their keys: librdkafka
    /// sends each partition apart. Requests that come while a batch of them waits for its acknowledgement are
    /// the next batch: a broker that flushes each record of `requests.*` syncs each partition and each batch
    /// apart, so the load then grows the batches, not the syncs.
    bool gather_requests = false;

    Millis commit_every{50};  ///< the longest that a finished position stays in memory only
    Millis look_every{450};   ///< how often lag and oldest unfinished records are looked up
    Millis close_within{5000};
    Millis patience{3000};  ///< the time that any single question to Kafka may take
};

}  // namespace herald
