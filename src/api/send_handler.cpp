#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "api/handlers.hpp"
#include "api/json_body.hpp"
#include "api/traceparent.hpp"

namespace herald::api {
namespace {

constexpr std::size_t kMaxIdempotencyKeyBytes = 255;

std::string read_client_id(ObjectReader& reader, std::string_view name) {
    const auto id = reader.required_string(name, {.min = 1, .max = 255});
    if (id && !is_valid_client_id(*id)) reader.error(name, "format", "must not have control characters");
    return id.value_or("");
}

std::vector<Channel> read_channels(ObjectReader& reader, std::vector<FieldError>& errors) {
    std::vector<Channel> channels;
    const auto* items = reader.array("channels", kChannels.size());
    if (items && items->empty()) {
        reader.error("channels", "length", "must name a channel, or be left out for all");
    }
    for (std::size_t i = 0; items && i < items->size(); ++i) {
        const auto path = fmt::format("channels[{}]", i);
        const auto* name = (*items)[i].as_string();
        const auto channel = name ? parse_channel(*name) : std::nullopt;
        if (!name) errors.push_back({path, "type", "must be a string"});
        else if (!channel) errors.push_back({path, "enum", "must be push, sms or email"});
        else if (std::find(channels.begin(), channels.end(), *channel) != channels.end()) {
            errors.push_back({path, "duplicate", "stands in the list already"});
        } else {
            channels.push_back(*channel);
        }
    }
    return channels;
}

/// A time that has passed already means now; it stays in the record, as a repeat of the request must say the
/// same.
std::optional<TimePoint> read_send_at(ObjectReader& reader, TimePoint now) {
    const auto text = reader.string("send_at", {.min = 1, .max = 64});
    if (!text) return std::nullopt;
    const auto time = parse_rfc3339(*text);
    if (!time) {
        reader.error("send_at", "format",
                     "must be an RFC 3339 time with a zone, such as 2026-01-31T09:00:00Z");
        return std::nullopt;
    }
    if (*time > now + std::chrono::seconds(kMaxSendAheadSeconds)) {
        reader.error("send_at", "range", "must be at most 30 days ahead");
    }
    return time;
}

Json read_metadata(ObjectReader& reader) {
    const auto* metadata = reader.object("metadata");
    if (!metadata) return Json(Json::Object{});
    if (metadata->dump().size() > kMaxMetadataBytes) {
        reader.error("metadata", "length",
                     fmt::format("must have at most {} bytes as JSON", kMaxMetadataBytes));
    }
    return *metadata;
}

SendRequest read_send_request(const Json& body, TimePoint now, std::vector<FieldError>& errors) {
    SendRequest request;
    ObjectReader reader(body, "", errors);
    request.user_id = UserId(read_client_id(reader, "user_id"));
    request.template_id = TemplateId(read_client_id(reader, "template_id"));
    if (const auto version = reader.integer("template_version", 1, std::numeric_limits<int>::max())) {
        request.template_version = static_cast<int>(*version);
    }
    request.channels = read_channels(reader, errors);
    if (const auto* data = reader.object("data")) request.data = *data;
    request.metadata = read_metadata(reader);
    request.send_at = read_send_at(reader, now);
    request.ttl_s = reader.integer("ttl_s", 1, kMaxTtlSeconds);
    if (const auto lane = reader.string("lane", {.min = 1, .max = 32})) {
        request.lane = parse_lane(*lane);
        if (!request.lane) reader.error("lane", "enum", "must be critical, normal or bulk");
    }
    reader.refuse_unknown();
    return request;
}

/// The hash covers the route too, so that one key used on two routes is a mismatch and not a repeat.
std::optional<SendRequest::Idempotency> read_idempotency(const Call& call, std::vector<FieldError>& errors) {
    const auto key = net::find_header(call.request().headers, "idempotency-key");
    if (!key) return std::nullopt;
    const bool printable =
        std::all_of(key->begin(), key->end(), [](char c) { return c >= 0x20 && c < 0x7f; });
    if (key->empty() || key->size() > kMaxIdempotencyKeyBytes || !printable) {
        errors.push_back({"Idempotency-Key", "format", "must have 1 to 255 bytes of printable ASCII"});
    }
    const auto hashed = fmt::format("{} {}\n{}", call.request().method, call.pattern(), call.request().body);
    return SendRequest::Idempotency{std::string(*key), sha256(hashed)};
}

OrProblem<SendRequest> read_request(const ApiParts& parts, const Call& call) {
    const auto body = read_json_body(call.request());
    if (!body) return refuse(body.error());
    std::vector<FieldError> errors;
    auto request = read_send_request(*body, parts.clock.now(), errors);
    request.idempotency = read_idempotency(call, errors);
    if (!errors.empty()) return refuse_fields(std::move(errors));
    request.tenant = call.tenant;
    request.traceparent = read_traceparent(call.request().headers);
    return request;
}

net::HttpResponse accepted_response(const AcceptedRequest& accepted) {
    const auto id = to_string(accepted.id);
    JsonWriter out;
    out.begin_object().member("id", id).member("status", "accepted");
    out.member("template_version", accepted.template_version);
    out.member("accepted_at", to_rfc3339(accepted.accepted_at)).end_object();
    net::Headers headers{{"location", "/api/v1/notifications/" + id}};
    if (accepted.replayed) headers.push_back({"idempotency-replayed", "true"});
    return json_response(202, out.take(), std::move(headers));
}

}  // namespace

void send_notification(const ApiParts& parts, std::shared_ptr<Call> call) {
    auto request = read_request(parts, *call);
    if (!request) return call->answer(refuse(std::move(request.error())));
    parts.intake.accept(*std::move(request), [call = std::move(call)](IntakeAnswer answer) {
        if (const auto* accepted = std::get_if<AcceptedRequest>(&answer)) {
            return call->answer(accepted_response(*accepted));
        }
        call->answer(refuse(to_problem(std::get<RefusedRequest>(std::move(answer)))));
    });
}

}  // namespace herald::api
