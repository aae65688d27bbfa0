#include "pipeline/readiness.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace herald {

void Readiness::well(const std::string& part) {
    std::lock_guard lock(mutex_);
    if (ill_.erase(part) > 0) log::info("part.well", {{"part", part}});
}

void Readiness::ill(const std::string& part, const std::string& why) {
    std::lock_guard lock(mutex_);
    const bool is_new = ill_.insert_or_assign(part, why).second;
    if (is_new) log::error("part.ill", {{"part", part}, {"why", why}});
}

std::map<std::string, std::string> Readiness::ill_parts() const {
    std::lock_guard lock(mutex_);
    return ill_;
}

bool Readiness::ready() const {
    if (!started_ || stopping_) return false;
    std::lock_guard lock(mutex_);
    return std::none_of(ill_.begin(), ill_.end(),
                        [&](const auto& part) { return !needed_ || needed_->contains(part.first); });
}

}  // namespace herald
