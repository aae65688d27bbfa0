#include <algorithm>

#include "api/handlers.hpp"
#include "api/json_body.hpp"
#include "pipeline/topics.hpp"

namespace herald::api {
namespace {

/// The producer's message.timeout.ms (5 min) + 10 s: a request that was given this id is in the log by then,
/// or never will be.
constexpr Millis kLongestAppend{310'000};

void write_text_or_null(JsonWriter& out, std::string_view name, const std::string& text) {
    out.key(name);
    if (text.empty()) out.value(nullptr);
    else out.value(text);
}

void write_time_or_null(JsonWriter& out, std::string_view name, std::optional<TimePoint> time) {
    out.key(name);
    if (time && *time != TimePoint{}) out.value(to_rfc3339(*time));
    else out.value(nullptr);
}

std::string_view action_of(const Plan& plan) {
    if (plan.wait_until) return "wait";
    const bool sends = std::any_of(plan.entries.begin(), plan.entries.end(), [](const PlanEntry& entry) {
        return entry.state == DeliveryState::planned;
    });
    return sends ? "send" : "skip";
}

void write_step(JsonWriter& out, const Plan& plan) {
    out.begin_object().member("step", plan.step).member("action", action_of(plan));
    write_time_or_null(out, "until", plan.wait_until);
    out.key("reasons").begin_array();
    for (const auto& code : plan.trace) {
        out.begin_object().member("code", code).member("text", explain(code)).end_object();
    }
    out.end_array().end_object();
}

void write_attempt(JsonWriter& out, const AttemptView& attempt) {
    out.begin_object().member("n", attempt.n).member("account", attempt.account);
    out.member("state", to_string(attempt.state));
    write_text_or_null(out, "reason", attempt.reason);
    write_text_or_null(out, "reference", attempt.reference);
    write_time_or_null(out, "begun_at", attempt.begun_at);
    write_time_or_null(out, "ended_at", attempt.ended_at);
    out.end_object();
}

void write_delivery(JsonWriter& out, const DeliveryView& delivery) {
    out.begin_object().member("id", to_string(delivery.id));
    out.member("channel", to_string(delivery.entry.channel));
    out.key("route");
    if (delivery.entry.route) out.value(to_string(*delivery.entry.route));
    else out.value(nullptr);
    out.member("state", to_string(delivery.state));
    write_text_or_null(out, "reason", delivery.reason);
    out.key("attempts").begin_array();
    for (const auto& attempt : delivery.attempts) {
        if (attempt.state != AttemptState::none) write_attempt(out, attempt);
    }
    out.end_array().end_object();
}

/// What was cancelled or refused before it was planned has no more than its id: the rest is null.
std::string story_body(const Story& story) {
    const auto& notification = story.notification;
    JsonWriter out;
    out.begin_object().member("id", to_string(notification.id));
    out.member("status", to_string(story.state()));
    write_text_or_null(out, "reason", story.reason());
    write_time_or_null(out, "accepted_at", notification.accepted_at);
    write_time_or_null(out, "deadline_at", notification.deadline_at);
    write_text_or_null(out, "user_id", notification.user_id.str());
    out.key("template");
    if (notification.template_id.empty()) {
        out.value(nullptr);
    } else {
        out.begin_object().member("id", notification.template_id.str());
        out.member("version", notification.template_version).end_object();
    }
    out.key("steps").begin_array();
    for (const auto& plan : story.plans) write_step(out, plan);
    out.end_array().key("deliveries").begin_array();
    for (const auto& delivery : story.deliveries) write_delivery(out, delivery);
    out.end_array().end_object();
    return out.take();
}

/// The id was given out, and nothing else is known yet.
std::string accepted_body(const NotificationId& id) {
    JsonWriter out;
    out.begin_object().member("id", to_string(id)).member("status", "accepted").member("reason", nullptr);
    out.member("accepted_at", to_rfc3339(id.uuid.time())).member("deadline_at", nullptr);
    out.member("user_id", nullptr).member("template", nullptr);
    out.key("steps").begin_array().end_array().key("deliveries").begin_array().end_array().end_object();
    return out.take();
}

/// Whether a request with this id can no longer be on its way to the planner. Not knowing counts as no.
bool planner_is_past(const ApiParts& parts, const NotificationId& id) {
    const auto settled_at = id.uuid.time() + kLongestAppend;
    if (parts.clock.now() <= settled_at) return false;
    return std::all_of(kLanes.begin(), kLanes.end(), [&](Lane lane) {
        const auto oldest = parts.log.oldest_unfinished(topics::kPlannerGroup, topics::requests(lane));
        return oldest && (!*oldest || **oldest > settled_at);
    });
}

}  // namespace

Reply get_notification(const ApiParts& parts, const Call& call) {
    const auto id = NotificationId::parse(call.path_id());
    if (!id || !is_given_out(parts.intake.id_keys(), call.tenant, *id)) {
        return refuse(ProblemCode::not_found, "No notification has this id.");
    }
    auto story = parts.plans.load_story(call.tenant, *id);
    if (!story) return refuse(story.error());
    if (!*story && planner_is_past(parts, *id)) {
        // Once more: it may have been planned between the first look and the log's answer.
        story = parts.plans.load_story(call.tenant, *id);
        if (!story) return refuse(story.error());
        if (!*story) {
            return refuse(ProblemCode::not_accepted_or_purged,
                          "It was not accepted, or its retention has ended; it will not be sent.");
        }
    }
    return json_response(200, *story ? story_body(**story) : accepted_body(*id));
}

}  // namespace herald::api
