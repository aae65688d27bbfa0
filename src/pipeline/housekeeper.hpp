#pragma once

#include "pipeline/stage.hpp"
#include "ports/idempotency_store.hpp"

namespace herald {

/// Removes what has served its time: idempotency rows after a day.
class Housekeeper final : public Stage {
public:
    Housekeeper(const Clock& clock, IdempotencyStore& idempotency) : clock_(clock), idempotency_(idempotency) {}

    std::string name() const override { return "housekeeper"; }
    Status pass(Millis wait) override;

private:
    const Clock& clock_;
    IdempotencyStore& idempotency_;
    Millis next_{0};
};

}  // namespace herald
