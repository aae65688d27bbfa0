#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

#include "base/clock.hpp"
#include "base/metrics.hpp"

namespace herald::api {

/// A request that was answered. `route` is a pattern of the table, never a path: its values are bounded.
struct AnsweredRequest {
    std::string_view route;  ///< empty when the path is none of ours
    std::string_view method;
    int status = 0;
    Millis took{0};
    std::string_view request_id;
    std::string_view cause;  ///< of a failure of ours; empty otherwise
};

/// Counts and logs answers. Thread-safe.
class RequestMeter {
public:
    explicit RequestMeter(Metrics& metrics) : metrics_(metrics) {}

    void answered(const AnsweredRequest& request);

private:
    struct Instruments {
        Counter* total = nullptr;
        Histogram* seconds = nullptr;
    };
    using Key = std::tuple<std::string_view, std::string_view, int>;

    Instruments instruments(std::string_view route, std::string_view method, int status);

    Metrics& metrics_;
    std::mutex mutex_;
    std::map<Key, Instruments> instruments_;  ///< the texts in the keys are constants
};

}  // namespace herald::api
