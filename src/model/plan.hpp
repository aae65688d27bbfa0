#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/delivery.hpp"
#include "model/notification.hpp"
#include "model/recipient.hpp"
#include "model/template.hpp"

namespace herald {

/// One delivery that a plan asks for, or the recorded decision not to make it.
struct PlanEntry {
    int ordinal = 1;
    DeliveryState state = DeliveryState::planned;  ///< planned, skipped, expired or cancelled
    Channel channel = Channel::push;
    std::optional<Route> route;  ///< none for what was skipped before an address was known
    std::string address;
    std::string locale;  ///< of the content to render
    std::string reason;  ///< a rule code: why it is skipped

    bool operator==(const PlanEntry&) const = default;
};

/// What one step of a notification does.
struct Plan {
    int step = 0;
    TimePoint planned_at{};
    std::optional<TimePoint> wait_until;  ///< the next step is planned then, from current data
    std::vector<PlanEntry> entries;
    std::vector<std::string> trace;  ///< codes of the rules that decided, `push:default_on`

    bool operator==(const Plan&) const = default;
};

/// Decides, from values alone: the same call serves the planner, "explain" and "dry run". `routes` are those
/// that have a provider.
Plan plan(const Notification& notification, int step, const Recipient& recipient, const Template& tmpl,
          TimePoint now, std::span<const Route> routes = kRoutes);

/// The gates once more, for a delivery that is claimed long after its planning: suppression, preferences,
/// erasure. The reason to skip it, or nothing.
std::optional<std::string> closed_gate(const Notification& notification, const PlanEntry& entry,
                                       const Recipient& recipient, const Template& tmpl);

/// A rule code in words, for people.
std::string explain(std::string_view code);

std::string encode_plan(const Plan& plan);
Result<Plan> decode_plan(std::string_view json);

}  // namespace herald
