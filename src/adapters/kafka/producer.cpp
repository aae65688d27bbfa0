#include "adapters/kafka/producer.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "base/crypto.hpp"
#include "base/log.hpp"
#include "base/thread_name.hpp"

namespace herald::kafka {
namespace {

/// A record reaches the log within 5 minutes of its append or never (formats.md, Bounds): librdkafka has this
/// long for it, from the time when it is given to it. It is given to it, or after a replacement of the
/// producer given to it again, only while it is younger than `kGivenWithin`.
constexpr Millis kMessageTimeout = std::chrono::seconds(270);
constexpr Millis kGivenWithin = std::chrono::seconds(30);
constexpr Millis kServe{100};
constexpr Millis kDrainBroken{3000};
constexpr Millis kRebuildPause{1000};
constexpr Millis kStalled{2000};
/// What librdkafka and Kafka add to a record, and what its queue needs beyond ours.
constexpr std::int64_t kOverheadBytes = 64 * 1024;

Properties producer_properties(const KafkaLogOptions& options) {
    return {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"linger.ms", "1"},
        {"compression.type", "lz4"},
        {"partitioner", "murmur2_random"},
        {"request.timeout.ms", "5000"},
        {"message.timeout.ms", std::to_string(kMessageTimeout.count())},
        {"message.max.bytes", std::to_string(options.max_record_bytes + kOverheadBytes)},
        // Twice what is admitted here, so that librdkafka never refuses the second half of an append.
        {"queue.buffering.max.messages", std::to_string(2 * options.queue_max_records)},
        {"queue.buffering.max.kbytes", std::to_string(2 * (options.queue_max_bytes + kOverheadBytes) / 1024)},
    };
}

std::int64_t weight_of(const NewRecord& record) {
    return static_cast<std::int64_t>(record.key.size() + record.value.size() + record.traceparent.size()) +
           64;
}

/// KafkaLogOptions::gather_requests
std::int32_t place_by_moment(const rd_kafka_topic_t*, const void*, std::size_t, std::int32_t partitions,
                             void*, void*) {
    constexpr Millis kMoment{5};
    static const auto start = static_cast<std::int64_t>(random_u64() >> 32);  // processes differ
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::int32_t>((start + now / kMoment) % partitions);
}

bool is_request(const NewRecord& record) { return record.topic.starts_with("requests."); }

}  // namespace

Producer::Handle::~Handle() {
    topics.clear();
    client.reset();
}

rd_kafka_topic_t* Producer::Handle::topic(const std::string& name) {
    std::lock_guard lock(mutex);
    auto& found = topics[name];
    if (!found) {
        auto* conf = rd_kafka_default_topic_conf_dup(client.get());
        if (gather_requests) rd_kafka_topic_conf_set_partitioner_cb(conf, place_by_moment);
        found.reset(rd_kafka_topic_new(client.get(), name.c_str(), conf));  // takes conf over
    }
    return found.get();
}

Producer::Producer(const KafkaLogOptions& options) : options_(options) {}

Result<std::unique_ptr<Producer>> Producer::open(const KafkaLogOptions& options) {
    std::unique_ptr<Producer> producer(new Producer(options));
    auto handle = producer->make_handle();
    if (!handle) return fail(handle.error());
    producer->handle_ = *std::move(handle);
    producer->thread_ = std::thread([raw = producer.get()] { raw->run(); });
    return producer;
}

Producer::~Producer() {
    if (!thread_.joinable()) return;
    close();
    stop_ = true;
    wake();
    thread_.join();
}

void Producer::prepare(rd_kafka_conf_t* conf) {
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
}

Result<std::unique_ptr<Producer::Handle>> Producer::make_handle() {
    auto client = make_client(options_, RD_KAFKA_PRODUCER, producer_properties(options_), prepare, this);
    if (!client) return fail(client.error());
    auto handle = std::make_unique<Handle>();
    handle->client = *std::move(client);
    handle->gather_requests = options_.gather_requests;
    return handle;
}

