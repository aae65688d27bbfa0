#include "model/plan.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace herald {
namespace {

/// Collects the entries of one plan.
class PlanBuilder {
public:
    PlanBuilder(const Notification& notification, const Recipient& recipient, const Template& tmpl,
                std::span<const Route> routes, Plan& plan)
        : notification_(notification), recipient_(recipient), template_(tmpl), routes_(routes), plan_(plan) {}

    void close_all(DeliveryState state, std::string_view rule) {
        trace(rule);
        for (const auto channel : notification_.channels) add(channel, state, {}, "", std::string(rule));
    }

    void plan_channel(Channel channel) {
        if (!template_.has(channel)) return skip(channel, "template_lacks_channel");
        const auto permission = permits(recipient_.preferences, template_.category, channel);
        if (!permission.allowed) return skip(channel, permission.rule);
        trace(fmt::format("{}:{}", to_string(channel), permission.rule));
        const auto& user = *recipient_.user;
        switch (channel) {
            case Channel::push:
                if (user.devices.empty()) return skip(channel, "no_device");
                for (const auto& device : user.devices)
                    send(channel, route_of(device.platform), device.token);
                return;
            case Channel::sms:
                return send_or_skip(channel, Route::sms, user.phone, "no_phone");
            case Channel::email:
                return send_or_skip(channel, Route::email, user.email, "no_email");
        }
    }

private:
    void trace(std::string_view code) { plan_.trace.emplace_back(code); }

    void skip(Channel channel, std::string_view rule) {
        trace(fmt::format("{}:{}", to_string(channel), rule));
        add(channel, DeliveryState::skipped, {}, "", std::string(rule));
    }

    void send_or_skip(Channel channel, Route route, const std::string& address, std::string_view missing) {
        if (address.empty()) return skip(channel, missing);
        send(channel, route, address);
    }

    void send(Channel channel, Route route, const std::string& address) {
        if (std::find(routes_.begin(), routes_.end(), route) == routes_.end()) {
            return skip_address(channel, route, address, "no_provider");
        }
        const bool suppressed =
            std::any_of(recipient_.suppressions.begin(), recipient_.suppressions.end(),
                        [&](const Suppression& s) { return s.channel == channel && s.address == address; });
        if (suppressed) return skip_address(channel, route, address, "suppressed");
        add(channel, DeliveryState::planned, route, address, "");
    }

    void skip_address(Channel channel, Route route, const std::string& address, std::string_view rule) {
        trace(fmt::format("{}:{}", to_string(channel), rule));
        add(channel, DeliveryState::skipped, route, address, std::string(rule));
    }

    void add(Channel channel, DeliveryState state, std::optional<Route> route, const std::string& address,
             std::string reason) {
        PlanEntry entry;
        entry.ordinal = static_cast<int>(plan_.entries.size()) + 1;
        entry.state = state;
        entry.channel = channel;
        entry.route = route;
        entry.address = address;
        entry.reason = std::move(reason);
        if (state == DeliveryState::planned) {
            entry.locale = template_.choose_locale(recipient_.user->locale, channel);
        }
        plan_.entries.push_back(std::move(entry));
    }

    const Notification& notification_;
    const Recipient& recipient_;
    const Template& template_;
    const std::span<const Route> routes_;
    Plan& plan_;
};

bool is_erased(const Notification& notification, const Recipient& recipient) {
    return recipient.erased_at && notification.accepted_at <= *recipient.erased_at;
}

Result<PlanEntry> decode_entry(const Json& json) {
    PlanEntry entry;
    entry.ordinal = static_cast<int>(json.integer("ordinal"));
    const auto state = parse_delivery_state(json.text("state"));
    const auto channel = parse_channel(json.text("channel"));
    if (!state || !channel || entry.ordinal < 1)
        return fail(ErrorCode::invalid, "a stored plan has a bad entry");
    entry.state = *state;
    entry.channel = *channel;
    entry.route = parse_route(json.text("route"));
    entry.address = std::string(json.text("address"));
    entry.locale = std::string(json.text("locale"));
    entry.reason = std::string(json.text("reason"));
    return entry;
}

}  // namespace

