#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/words.hpp"

namespace herald::topics {

inline constexpr const char* kReceipts = "receipts";
inline constexpr const char* kEvents = "events";
inline constexpr const char* kDead = "dead";

inline constexpr const char* kPlannerGroup = "planner";
inline constexpr const char* kSenderGroup = "sender";

/// `requests.<lane>`
inline std::string requests(Lane lane) { return "requests." + std::string(to_string(lane)); }
/// `deliveries.<route>.<lane>`
inline std::string deliveries(Route route, Lane lane) {
    return "deliveries." + std::string(to_string(route)) + "." + std::string(to_string(lane));
}

/// Every (group, topic) that some stage reads. What is not here goes by the retention alone.
inline std::vector<std::pair<std::string, std::string>> consumed() {
    std::vector<std::pair<std::string, std::string>> all{{kPlannerGroup, kReceipts}};
    for (const auto lane : kLanes) {
        all.emplace_back(kPlannerGroup, requests(lane));
        for (const auto route : kRoutes) all.emplace_back(kSenderGroup, deliveries(route, lane));
    }
    return all;
}

/// Every topic there is.
inline std::vector<std::string> all() {
    std::vector<std::string> names{kEvents, kDead};
    for (auto& [group, topic] : consumed()) names.push_back(std::move(topic));
    return names;
}

}  // namespace herald::topics
