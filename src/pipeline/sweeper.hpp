#pragma once

#include <optional>

#include "base/metrics.hpp"
#include "pipeline/sender.hpp"
#include "pipeline/stage.hpp"
#include "ports/event_log.hpp"
#include "ports/plan_store.hpp"

namespace herald {

/// Rule 9: what is planned is the store's obligation, and the log only moves it. Walks the notifications and
/// appends again, or expires, what is not final, has no timer and is older than the lag of the lanes. With a
/// log that loses nothing it never finds anything.
class Sweeper final : public Stage {
public:
    Sweeper(const Clock& clock, EventLog& log, PlanStore& plans, CloseBatcher& closures, Metrics& metrics,
            Millis pause = Millis{30'000}, Millis margin = Millis{60'000});

    std::string name() const override { return "sweeper"; }
    Status pass(Millis wait) override;

private:
    /// Everything planned before it has had its record read; none while some lag is unknown.
    std::optional<TimePoint> horizon();
    Status handle(const OpenDeliveries& open);

    const Clock& clock_;
    EventLog& log_;
    PlanStore& plans_;
    CloseBatcher& closures_;
    const Millis pause_;
    const Millis margin_;
    Millis next_walk_;
    std::optional<NotificationId> watermark_;  ///< everything up to it was found closed
    std::optional<NotificationId> after_;      ///< where the present walk stands
    bool walking_ = false;
    bool met_open_ = false;  ///< on the present walk
    TimePoint resent_at_{};  ///< the last time that something was appended
    Counter& resent_;
};

}  // namespace herald
