#include "pipeline/stage.hpp"

#include <algorithm>

#include "base/thread_name.hpp"

namespace herald {
namespace {

constexpr Millis kPassWait{50};
constexpr Millis kFirstPause{20};
constexpr Millis kLongestPause{1'000};

}  // namespace

StageThread::StageThread(std::unique_ptr<Stage> stage, Readiness& readiness)
    : stage_(std::move(stage)), readiness_(readiness), thread_([this] { run(); }) {}

StageThread::~StageThread() { finish(std::chrono::steady_clock::now()); }

void StageThread::finish(std::chrono::steady_clock::time_point deadline) {
    if (!thread_.joinable()) return;
    stopping_ = true;
    while (!ended_ && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(Millis{2});
    cut_off_ = true;
    thread_.join();
}

void StageThread::run() {
    const auto name = stage_->name();
    name_this_thread(name);
    Millis pause = kFirstPause;
    bool told = false;
    while (!cut_off_) {
        if (stopping_ && !std::exchange(told, true)) stage_->stop_taking();
        if (told && stage_->idle()) break;
        const auto status = stage_->pass(told ? Millis{5} : kPassWait);
        if (status) {
            if (pause > kFirstPause) readiness_.well(name);
            pause = kFirstPause;
            continue;
        }
        if (status.error().code != ErrorCode::closed) readiness_.ill(name, status.error().message);
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, kLongestPause);
    }
    ended_ = true;
}

}  // namespace herald
