#include "adapters/kafka/inquiry.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

namespace herald::kafka {
namespace {

constexpr int kAskAgain = 5;
constexpr Millis kPause{50};

Properties properties() {
    return {
        {"fetch.wait.max.ms", "50"},       {"fetch.error.backoff.ms", "50"},
        {"queued.min.messages", "1"},      {"enable.auto.commit", "false"},
        {"auto.offset.reset", "earliest"}, {"allow.auto.create.topics", "false"},
    };
}

Properties properties_in(const std::string& group) {
    auto all = properties();
    all.emplace_back("group.id", group);
    return all;
}

std::vector<std::string> topics_of(const std::vector<PartitionKey>& partitions) {
    std::set<std::string> topics;
    for (const auto& [name, partition] : partitions) topics.insert(name);
    return {topics.begin(), topics.end()};
}

void close_at_once(Client client) {
    if (client) rd_kafka_destroy_flags(client.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

}  // namespace

Result<std::unique_ptr<Inquiry>> Inquiry::open(const KafkaLogOptions& options) {
    std::unique_ptr<Inquiry> inquiry(new Inquiry(options));
    const auto prepare = [](rd_kafka_conf_t* conf) { rd_kafka_conf_set_error_cb(conf, on_error); };
    auto client = make_client(options, RD_KAFKA_CONSUMER, properties(), prepare, inquiry.get());
    if (!client) return fail(client.error());
    inquiry->client_ = *std::move(client);
    return inquiry;
}

Inquiry::~Inquiry() {
    topics_.clear();
    for (auto& [group, client] : group_clients_) close_at_once(std::move(client));
    close_at_once(std::move(client_));
}

void Inquiry::on_error(rd_kafka_t*, int, const char* reason, void* opaque) {
    static_cast<Inquiry*>(opaque)->last_reason_ = reason;
}

Error Inquiry::error(rd_kafka_resp_err_t code, const std::string& doing) {
    rd_kafka_poll(client_.get(), 0);
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT && !last_reason_.empty())
        return error_of(RD_KAFKA_RESP_ERR__TRANSPORT, doing, last_reason_);
    return error_of(code, doing);
}

rd_kafka_topic_t* Inquiry::topic(const std::string& name) {
    auto& found = topics_[name];
    if (!found)
        found.reset(rd_kafka_topic_new(client_.get(), (options_.topic_prefix + name).c_str(), nullptr));
    return found.get();
}

std::string Inquiry::name_of(const char* kafka_topic) const {
    return std::string(kafka_topic).substr(options_.topic_prefix.size());
}

Result<std::map<std::string, int>> Inquiry::partitions(const std::vector<std::string>& topics) {
    for (const auto& name : topics) topic(name);
    const rd_kafka_metadata_t* raw = nullptr;
    const auto code = rd_kafka_metadata(client_.get(), 0, nullptr, &raw, patience());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(error(code, "ask Kafka for its topics"));
    const Metadata metadata(raw);
    std::map<std::string, int> counts;
    for (int i = 0; i < metadata->topic_cnt; ++i) {
        const auto& found = metadata->topics[i];
        if (found.err == RD_KAFKA_RESP_ERR_NO_ERROR && found.partition_cnt > 0)
            counts[name_of(found.topic)] = found.partition_cnt;
    }
    return counts;
}

Result<Inquiry::Offsets> Inquiry::ends(const std::vector<PartitionKey>& partitions) {
    return list_offsets(partitions, RD_KAFKA_OFFSET_END);
}

Result<Inquiry::Offsets> Inquiry::first_since(const std::vector<PartitionKey>& partitions, TimePoint time) {
    return list_offsets(partitions, to_millis(time));
}

Partitions Inquiry::list_of(const std::vector<PartitionKey>& partitions, std::int64_t offset) const {
    auto list = new_partitions(partitions.size());
    for (const auto& [name, partition] : partitions) {
        const auto full = options_.topic_prefix + name;
        rd_kafka_topic_partition_list_add(list.get(), full.c_str(), partition)->offset = offset;
    }
    return list;
}

Result<Inquiry::Offsets> Inquiry::list_offsets(const std::vector<PartitionKey>& partitions,
                                               std::int64_t time) {
    if (partitions.empty()) return Offsets{};
    rd_kafka_poll(client_.get(), 0);
    auto list = list_of(partitions, time);
    auto code = rd_kafka_offsets_for_times(client_.get(), list.get(), patience());
    // A leader that has just been elected, or has just left.
    for (int again = 0; again < kAskAgain && code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; ++again) {
        std::this_thread::sleep_for(kPause);
        if (const auto looked = this->partitions(topics_of(partitions)); !looked) return fail(looked.error());
        list = list_of(partitions, time);
        code = rd_kafka_offsets_for_times(client_.get(), list.get(), patience());
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(error(code, "ask Kafka for offsets"));
    last_reason_.clear();
    Offsets offsets;
    for (int i = 0; i < list->cnt; ++i) {
        const auto& entry = list->elems[i];
        if (entry.err == RD_KAFKA_RESP_ERR_NO_ERROR)
            offsets[{name_of(entry.topic), entry.partition}] = entry.offset;
    }
    return offsets;
}

Result<rd_kafka_t*> Inquiry::client_of(const std::string& group) {
    auto& client = group_clients_[group];
    if (!client) {
        auto made = make_client(options_, RD_KAFKA_CONSUMER, properties_in(group));
        if (!made) return fail(made.error());
        client = *std::move(made);
    }
    return client.get();
}

Result<Inquiry::CommittedByPartition> Inquiry::committed_of(const KafkaLogOptions::Reading& reading,
                                                            const std::vector<PartitionKey>& partitions) {
    const auto topic = options_.topic_prefix + reading.topic;
    const auto client = client_of(options_.topic_prefix + reading.group + "." + reading.topic);
    if (!client) return fail(client.error());
    rd_kafka_poll(*client, 0);
    const auto list = new_partitions(partitions.size());
    for (const auto& [name, partition] : partitions) {
        if (name == reading.topic) rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
    }
    const auto code = rd_kafka_committed(*client, list.get(), patience());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(error(code, "ask Kafka for committed offsets"));
    CommittedByPartition all;
    for (int i = 0; i < list->cnt; ++i) {
        const auto& entry = list->elems[i];
        if (entry.err != RD_KAFKA_RESP_ERR_NO_ERROR || entry.offset < 0) continue;
        const std::string_view text(static_cast<const char*>(entry.metadata), entry.metadata_size);
        all[entry.partition] = {entry.offset, decode_offset_note(text)};
    }
    return all;
}

/// A group whose coordinator is silent must not take the time of all: after one such the rest is unknown.
std::vector<Result<Inquiry::CommittedByPartition>> Inquiry::committed(
    const std::vector<KafkaLogOptions::Reading>& readings, const std::vector<PartitionKey>& partitions) {
    std::vector<Result<CommittedByPartition>> all;
    std::optional<Error> silent;
    for (const auto& reading : readings) {
        all.push_back(silent ? Result<CommittedByPartition>(fail(*silent))
                             : committed_of(reading, partitions));
        if (!all.back()) silent = all.back().error();
    }
    return all;
}

std::map<PartitionKey, TimePoint> Inquiry::append_times(const Offsets& offsets, Millis wait) {
    std::map<PartitionKey, TimePoint> times;
    const Queue queue(rd_kafka_queue_new(client_.get()));
    for (const auto& [key, offset] : offsets)
        rd_kafka_consume_start_queue(topic(key.first), key.second, offset, queue.get());
    const auto deadline = std::chrono::steady_clock::now() + wait;
    while (times.size() < offsets.size()) {
        const auto left = std::chrono::ceil<Millis>(deadline - std::chrono::steady_clock::now());
        if (left <= Millis{0}) break;
        const Message message(rd_kafka_consume_queue(queue.get(), static_cast<int>(left.count())));
        if (!message || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        const PartitionKey key{name_of(rd_kafka_topic_name(message->rkt)), message->partition};
        times.try_emplace(key, from_millis(rd_kafka_message_timestamp(message.get(), nullptr)));
    }
    for (const auto& [key, offset] : offsets) rd_kafka_consume_stop(topic(key.first), key.second);
    return times;
}

}  // namespace herald::kafka
