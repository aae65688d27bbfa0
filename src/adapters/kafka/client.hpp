#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "adapters/kafka/log_options.hpp"
#include "base/result.hpp"

namespace herald::kafka {

template <auto destroy>
struct Destroyer {
    template <class T>
    void operator()(T* object) const {
        destroy(object);
    }
};

using Client = std::unique_ptr<rd_kafka_t, Destroyer<rd_kafka_destroy>>;
using Conf = std::unique_ptr<rd_kafka_conf_t, Destroyer<rd_kafka_conf_destroy>>;
using Topic = std::unique_ptr<rd_kafka_topic_t, Destroyer<rd_kafka_topic_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroyer<rd_kafka_queue_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroyer<rd_kafka_event_destroy>>;
using Message = std::unique_ptr<rd_kafka_message_t, Destroyer<rd_kafka_message_destroy>>;
using Partitions =
    std::unique_ptr<rd_kafka_topic_partition_list_t, Destroyer<rd_kafka_topic_partition_list_destroy>>;
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Destroyer<rd_kafka_metadata_destroy>>;
using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, Destroyer<rd_kafka_AdminOptions_destroy>>;
using KafkaError = std::unique_ptr<rd_kafka_error_t, Destroyer<rd_kafka_error_destroy>>;

using Properties = std::vector<std::pair<std::string, std::string>>;

/// What librdkafka said as one of our errors; `doing` begins the sentence.
Error error_of(rd_kafka_resp_err_t code, const std::string& doing, const std::string& detail = {});

/// What all clients have in common, then `own`, then the operator's properties. `invalid` names the property
/// that librdkafka does not take, or that may not be set.
Result<Conf> configure(const KafkaLogOptions& options, const Properties& own);

/// `own` as for `configure`; `opaque` reaches the callbacks that `prepare` sets.
Result<Client> make_client(const KafkaLogOptions& options, rd_kafka_type_t type, const Properties& own,
                           void (*prepare)(rd_kafka_conf_t*) = nullptr, void* opaque = nullptr);

inline Partitions new_partitions(std::size_t capacity) {
    return Partitions(rd_kafka_topic_partition_list_new(static_cast<int>(capacity)));
}

}  // namespace herald::kafka
