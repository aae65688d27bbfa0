#include "adapters/kafka/log_consumer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "adapters/kafka/offset_note.hpp"
#include "base/log.hpp"

namespace herald::kafka {
namespace {

/// How long a waiting poll takes to notice that the log was closed.
constexpr Millis kSlice{100};

/// 18 consumers in one process wait on each broker. An answer comes at the first byte (fetch.min.bytes = 1);
/// fetch.wait.max.ms only bounds how long a partition that was just won waits for the fetch before it.
/// A group's members learn of a rebalance by their heartbeats, and a killed one's partitions move after the
/// session's timeout. The local queue holds more than the second for which 2.0.2 stops fetching when it is
/// full.
Properties consumer_properties(const KafkaLogOptions& options, const std::string& group) {
    return {
        {"group.id", group},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "earliest"},
        {"allow.auto.create.topics", "false"},
        {"partition.assignment.strategy", "range"},
        {"session.timeout.ms", "10000"},
        {"heartbeat.interval.ms", "1000"},
        {"max.poll.interval.ms", "300000"},
        {"fetch.wait.max.ms", "300"},
        {"fetch.error.backoff.ms", "100"},
        {"queued.min.messages", "20000"},
        {"queued.max.messages.kbytes", "16384"},
        {"message.max.bytes", std::to_string(options.max_record_bytes + 64 * 1024)},
    };
}

std::string bytes_of(const void* data, std::size_t size) {
    return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

LogRecord to_record(const rd_kafka_message_t& message, const std::string& topic) {
    LogRecord record;
    record.topic = topic;
    record.partition = message.partition;
    record.offset = message.offset;
    record.key = bytes_of(message.key, message.key_len);
    record.value = bytes_of(message.payload, message.len);
    record.appended_at = from_millis(rd_kafka_message_timestamp(&message, nullptr));
    rd_kafka_headers_t* headers = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    if (rd_kafka_message_headers(&message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_header_get_last(headers, "traceparent", &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        record.traceparent = bytes_of(value, size);
    }
    return record;
}

/// Errors in place of a record that only somebody outside can end; the rest passes by itself.
bool needs_help(rd_kafka_resp_err_t error) {
    switch (error) {
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR__FATAL:
            return true;
        default:
            return false;
    }
}

Error closed() { return {ErrorCode::closed, "the log is closed"}; }

}  // namespace

LogConsumer::LogConsumer(const KafkaLogOptions& options, std::shared_ptr<LogState> state,
                         const std::string& group, const std::string& topic)
    : options_(options),
      state_(std::move(state)),
      group_(group),
      topic_(topic),
      kafka_group_(options.topic_prefix + group + "." + topic),
      kafka_topic_(options.topic_prefix + topic) {}

Result<std::unique_ptr<LogConsumer>> LogConsumer::open(const KafkaLogOptions& options,
                                                       std::shared_ptr<LogState> state,
                                                       const std::string& group, const std::string& topic) {
    std::unique_ptr<LogConsumer> consumer(new LogConsumer(options, std::move(state), group, topic));
    if (auto status = consumer->start(); !status) return fail(status.error());
    return consumer;
}

Status LogConsumer::start() {
    auto client =
        make_client(options_, RD_KAFKA_CONSUMER, consumer_properties(options_, kafka_group_), prepare, this);
    if (!client) return fail(client.error());
    client_ = *std::move(client);
    rd_kafka_poll_set_consumer(client_.get());
    const auto topics = new_partitions(1);
    rd_kafka_topic_partition_list_add(topics.get(), kafka_topic_.c_str(), RD_KAFKA_PARTITION_UA);
    const auto error = rd_kafka_subscribe(client_.get(), topics.get());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(error_of(error, "subscribe to " + topic_));
    if (!state_->enter(*this)) return fail(closed());
    return {};
}

LogConsumer::~LogConsumer() {
    state_->leave(*this);
    if (!client_) return;
    // Where Kafka is away there is nothing to commit to, and 2.0.2 may crash on the farewell it cannot send.
    if (state_->ping()) say_farewell();
    rd_kafka_destroy_flags(client_.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

/// Leaves the group, by on_rebalance not without the positions. Bounded: rd_kafka_consumer_close waits for a
/// coordinator until there is one.
void LogConsumer::say_farewell() {
    const Queue queue(rd_kafka_queue_new(client_.get()));
    const KafkaError error(rd_kafka_consumer_close_queue(client_.get(), queue.get()));
    const auto deadline = std::chrono::steady_clock::now() + options_.patience;
    while (!rd_kafka_consumer_closed(client_.get()) && std::chrono::steady_clock::now() < deadline) {
        const Event event(rd_kafka_queue_poll(queue.get(), 10));
        if (event && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE)
            on_rebalance(client_.get(), rd_kafka_event_error(event.get()),
                         rd_kafka_event_topic_partition_list(event.get()), this);
    }
}

void LogConsumer::prepare(rd_kafka_conf_t* conf) {
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
}

Result<std::vector<LogRecord>> LogConsumer::poll(std::size_t max, Millis wait) {
    const auto deadline = std::chrono::steady_clock::now() + std::min(wait, Millis{60'000});
    auto records = take_withheld(max);
    while (records.size() < max && !state_->closed()) {
        const auto left = std::chrono::ceil<Millis>(deadline - std::chrono::steady_clock::now());
        const auto slice = records.empty() ? std::clamp(left, Millis{0}, kSlice) : Millis{0};
        const Message message(rd_kafka_consumer_poll(client_.get(), static_cast<int>(slice.count())));
        if (message && receive(*message, records)) continue;
        if (!records.empty() || std::chrono::steady_clock::now() >= deadline) break;
    }
    commit_soon();
    std::lock_guard lock(mutex_);
    tell_expired();
    // A rebalance that was served in between may have taken them away.
    std::erase_if(records, [&](const LogRecord& record) { return revoked_.contains(record.partition); });
    if (!records.empty()) return records;
    if (state_->closed()) return fail(closed());
    if (auto illness = std::exchange(illness_, std::nullopt)) return fail(*std::move(illness));
    if (auto status = state_->ping(); !status) return fail(status.error());
    return records;
}

std::vector<LogRecord> LogConsumer::take_withheld(std::size_t max) {
    std::lock_guard lock(mutex_);
    std::vector<LogRecord> records;
    std::deque<LogRecord> kept;
    for (auto& record : withheld_) {
        const bool known = !revoked_.contains(record.partition);
        if (known && records.size() < max) records.push_back(std::move(record));
        else kept.push_back(std::move(record));
    }
    withheld_ = std::move(kept);
    return records;
}

/// Whether there may be more.
bool LogConsumer::receive(const rd_kafka_message_t& message, std::vector<LogRecord>& records) {
    std::lock_guard lock(mutex_);
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (message.err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED)
            log::warning("log.consumer_stood_still", {{"group", group_}, {"topic", topic_}});
        if (needs_help(message.err))
            illness_ = error_of(message.err, "read " + topic_, rd_kafka_message_errstr(&message));
        return false;
    }
    const auto found = holdings_.find(message.partition);
    if (found == holdings_.end()) return true;
    auto& holding = found->second;
    // Kafka deletes by retention only.
    if (holding.next != kNone && message.offset > holding.next) expired_ += message.offset - holding.next;
    if (holding.position == kNone) holding.position = holding.sent = message.offset;
    const bool everything_finished = holding.position >= holding.next;
    auto record = to_record(message, topic_);
    holding.next = message.offset + 1;
    if (record.appended_at < options_.clock->now() - options_.retention) {
        if (everything_finished) holding.position = holding.next;
        ++expired_;
        return true;
    }
    holding.newest_read = std::max(holding.newest_read.value_or(record.appended_at), record.appended_at);
    if (revoked_.contains(message.partition)) withheld_.push_back(std::move(record));
    else records.push_back(std::move(record));
    return withheld_.size() < 10'000;
}

void LogConsumer::tell_expired() {
    const auto expired = std::exchange(expired_, 0);
    if (expired == 0) return;
    log::warning("log.records_expired", {{"group", group_}, {"topic", topic_}, {"records", expired}});
    if (options_.metrics == nullptr) return;
    options_.metrics
        ->counter("herald_log_records_expired_total",
                  "Records that a group had not read before they were too old.",
                  {{"group", group_}, {"topic", topic_}})
        .Increment(static_cast<double>(expired));
}

Status LogConsumer::commit(const std::vector<LogPosition>& positions) {
    if (state_->closed()) return fail(closed());
    {
        std::lock_guard lock(mutex_);
        for (const auto& position : positions) {
            const auto found = holdings_.find(position.partition);
            if (found == holdings_.end() || revoked_.contains(position.partition)) continue;
            auto& holding = found->second;
            // Beyond what this holding handed out lies what an earlier one did.
            if (position.next_offset <= holding.position || position.next_offset > holding.next) continue;
            holding.position = position.next_offset;
            holding.oldest_unfinished = position.oldest_unfinished;
        }
    }
    commit_soon();
    return {};
}

std::vector<int> LogConsumer::take_revoked() {
    std::lock_guard lock(mutex_);
    if (!settled_ && !holdings_.empty()) return {};  // they may come back
    std::vector<int> revoked(revoked_.begin(), revoked_.end());
    revoked_.clear();
    return revoked;
}

std::optional<std::map<int, std::int64_t>> LogConsumer::holdings() {
    std::lock_guard lock(mutex_);
    if (!settled_) return std::nullopt;
    std::map<int, std::int64_t> all;
    for (const auto& [partition, holding] : holdings_) all[partition] = holding.next;
    return all;
}

Partitions LogConsumer::unsent_positions() {
    auto list = new_partitions(holdings_.size());
    for (auto& [partition, holding] : holdings_) {
        if (holding.position <= holding.sent) continue;
        auto* entry = rd_kafka_topic_partition_list_add(list.get(), kafka_topic_.c_str(), partition);
        entry->offset = holding.position;
        const bool nothing_in_work = holding.position == holding.next;
        const auto text =
            encode({holding.oldest_unfinished, nothing_in_work ? holding.newest_read : std::nullopt});
        entry->metadata = rd_kafka_mem_malloc(client_.get(), text.size());
        entry->metadata_size = text.size();
        std::copy(text.begin(), text.end(), static_cast<char*>(entry->metadata));
        holding.sent = holding.position;
    }
    return list;
}

void LogConsumer::commit_soon() {
    std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (!settled_ || now - committed_at_ < options_.commit_every) return;
    if (awaits_answer_ && now - committed_at_ < 2 * options_.patience) return;
    if (awaits_answer_) forget_unanswered();
    const auto offsets = unsent_positions();
    if (offsets->cnt == 0) return;
    committed_at_ = now;
    awaits_answer_ = true;
    rd_kafka_commit(client_.get(), offsets.get(), 1);  // the answer comes to on_commit
}

/// librdkafka 2.0.2 may never answer a commit whose connection fell silent.
void LogConsumer::forget_unanswered() {
    awaits_answer_ = false;
    for (auto& [partition, holding] : holdings_) holding.sent = holding.stored;
}

void LogConsumer::commit_now() {
    std::unique_lock lock(mutex_);
    forget_unanswered();
    const auto offsets = unsent_positions();
    lock.unlock();
    if (offsets->cnt == 0) return;
    const Queue queue(rd_kafka_queue_new(client_.get()));
    auto error = rd_kafka_commit_queue(client_.get(), offsets.get(), queue.get(), nullptr, nullptr);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const Event event(rd_kafka_queue_poll(queue.get(), static_cast<int>(options_.patience.count())));
        error = event ? rd_kafka_event_error(event.get()) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    answered(*offsets, error);
}

void LogConsumer::on_commit(rd_kafka_t*, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* offsets,
                            void* opaque) {
    auto& consumer = *static_cast<LogConsumer*>(opaque);
    if (offsets != nullptr) return consumer.answered(*offsets, error);
    std::lock_guard lock(consumer.mutex_);
    consumer.forget_unanswered();
}

void LogConsumer::answered(const rd_kafka_topic_partition_list_t& offsets, rd_kafka_resp_err_t error) {
    std::lock_guard lock(mutex_);
    awaits_answer_ = false;
    for (int i = 0; i < offsets.cnt; ++i) {
        const auto& entry = offsets.elems[i];
        const auto found = holdings_.find(entry.partition);
        if (found == holdings_.end()) continue;
        auto& holding = found->second;
        const bool stored = error == RD_KAFKA_RESP_ERR_NO_ERROR && entry.err == RD_KAFKA_RESP_ERR_NO_ERROR;
        // A late answer may have put an older position in the place of a newer one.
        if (stored) holding.stored = entry.offset;
        holding.sent = holding.stored;
    }
}

void LogConsumer::on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t error,
                               rd_kafka_topic_partition_list_t* partitions, void* opaque) {
    auto& consumer = *static_cast<LogConsumer*>(opaque);
    if (error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) return consumer.assigned(*partitions);
    const bool lost = error != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS || rd_kafka_assignment_lost(client) != 0;
    if (!lost) consumer.commit_now();
    consumer.revoked(lost);
    rd_kafka_assign(client, nullptr);
}

/// Kafka's eager protocol takes every partition away before it shares them out anew. What comes back with
/// nobody's commit in between was not lost: its records are still in work here.
void LogConsumer::revoked(bool lost) {
    std::lock_guard lock(mutex_);
    settled_ = false;
    if (!lost) return;
    while (!holdings_.empty()) lose(holdings_.begin()->first);
}

void LogConsumer::lose(int partition) {
    holdings_.erase(partition);
    revoked_.insert(partition);
    std::erase_if(withheld_, [&](const LogRecord& record) { return record.partition == partition; });
}

void LogConsumer::assigned(rd_kafka_topic_partition_list_t& partitions) {
    const auto error =
        rd_kafka_committed(client_.get(), &partitions, static_cast<int>(options_.patience.count()));
    {
        std::lock_guard lock(mutex_);
        std::set<int> ours;
        for (int i = 0; i < partitions.cnt; ++i) {
            take_over(partitions.elems[i], error == RD_KAFKA_RESP_ERR_NO_ERROR);
            ours.insert(partitions.elems[i].partition);
        }
        std::set<int> gone;
        for (const auto& [partition, holding] : holdings_) {
            if (!ours.contains(partition)) gone.insert(partition);
        }
        for (const int partition : gone) lose(partition);
        settled_ = true;
    }
    rd_kafka_assign(client_.get(), &partitions);
}

/// Sets where to read on.
void LogConsumer::take_over(rd_kafka_topic_partition_t& partition, bool committed_known) {
    const bool known = committed_known && partition.err == RD_KAFKA_RESP_ERR_NO_ERROR;
    const std::int64_t stored = known && partition.offset >= 0 ? partition.offset : kNone;
    const auto held = holdings_.find(partition.partition);
    if (held != holdings_.end()) {
        auto& holding = held->second;
        // Anything else was committed by somebody who held it in between.
        const bool ours =
            known && (stored == holding.stored || (stored >= holding.stored && stored <= holding.position));
        if (ours) {
            holding.stored = holding.sent = stored;
            partition.offset = holding.next != kNone ? holding.next
                               : stored != kNone     ? stored
                                                     : std::int64_t{RD_KAFKA_OFFSET_BEGINNING};
            return;
        }
        lose(partition.partition);
    }
    auto& holding = holdings_[partition.partition];
    holding.next = holding.position = holding.sent = holding.stored = stored;
    // Where Kafka did not say, librdkafka asks again, for as long as it takes.
    partition.offset = stored != kNone ? stored
                       : known         ? std::int64_t{RD_KAFKA_OFFSET_BEGINNING}
                                       : std::int64_t{RD_KAFKA_OFFSET_INVALID};
}

}  // namespace herald::kafka
