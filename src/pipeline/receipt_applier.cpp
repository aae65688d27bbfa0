#include "pipeline/receipt_applier.hpp"

#include "pipeline/events.hpp"
#include "pipeline/topics.hpp"

namespace herald {
namespace {

constexpr std::size_t kMaxBatch = 1'000;

}  // namespace

Result<std::unique_ptr<ReceiptApplier>> ReceiptApplier::make(const ReceiptParts& parts) {
    auto consumer = parts.log.subscribe(topics::kPlannerGroup, topics::kReceipts);
    if (!consumer) return fail(consumer.error());
    return std::unique_ptr<ReceiptApplier>(new ReceiptApplier(parts, *std::move(consumer)));
}

ReceiptApplier::ReceiptApplier(const ReceiptParts& parts, std::unique_ptr<LogConsumer> consumer)
    : parts_(parts),
      consumer_(std::move(consumer)),
      newer_(parts_.notes, parts_.clock, parts_.readiness, name()),
      applied_(parts_.metrics.counter("herald_receipts_applied_total", "Receipts that raised an attempt.")) {}

Status ReceiptApplier::pass(Millis wait) {
    if (batch_.empty() && taking_) {
        if (auto status = prefix_.commit_to(*consumer_); !status) return status;
        if (auto status = poll(wait); !status) return status;
    }
    return batch_.empty() ? Status{} : apply();
}

Status ReceiptApplier::poll(Millis wait) {
    // Before polling: what a lost partition brings when it comes back is new.
    for (const int partition : consumer_->take_revoked()) {
        prefix_.drop(partition);
        newer_.drop(partition);
    }
    for (auto& record : newer_.take_due(kMaxBatch)) take(std::move(record));
    if (!batch_.empty()) return {};
    if (newer_.is_in_the_way(prefix_)) {
        std::this_thread::sleep_for(wait);
        return {};
    }
    auto records = consumer_->poll(kMaxBatch, wait);
    if (!records) return fail(records.error());
    for (auto& record : *records) {
        prefix_.polled(record);
        take(std::move(record));
    }
    return {};
}

void ReceiptApplier::take(LogRecord record) {
    auto receipt = decode_receipt(record.value);
    if (receipt) {
        batch_.push_back({std::move(record), *std::move(receipt), ""});
    } else if (receipt.error().code != ErrorCode::conflict || !newer_.keep(record)) {
        batch_.push_back({std::move(record), std::nullopt, receipt.error().message});
    }
}

Status ReceiptApplier::apply() {
    std::vector<ReceiptRecord> receipts;
    std::vector<const LogRecord*> sources;
    std::vector<NewRecord> records;
    for (const auto& [record, receipt, refusal] : batch_) {
        if (receipt) {
            receipts.push_back(*receipt);
            sources.push_back(&record);
        } else {
            records.push_back({topics::kDead, record.key,
                               encode(DeadRecord{record.topic, record.value, refusal, parts_.clock.now()}),
                               ""});
        }
    }
    auto results = parts_.deliveries.apply_receipts(receipts);
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
    if (auto status = parts_.log.append_and_wait(std::move(records)); !status) return status;
    for (const auto& item : batch_) prefix_.finished(item.record.partition, item.record.offset);
    batch_.clear();
    return prefix_.commit_to(*consumer_);
}

}  // namespace herald
