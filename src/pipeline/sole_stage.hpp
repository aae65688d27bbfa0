#pragma once

#include <memory>

#include "pipeline/shard_lease.hpp"
#include "pipeline/stage.hpp"

namespace herald {

/// A stage that one process at a time should run, though two for a moment do no harm: passes only while the
/// lease holds the first shard.
class SoleStage final : public Stage {
public:
    SoleStage(std::unique_ptr<Stage> stage, ShardLease& lease) : stage_(std::move(stage)), lease_(lease) {}

    std::string name() const override { return stage_->name(); }
    Status pass(Millis wait) override {
        const auto is_ours = lease_.holds_first();
        if (!is_ours) return fail(is_ours.error());
        if (*is_ours) return stage_->pass(wait);
        std::this_thread::sleep_for(wait);
        return {};
    }
    void stop_taking() override { stage_->stop_taking(); }
    bool idle() const override { return stage_->idle(); }

private:
    std::unique_ptr<Stage> stage_;
    ShardLease& lease_;
};

}  // namespace herald
