#include "simulator/fcm.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/crypto.hpp"
#include "simulator/fcm_schema.hpp"
#include "simulator/jwt.hpp"
#include "simulator/magic_addresses.hpp"

namespace herald::simulator {
namespace {

constexpr std::size_t kMaxMessageBytes = 4096;
constexpr std::size_t kMaxTokenBytes = 4096;
constexpr std::int64_t kTokenLifeS = 3599;
constexpr std::int64_t kMaxAssertionLifeS = 3600;
constexpr std::int64_t kClockSkewS = 60;
constexpr double kMaxTtlS = 28.0 * 24 * 3600;
constexpr std::string_view kTokenPrefix = "ya29.";
constexpr std::string_view kGoogleTokenUrl = "https://oauth2.googleapis.com/token";
constexpr std::string_view kGrantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::array<std::string_view, 4> kTargets = {"token", "topic", "condition", "fid"};

/// An error of one kind: code and status of google.rpc, FcmError's errorCode where FCM gives one.
struct Failure {
    int code;
    std::string_view status;
    std::string_view error_code;
    std::string_view message;
};
constexpr Failure kUnauthenticated{
    401, "UNAUTHENTICATED", "",
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
    "valid authentication credential. See "
    "https://developers.google.com/identity/sign-in/web/devconsole-project."};
constexpr Failure kNotFound{404, "NOT_FOUND", "", "Requested entity was not found."};
constexpr Failure kBadToken{400, "INVALID_ARGUMENT", "INVALID_ARGUMENT",
                            "The registration token is not a valid FCM registration token"};
constexpr std::array kFailures = {
    Failure{400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "Request contains an invalid argument."},
    kUnauthenticated,
    Failure{403, "PERMISSION_DENIED", "", "The caller does not have permission"},
    Failure{404, "NOT_FOUND", "UNREGISTERED", "Requested entity was not found."},
    Failure{429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "Quota exceeded for quota metric 'Send requests'."},
    Failure{500, "INTERNAL", "INTERNAL", "Internal error encountered."},
    Failure{503, "UNAVAILABLE", "UNAVAILABLE", "The service is currently unavailable."},
};

Failure failure_for(const MagicPrefix& magic) {
    if (magic.reason == "SENDER_ID_MISMATCH")
        return {403, "PERMISSION_DENIED", magic.reason, "SenderId mismatch"};
    if (magic.reason == "THIRD_PARTY_AUTH_ERROR") {
        return {401, "UNAUTHENTICATED", magic.reason, "Auth error from APNS or Web Push Service"};
    }
    if (magic.reason == "INVALID_ARGUMENT") return kBadToken;
    return *std::find_if(kFailures.begin(), kFailures.end(),
                         [&](const Failure& failure) { return failure.code == magic.status; });
}

net::HttpResponse json(int status, std::string body) {
    return {status, {{"content-type", "application/json; charset=UTF-8"}}, std::move(body)};
}

void write_fcm_error(JsonWriter& out, std::string_view error_code) {
    out.begin_object().member("@type", "type.googleapis.com/google.firebase.fcm.v1.FcmError");
    out.member("errorCode", error_code).end_object();
}

void write_bad_request(JsonWriter& out, const std::vector<FcmViolation>& violations) {
    out.begin_object().member("@type", "type.googleapis.com/google.rpc.BadRequest");
    out.key("fieldViolations").begin_array();
    for (const auto& violation : violations) {
        out.begin_object();
        if (!violation.field.empty()) out.member("field", violation.field);
        out.member("description", violation.description).end_object();
    }
    out.end_array().end_object();
}

net::HttpResponse error_answer(const Failure& failure, const std::vector<FcmViolation>& violations = {}) {
    JsonWriter out;
    out.begin_object()
        .key("error")
        .begin_object()
        .member("code", failure.code)
        .member("message", failure.message);
    out.member("status", failure.status);
    if (!failure.error_code.empty() || !violations.empty()) {
        out.key("details").begin_array();
        if (!failure.error_code.empty()) write_fcm_error(out, failure.error_code);
        if (!violations.empty()) write_bad_request(out, violations);
        out.end_array();
    }
    out.end_object().end_object();
    auto response = json(failure.code, out.take());
    if (failure.code == 401 && failure.error_code.empty()) {
        response.headers.push_back(
            {"www-authenticate", "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\""});
    }
    return response;
}

/// A 400 by proto-JSON itself, which does not know FCM's error codes.
net::HttpResponse bad_request(const std::vector<FcmViolation>& violations) {
    std::string message;
    for (const auto& violation : violations) {
        if (!message.empty()) message.push_back('\n');
        message += violation.description;
    }
    return error_answer({400, "INVALID_ARGUMENT", "", message}, violations);
}

net::HttpResponse invalid_argument(std::string field, std::string message) {
    return error_answer({400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", message},
                        {{std::move(field), message}});
}

bool is_reserved(std::string_view key) {
    return key == "from" || key == "message_type" || key.starts_with("google") || key.starts_with("gcm");
}

/// "3.5s", from 0 to 28 days.
bool is_ttl(std::string_view text) {
    if (!text.ends_with('s')) return false;
    text.remove_suffix(1);
    double seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    return error == std::errc{} && end == text.data() + text.size() && seconds >= 0 && seconds <= kMaxTtlS;
}

bool is_topic(std::string_view topic) {
    if (topic.starts_with("/topics/")) topic.remove_prefix(8);
    if (topic.starts_with("private/")) topic.remove_prefix(8);
    return !topic.empty() && topic.find_first_not_of(
                                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "-_.~%") == std::string_view::npos;
}

/// Counts notification and data, which is what FCM's limit is about.
std::size_t payload_bytes(const Json& message) {
    std::size_t bytes = 0;
    for (const auto name : {"notification", "data"}) {
        if (const Json* part = proto_member(message, name)) bytes += part->dump().size();
    }
    return bytes;
}

/// What is wrong with a message that proto-JSON accepts.
std::optional<net::HttpResponse> check_message(const Json& message) {
    const Json* set = nullptr;
    for (const auto name : kTargets) {
        const Json* target = proto_member(message, name);
        if (target == nullptr) continue;
        if (set != nullptr) {
            return bad_request(
                {{"message", fmt::format("Invalid value at 'message' (oneof), oneof field 'target' is "
                                         "already set. Cannot set '{}'",
                                         name)}});
        }
        set = target;
    }
    if (set == nullptr || set->as_string()->empty()) {
        return invalid_argument("message", "Recipient of the message is not set.");
    }
    if (const Json* topic = proto_member(message, "topic");
        topic != nullptr && !is_topic(*topic->as_string())) {
        return invalid_argument("message.topic", "Malformed topic name");
    }
    if (const Json* data = proto_member(message, "data")) {
        for (const auto& [key, value] : *data->as_object()) {
            if (is_reserved(key)) {
                return invalid_argument("message.data", fmt::format("Invalid data payload key: {}", key));
            }
        }
    }
    const Json* android = proto_member(message, "android");
    const Json* ttl = android == nullptr ? nullptr : proto_member(*android, "ttl");
    if (ttl != nullptr && !is_ttl(*ttl->as_string())) {
        return bad_request({{"message.android.ttl",
                             "Invalid value at 'message.android.ttl' (type.googleapis.com/"
                             "google.protobuf.Duration), " +
                                 ttl->dump()}});
    }
    if (payload_bytes(message) > kMaxMessageBytes) return invalid_argument("message", "Message is too big");
    return std::nullopt;
}

std::string recipient_of(const Json& message) {
    for (const auto name : kTargets) {
        const Json* target = proto_member(message, name);
        if (target != nullptr && target->as_string() != nullptr) return *target->as_string();
    }
    return "";
}

std::string message_name(std::string_view project, TimePoint now) {
    const std::string id = random_hex(8);
    return fmt::format("projects/{}/messages/0:{}%{}", project, to_millis(now) * 1000, id);
}

bool has_scope(std::string_view scopes) {
    return scopes.find("https://www.googleapis.com/auth/firebase.messaging") != std::string_view::npos ||
           scopes.find("https://www.googleapis.com/auth/cloud-platform") != std::string_view::npos;
}

}  // namespace

Fcm::Fcm(FcmCredentials credentials, const Clock& clock)
    : credentials_(std::move(credentials)),
      token_key_(as_text(sha256(credentials_.private_key_pem))),
      send_path_("/v1/projects/" + credentials_.project_id + "/messages:send"),
      clock_(clock) {}

Judgement Fcm::judge(const net::ServerRequest& request) {
    const Result<Json> body = Json::parse(request.body);
    Judgement judgement;
    Subject subject;
    if (const Json* message = body ? body->find("message") : nullptr) {
        subject = subject_from(message->find("data"), "herald_id", "herald_attempt");
        subject.recipient = recipient_of(*message);
    }
    judgement.subject = merge(subject_of_head(request), std::move(subject));
    Answer given = answer(request, body);
    judgement.response = std::move(given.response);
    judgement.reason = std::move(given.reason);
    return judgement;
}

net::HttpResponse Fcm::failure(int status, const net::ServerRequest&) const {
    for (const auto& failure : kFailures) {
        if (failure.code == status) return error_answer(failure);
    }
    if (status == 502 || status == 504) {
        return {
            status, {{"content-type", "text/html; charset=UTF-8"}}, "<html><title>Error</title></html>\n"};
    }
    return json(status, "{}");
}

Fcm::Answer Fcm::answer(const net::ServerRequest& request, const Result<Json>& body) {
    if (!request.path.starts_with("/v1/projects/") || request.method != "POST") {
        return {{404, {{"content-type", "text/html; charset=UTF-8"}}, "<html><title>404</title></html>\n"},
                "404"};
    }
    if (!is_authorized(request.headers)) return {error_answer(kUnauthenticated), "UNAUTHENTICATED"};
    if (request.path != send_path_) return {error_answer(kNotFound), "NOT_FOUND"};
    if (!body) {
        return {bad_request({{"", "Invalid JSON payload received. " + body.error().message}}),
                "INVALID_ARGUMENT"};
    }
    if (const auto violations = check_fcm_schema(*body); !violations.empty()) {
        return {bad_request(violations), "INVALID_ARGUMENT"};
    }
    const Json* message = body->find("message");
    if (message == nullptr || message->is_null()) {
        return {invalid_argument("message", "Request contains an invalid argument."), "INVALID_ARGUMENT"};
    }
    return answer_message(*body, *message);
}

Fcm::Answer Fcm::answer_message(const Json& request, const Json& message) {
    if (auto refused = check_message(message)) return {std::move(*refused), "INVALID_ARGUMENT"};
    const Json* target = proto_member(message, "token");
    const std::string_view token = target == nullptr ? std::string_view{} : *target->as_string();
    const auto* magic = find_magic(kMagicFcmTokens, token);
    const bool malformed = token.size() > kMaxTokenBytes || token.find(' ') != std::string_view::npos;
    if (malformed || (magic != nullptr && magic->reason == kBadToken.error_code)) {
        return {error_answer(kBadToken, {{"message.token", std::string(kBadToken.message)}}),
                "INVALID_ARGUMENT"};
    }
    if (magic != nullptr) {
        Answer refused{error_answer(failure_for(*magic)), std::string(magic->reason)};
        if (magic->status == 429 || magic->status == 503)
            refused.response.headers.push_back({"retry-after", "2"});
        return refused;
    }
    const Json* validate_only = proto_member(request, "validate_only");
    const bool only = validate_only != nullptr && *validate_only->as_bool();
    JsonWriter out;
    out.begin_object();
    if (only) out.member("name", "projects/" + credentials_.project_id + "/messages/fake_message_id");
    else out.member("name", message_name(credentials_.project_id, clock_.now()));
    out.end_object();
    return {json(200, out.take()), ""};
}

bool Fcm::is_authorized(const net::Headers& headers) const {
    const auto authorization = net::find_header(headers, "authorization");
    const auto token = authorization ? bearer_token(*authorization) : std::nullopt;
    if (!token || !token->starts_with(kTokenPrefix)) return false;
    const auto rest = token->substr(kTokenPrefix.size());
    std::int64_t until_s = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), until_s);
    return error == std::errc{} && equal_in_constant_time(*token, access_token(until_s)) &&
           to_millis(clock_.now()) / 1000 < until_s;
}

