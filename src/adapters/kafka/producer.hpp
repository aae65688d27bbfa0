#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "adapters/kafka/client.hpp"
#include "ports/event_log.hpp"

namespace herald::kafka {

/// Appends by an idempotent producer with acks=all. One thread of its own serves the delivery reports and
/// calls every `done`. A producer that librdkafka declares broken for good is replaced, and what it had not
/// acknowledged is produced again. Thread-safe.
class Producer {
public:
    static Result<std::unique_ptr<Producer>> open(const KafkaLogOptions& options);
    /// Not on the log's thread.
    ~Producer();
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;

    /// A `verdict` that is an error already is the answer.
    void append(std::vector<NewRecord> records, std::function<void(Status)> done, Status verdict);
    /// Waits for the answers to what was appended, for a bounded time; later appends are answered `closed`.
    void close();
    /// An error while records wait and none is acknowledged.
    Status ping() const;

    struct Counts {
        std::int64_t records = 0;   ///< acknowledged
        std::int64_t rebuilds = 0;  ///< broken producers that were replaced
        std::int64_t batches = 0;   ///< of gathered requests
    };
    Counts counts() const { return {acknowledged_, rebuilds_, batches_}; }

private:
    using SteadyTime = std::chrono::steady_clock::time_point;

    struct Append;
    struct Slot {
        Append* append = nullptr;
        std::size_t index = 0;
    };
    /// Lives from `append` until its last record is answered; librdkafka reads the values where they lie.
    struct Append {
        std::vector<NewRecord> records;
        std::function<void(Status)> done;
        Status verdict;
        std::int64_t bytes = 0;
        bool gathered = false;  ///< waits for its turn behind others of its kind
        std::uint64_t sequence = 0;
        SteadyTime since{};
        TimePoint at{};
        std::size_t open = 0;  ///< records not answered yet; of the log's thread
        std::vector<Slot> slots;
    };
    struct Unsent {
        Slot* slot = nullptr;
        rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    };
    struct Handle {
        Client client;
        std::mutex mutex;  ///< guards topics
        std::unordered_map<std::string, Topic> topics;
        std::atomic<bool> broken{false};
        bool gather_requests = false;

        ~Handle();
        rd_kafka_topic_t* topic(const std::string& name);
    };

    explicit Producer(const KafkaLogOptions& options);
    Result<std::unique_ptr<Handle>> make_handle();
    static void prepare(rd_kafka_conf_t* conf);
    static void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque);
    static void on_error(rd_kafka_t*, int code, const char* reason, void* opaque);

    Status admit(const Append& append);
    bool is_gathered(const Append& append) const;
    void produce(Append& append);
    void produce(Slot& slot);
    void wake();

    // Of the log's thread.
    void run();
    void serve(Millis wait);
    void settle(Slot& slot, rd_kafka_resp_err_t error);
    void answer_finished();
    void produce_gathered();
    void answer(std::vector<std::unique_ptr<Append>>& appends);
    void rebuild();
    void drain(Handle& broken);
    void produce_again();
    void give_up();

    const KafkaLogOptions options_;
    std::shared_mutex handle_mutex_;  ///< shared by those who produce, exclusive for replacing the handle
    std::unique_ptr<Handle> handle_;

    std::mutex mutex_;  ///< guards what follows
    enum class Phase { open, closing, closed } phase_ = Phase::open;
    bool rebuilding_ = false;
    std::int64_t records_ = 0;
    std::int64_t bytes_ = 0;
    std::uint64_t sequence_ = 0;
    std::size_t unanswered_ = 0;                    ///< appends whose `done` has not returned
    std::vector<std::unique_ptr<Append>> refused_;  ///< to be answered on the log's thread
    std::vector<Append*> waiting_;                  ///< came while the producer was being replaced
    std::size_t gathered_out_ = 0;                  ///< gathered appends that librdkafka has
    std::vector<Append*> gathered_;                 ///< the next batch of those
    std::vector<Unsent> unsent_;                    ///< what librdkafka did not take
    std::condition_variable drained_;

    // Of the log's thread.
    SteadyTime next_rebuild_{};
    std::vector<Slot*> again_;  ///< to be produced by the next handle
    std::vector<std::unique_ptr<Append>> finished_;

    std::atomic<std::int64_t> acknowledged_{0};
    std::atomic<std::int64_t> rebuilds_{0};
    std::atomic<std::int64_t> batches_{0};
    std::atomic<SteadyTime::rep> stalled_since_{0};  ///< 0: nothing waits
    std::atomic<bool> stop_{false};
    std::atomic<bool> give_up_{false};
    std::thread thread_;
};

}  // namespace herald::kafka
