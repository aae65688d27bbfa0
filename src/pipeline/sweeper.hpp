#pragma once

#include <map>
#include <optional>

#include "base/metrics.hpp"
#include "pipeline/sender.hpp"
#include "pipeline/stage.hpp"
#include "ports/event_log.hpp"
#include "ports/plan_store.hpp"

namespace herald {

/// Rule 9: what is planned is the store's obligation, and the log only moves it. Walks the notifications and
/// appends again, or expires, what is not final, has no timer and is older than the lag of its lane. With a
/// log that loses nothing it never finds anything.
class Sweeper final : public Stage {
public:
    Sweeper(const Clock& clock, EventLog& log, PlanStore& plans, CloseBatcher& closures, Metrics& metrics,
            Millis pause = Millis{30'000}, Millis margin = Millis{60'000});

    std::string name() const override { return "sweeper"; }
    Status pass(Millis wait) override;

private:
    void begin_walk();
    /// Whatever went to the topic before it has been read; none while the lag is unknown, or while what the
    /// last walk appended may not have been read.
    std::optional<TimePoint> horizon(const std::string& group, const std::string& topic) const;
    bool is_lost(const OpenDelivery& open) const;
    Status handle(const std::vector<OpenDelivery>& found);
    Status expire(const std::vector<OpenDelivery>& found, TimePoint now);

    const Clock& clock_;
    EventLog& log_;
    PlanStore& plans_;
    CloseBatcher& closures_;
    const Millis pause_;
    const Millis margin_;
    Millis next_walk_;
    Millis next_full_walk_{0};
    /// Everything up to it was found closed or waiting for a timer, whose record may be lost later: a full
    /// walk does not begin here.
    std::optional<NotificationId> watermark_;
    // The present walk.
    bool walking_ = false;
    bool met_open_ = false;
    std::optional<NotificationId> after_;  ///< where it stands
    TimePoint planned_before_{};
    std::map<std::string, TimePoint> horizons_;  ///< by topic

    std::map<std::string, TimePoint> resent_at_;  ///< the last time that something went to the topic
    Counter& resent_;
};

}  // namespace herald