std::string Fcm::access_token(std::int64_t until_s) const {
    const std::string until = std::to_string(until_s);
    return fmt::format("{}{}.{}", kTokenPrefix, until, base64url(as_text(hmac_sha256(token_key_, until))));
}

net::HttpResponse Fcm::serve_beside(const net::ServerRequest& request) {
    const auto refuse = [](int status, std::string_view error, std::string_view description) {
        JsonWriter out;
        out.begin_object().member("error", error).member("error_description", description).end_object();
        return json(status, out.take());
    };
    if (request.method != "POST") return refuse(405, "invalid_request", "Only POST is allowed");
    std::string grant_type;
    std::string assertion;
    for (auto& [name, value] : net::form_decode(request.body)) {
        if (name == "grant_type") grant_type = value;
        if (name == "assertion") assertion = value;
    }
    if (grant_type != kGrantType) return refuse(400, "unsupported_grant_type", "Invalid grant_type");
    const auto host = net::find_header(request.headers, "host").value_or("");
    if (const auto refused = check_assertion(assertion, host)) {
        return refuse(400, refused->error, refused->description);
    }
    JsonWriter out;
    out.begin_object().member("access_token", access_token(to_millis(clock_.now()) / 1000 + kTokenLifeS));
    out.member("expires_in", kTokenLifeS).member("token_type", "Bearer").end_object();
    return json(200, out.take());
}

