#include "adapters/providers/fcm/fcm.hpp"

#include <algorithm>
#include <chrono>

#include "adapters/providers/fcm/fcm_credentials.hpp"

namespace herald {
namespace fcm {
namespace {

constexpr std::size_t kMaxPayloadBytes = 4096;
constexpr std::int64_t kMaxTtlSeconds = 28 * 24 * 3600;

std::string write_notification(const PushMessage& push) {
    JsonWriter out;
    out.begin_object();
    if (!push.title.empty()) out.member("title", push.title);
    out.member("body", push.body);
    out.end_object();
    return out.take();
}

std::string write_data(const ProviderCall& call, const PushMessage& push) {
    JsonWriter out;
    out.begin_object();
    for (const auto& [name, value] : push.data) {
        if (name != "herald_id" && name != "herald_attempt") out.member(name, value);
    }
    out.member("herald_id", to_string(call.delivery));
    out.member("herald_attempt", std::to_string(call.attempt));
    out.end_object();
    return out.take();
}

/// What FCM says, from the most telling: the FcmError's errorCode, then the error's status.
struct Words {
    std::string_view error_code;
    std::string_view status;
    std::string_view message;
    bool blames_token = false;

    bool any(std::string_view word) const {
        return error_code == word || (error_code.empty() && status == word);
    }
};

bool violates_token(const Json& detail) {
    const Json* const violations = detail.find("fieldViolations");
    const auto* const array = violations != nullptr ? violations->as_array() : nullptr;
    return array != nullptr && std::any_of(array->begin(), array->end(), [](const Json& violation) {
               return violation.text("field") == "message.token";
           });
}

Words read_error(const Json& body) {
    Words words;
    const Json* const error = body.find("error");
    if (error == nullptr) return words;
    words.status = error->text("status");
    words.message = error->text("message");
    const Json* const details = error->find("details");
    const auto* const array = details != nullptr ? details->as_array() : nullptr;
    if (array == nullptr) return words;
    for (const auto& detail : *array) {
        if (const auto code = detail.text("errorCode"); !code.empty()) words.error_code = code;
        words.blames_token = words.blames_token || violates_token(detail);
    }
    constexpr std::string_view not_a_token = "not a valid FCM registration token";
    words.blames_token = words.blames_token || words.message.find(not_a_token) != std::string_view::npos;
    return words;
}

Outcome unusable(Scope scope, std::string detail) {
    return Unusable{.scope = scope, .detail = std::move(detail)};
}

/// https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
std::optional<Verdict> by_words(const Words& words, const std::string& detail) {
    if (words.error_code == "UNREGISTERED") return Verdict{bury(RejectReason::unregistered, detail)};
    if (words.error_code == "SENDER_ID_MISMATCH") return Verdict{bury(RejectReason::invalid_address, detail)};
    if (words.error_code == "THIRD_PARTY_AUTH_ERROR" || words.error_code == "APNS_AUTH_ERROR") {
        return Verdict{unusable(Scope::platform, detail)};
    }
    if (words.any("INVALID_ARGUMENT")) {
        // The only 400 that ends a token; without the FcmError it is about the request.
        const bool dead = !words.error_code.empty() && words.blames_token;
        return Verdict{dead ? bury(RejectReason::invalid_address, detail)
                            : refuse(RejectReason::bad_request, detail)};
    }
    if (words.any("UNAUTHENTICATED")) {
        return Verdict{.outcome = unusable(Scope::account, detail), .credential_expired = true};
    }
    // NOT_FOUND without an FcmError is about the project: no token may be removed for it.
    if (words.any("PERMISSION_DENIED") || words.any("SERVICE_DISABLED") || words.any("NOT_FOUND")) {
        return Verdict{unusable(Scope::account, detail)};
    }
    return std::nullopt;
}

}  // namespace

ProviderRequest to_request(const FcmAccount& account, const ProviderCall& call, TimePoint now) {
    const auto* const push = std::get_if<PushMessage>(&call.message);
    if (push == nullptr || push->route != Route::push_fcm) return tl::unexpected(wrong_kind_of_message());
    if (push->token.empty()) return tl::unexpected(bury(RejectReason::invalid_address, "the token is empty"));

    const std::string notification = write_notification(*push);
    const std::string data = write_data(call, *push);
    if (notification.size() + data.size() > kMaxPayloadBytes) {
        return tl::unexpected(
            refuse(RejectReason::payload_too_large, "the payload has more than 4096 bytes"));
    }
    const auto left = std::chrono::floor<std::chrono::seconds>(call.expires_at - now).count();
    const std::string ttl = std::to_string(std::clamp<std::int64_t>(left, 0, kMaxTtlSeconds));

    JsonWriter out;
    out.begin_object().key("message").begin_object();
    out.member("token", push->token);
    out.key("notification").raw(notification);
    out.key("data").raw(data);
    out.key("android").begin_object().member("ttl", ttl + "s");
    out.key("notification")
        .begin_object()
        .member("tag", to_string(delivery_uuid(call.delivery)))
        .end_object();
    out.end_object();
    out.key("webpush")
        .begin_object()
        .key("headers")
        .begin_object()
        .member("TTL", ttl)
        .end_object()
        .end_object();
    out.end_object().end_object();

    auto request = begin_request(call, account.url + "/v1/projects/" + account.project_id + "/messages:send",
                                 "application/json; charset=utf-8");
    request.body = out.take();
    return request;
}

Verdict to_outcome(const FcmAccount& account, const net::HttpResult& result, TimePoint now) {
    if (!result) return {no_answer(result.error())};
    const Json body = parse_body(*result);
    const int status = result->status;
    if (status == 200) {
        if (const auto name = body.text("name"); !name.empty()) return {Accepted{std::string(name)}};
        return {by_status(*result, now, detail_of(status))};
    }
    const Words words = read_error(body);
    const std::string detail = detail_of(status, words.error_code.empty() ? words.status : words.error_code);
    const auto asked = retry_after(result->headers, now);
    if (status == 429 || words.any("QUOTA_EXCEEDED") || words.any("RESOURCE_EXHAUSTED")) {
        return {wait_for(asked.value_or(account.quota_wait), detail)};
    }
    if (words.any("INTERNAL") || words.any("UNAVAILABLE") || words.error_code == "UNSPECIFIED_ERROR") {
        return {wait_for(asked.value_or(account.server_error_wait), detail)};
    }
    // Not FCM's own word that it did not process the message.
    if (status >= 500) return {by_status(*result, now, detail)};
    if (auto verdict = by_words(words, detail)) return std::move(*verdict);
    if (status == 401) return {.outcome = unusable(Scope::account, detail), .credential_expired = true};
    if (status == 404) return {unusable(Scope::account, detail)};
    return {by_status(*result, now, detail)};
}

}  // namespace fcm

Result<std::unique_ptr<ProviderAccount>> make_fcm_account(const FcmAccount& account, AccountTraits traits,
                                                          std::unique_ptr<net::HttpClient> client,
                                                          std::unique_ptr<net::HttpClient> token_client,
                                                          const Clock& clock) {
    if (account.project_id.empty() || account.client_email.empty()) {
        return fail(ErrorCode::invalid, "fcm: the service account has no project or no e-mail");
    }
    // Half of the call's time, so that who waited for the token has the other half.
    auto credentials =
        fcm::FcmCredentials::create(account, std::move(token_client), traits.call_deadline / 2, clock);
    if (!credentials)
        return fail(ErrorCode::invalid, "fcm: signing with the key: " + credentials.error().message);
    HttpAccountParts parts;
    parts.traits = std::move(traits);
    parts.protocol = {
        [account](const ProviderCall& call, TimePoint now) { return fcm::to_request(account, call, now); },
        [account](const net::HttpResult& result, TimePoint now) {
            return fcm::to_outcome(account, result, now);
        }};
    parts.credentials = std::move(*credentials);
    parts.client = std::move(client);
    return make_http_account(std::move(parts), clock);
}

}  // namespace herald
