#include "pipeline/receipt_applier.hpp"

#include "pipeline/events.hpp"
#include "pipeline/topics.hpp"

namespace herald {
namespace {

constexpr std::size_t kMaxBatch = 1'000;

}  // namespace

Result<std::unique_ptr<ReceiptApplier>> ReceiptApplier::make(const Clock& clock, EventLog& log,
                                                             DeliveryStore& deliveries, Metrics& metrics) {
    auto consumer = log.subscribe(topics::kPlannerGroup, topics::kReceipts);
    if (!consumer) return fail(consumer.error());
    return std::unique_ptr<ReceiptApplier>(
        new ReceiptApplier(clock, log, deliveries, metrics, *std::move(consumer)));
}

ReceiptApplier::ReceiptApplier(const Clock& clock, EventLog& log, DeliveryStore& deliveries, Metrics& metrics,
                               std::unique_ptr<LogConsumer> consumer)
    : clock_(clock),
      log_(log),
      deliveries_(deliveries),
      consumer_(std::move(consumer)),
      applied_(metrics.counter("herald_receipts_applied_total", "Receipts that raised an attempt.")) {}

Status ReceiptApplier::pass(Millis wait) {
    if (batch_.empty() && taking_) {
        // Before polling: what a lost partition brings when it comes back is new.
        for (const int partition : consumer_->take_revoked()) prefix_.drop(partition);
        auto records = consumer_->poll(kMaxBatch, wait);
        if (!records) return fail(records.error());
        for (const auto& record : *records) prefix_.polled(record);
        batch_ = *std::move(records);
    }
    return batch_.empty() ? Status{} : apply();
}

Status ReceiptApplier::apply() {
    std::vector<ReceiptRecord> receipts;
    std::vector<const LogRecord*> sources;
    std::vector<NewRecord> records;
    for (const auto& record : batch_) {
        if (auto receipt = decode_receipt(record.value)) {
            receipts.push_back(*std::move(receipt));
            sources.push_back(&record);
        } else {
            records.push_back(
                {topics::kDead, record.key,
                 encode(DeadRecord{record.topic, record.value, receipt.error().message, clock_.now()}), ""});
        }
    }
    auto results = deliveries_.apply_receipts(receipts);
    if (!results) return fail(results.error());
    for (std::size_t i = 0; i < receipts.size(); ++i) {
        const auto& r = receipts[i];
        if ((*results)[i].raised) applied_.Increment();
        // A delivery that knows the attempt is final now. One that is not, or that nobody knows, has nothing
        // to tell.
        if (!is_final((*results)[i].state)) continue;
        // A repeated record appends its event again, under the same id (rule 13).
        const auto state = fold_attempts(r.state, r.state, DeliveryState::sent);
        records.push_back(
            event_record(r.tenant, sources[i]->key, r.delivery, r.attempt, to_string(state), "", r.at));
    }
    if (auto status = log_.append_and_wait(std::move(records)); !status) return status;
    for (const auto& record : batch_) prefix_.finished(record.partition, record.offset);
    batch_.clear();
    return consumer_->commit(prefix_.take_positions());
}

}  // namespace herald
