#include "adapters/kafka/topics.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "adapters/kafka/client.hpp"
#include "adapters/kafka/topic_rules.hpp"

namespace herald {
namespace {

using namespace kafka;

constexpr Millis kOperation{60'000};
constexpr Millis kUsableWithin{60'000};

struct ClusterState {
    int brokers = 0;
    std::map<std::string, TopicShape> topics;  ///< by Kafka's name; only those that exist
};

Result<Client> admin(const KafkaLogOptions& options) { return make_client(options, RD_KAFKA_PRODUCER, {}); }

TopicShape state_of(const rd_kafka_metadata_topic_t& topic) {
    TopicShape state{topic.partition_cnt, topic.partition_cnt > 0 ? topic.partitions[0].replica_cnt : 0,
                     true};
    for (int i = 0; i < topic.partition_cnt; ++i) {
        state.fewest_replicas = std::min(state.fewest_replicas, topic.partitions[i].replica_cnt);
        state.usable = state.usable && topic.partitions[i].leader >= 0;
    }
    return state;
}

Result<ClusterState> look_at(rd_kafka_t& client) {
    const rd_kafka_metadata_t* raw = nullptr;
    const auto code = rd_kafka_metadata(&client, 1, nullptr, &raw, static_cast<int>(kOperation.count()));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(error_of(code, "ask Kafka for its topics"));
    const Metadata metadata(raw);
    ClusterState cluster;
    cluster.brokers = metadata->broker_cnt;
    for (int i = 0; i < metadata->topic_cnt; ++i) {
        const auto& topic = metadata->topics[i];
        if (topic.err == RD_KAFKA_RESP_ERR_NO_ERROR && topic.partition_cnt > 0)
            cluster.topics[topic.topic] = state_of(topic);
    }
    return cluster;
}

/// Until the cluster as one of its brokers sees it satisfies the condition.
Status wait_until(rd_kafka_t& client, const std::string& doing,
                  const std::function<bool(const ClusterState&)>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kUsableWithin;
    while (std::chrono::steady_clock::now() < deadline) {
        const auto cluster = look_at(client);
        if (!cluster) return fail(cluster.error());
        if (condition(*cluster)) return {};
        std::this_thread::sleep_for(Millis{10});
    }
    return fail(ErrorCode::timeout, doing + ": Kafka did not finish in time");
}

using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, Destroyer<rd_kafka_NewTopic_destroy>>;
using DeleteTopic = std::unique_ptr<rd_kafka_DeleteTopic_t, Destroyer<rd_kafka_DeleteTopic_destroy>>;
using ConfigResource = std::unique_ptr<rd_kafka_ConfigResource_t, Destroyer<rd_kafka_ConfigResource_destroy>>;

/// The answer to one request of the admin API, which `ask` sends.
Result<Event> answer(rd_kafka_t& client, rd_kafka_admin_op_t operation, const std::string& doing,
                     const std::function<void(const rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>& ask) {
    const Queue queue(rd_kafka_queue_new(&client));
    const AdminOptions options(rd_kafka_AdminOptions_new(&client, operation));
    const auto timeout = static_cast<int>(kOperation.count());
    rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout, nullptr, 0);
    if (operation != RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS)
        rd_kafka_AdminOptions_set_operation_timeout(options.get(), timeout, nullptr, 0);
    ask(options.get(), queue.get());
    Event event(rd_kafka_queue_poll(queue.get(), timeout + 1000));
    if (!event) return fail(ErrorCode::timeout, doing + ": no answer from Kafka");
    const auto error = rd_kafka_event_error(event.get());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail(error_of(error, doing, rd_kafka_event_error_string(event.get())));
    return event;
}

template <class T>
std::vector<typename T::pointer> raw(const std::vector<T>& owned) {
    std::vector<typename T::pointer> pointers;
    pointers.reserve(owned.size());
    for (const auto& one : owned) pointers.push_back(one.get());
    return pointers;
}

Status topic_errors(const rd_kafka_topic_result_t** results, std::size_t count, const std::string& doing,
                    rd_kafka_resp_err_t harmless) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto error = rd_kafka_topic_result_error(results[i]);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == harmless) continue;
        const auto* text = rd_kafka_topic_result_error_string(results[i]);
        return fail(error_of(error, doing + " " + rd_kafka_topic_result_name(results[i]),
                             text == nullptr ? "" : text));
    }
    return {};
}

Result<std::vector<NewTopic>> new_topics(const KafkaLogOptions& options, const KafkaTopicPlan& plan,
                                         const ClusterState& cluster) {
    const int replication =
        plan.replication > 0 ? plan.replication : std::min(kSafeReplicas, cluster.brokers);
    std::vector<NewTopic> topics;
    for (const auto& name : plan.names) {
        const auto full = options.topic_prefix + name;
        if (cluster.topics.contains(full)) continue;
        std::array<char, 256> reason{};
        NewTopic topic(
            rd_kafka_NewTopic_new(full.c_str(), plan.partitions, replication, reason.data(), reason.size()));
        if (!topic) return fail(ErrorCode::invalid, fmt::format("make topic {}: {}", full, reason.data()));
        for (const auto& [setting, value] : topic_settings(options, name, replication))
            rd_kafka_NewTopic_set_config(topic.get(), setting.c_str(), value.c_str());
        topics.push_back(std::move(topic));
    }
    return topics;
}

Result<std::map<std::string, TopicSettings>> settings_of(rd_kafka_t& client,
                                                         const std::vector<std::string>& topics) {
    std::vector<ConfigResource> asked;
    asked.reserve(topics.size());
    for (const auto& topic : topics)
        asked.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
    auto resources = raw(asked);
    const auto event =
        answer(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, "read the settings of topics",
               [&](const auto* options, auto* queue) {
                   rd_kafka_DescribeConfigs(&client, resources.data(), resources.size(), options, queue);
               });
    if (!event) return fail(event.error());
    std::size_t count = 0;
    const auto** found = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event->get()), &count);
    std::map<std::string, TopicSettings> all;
    for (std::size_t i = 0; i < count; ++i) {
        const auto* name = rd_kafka_ConfigResource_name(found[i]);
        if (const auto error = rd_kafka_ConfigResource_error(found[i]); error != RD_KAFKA_RESP_ERR_NO_ERROR)
            return fail(error_of(error, fmt::format("read the settings of {}", name)));
        std::size_t entries = 0;
        const auto** configs = rd_kafka_ConfigResource_configs(found[i], &entries);
        for (std::size_t j = 0; j < entries; ++j) {
            const auto* value = rd_kafka_ConfigEntry_value(configs[j]);
            all[name][rd_kafka_ConfigEntry_name(configs[j])] = value == nullptr ? "" : value;
        }
    }
    return all;
}

}  // namespace

