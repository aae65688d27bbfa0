#include "pipeline/template_refresher.hpp"

namespace herald {
namespace {

constexpr Millis kPause{400};

}  // namespace

Status TemplateRefresher::pass(Millis wait) {
    if (clock_.uptime() < next_) {
        std::this_thread::sleep_for(wait);
        return {};
    }
    if (auto status = templates_.refresh(); !status) return status;  // tried again at once, and ill till then
    next_ = clock_.uptime() + kPause;
    return {};
}

}  // namespace herald
