#include "adapters/providers/apns/apns.hpp"

#include <algorithm>
#include <chrono>

#include "adapters/providers/apns/apns_credentials.hpp"

namespace herald {
namespace apns {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxPayloadBytes = 4096;
/// Apple slows one device down by itself, not the account.
constexpr Millis kBusyDevice = 2min;

std::string write_payload(const ProviderCall& call, const PushMessage& push) {
    JsonWriter out;
    out.begin_object();
    out.key("aps").begin_object();
    out.key("alert").begin_object();
    if (!push.title.empty()) out.member("title", push.title);
    out.member("body", push.body);
    out.end_object();
    out.member("sound", "default");
    out.end_object();
    for (const auto& [name, value] : push.data) {
        if (name != "aps" && name != "herald") out.member(name, value);
    }
    out.key("herald").begin_object();
    out.member("id", to_string(call.delivery)).member("attempt", call.attempt);
    out.end_object();
    out.end_object();
    return out.take();
}

/// A client may have registered anything as a token; in a path it is one segment.
std::string path_segment(const std::string& token) {
    // Without its name and `=`, a form's field is encoded as a segment is.
    return net::form_encode({{"", token}}).substr(1);
}

std::optional<TimePoint> timestamp_of(const Json& body) {
    const auto ms = body.integer("timestamp");
    if (ms <= 0) return std::nullopt;
    return from_millis(ms);
}

bool is_any_of(std::string_view reason, std::initializer_list<std::string_view> reasons) {
    return std::find(reasons.begin(), reasons.end(), reason) != reasons.end();
}

Outcome unusable(std::string detail) {
    return Unusable{.scope = Scope::account, .detail = std::move(detail)};
}

/// https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns.
/// Nothing for a reason that is not there: then the status decides.
std::optional<Verdict> by_reason(std::string_view reason, const Json& body, const net::HttpResponse& response,
                                 TimePoint now) {
    const std::string detail = detail_of(response.status, reason);
    const auto wait = [&](Millis otherwise) {
        return Verdict{wait_for(retry_after(response.headers, now).value_or(otherwise), detail)};
    };
    if (is_any_of(reason, {"BadDeviceToken", "DeviceTokenNotForTopic"})) {
        return Verdict{bury(RejectReason::invalid_address, detail)};
    }
    if (is_any_of(reason, {"Unregistered", "ExpiredToken"})) {
        return Verdict{bury(RejectReason::unregistered, detail, timestamp_of(body))};
    }
    if (reason == "ExpiredProviderToken" || reason == "InvalidProviderToken") {
        return Verdict{.outcome = unusable(detail), .credential_expired = true};
    }
    // A newer token would make the last of these worse.
    if (is_any_of(reason, {"TopicDisallowed", "BadCertificate", "BadCertificateEnvironment", "Forbidden",
                           "MissingProviderToken", "UnrelatedKeyIdInToken", "BadEnvironmentKeyIdInToken",
                           "BadEnvironmentKeyInToken", "TooManyProviderTokenUpdates"})) {
        return Verdict{unusable(detail)};
    }
    if (reason == "PayloadTooLarge") return Verdict{refuse(RejectReason::payload_too_large, detail)};
    if (reason == "TooManyRequests") return wait(kBusyDevice);
    // The connection's end, not this message's: the client has another one.
    if (reason == "Shutdown") return Verdict{Deferred{.wait = kSoon, .detail = detail, .at_once = true}};
    if (is_any_of(reason, {"IdleTimeout", "InternalServerError", "ServiceUnavailable"})) return wait(kSoon);
    return std::nullopt;
}

}  // namespace

ProviderRequest to_request(const ApnsAccount& account, const ProviderCall& call) {
    const auto* const push = std::get_if<PushMessage>(&call.message);
    if (push == nullptr || push->route != Route::push_apns) return tl::unexpected(wrong_kind_of_message());
    if (push->token.empty()) return tl::unexpected(bury(RejectReason::invalid_address, "the token is empty"));

    std::string payload = write_payload(call, *push);
    if (payload.size() > kMaxPayloadBytes) {
        return tl::unexpected(
            refuse(RejectReason::payload_too_large, "the payload has more than 4096 bytes"));
    }
    const std::string identity = to_string(delivery_uuid(call.delivery));
    auto request =
        begin_request(call, account.url + "/3/device/" + path_segment(push->token), "application/json");
    const net::Headers apns{{"apns-id", identity},
                            {"apns-collapse-id", identity},
                            {"apns-topic", account.topic},
                            {"apns-push-type", "alert"},
                            {"apns-priority", "10"},
                            {"apns-expiration", std::to_string(to_millis(call.expires_at) / 1000)}};
    request.headers.insert(request.headers.end(), apns.begin(), apns.end());
    request.body = std::move(payload);
    return request;
}

Verdict to_outcome(const net::HttpResult& result, TimePoint now) {
    if (!result) return {no_answer(result.error())};
    if (result->status == 200) {
        return {Accepted{std::string(net::find_header(result->headers, "apns-id").value_or(""))}};
    }
    const Json body = parse_body(*result);
    const std::string_view reason = body.text("reason");
    if (auto verdict = by_reason(reason, body, *result, now)) return std::move(*verdict);
    const std::string detail = detail_of(result->status, reason);
    if (result->status == 410) return {bury(RejectReason::unregistered, detail, timestamp_of(body))};
    return {by_status(*result, now, detail)};
}

}  // namespace apns

Result<std::unique_ptr<ProviderAccount>> make_apns_account(const ApnsAccount& account, AccountTraits traits,
                                                           std::unique_ptr<net::HttpClient> client,
                                                           const Clock& clock) {
    if (account.topic.empty()) return fail(ErrorCode::invalid, "apns: the topic is missing");
    auto credentials = apns::ApnsCredentials::create(account, clock);
    if (!credentials)
        return fail(ErrorCode::invalid, "apns: signing with the key: " + credentials.error().message);
    HttpAccountParts parts;
    parts.traits = std::move(traits);
    parts.protocol = {
        [account](const ProviderCall& call, TimePoint) { return apns::to_request(account, call); },
        apns::to_outcome};
    parts.credentials = std::move(*credentials);
    parts.client = std::move(client);
    return make_http_account(std::move(parts), clock);
}

}  // namespace herald
