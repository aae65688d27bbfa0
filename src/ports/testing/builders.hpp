#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ports/store.hpp"

namespace herald {

// Values for tests, complete and plain; a test changes the fields that it is about.

/// Where a ManualClock starts.
inline constexpr TimePoint kTestStart{Millis{1'700'000'000'000}};

/// The same for the same number, in the order of the numbers.
inline NotificationId make_id(int n) {
    NotificationId id;
    auto& bytes = id.uuid.bytes;
    const auto ms = static_cast<std::uint64_t>(to_millis(kTestStart));
    for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
    bytes[6] = 0x70;
    bytes[8] = 0x80;
    for (std::size_t i = 0; i < 4; ++i) bytes[12 + i] = static_cast<std::uint8_t>(n >> (24 - 8 * i));
    return id;
}

inline DeliveryId make_delivery_id(int n, int ordinal = 1, int step = 0) {
    return {make_id(n), step, ordinal};
}

/// Accepted at `now` for one hour.
inline Notification make_notification(int n, TimePoint now = kTestStart, std::string user = "ada") {
    Notification notification;
    notification.id = make_id(n);
    notification.tenant = default_tenant();
    notification.accepted_at = now;
    notification.deadline_at = now + std::chrono::hours(1);
    notification.user_id = UserId(std::move(user));
    notification.template_id = TemplateId("welcome");
    notification.template_version = 1;
    notification.channels = {Channel::sms, Channel::email};
    notification.data = Json(Json::Object{{"username", Json("Ada")}});
    return notification;
}

inline PlanEntry make_entry(int ordinal, Route route = Route::sms, std::string address = "+14155550123") {
    PlanEntry entry;
    entry.ordinal = ordinal;
    entry.channel = channel_of(route);
    entry.route = route;
    entry.address = std::move(address);
    entry.locale = "en";
    return entry;
}

inline PlanEntry make_skipped_entry(int ordinal, std::string reason = "no_email",
                                    Channel channel = Channel::email) {
    PlanEntry entry;
    entry.ordinal = ordinal;
    entry.state = DeliveryState::skipped;
    entry.channel = channel;
    entry.reason = std::move(reason);
    return entry;
}

/// One delivery by SMS.
inline Plan make_plan(TimePoint now = kTestStart, int step = 0) {
    Plan plan;
    plan.step = step;
    plan.planned_at = now;
    plan.entries = {make_entry(1)};
    plan.trace = {"sms:default_on"};
    return plan;
}

inline Plan make_plan_of(std::vector<PlanEntry> entries, TimePoint now = kTestStart, int step = 0) {
    Plan plan = make_plan(now, step);
    plan.entries = std::move(entries);
    return plan;
}

inline Plan make_wait(TimePoint until, TimePoint now = kTestStart, int step = 0) {
    Plan plan;
    plan.step = step;
    plan.planned_at = now;
    plan.wait_until = until;
    plan.trace = {"send_at"};
    return plan;
}

inline ClaimRequest make_claim(const DeliveryId& delivery, int attempt = 1) {
    ClaimRequest request;
    request.tenant = default_tenant();
    request.delivery = delivery;
    request.attempt = attempt;
    request.account = "twilio";
    return request;
}

inline Timer make_timer(const DeliveryId& delivery, TimePoint due, int attempt = 2,
                        TimerKind kind = TimerKind::retry) {
    Timer timer;
    timer.due = due;
    timer.kind = kind;
    timer.tenant = default_tenant();
    timer.key = record_key(default_tenant(), UserId("ada"));
    timer.delivery = delivery;
    timer.attempt = attempt;
    timer.route = Route::sms;
    return timer;
}

inline Settlement make_settlement(const DeliveryId& delivery, int attempt, AttemptState state,
                                  DeliveryState verdict, TimePoint at = kTestStart) {
    Settlement settlement;
    settlement.tenant = default_tenant();
    settlement.delivery = delivery;
    settlement.attempt = attempt;
    settlement.state = state;
    settlement.verdict = verdict;
    settlement.reason = std::string(to_string(state));
    settlement.ended_at = at;
    return settlement;
}

inline Settlement settle_accepted(const DeliveryId& delivery, int attempt = 1, TimePoint at = kTestStart) {
    auto settlement = make_settlement(delivery, attempt, AttemptState::accepted, DeliveryState::sent, at);
    settlement.reason.clear();
    settlement.reference = "ref-" + std::to_string(attempt);
    return settlement;
}

/// Comes back as attempt + 1 at `retry_at`; `state` is deferred, unknown or unusable.
inline Settlement settle_retrying(const DeliveryId& delivery, int attempt, AttemptState state,
                                  TimePoint retry_at, TimePoint at = kTestStart) {
    auto settlement = make_settlement(delivery, attempt, state, DeliveryState::retrying, at);
    settlement.tries = attempt;
    settlement.retry = make_timer(delivery, retry_at, attempt + 1);
    return settlement;
}

inline Closure make_closure(const DeliveryId& delivery, int attempt, DeliveryState state, std::string reason,
                            TimePoint at = kTestStart) {
    Closure closure;
    closure.tenant = default_tenant();
    closure.delivery = delivery;
    closure.attempt = attempt;
    closure.state = state;
    closure.reason = std::move(reason);
    closure.at = at;
    return closure;
}

inline ReceiptRecord make_receipt(const DeliveryId& delivery, int attempt, AttemptState state,
                                  TimePoint at = kTestStart) {
    ReceiptRecord receipt;
    receipt.tenant = default_tenant();
    receipt.delivery = delivery;
    receipt.provider = "twilio";
    receipt.attempt = attempt;
    receipt.state = state;
    receipt.at = at;
    return receipt;
}

/// With an email address, a phone number, an iOS and an Android device.
inline User make_user(const std::string& id = "ada") {
    User user;
    user.id = UserId(id);
    user.email = id + "@example.org";
    user.phone = "+14155550123";
    user.locale = "en";
    user.timezone = "Europe/London";
    user.devices = {{Platform::ios, "ios-" + id, kTestStart},
                    {Platform::android, "android-" + id, kTestStart}};
    return user;
}

inline IdempotencyRow make_idempotency_row(const std::string& key, int n = 1, TimePoint now = kTestStart) {
    IdempotencyRow row;
    row.tenant = default_tenant();
    row.key = key;
    row.body_hash = sha256(key);
    row.id = make_id(n);
    row.template_version = 1;
    row.accepted_at = now;
    row.deadline_at = now + std::chrono::hours(1);
    row.in_flight_until = now + Millis{1500};
    return row;
}

}  // namespace herald
