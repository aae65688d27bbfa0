#pragma once

#include "pipeline/stage.hpp"
#include "ports/event_log.hpp"
#include "ports/service_store.hpp"

namespace herald {

/// Asks the engines how they are, and tells the readiness: as parts `log` and `store`. So an engine that
/// nobody uses at the moment is found ill, too, and one that is back is found well.
class EngineWatch final : public Stage {
public:
    EngineWatch(const Clock& clock, EventLog& log, ServiceStore& store, Readiness& readiness)
        : clock_(clock), log_(log), store_(store), readiness_(readiness) {}

    std::string name() const override { return "engines"; }
    /// Never fails: what it finds is told.
    Status pass(Millis wait) override;

private:
    void tell(const char* part, const Status& status);

    const Clock& clock_;
    EventLog& log_;
    ServiceStore& store_;
    Readiness& readiness_;
    Millis next_{};
};

}  // namespace herald