void Producer::append(std::vector<NewRecord> records, std::function<void(Status)> done, Status verdict) {
    auto append = std::make_unique<Append>();
    append->records = std::move(records);
    append->done = std::move(done);
    append->verdict = std::move(verdict);
    append->open = append->records.size();
    append->since = std::chrono::steady_clock::now();
    append->at = options_.clock->now();
    for (const auto& record : append->records) append->bytes += weight_of(record);
    for (std::size_t i = 0; i < append->open; ++i) append->slots.push_back({append.get(), i});
    append->gathered = is_gathered(*append);

    std::shared_lock handle(handle_mutex_);
    {
        std::lock_guard lock(mutex_);
        ++unanswered_;
        if (append->verdict) append->verdict = admit(*append);
        if (!append->verdict || append->records.empty()) {
            refused_.push_back(std::move(append));
        } else {
            if (records_ == 0) stalled_since_ = append->since.time_since_epoch().count();
            records_ += static_cast<std::int64_t>(append->open);
            bytes_ += append->bytes;
            append->sequence = ++sequence_;
            if (append->gathered) {
                if (gathered_out_ > 0) {
                    gathered_.push_back(append.release());
                    return;
                }
                ++gathered_out_;
                ++batches_;
            }
            if (rebuilding_) {
                waiting_.push_back(append.release());
                return;
            }
        }
    }
    if (append) return produce(*append.release());
    rd_kafka_queue_yield(Queue(rd_kafka_queue_get_main(handle_->client.get())).get());
}

Status Producer::admit(const Append& append) {
    if (phase_ != Phase::open) return fail(ErrorCode::closed, "append to the log: it is closed");
    const auto count = static_cast<std::int64_t>(append.records.size());
    for (const auto& record : append.records) {
        if (weight_of(record) <= options_.max_record_bytes) continue;
        return fail(ErrorCode::refused_content, "append to " + record.topic + ": a record is too large");
    }
    if (count > options_.queue_max_records || append.bytes > options_.queue_max_bytes) {
        return fail(ErrorCode::too_large, "append to the log: more at once than its queue can ever hold");
    }
    if (records_ + count > options_.queue_max_records || bytes_ + append.bytes > options_.queue_max_bytes) {
        return fail(ErrorCode::busy, "append to the log: its queue is full");
    }
    return {};
}

/// One batch of requests is out at a time, and those that come meanwhile are the next: while as many of
/// librdkafka's requests are in flight as may be (5, for idempotence) and records wait in it for one of them
/// to end, its thread does not sleep (2.0.2: rd_kafka_producer_serve_toppar asks to be woken at once).
bool Producer::is_gathered(const Append& append) const {
    return options_.gather_requests && std::any_of(append.records.begin(), append.records.end(), is_request);
}

/// The append may be gone when its last record has been handed over.
void Producer::produce(Append& append) {
    auto* slot = append.slots.data();
    for (auto left = append.slots.size(); left > 0; --left, ++slot) produce(*slot);
}

void Producer::produce(Slot& slot) {
    auto& record = slot.append->records[slot.index];
    std::array<rd_kafka_vu_t, 6> parts{};
    std::size_t count = 0;
    const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
        parts[count].vtype = type;
        return parts[count++];
    };
    add(RD_KAFKA_VTYPE_RKT).u.rkt = handle_->topic(options_.topic_prefix + record.topic);
    auto& value = add(RD_KAFKA_VTYPE_VALUE).u.mem;
    value.ptr = record.value.data();
    value.size = record.value.size();
    auto& key = add(RD_KAFKA_VTYPE_KEY).u.mem;
    key.ptr = record.key.data();
    key.size = record.key.size();
    add(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = to_millis(slot.append->at);
    add(RD_KAFKA_VTYPE_OPAQUE).u.ptr = &slot;
    if (!record.traceparent.empty()) {
        auto& header = add(RD_KAFKA_VTYPE_HEADER).u.header;
        header.name = "traceparent";
        header.val = record.traceparent.data();
        header.size = static_cast<std::int64_t>(record.traceparent.size());
    }
    const KafkaError error(rd_kafka_produceva(handle_->client.get(), parts.data(), count));
    if (!error) return;
    {
        std::lock_guard lock(mutex_);
        unsent_.push_back({&slot, rd_kafka_error_code(error.get())});
    }
    rd_kafka_queue_yield(Queue(rd_kafka_queue_get_main(handle_->client.get())).get());
}