Status create_topics(const KafkaLogOptions& options, const KafkaTopicPlan& plan) {
    const auto client = admin(options);
    if (!client) return fail(client.error());
    auto& kafka = **client;
    const auto cluster = look_at(kafka);
    if (!cluster) return fail(cluster.error());
    const auto topics = new_topics(options, plan, *cluster);
    if (!topics) return fail(topics.error());
    if (topics->empty()) return {};
    auto pointers = raw(*topics);
    const auto event = answer(
        kafka, RD_KAFKA_ADMIN_OP_CREATETOPICS, "make topics", [&](const auto* admin_options, auto* queue) {
            rd_kafka_CreateTopics(&kafka, pointers.data(), pointers.size(), admin_options, queue);
        });
    if (!event) return fail(event.error());
    std::size_t count = 0;
    const auto** results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event->get()), &count);
    // Another runner may have been faster.
    if (auto status = topic_errors(results, count, "make topic", RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS);
        !status)
        return status;
    return wait_until(kafka, "make topics", [&](const ClusterState& now) {
        return std::all_of(plan.names.begin(), plan.names.end(), [&](const auto& name) {
            const auto found = now.topics.find(options.topic_prefix + name);
            return found != now.topics.end() && found->second.usable;
        });
    });
}

Status check_topics(const KafkaLogOptions& options, const std::vector<std::string>& names) {
    const auto client = admin(options);
    if (!client) return fail(client.error());
    const auto cluster = look_at(**client);
    if (!cluster) return fail(cluster.error());
    std::vector<std::string> full_names;
    for (const auto& name : names) {
        full_names.push_back(options.topic_prefix + name);
        if (cluster->topics.contains(full_names.back())) continue;
        return fail(ErrorCode::invalid,
                    fmt::format("Kafka topic {} is missing; run `herald migrate`", full_names.back()));
    }
    const auto settings = settings_of(**client, full_names);
    if (!settings) return fail(settings.error());
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto found = settings->find(full_names[i]);
        auto status = check_topic(options, names[i], cluster->brokers, cluster->topics.at(full_names[i]),
                                  found == settings->end() ? TopicSettings{} : found->second);
        if (!status) return status;
    }
    return {};
}

Status delete_topics(const KafkaLogOptions& options, const std::vector<std::string>& names) {
    const auto client = admin(options);
    if (!client) return fail(client.error());
    std::vector<DeleteTopic> topics;
    topics.reserve(names.size());
    for (const auto& name : names)
        topics.emplace_back(rd_kafka_DeleteTopic_new((options.topic_prefix + name).c_str()));
    auto pointers = raw(topics);
    const auto event = answer(**client, RD_KAFKA_ADMIN_OP_DELETETOPICS, "delete topics",
                              [&](const auto* admin_options, auto* queue) {
                                  rd_kafka_DeleteTopics(client->get(), pointers.data(), pointers.size(),
                                                        admin_options, queue);
                              });
    if (!event) return fail(event.error());
    std::size_t count = 0;
    const auto** results =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event->get()), &count);
    return topic_errors(results, count, "delete topic", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
}

}  // namespace herald
