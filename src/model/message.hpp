#pragma once

#include <map>
#include <string>
#include <variant>

#include "base/result.hpp"
#include "model/delivery.hpp"
#include "model/plan.hpp"
#include "model/template.hpp"

namespace herald {

struct PushMessage {
    Route route = Route::push_apns;
    std::string token;
    std::string title;
    std::string body;
    std::map<std::string, std::string> data;
};
struct SmsMessage {
    std::string to;
    std::string body;
};
struct EmailMessage {
    std::string to;
    std::string subject;
    std::string html;  ///< empty when the template has none
    std::string text;
};

/// What a provider is to carry, rendered.
using Message = std::variant<PushMessage, SmsMessage, EmailMessage>;

/// Renders `entry` of a plan. Fails with `too_large` or `invalid`, which end the delivery as template_failed.
Result<Message> render_message(const Template& tmpl, const PlanEntry& entry, const Json& data);

}  // namespace herald