void Producer::wake() {
    std::shared_lock handle(handle_mutex_);
    rd_kafka_queue_yield(Queue(rd_kafka_queue_get_main(handle_->client.get())).get());
}

void Producer::close() {
    std::unique_lock lock(mutex_);
    if (phase_ == Phase::closed) return;
    phase_ = Phase::closing;
    lock.unlock();
    wake();
    lock.lock();
    const auto answered = [this] { return unanswered_ == 0; };
    if (!drained_.wait_for(lock, options_.close_within, answered)) {
        give_up_ = true;
        lock.unlock();
        wake();
        lock.lock();
        drained_.wait(lock, answered);
    }
    phase_ = Phase::closed;
}

Status Producer::ping() const {
    const auto since = stalled_since_.load();
    if (since == 0) return {};
    const auto waited = std::chrono::steady_clock::now() - SteadyTime(SteadyTime::duration(since));
    if (waited <= kStalled) return {};
    return fail(ErrorCode::unavailable, "Kafka acknowledges no records");
}

void Producer::run() {
    name_this_thread("kafka.log");
    while (!stop_) {
        serve(kServe);
        if (handle_->broken && std::chrono::steady_clock::now() >= next_rebuild_) rebuild();
        if (give_up_) give_up();
    }
    serve(Millis{0});
}

void Producer::serve(Millis wait) {
    rd_kafka_poll(handle_->client.get(), static_cast<int>(wait.count()));
    std::vector<std::unique_ptr<Append>> refused;
    std::vector<Unsent> unsent;
    {
        std::lock_guard lock(mutex_);
        refused.swap(refused_);
        unsent.swap(unsent_);
    }
    answer(refused);
    for (const auto& [slot, error] : unsent) settle(*slot, error);
    answer_finished();
}

void Producer::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    auto& producer = *static_cast<Producer*>(opaque);
    producer.settle(*static_cast<Slot*>(message->_private), message->err);
}

void Producer::on_error(rd_kafka_t*, int code, const char* reason, void* opaque) {
    auto& producer = *static_cast<Producer*>(opaque);
    if (code != RD_KAFKA_RESP_ERR__FATAL) return;
    log::warning("log.producer_broken", {{"reason", reason}});
    producer.handle_->broken = true;
}

