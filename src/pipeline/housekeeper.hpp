#pragma once

#include "pipeline/stage.hpp"
#include "ports/idempotency_store.hpp"
#include "ports/plan_store.hpp"

namespace herald {

/// Removes what has served its time: idempotency rows after a day, notifications after `retention`.
class Housekeeper final : public Stage {
public:
    Housekeeper(const Clock& clock, IdempotencyStore& idempotency, PlanStore& plans, Millis retention)
        : clock_(clock), idempotency_(idempotency), plans_(plans), retention_(retention) {}

    std::string name() const override { return "housekeeper"; }
    Status pass(Millis wait) override;

private:
    const Clock& clock_;
    IdempotencyStore& idempotency_;
    PlanStore& plans_;
    const Millis retention_;
    Millis next_{0};
};

}  // namespace herald
