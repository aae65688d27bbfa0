#include "pipeline/stage.hpp"

#include <deque>
#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald {
namespace {

/// Answers as it was told, and says when it has done so.
class ScriptedStage final : public Stage {
public:
    explicit ScriptedStage(std::deque<Status> answers) : answers_(std::move(answers)) {}

    std::string name() const override { return "scripted"; }
    Status pass(Millis) override {
        std::lock_guard lock(mutex_);
        ++passes_;
        Status answer;
        if (!answers_.empty()) {
            answer = std::move(answers_.front());
            answers_.pop_front();
        }
        if (draining_ && in_flight_ > 0) --in_flight_;
        changed_.notify_all();
        return answer;
    }
    void stop_taking() override {
        std::lock_guard lock(mutex_);
        draining_ = true;
    }
    bool idle() const override {
        std::lock_guard lock(mutex_);
        return in_flight_ == 0;
    }

    void hold_in_flight(int calls) {
        std::lock_guard lock(mutex_);
        in_flight_ = calls;
    }
    void wait_for_passes(int count) {
        std::unique_lock lock(mutex_);
        ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [&] { return passes_ >= count; }));
    }
    int in_flight() const {
        std::lock_guard lock(mutex_);
        return in_flight_;
    }
    bool draining() const {
        std::lock_guard lock(mutex_);
        return draining_;
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Status> answers_;
    int passes_ = 0;
    int in_flight_ = 0;
    bool draining_ = false;
};

std::chrono::steady_clock::time_point in(Millis wait) { return std::chrono::steady_clock::now() + wait; }

Status ill() { return fail(ErrorCode::unavailable, "the store is ill"); }

class StageThreadTest : public ::testing::Test {
protected:
    ScriptedStage& start(std::deque<Status> answers) {
        auto owned = std::make_unique<ScriptedStage>(std::move(answers));
        auto& stage = *owned;
        thread = std::make_unique<StageThread>(std::move(owned), readiness);
        return stage;
    }

    Readiness readiness;
    std::unique_ptr<StageThread> thread;
};

TEST_F(StageThreadTest, PassesUntilItIsStopped) {
    auto& stage = start({});
    stage.wait_for_passes(5);
    EXPECT_TRUE(readiness.ill_parts().empty());
}

TEST_F(StageThreadTest, GoesOnAfterAnError) {
    std::deque<Status> answers;
    for (int i = 0; i < 3; ++i) answers.push_back(ill());
    start(std::move(answers)).wait_for_passes(6);
}

TEST_F(StageThreadTest, ReportsAnIllPart) {
    std::deque<Status> answers;
    for (int i = 0; i < 50; ++i) answers.push_back(ill());
    auto& stage = start(std::move(answers));
    stage.wait_for_passes(2);
    EXPECT_EQ(readiness.ill_parts().at("scripted"), "the store is ill");
}

TEST_F(StageThreadTest, ReportsItWellAgain) {
    std::deque<Status> answers;
    answers.push_back(ill());
    auto& stage = start(std::move(answers));
    stage.wait_for_passes(4);
    EXPECT_TRUE(readiness.ill_parts().empty());
}

TEST_F(StageThreadTest, AClosedLogIsNoIllness) {
    std::deque<Status> answers;
    for (int i = 0; i < 3; ++i) answers.push_back(fail(ErrorCode::closed, "the log is closed"));
    auto& stage = start(std::move(answers));
    stage.wait_for_passes(3);
    EXPECT_TRUE(readiness.ill_parts().empty());
}

TEST_F(StageThreadTest, FinishesWhatIsInFlightBeforeItStops) {
    auto& stage = start({});
    stage.hold_in_flight(3);
    thread->begin_stop();
    thread->finish(in(std::chrono::seconds(20)));
    EXPECT_TRUE(stage.draining());
    EXPECT_EQ(stage.in_flight(), 0);
}

TEST_F(StageThreadTest, ADeadlineCutsItOff) {
    auto& stage = start({});
    stage.hold_in_flight(1'000'000'000);
    thread->finish(in(Millis{10}));
    EXPECT_GT(stage.in_flight(), 0);
}

}  // namespace
}  // namespace herald
