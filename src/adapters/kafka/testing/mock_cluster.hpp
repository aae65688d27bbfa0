#pragma once

#include <string>
#include <vector>

#include <librdkafka/rdkafka_mock.h>

#include "adapters/kafka/client.hpp"

namespace herald::kafka {

/// librdkafka's own broker, one of them, in this process: for faults, not as a store. Topics appear when they
/// are first asked for, with four partitions.
class MockCluster {
public:
    MockCluster() {
        rd_kafka_conf_t* conf = rd_kafka_conf_new();
        rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
        owner_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0));
        CHECK(owner_);
        cluster_ = rd_kafka_mock_cluster_new(owner_.get(), 1);
        CHECK(cluster_ != nullptr);
    }
    ~MockCluster() { rd_kafka_mock_cluster_destroy(cluster_); }
    MockCluster(const MockCluster&) = delete;
    MockCluster& operator=(const MockCluster&) = delete;

    std::string bootstrap_servers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
    /// The next `count` produce requests are answered so; __TRANSPORT closes the connection instead.
    void fail_produce(rd_kafka_resp_err_t error, std::size_t count) {
        constexpr std::int16_t kProduce = 0;  // https://kafka.apache.org/protocol#protocol_api_keys
        const std::vector<rd_kafka_resp_err_t> errors(count, error);
        rd_kafka_mock_push_request_errors_array(cluster_, kProduce, errors.size(), errors.data());
    }
    /// Answers come so much later.
    void slow_down(Millis by) { rd_kafka_mock_broker_set_rtt(cluster_, 1, static_cast<int>(by.count())); }
    void stop() { rd_kafka_mock_broker_set_down(cluster_, 1); }
    void start() { rd_kafka_mock_broker_set_up(cluster_, 1); }

private:
    Client owner_;
    rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

}  // namespace herald::kafka
