#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/result.hpp"

namespace herald {

/// Which parts of this process are ill. Parts report when their state changes; /health and /ready read. One
/// log line at each change, not thousands. Thread-safe.
class Readiness {
public:
    void well(const std::string& part);
    void ill(const std::string& part, const std::string& why);
    /// Part → what ails it; empty when all are well.
    std::map<std::string, std::string> ill_parts() const;
    /// Only these take the process out of traffic when they are ill; all do unless this is said. Before any
    /// thread reports.
    void set_needed(std::set<std::string> parts) { needed_ = std::move(parts); }
    void set_started() { started_ = true; }
    void set_stopping() { stopping_ = true; }
    /// May traffic come here?
    bool ready() const;

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::string> ill_;
    std::optional<std::set<std::string>> needed_;
    std::atomic<bool> started_{false};
    std::atomic<bool> stopping_{false};
};

}  // namespace herald
