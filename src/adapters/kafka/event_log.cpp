#include "adapters/kafka/event_log.hpp"

#include <algorithm>

#include "adapters/kafka/log_consumer.hpp"
#include "adapters/kafka/log_state.hpp"
#include "adapters/kafka/producer.hpp"
#include "adapters/kafka/progress.hpp"

namespace herald {
namespace {

bool is_request(const NewRecord& record) { return record.topic.starts_with("requests."); }

}  // namespace

KafkaEventLog::KafkaEventLog(const KafkaLogOptions& options)
    : options_(options), state_(std::make_shared<kafka::LogState>(options.patience / 2)) {}

Result<std::unique_ptr<KafkaEventLog>> KafkaEventLog::open(const KafkaLogOptions& options) {
    CHECK(options.clock != nullptr && options.retention.count() > 0);
    std::unique_ptr<KafkaEventLog> log(new KafkaEventLog(options));
    auto producer = kafka::Producer::open(options);
    if (!producer) return fail(producer.error());
    log->producer_ = *std::move(producer);
    auto progress = kafka::Progress::start(options, log->state_);
    if (!progress) return fail(progress.error());
    log->progress_ = *std::move(progress);
    return log;
}

KafkaEventLog::~KafkaEventLog() {
    if (progress_) close();
}

void KafkaEventLog::close() {
    state_->close();
    producer_->close();
    progress_->stop();
    state_->for_each([](kafka::LogConsumer& consumer) { consumer.commit_now(); });
}

void KafkaEventLog::append(std::vector<NewRecord> records, std::function<void(Status)> done) {
    Status verdict;
    // Deliveries, events and timers move on, or what is old could never be finished.
    if (level() >= 1.0 && std::any_of(records.begin(), records.end(), is_request))
        verdict = fail(ErrorCode::busy, "append to the log: its oldest request is too old");
    producer_->append(std::move(records), std::move(done), std::move(verdict));
}

Result<std::unique_ptr<LogConsumer>> KafkaEventLog::subscribe(const std::string& group,
                                                              const std::string& topic) {
    const auto same = [&](const auto& reading) { return reading.group == group && reading.topic == topic; };
    if (std::none_of(options_.groups.begin(), options_.groups.end(), same))
        return fail(ErrorCode::invalid, "group " + group + " is not declared to read " + topic);
    auto consumer = kafka::LogConsumer::open(options_, state_, group, topic);
    if (!consumer) return fail(consumer.error());
    return std::unique_ptr<LogConsumer>(*std::move(consumer));
}

Result<std::optional<TimePoint>> KafkaEventLog::oldest_unfinished(const std::string& group,
                                                                  const std::string& topic) {
    if (state_->closed()) return fail(ErrorCode::closed, "the log is closed");
    return progress_->oldest_unfinished(group, topic);
}

Result<std::vector<EventLog::Lag>> KafkaEventLog::lag() {
    if (state_->closed()) return fail(ErrorCode::closed, "the log is closed");
    return progress_->lag();
}

double KafkaEventLog::level() const { return progress_->level(); }

Status KafkaEventLog::ping() {
    if (auto status = state_->ping(); !status) return status;
    return producer_->ping();
}

KafkaEventLog::Counts KafkaEventLog::counts() const {
    const auto counts = producer_->counts();
    return {counts.records, counts.rebuilds};
}

}  // namespace herald
