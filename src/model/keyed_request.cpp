#include "model/keyed_request.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace herald {
namespace {

std::string read_client_id(ObjectReader& reader, std::string_view name) {
    auto id = reader.required_string(name, {.min = 1, .max = 255});
    if (id && !is_valid_client_id(*id)) {
        reader.error(name, "format", "must be UTF-8 without control characters");
    }
    return std::move(id).value_or("");
}

std::string read_key(ObjectReader& reader) {
    auto key = reader.required_string("idempotency_key", {.min = 1, .max = 255});
    if (key && !is_valid_idempotency_key(*key)) {
        reader.error("idempotency_key", "format", "must have 1 to 255 bytes of printable ASCII");
    }
    return std::move(key).value_or("");
}

std::optional<TimePoint> read_time(ObjectReader& reader, std::string_view name) {
    const auto text = reader.string(name, {.min = 1, .max = 64});
    if (!text) return std::nullopt;
    const auto time = parse_rfc3339(*text);
    if (!time) reader.error(name, "format", "must be an RFC 3339 time with a zone");
    return time;
}

std::vector<Channel> read_channels(ObjectReader& reader) {
    std::vector<Channel> channels;
    const auto* items = reader.array("channels", kChannels.size());
    if (!items) return channels;
    if (items->empty()) reader.error("channels", "length", "must name a channel, or be left out for all");
    for (const auto& item : *items) {
        const auto channel = item.as_string() ? parse_channel(*item.as_string()) : std::nullopt;
        if (channel && std::find(channels.begin(), channels.end(), *channel) == channels.end()) {
            channels.push_back(*channel);
        } else {
            reader.error("channels", "enum", "must name push, sms or email, each once");
        }
    }
    return channels;
}

Json read_object(ObjectReader& reader, std::string_view name) {
    const auto* object = reader.object(name);
    return object ? *object : Json(Json::Object{});
}

void read_what_to_say(ObjectReader& reader, KeyedRequest& request) {
    request.template_id = TemplateId(read_client_id(reader, "template_id"));
    if (const auto version = reader.integer("template_version", 1, std::numeric_limits<int>::max())) {
        request.template_version = static_cast<int>(*version);
    }
    request.channels = read_channels(reader);
    request.data = read_object(reader, "data");
    request.metadata = read_object(reader, "metadata");
    if (request.metadata.dump().size() > kMaxMetadataBytes) {
        reader.error("metadata", "length", fmt::format("must have at most {} bytes", kMaxMetadataBytes));
    }
}

void read_when(ObjectReader& reader, KeyedRequest& request) {
    if (const auto lane = reader.string("lane", {.min = 1, .max = 32})) {
        request.lane = parse_lane(*lane);
        if (!request.lane) reader.error("lane", "enum", "must be critical, normal or bulk");
    }
    request.accepted_at = read_time(reader, "accepted_at");
    request.send_at = read_time(reader, "send_at");
    request.deadline_at = read_time(reader, "deadline_at");
}

}  // namespace

Result<KeyedRequest> read_keyed_request(const Json& record) {
    std::vector<FieldError> errors;
    ObjectReader reader(record, "", errors);
    for (const auto* envelope : {"schema", "type"}) reader.any(envelope);
    KeyedRequest request;
    request.idempotency_key = read_key(reader);
    request.tenant = TenantId(read_client_id(reader, "tenant"));
    if (reader.any("to")) reader.error("to", "unsupported", "is not supported yet: name a user_id");
    request.user_id = UserId(read_client_id(reader, "user_id"));
    read_what_to_say(reader, request);
    read_when(reader, request);
    reader.refuse_unknown();
    if (!errors.empty()) return fail(ErrorCode::invalid, errors[0].path + ": " + errors[0].message);
    return request;
}

Result<Notification> complete_request(const KeyedRequest& request, const NotificationId& id,
                                      const RequestPlace& place, const Template& tmpl) {
    if (request.lane.value_or(place.lane) != place.lane) {
        return fail(ErrorCode::invalid, "lane: is not the topic's");
    }
    Notification n;
    n.id = id;
    n.tenant = request.tenant;
    n.lane = place.lane;
    n.accepted_at = request.accepted_at.value_or(place.appended_at);
    if (n.accepted_at > place.appended_at + kMaxProducerSkew) {
        return fail(ErrorCode::invalid, "accepted_at: is later than the record");
    }
    n.send_at = request.send_at;
    n.deadline_at = request.deadline_at.value_or(std::max(n.accepted_at, n.send_at.value_or(n.accepted_at)) +
                                                 std::chrono::seconds(tmpl.ttl_s));
    n.user_id = request.user_id;
    n.template_id = request.template_id;
    n.template_version = tmpl.version;
    n.channels = request.channels.empty() ? tmpl.channels() : request.channels;
    n.data = request.data;
    n.metadata = request.metadata;
    if (auto status = check_times(n); !status) return fail(status.error());
    return n;
}

bool is_valid_idempotency_key(std::string_view key) {
    const bool printable = std::all_of(key.begin(), key.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
    return !key.empty() && key.size() <= 255 && printable;
}

Status check_times(const Notification& n) {
    const auto start = std::max(n.accepted_at, n.send_at.value_or(n.accepted_at));
    if (n.deadline_at > start + std::chrono::seconds(kMaxTtlSeconds) ||
        start > n.accepted_at + std::chrono::seconds(kMaxSendAheadSeconds)) {
        return fail(ErrorCode::invalid, "deadline_at or send_at is beyond the bounds");
    }
    return {};
}

}  // namespace herald
