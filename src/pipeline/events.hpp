#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/records.hpp"
#include "pipeline/topics.hpp"
#include "ports/event_log.hpp"

namespace herald {

/// The record that tells the world of a state. Whoever commits the state appends it (rule 13).
inline NewRecord event_record(const TenantId& tenant, const std::string& key, const DeliveryId& delivery,
                              int attempt, std::string_view state, std::string reason, TimePoint at) {
    return {topics::kEvents, key,
            encode(EventRecord{tenant, delivery, attempt, std::string(state), std::move(reason), at}), ""};
}

}  // namespace herald