void Producer::settle(Slot& slot, rd_kafka_resp_err_t error) {
    auto& append = *slot.append;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const bool fatal =
            rd_kafka_fatal_error(handle_->client.get(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
        const bool young = std::chrono::steady_clock::now() - append.since < kGivenWithin;
        if (fatal) handle_->broken = true;
        if (fatal && young && !give_up_) {
            again_.push_back(&slot);
            return;
        }
        if (append.verdict) {
            auto told = error_of(error, "append to " + append.records[slot.index].topic);
            // Others of this append may be there, and `busy` would say that none is.
            if (told.code == ErrorCode::busy) told.code = ErrorCode::unavailable;
            append.verdict = fail(std::move(told));
        }
    } else {
        ++acknowledged_;
        stalled_since_ = std::chrono::steady_clock::now().time_since_epoch().count();
    }
    if (--append.open == 0) finished_.emplace_back(&append);
}

void Producer::answer_finished() {
    if (finished_.empty()) return;
    auto finished = std::exchange(finished_, {});
    {
        std::lock_guard lock(mutex_);
        for (const auto& append : finished) {
            records_ -= static_cast<std::int64_t>(append->records.size());
            bytes_ -= append->bytes;
            gathered_out_ -= append->gathered ? 1 : 0;
        }
        if (records_ == 0) stalled_since_ = 0;
    }
    const bool requests = std::any_of(finished.begin(), finished.end(), [](const auto& append) {
        return append->verdict && std::any_of(append->records.begin(), append->records.end(), is_request);
    });
    if (requests) crash_point("appended");
    produce_gathered();
    answer(finished);
}

void Producer::produce_gathered() {
    std::vector<Append*> batch;
    {
        std::lock_guard lock(mutex_);
        if (gathered_.empty() || gathered_out_ > 0 || rebuilding_) return;
        batch.swap(gathered_);
        gathered_out_ = batch.size();
    }
    ++batches_;
    const auto now = std::chrono::steady_clock::now();
    for (auto* append : batch) {
        if (now - append->since < kGivenWithin) {
            produce(*append);
            continue;
        }
        // Nothing of it is in the log.
        auto* slot = append->slots.data();
        for (auto left = append->slots.size(); left > 0; --left, ++slot) {
            settle(*slot, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
        }
    }
}

void Producer::answer(std::vector<std::unique_ptr<Append>>& appends) {
    if (appends.empty()) return;
    for (auto& append : appends) {
        append->done(std::move(append->verdict));
        append.reset();
    }
    std::lock_guard lock(mutex_);
    unanswered_ -= appends.size();
    if (unanswered_ == 0) drained_.notify_all();
}

void Producer::rebuild() {
    next_rebuild_ = std::chrono::steady_clock::now() + kRebuildPause;
    {
        // Whoever is producing has finished before the flag stands.
        std::unique_lock handle(handle_mutex_);
        std::lock_guard lock(mutex_);
        rebuilding_ = true;
    }
    drain(*handle_);
    auto fresh = make_handle();
    if (!fresh) {
        log::warning("log.producer_not_rebuilt", {{"reason", fresh.error().message}});
        return;  // the broken handle stays, and a later pass tries again
    }
    {
        std::unique_lock handle(handle_mutex_);
        handle_.swap(*fresh);
    }
    fresh->reset();
    ++rebuilds_;
    produce_again();
    log::info("log.producer_rebuilt");
}

/// What is on its way may still be acknowledged; what is not after a while is produced again, and the claim
/// absorbs the repeat.
void Producer::drain(Handle& broken) {
    auto* client = broken.client.get();
    const auto deadline = std::chrono::steady_clock::now() + kDrainBroken;
    while (rd_kafka_outq_len(client) > 0 && std::chrono::steady_clock::now() < deadline) serve(Millis{20});
    rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (rd_kafka_outq_len(client) > 0) serve(Millis{20});
    serve(Millis{0});
}

void Producer::produce_again() {
    std::vector<Append*> waiting;
    auto again = std::exchange(again_, {});
    std::sort(again.begin(), again.end(), [](const Slot* left, const Slot* right) {
        return std::pair(left->append->sequence, left->index) <
               std::pair(right->append->sequence, right->index);
    });
    for (auto* slot : again) produce(*slot);
    for (;;) {
        {
            std::lock_guard lock(mutex_);
            waiting.swap(waiting_);
            if (waiting.empty()) {
                rebuilding_ = false;
                break;
            }
        }
        for (auto* append : waiting) produce(*append);
        waiting.clear();
    }
    produce_gathered();
}

/// Closing has waited long enough: the rest may be in the log or not.
void Producer::give_up() {
    rd_kafka_purge(handle_->client.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    std::vector<Append*> waiting;
    {
        std::lock_guard lock(mutex_);
        waiting.swap(waiting_);
        gathered_out_ += gathered_.size();
        waiting.insert(waiting.end(), gathered_.begin(), gathered_.end());
        gathered_.clear();
    }
    for (auto* append : waiting) {
        for (auto& slot : append->slots) again_.push_back(&slot);
    }
    for (auto* slot : std::exchange(again_, {})) settle(*slot, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
}

}  // namespace herald::kafka
