#pragma once

#include <memory>

#include "base/metrics.hpp"
#include "model/records.hpp"
#include "pipeline/stage.hpp"
#include "ports/delivery_store.hpp"
#include "ports/event_log.hpp"

namespace herald {

/// Raises attempts by what providers tell later, and appends the events of what was raised.
class ReceiptApplier final : public Stage {
public:
    static Result<std::unique_ptr<ReceiptApplier>> make(const Clock& clock, EventLog& log,
                                                        DeliveryStore& deliveries, Metrics& metrics);

    std::string name() const override { return "receipts"; }
    Status pass(Millis wait) override;
    void stop_taking() override { taking_ = false; }
    bool idle() const override { return batch_.empty(); }

private:
    ReceiptApplier(const Clock& clock, EventLog& log, DeliveryStore& deliveries, Metrics& metrics,
                   std::unique_ptr<LogConsumer> consumer);

    Status apply();

    const Clock& clock_;
    EventLog& log_;
    DeliveryStore& deliveries_;
    std::unique_ptr<LogConsumer> consumer_;
    FinishedPrefix prefix_;
    std::vector<LogRecord> batch_;
    bool taking_ = true;
    Counter& applied_;
};

}  // namespace herald
