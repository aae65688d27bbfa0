#include "simulator/apns.hpp"

#include <algorithm>
#include <array>

#include "base/crypto.hpp"
#include "base/uuid.hpp"
#include "simulator/jwt.hpp"
#include "simulator/magic_addresses.hpp"

namespace herald::simulator {
namespace {

constexpr std::string_view kPathPrefix = "/3/device/";
constexpr std::size_t kMaxPayloadBytes = 4096;
constexpr std::size_t kMaxVoipPayloadBytes = 5120;
constexpr std::size_t kMaxCollapseIdBytes = 64;
constexpr std::size_t kMinTokenDigits = 64;
constexpr std::size_t kMaxTokenDigits = 200;
constexpr std::int64_t kMaxTokenAgeS = 3600;
/// What a clock may be ahead of ours.
constexpr std::int64_t kClockSkewS = 60;
constexpr std::size_t kMaxVerifiedTokens = 1024;
constexpr std::int64_t kYearMs = std::int64_t{365} * 24 * 3600 * 1000;

struct PushType {
    std::string_view name;
    std::string_view topic_suffix;
};
constexpr std::array kPushTypes = {
    PushType{"alert", ""},
    PushType{"background", ""},
    PushType{"mdm", ""},
    PushType{"voip", ".voip"},
    PushType{"complication", ".complication"},
    PushType{"fileprovider", ".pushkit.fileprovider"},
    PushType{"location", ".location-query"},
    PushType{"liveactivity", ".push-type.liveactivity"},
    PushType{"pushtotalk", ".voip-ptt"},
    PushType{"controls", ".push-type.controls"},
    PushType{"widgets", ".push-type.widgets"},
};

constexpr std::array<std::string_view, 7> kOnceOnly = {"apns-id",       "apns-push-type", "apns-expiration",
                                                       "apns-priority", "apns-topic",     "apns-collapse-id",
                                                       "authorization"};

std::string_view header(const net::Headers& headers, std::string_view name) {
    return net::find_header(headers, name).value_or("");
}

bool has_duplicates(const net::Headers& headers) {
    return std::any_of(kOnceOnly.begin(), kOnceOnly.end(), [&](std::string_view name) {
        return std::count_if(headers.begin(), headers.end(),
                             [&](const net::Header& h) { return h.name == name; }) > 1;
    });
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
}

/// The request's apns-id, or a new one where it has none that is valid.
std::string apns_id(const net::ServerRequest& request) {
    auto given = lower(header(request.headers, "apns-id"));
    if (Uuid::parse(given)) return given;
    Uuid drawn;
    fill_random(drawn.bytes);
    return to_string(drawn);
}

std::string_view device_token(std::string_view path) {
    return path.starts_with(kPathPrefix) ? path.substr(kPathPrefix.size()) : std::string_view{};
}

bool is_all_digits(std::string_view text) {
    return !text.empty() && text.size() <= 19 &&
           text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// The reason for a header that breaks its rule; empty when all are well.
std::string_view bad_delivery_header(const net::Headers& headers) {
    if (header(headers, "apns-collapse-id").size() > kMaxCollapseIdBytes) return "BadCollapseId";
    const auto expiration = net::find_header(headers, "apns-expiration");
    if (expiration && !is_all_digits(*expiration)) return "BadExpirationDate";
    const auto priority = net::find_header(headers, "apns-priority");
    if (priority && *priority != "10" && *priority != "5" && *priority != "1") return "BadPriority";
    const auto type = net::find_header(headers, "apns-push-type");
    if (!type) return "";
    const bool known =
        std::any_of(kPushTypes.begin(), kPushTypes.end(), [&](const PushType& t) { return t.name == *type; });
    if (!known) return "InvalidPushType";
    return *type == "background" && priority.value_or("10") != "5" ? "BadPriority" : "";
}

struct ReasonOf {
    int status;
    std::string_view reason;
};
constexpr std::array kFailures = {
    ReasonOf{400, "BadDeviceToken"},
    ReasonOf{403, "InvalidProviderToken"},
    ReasonOf{404, "BadPath"},
    ReasonOf{405, "MethodNotAllowed"},
    ReasonOf{410, "Unregistered"},
    ReasonOf{413, "PayloadTooLarge"},
    ReasonOf{429, "TooManyRequests"},
    ReasonOf{500, "InternalServerError"},
    ReasonOf{503, "ServiceUnavailable"},
};

net::HttpResponse refusal(int status, std::string_view reason, std::optional<std::int64_t> timestamp_ms,
                          const net::ServerRequest& request) {
    JsonWriter body;
    body.begin_object().member("reason", reason);
    if (timestamp_ms) body.member("timestamp", *timestamp_ms);
    body.end_object();
    return {status, {{"apns-id", apns_id(request)}, {"content-type", "application/json"}}, body.take()};
}

}  // namespace

Subject Apns::subject_of_head(const net::ServerRequest& request) const {
    Subject subject = SimulatedProvider::subject_of_head(request);
    subject.recipient = device_token(request.path);
    return subject;
}

Judgement Apns::judge(const net::ServerRequest& request) {
    const Result<Json> payload = Json::parse(request.body);
    Judgement judgement;
    judgement.subject = merge(subject_of_head(request),
                              subject_from(payload ? payload->find("herald") : nullptr, "id", "attempt"));
    if (const auto refused = check(request, payload)) {
        judgement.response = refusal(refused->status, refused->reason, refused->timestamp_ms, request);
        judgement.reason = refused->reason;
    } else {
        judgement.response = {200, {{"apns-id", apns_id(request)}}, ""};
    }
    return judgement;
}

net::HttpResponse Apns::failure(int status, const net::ServerRequest& request) const {
    const auto known = std::find_if(kFailures.begin(), kFailures.end(),
                                    [&](const ReasonOf& entry) { return entry.status == status; });
    const auto reason = known == kFailures.end() ? std::string_view("InternalServerError") : known->reason;
    if (status < 300) return {status, {{"apns-id", apns_id(request)}}, ""};
    std::optional<std::int64_t> timestamp_ms;
    if (status == 410) timestamp_ms = to_millis(clock_.now());
    return refusal(status, reason, timestamp_ms, request);
}

Apns::Verdict Apns::check(const net::ServerRequest& request, const Result<Json>& payload) {
    const auto& headers = request.headers;
    if (has_duplicates(headers)) return Refusal{400, "DuplicateHeaders"};
    const auto id = net::find_header(headers, "apns-id");
    if (id && !Uuid::parse(lower(*id))) return Refusal{400, "BadMessageId"};
    if (const auto refused = check_token(headers)) return refused;
    const bool no_device = request.path == "/3/device" || request.path == kPathPrefix;
    if (!no_device && device_token(request.path).empty()) return Refusal{404, "BadPath"};
    if (request.method != "POST") return Refusal{405, "MethodNotAllowed"};
    if (const auto refused = check_topic(headers)) return refused;
    if (const auto reason = bad_delivery_header(headers); !reason.empty()) return Refusal{400, reason};
    if (no_device) return Refusal{400, "MissingDeviceToken"};
    if (const auto refused = check_device(request.path)) return refused;
    if (request.body.empty()) return Refusal{400, "PayloadEmpty"};
    const bool voip = header(headers, "apns-push-type") == "voip";
    if (request.body.size() > (voip ? kMaxVoipPayloadBytes : kMaxPayloadBytes)) {
        return Refusal{413, "PayloadTooLarge"};
    }
    // Apple names no reason for a payload that is not JSON; this one is its word on the broadcast endpoints.
    const Json* aps = payload ? payload->find("aps") : nullptr;
    if (aps == nullptr || aps->as_object() == nullptr) return Refusal{400, "BadRequestPayload"};
    return std::nullopt;
}

Apns::Verdict Apns::check_token(const net::Headers& headers) {
    const auto authorization = net::find_header(headers, "authorization");
    if (!authorization) return Refusal{403, "MissingProviderToken"};
    const auto token = bearer_token(*authorization);
    const auto issued = token ? issued_at(*token) : std::nullopt;
    const std::int64_t now_s = to_millis(clock_.now()) / 1000;
    if (!issued || *issued > now_s + kClockSkewS) return Refusal{403, "InvalidProviderToken"};
    if (*issued < now_s - kMaxTokenAgeS) return Refusal{403, "ExpiredProviderToken"};
    return std::nullopt;
}

std::optional<std::int64_t> Apns::issued_at(std::string_view token) {
    const std::lock_guard lock(mutex_);
    if (const auto known = verified_.find(token); known != verified_.end()) return known->second;
    const auto jwt = read_jwt(token);
    if (!jwt || jwt->header.text("alg") != "ES256" || jwt->header.text("kid") != credentials_.key_id ||
        jwt->claims.text("iss") != credentials_.team_id) {
        return std::nullopt;
    }
    const Json* iat = jwt->claims.find("iat");
    const auto issued = iat == nullptr ? std::nullopt : iat->as_int();
    if (!issued || !net::verify_es256(credentials_.public_key_pem, jwt->signing_input, jwt->signature)) {
        return std::nullopt;
    }
    if (verified_.size() >= kMaxVerifiedTokens) verified_.clear();
    verified_.emplace(token, *issued);
    return issued;
}

Apns::Verdict Apns::check_topic(const net::Headers& headers) const {
    const auto topic = net::find_header(headers, "apns-topic");
    if (!topic || topic->empty()) return Refusal{400, "MissingTopic"};
    const bool allowed = std::any_of(kPushTypes.begin(), kPushTypes.end(), [&](const PushType& type) {
        return *topic == credentials_.topic + std::string(type.topic_suffix);
    });
    if (!allowed) return Refusal{400, "TopicDisallowed"};
    return std::nullopt;
}

Apns::Verdict Apns::check_device(std::string_view path) const {
    const auto token = device_token(path);
    const bool is_hex = token.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
    if (!is_hex || token.size() % 2 != 0 || token.size() < kMinTokenDigits ||
        token.size() > kMaxTokenDigits) {
        return Refusal{400, "BadDeviceToken"};
    }
    const auto* magic = find_magic(kMagicApnsTokens, token);
    if (magic == nullptr) return std::nullopt;
    Refusal refused{magic->status, magic->reason};
    const std::int64_t now_ms = to_millis(clock_.now());
    if (magic->status == 410) {
        refused.timestamp_ms = token.starts_with(kLongDeadApnsToken) ? now_ms - kYearMs : now_ms;
    }
    return refused;
}

}  // namespace herald::simulator
