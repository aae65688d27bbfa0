#pragma once

#include <memory>

#include "base/metrics.hpp"
#include "model/records.hpp"
#include "pipeline/newer_records.hpp"
#include "pipeline/stage.hpp"
#include "ports/delivery_store.hpp"
#include "ports/event_log.hpp"

namespace herald {

struct ReceiptParts {
    const Clock& clock;
    EventLog& log;
    DeliveryStore& deliveries;
    ServiceStore& notes;
    Readiness& readiness;
    Metrics& metrics;
};

/// Raises attempts by what providers tell later, and appends the events of what was raised.
class ReceiptApplier final : public Stage {
public:
    static Result<std::unique_ptr<ReceiptApplier>> make(const ReceiptParts& parts);

    std::string name() const override { return "receipts"; }
    Status pass(Millis wait) override;
    void stop_taking() override { taking_ = false; }
    bool idle() const override { return batch_.empty(); }

private:
    struct Item {
        LogRecord record;
        std::optional<ReceiptRecord> receipt;
        std::string refusal;  ///< without a receipt
    };

    ReceiptApplier(const ReceiptParts& parts, std::unique_ptr<LogConsumer> consumer);

    Status poll(Millis wait);
    void take(LogRecord record);
    Status apply();

    const ReceiptParts parts_;
    std::unique_ptr<LogConsumer> consumer_;
    FinishedPrefix prefix_;
    NewerRecords newer_;
    std::vector<Item> batch_;
    bool taking_ = true;
    Counter& applied_;
};

}  // namespace herald
