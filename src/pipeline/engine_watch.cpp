#include "pipeline/engine_watch.hpp"

namespace herald {
namespace {

constexpr Millis kPause{500};

}  // namespace

Status EngineWatch::pass(Millis wait) {
    if (clock_.uptime() < next_) {
        std::this_thread::sleep_for(wait);
        return {};
    }
    next_ = clock_.uptime() + kPause;
    tell("log", log_.ping());
    tell("store", store_.ping());
    return {};
}

void EngineWatch::tell(const char* part, const Status& status) {
    if (status) readiness_.well(part);
    else readiness_.ill(part, status.error().message);
}

}  // namespace herald
