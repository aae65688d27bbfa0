#include "ports/row_codec.hpp"

#include <algorithm>

namespace herald {

std::string encode_channels(const std::vector<Channel>& channels) {
    JsonWriter out;
    out.begin_array();
    for (const auto channel : channels) out.value(to_string(channel));
    return out.end_array().take();
}

Result<std::vector<Channel>> decode_channels(std::string_view text) {
    const auto json = Json::parse(text);
    if (!json) return fail(json.error());
    const auto* names = json->as_array();
    if (!names) return fail(ErrorCode::invalid, "stored channels are no list");
    std::vector<Channel> channels;
    for (const auto& name : *names) {
        const auto channel = name.as_string() ? parse_channel(*name.as_string()) : std::nullopt;
        if (!channel) return fail(ErrorCode::invalid, "a stored channel is unknown");
        channels.push_back(*channel);
    }
    return channels;
}

std::string encode_preferences(const Preferences& preferences) {
    JsonWriter out;
    write_preferences(out, preferences);
    return out.take();
}

Result<Preferences> decode_preferences(std::string_view text) {
    const auto json = Json::parse(text);
    if (!json) return fail(json.error());
    std::vector<FieldError> errors;
    auto preferences = read_preferences(*json, errors);
    if (!errors.empty()) return fail(ErrorCode::invalid, "stored preferences: " + errors.front().message);
    return preferences;
}

std::optional<TimerKind> parse_timer_kind(std::string_view text) {
    for (const auto kind : {TimerKind::retry, TimerKind::step, TimerKind::lease, TimerKind::parked}) {
        if (to_string(kind) == text) return kind;
    }
    return std::nullopt;
}

Sha256Digest erasure_hash(const TenantId& tenant, const UserId& user) {
    std::string text = tenant.str();
    text.push_back('\0');
    return sha256(text += user.str());
}

NotificationId lowest_id(TimePoint at) {
    NotificationId id;
    auto ms = static_cast<std::uint64_t>(std::max<std::int64_t>(to_millis(at), 0));
    for (std::size_t i = 6; i-- > 0; ms >>= 8) id.uuid.bytes[i] = static_cast<std::uint8_t>(ms & 255);
    return id;
}

}  // namespace herald