Plan plan(const Notification& notification, int step, const Recipient& recipient, const Template& tmpl,
          TimePoint now, std::span<const Route> routes) {
    Plan plan;
    plan.step = step;
    plan.planned_at = now;
    PlanBuilder builder(notification, recipient, tmpl, routes, plan);
    if (is_erased(notification, recipient)) {
        builder.close_all(DeliveryState::skipped, "erased");
    } else if (now >= notification.deadline_at) {
        builder.close_all(DeliveryState::expired, "deadline_passed");
    } else if (step == 0 && notification.send_at && *notification.send_at > now) {
        plan.wait_until = notification.send_at;
        plan.trace.emplace_back("send_at");
    } else if (!recipient.user) {
        builder.close_all(DeliveryState::skipped, "unknown_recipient");
    } else {
        for (const auto channel : notification.channels) builder.plan_channel(channel);
    }
    return plan;
}

std::optional<std::string> closed_gate(const Notification& notification, const PlanEntry& entry,
                                       const Recipient& recipient, const Template& tmpl) {
    if (is_erased(notification, recipient)) return "erased";
    if (!recipient.user) return "unknown_recipient";
    const auto permission = permits(recipient.preferences, tmpl.category, entry.channel);
    if (!permission.allowed) return std::string(permission.rule);
    for (const auto& suppression : recipient.suppressions) {
        if (suppression.channel == entry.channel && suppression.address == entry.address) return "suppressed";
    }
    return std::nullopt;
}

std::string explain(std::string_view code) {
    constexpr std::pair<std::string_view, std::string_view> texts[] = {
        {"system_category", "system messages cannot be switched off"},
        {"category_channel_on", "the person wants this category on this channel"},
        {"category_channel_off", "the person does not want this category on this channel"},
        {"category_on", "the person wants this category"},
        {"category_off", "the person does not want this category"},
        {"channel_on", "the person wants this channel"},
        {"channel_off", "the person does not want this channel"},
        {"default_on", "the person never said anything about it, so it is on"},
        {"erased", "the person was erased after this was accepted"},
        {"deadline_passed", "its time to live ended before it could be planned"},
        {"unknown_recipient", "nobody with this id is known"},
        {"send_at", "it waits for the time the request names"},
        {"template_lacks_channel", "the template has no content for this channel"},
        {"no_device", "the person has no device"},
        {"no_phone", "the person has no phone number"},
        {"no_email", "the person has no email address"},
        {"suppressed", "the address must not be used any more"},
        {"no_provider", "no provider is configured for this kind of address"},
        {"cancelled", "it was cancelled"},
    };
    const auto colon = code.find(':');
    const auto rule = colon == std::string_view::npos ? code : code.substr(colon + 1);
    std::string prefix = colon == std::string_view::npos ? "" : std::string(code.substr(0, colon)) + ": ";
    for (const auto& [name, text] : texts) {
        if (name == rule) return prefix + std::string(text);
    }
    return std::string(code);
}

std::string encode_plan(const Plan& plan) {
    JsonWriter out;
    out.begin_object().member("planned_at", to_millis(plan.planned_at));
    if (plan.wait_until) out.member("wait_until", to_millis(*plan.wait_until));
    out.key("entries").begin_array();
    for (const auto& entry : plan.entries) {
        out.begin_object().member("ordinal", entry.ordinal).member("state", to_string(entry.state));
        out.member("channel", to_string(entry.channel));
        if (entry.route) out.member("route", to_string(*entry.route));
        if (!entry.address.empty()) out.member("address", entry.address);
        if (!entry.locale.empty()) out.member("locale", entry.locale);
        if (!entry.reason.empty()) out.member("reason", entry.reason);
        out.end_object();
    }
    out.end_array().key("trace").begin_array();
    for (const auto& code : plan.trace) out.value(code);
    out.end_array().member("step", plan.step).end_object();
    return out.take();
}

Result<Plan> decode_plan(std::string_view text) {
    const auto json = Json::parse(text);
    if (!json) return fail(json.error());
    const auto* entries = json->find("entries");
    const auto* trace = json->find("trace");
    if (!entries || !entries->as_array() || !trace || !trace->as_array()) {
        return fail(ErrorCode::invalid, "a stored plan lacks its entries");
    }
    Plan plan;
    plan.step = static_cast<int>(json->integer("step"));
    plan.planned_at = from_millis(json->integer("planned_at"));
    if (json->find("wait_until")) plan.wait_until = from_millis(json->integer("wait_until"));
    for (const auto& item : *entries->as_array()) {
        auto entry = decode_entry(item);
        if (!entry) return fail(entry.error());
        plan.entries.push_back(*std::move(entry));
    }
    for (const auto& code : *trace->as_array()) {
        if (const auto* name = code.as_string()) plan.trace.push_back(*name);
    }
    return plan;
}

}  // namespace herald
