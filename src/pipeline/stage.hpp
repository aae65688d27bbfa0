#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.hpp"
#include "pipeline/readiness.hpp"

namespace herald {

/// One pass of a stage over whatever is ready. `wait`: how long it may wait when nothing is.
/// An error means: nothing was lost, the same work is done again by the next pass.
class Stage {
public:
    virtual ~Stage() = default;
    virtual std::string name() const = 0;
    virtual Status pass(Millis wait) = 0;
    /// Stop taking new work; `pass` goes on finishing what is in flight until `idle`.
    virtual void stop_taking() {}
    virtual bool idle() const { return true; }
};

/// The thread of one stage: passes until it is stopped; after an error it pauses, up to a second, and reports
/// the part ill.
class StageThread {
public:
    StageThread(std::unique_ptr<Stage> stage, Readiness& readiness);
    ~StageThread();

    Stage& stage() { return *stage_; }
    /// Lets the stage take nothing new; returns at once.
    void begin_stop() { stopping_ = true; }
    /// Waits until the stage is idle, at most until the deadline (by the steady clock), then joins.
    void finish(std::chrono::steady_clock::time_point deadline);

private:
    void run();

    std::unique_ptr<Stage> stage_;
    Readiness& readiness_;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> cut_off_{false};
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

}  // namespace herald
