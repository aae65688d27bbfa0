#include "model/records.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/crypto.hpp"
#include "base/utf8.hpp"

namespace herald {
namespace {

JsonWriter begin(std::string_view type, const TenantId& tenant, const NotificationId& id) {
    JsonWriter out;
    out.begin_object().member("schema", kRecordSchema).member("type", type);
    out.member("tenant", tenant.str()).member("id", to_string(id));
    return out;
}

/// A record of a schema that is known.
struct Opened {
    Json json;
    std::string type;
};

/// The fields that every record of Herald's has, checked.
struct Envelope {
    Json json;
    std::string type;
    TenantId tenant;
    NotificationId id;
};

Result<RecordIdentity> read_identity(const Json& json) {
    const auto id = NotificationId::parse(json.text("id"));
    if (!id) return fail(ErrorCode::invalid, "the record has no valid id");
    if (!is_valid_client_id(json.text("tenant"))) {
        return fail(ErrorCode::invalid, "the record has no valid tenant");
    }
    return RecordIdentity{TenantId(std::string(json.text("tenant"))), *id};
}

Result<Opened> open_record(std::string_view text) {
    auto json = Json::parse(text);
    if (!json) return fail(json.error());
    if (!json->as_object()) return fail(ErrorCode::invalid, "the record is not an object");
    const auto schema = json->integer("schema", -1);
    if (schema < 1 || schema > kRecordSchema) {
        return fail(schema < 1 ? ErrorCode::invalid : ErrorCode::conflict,
                    fmt::format("the record has schema {}, known is {}", schema, kRecordSchema));
    }
    std::string type(json->text("type"));
    return Opened{*std::move(json), std::move(type)};
}

Result<Envelope> identify(Opened opened) {
    auto identity = read_identity(opened.json);
    if (!identity) return fail(identity.error());
    return Envelope{std::move(opened.json), std::move(opened.type), std::move(identity->tenant),
                    identity->id};
}

Result<Envelope> open_envelope(std::string_view text) {
    auto opened = open_record(text);
    if (!opened) return fail(opened.error());
    return identify(*std::move(opened));
}

Result<TimePoint> read_time(const Json& json, std::string_view name) {
    const auto time = parse_rfc3339(json.text(name));
    if (!time) return fail(ErrorCode::invalid, fmt::format("{} is not an RFC 3339 time", name));
    return *time;
}

Status read_channels(const Json& json, std::vector<Channel>& channels) {
    const auto* list = json.find("channels");
    if (!list || !list->as_array() || list->as_array()->empty() ||
        list->as_array()->size() > kChannels.size()) {
        return fail(ErrorCode::invalid, "channels is not a list of one to three channels");
    }
    for (const auto& item : *list->as_array()) {
        const auto channel = item.as_string() ? parse_channel(*item.as_string()) : std::nullopt;
        if (!channel || std::find(channels.begin(), channels.end(), *channel) != channels.end()) {
            return fail(ErrorCode::invalid, "channels names an unknown channel, or one twice");
        }
        channels.push_back(*channel);
    }
    return {};
}

Status read_times(const Json& json, Notification& n) {
    const auto accepted = read_time(json, "accepted_at");
    if (!accepted) return fail(accepted.error());
    const auto deadline = read_time(json, "deadline_at");
    if (!deadline) return fail(deadline.error());
    n.accepted_at = *accepted;
    n.deadline_at = *deadline;
    if (json.find("send_at")) {
        const auto send_at = read_time(json, "send_at");
        if (!send_at) return fail(send_at.error());
        n.send_at = *send_at;
    }
    return check_times(n);
}

Result<RequestRecord> decode_notification(const Envelope& envelope) {
    const auto& json = envelope.json;
    Notification n;
    n.id = envelope.id;
    n.tenant = envelope.tenant;
    const auto lane = parse_lane(json.text("lane"));
    if (!lane) return fail(ErrorCode::invalid, "lane is unknown");
    n.lane = *lane;
    if (auto status = read_times(json, n); !status) return fail(status.error());
    if (!is_valid_client_id(json.text("user_id"))) return fail(ErrorCode::invalid, "user_id is not valid");
    if (!is_valid_client_id(json.text("template_id")))
        return fail(ErrorCode::invalid, "template_id is not valid");
    n.user_id = UserId(std::string(json.text("user_id")));
    n.template_id = TemplateId(std::string(json.text("template_id")));
    const auto version = json.integer("template_version");
    if (version < 1 || version > std::numeric_limits<int>::max()) {
        return fail(ErrorCode::invalid, "template_version is not a version");
    }
    n.template_version = static_cast<int>(version);
    if (auto status = read_channels(json, n.channels); !status) return fail(status.error());
    for (const auto& [name, into] : {std::pair{"data", &n.data}, std::pair{"metadata", &n.metadata}}) {
        const auto* value = json.find(name);
        if (!value) continue;
        if (!value->as_object()) return fail(ErrorCode::invalid, fmt::format("{} is not an object", name));
        *into = *value;
    }
    if (n.metadata.dump().size() > kMaxMetadataBytes) {
        return fail(ErrorCode::invalid, "metadata is too large");
    }
    return RequestRecord(std::move(n));
}

Result<RequestRecord> decode_keyed(const Json& json, std::size_t bytes) {
    if (bytes > kMaxKeyedRequestBytes) {
        return fail(ErrorCode::invalid,
                    fmt::format("the record has more than {} bytes", kMaxKeyedRequestBytes));
    }
    auto request = read_keyed_request(json);
    if (!request) return fail(request.error());
    return RequestRecord(*std::move(request));
}

std::optional<DeliveryId> read_delivery(const Envelope& envelope) {
    const auto step = envelope.json.integer("step", -1);
    const auto ordinal = envelope.json.integer("ordinal", -1);
    if (step < 0 || step > 1'000'000 || ordinal < 0 || ordinal > 1'000'000) return std::nullopt;
    return DeliveryId{envelope.id, static_cast<int>(step), static_cast<int>(ordinal)};
}

}  // namespace

std::string encode(const Notification& n) {
    auto out = begin("request", n.tenant, n.id);
    out.member("lane", to_string(n.lane)).member("accepted_at", to_rfc3339(n.accepted_at));
    out.member("deadline_at", to_rfc3339(n.deadline_at));
    if (n.send_at) out.member("send_at", to_rfc3339(*n.send_at));
    out.member("user_id", n.user_id.str()).member("template_id", n.template_id.str());
    out.member("template_version", n.template_version).key("channels").begin_array();
    for (const auto channel : n.channels) out.value(to_string(channel));
    out.end_array().member("data", n.data).member("metadata", n.metadata).end_object();
    return out.take();
}

std::string encode(const ContinueRecord& record) {
    auto out = begin("continue", record.tenant, record.id);
    out.member("step", record.step).end_object();
    return out.take();
}

Result<RequestRecord> decode_request(std::string_view text) {
    auto opened = open_record(text);
    if (!opened) return fail(opened.error());
    if (opened->type == "request" && !opened->json.find("id")) return decode_keyed(opened->json, text.size());
    auto envelope = identify(*std::move(opened));
    if (!envelope) return fail(envelope.error());
    if (envelope->type == "request") return decode_notification(*envelope);
    if (envelope->type == "continue") {
        const auto step = envelope->json.integer("step", -1);
        if (step < 1 || step > 1'000'000) return fail(ErrorCode::invalid, "step is not a step");
        return RequestRecord(ContinueRecord{envelope->tenant, envelope->id, static_cast<int>(step)});
    }
    return fail(ErrorCode::invalid, fmt::format("the type \"{}\" is unknown", envelope->type));
}

std::string encode(const DeliveryRecord& record) {
    auto out = begin("delivery", record.tenant, record.delivery.notification);
    out.member("step", record.delivery.step).member("ordinal", record.delivery.ordinal);
    out.member("attempt", record.attempt).end_object();
    return out.take();
}

Result<DeliveryRecord> decode_delivery(std::string_view text) {
    const auto envelope = open_envelope(text);
    if (!envelope) return fail(envelope.error());
    const auto delivery = read_delivery(*envelope);
    const auto attempt = envelope->json.integer("attempt");
    if (envelope->type != "delivery" || !delivery || delivery->ordinal < 1 || attempt < 1 ||
        attempt > 1'000'000) {
        return fail(ErrorCode::invalid, "the record does not name a delivery and an attempt");
    }
    return DeliveryRecord{envelope->tenant, *delivery, static_cast<int>(attempt)};
}

std::string encode(const ReceiptRecord& record) {
    auto out = begin("receipt", record.tenant, record.delivery.notification);
    out.member("step", record.delivery.step).member("ordinal", record.delivery.ordinal);
    out.member("provider", record.provider).member("attempt", record.attempt);
    out.member("state", to_string(record.state)).member("reference", record.reference);
    out.member("at", to_rfc3339(record.at)).end_object();
    return out.take();
}

Result<ReceiptRecord> decode_receipt(std::string_view text) {
    const auto envelope = open_envelope(text);
    if (!envelope) return fail(envelope.error());
    const auto delivery = read_delivery(*envelope);
    const auto state = parse_attempt_state(envelope->json.text("state"));
    const auto attempt = envelope->json.integer("attempt");
    const auto at = read_time(envelope->json, "at");
    if (envelope->type != "receipt" || !delivery || !state || rank(*state) < rank(AttemptState::accepted) ||
        attempt < 1 || attempt > 1'000'000 || !at) {
        return fail(ErrorCode::invalid, "the record is not a receipt for an attempt");
    }
    return ReceiptRecord{envelope->tenant,
                         *delivery,
                         std::string(envelope->json.text("provider")),
                         static_cast<int>(attempt),
                         *state,
                         std::string(envelope->json.text("reference")),
                         *at};
}

std::string encode(const EventRecord& record) {
    auto out = begin("event", record.tenant, record.delivery.notification);
    out.member("step", record.delivery.step).member("ordinal", record.delivery.ordinal);
    out.member("attempt", record.attempt).member("state", record.state).member("reason", record.reason);
    out.member("at", to_rfc3339(record.at)).end_object();
    return out.take();
}

std::string encode(const DeadRecord& record) {
    JsonWriter out;
    out.begin_object().member("schema", kRecordSchema).member("type", "dead").member("topic", record.topic);
    // Anybody may have produced it, so it need not be text that a JSON string can hold.
    const bool is_text = is_valid_utf8(record.value) && record.value.find('\0') == std::string::npos;
    if (is_text) out.member("record", record.value);
    else out.member("record_base64", base64(record.value));
    out.member("reason", record.reason).member("at", to_rfc3339(record.at));
    out.end_object();
    return out.take();
}

std::int64_t schema_of(std::string_view text) {
    const auto json = Json::parse(text);
    return json ? json->integer("schema") : 0;
}

std::optional<RecordIdentity> identity_of(std::string_view text) {
    // Of any schema: what comes from a newer writer must be closed too.
    const auto json = Json::parse(text);
    if (!json) return std::nullopt;
    auto identity = read_identity(*json);
    if (!identity) return std::nullopt;
    return *std::move(identity);
}

}  // namespace herald