std::optional<Fcm::TokenRefusal> Fcm::check_assertion(std::string_view assertion,
                                                      std::string_view host) const {
    const auto jwt = read_jwt(assertion);
    if (!jwt || jwt->header.text("alg") != "RS256") {
        return TokenRefusal{"invalid_grant", "Invalid JWT: Failed to decode or unsupported algorithm."};
    }
    const Json& claims = jwt->claims;
    if (claims.text("iss") != credentials_.client_email) {
        return TokenRefusal{"invalid_grant", "Invalid grant: account not found"};
    }
    const auto kid = jwt->header.text("kid");
    if ((!kid.empty() && kid != credentials_.private_key_id) ||
        !net::verify_rs256(credentials_.public_key_pem, jwt->signing_input, jwt->signature)) {
        return TokenRefusal{"invalid_grant", "Invalid JWT Signature."};
    }
    // The token endpoint is meant, under the name by which it was called.
    const auto aud = claims.text("aud");
    if (aud != kGoogleTokenUrl && aud != fmt::format("http://{}/token", host) &&
        aud != fmt::format("https://{}/token", host)) {
        return TokenRefusal{"invalid_grant", "Invalid JWT: Failed audience check."};
    }
    const std::int64_t now_s = to_millis(clock_.now()) / 1000;
    const std::int64_t iat = claims.integer("iat");
    const std::int64_t exp = claims.integer("exp");
    if (iat > now_s + kClockSkewS || exp <= now_s || exp > iat + kMaxAssertionLifeS) {
        return TokenRefusal{"invalid_grant",
                            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
                            "timeframe. Check your iat and exp values in the JWT claim."};
    }
    if (!has_scope(claims.text("scope"))) {
        return TokenRefusal{"invalid_scope", "Invalid OAuth scope or ID token audience provided."};
    }
    return std::nullopt;
}

}  // namespace herald::simulator
