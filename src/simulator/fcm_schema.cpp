#include "simulator/fcm_schema.hpp"

#include <algorithm>
#include <initializer_list>
#include <span>

#include <fmt/format.h>

namespace herald::simulator {
namespace {

enum class Kind { text, boolean, number, choice, text_map, text_list, structure, message };

struct MessageType;

struct Field {
    std::string_view name;
    Kind kind;
    const MessageType* type = nullptr;
};

struct MessageType {
    std::span<const Field> fields;
};

// The reference of projects.messages (firebase.google.com/docs/reference/fcm/rest/v1/projects.messages).
constexpr Field kOptionsFields[] = {{"analytics_label", Kind::text}};
constexpr MessageType kOptions{kOptionsFields};

constexpr Field kNotificationFields[] = {{"title", Kind::text}, {"body", Kind::text}, {"image", Kind::text}};
constexpr MessageType kNotification{kNotificationFields};

constexpr Field kColorFields[] = {
    {"red", Kind::number}, {"green", Kind::number}, {"blue", Kind::number}, {"alpha", Kind::number}};
constexpr MessageType kColor{kColorFields};
constexpr Field kLightFields[] = {
    {"color", Kind::message, &kColor}, {"light_on_duration", Kind::text}, {"light_off_duration", Kind::text}};
constexpr MessageType kLight{kLightFields};

constexpr Field kAndroidNotificationFields[] = {
    {"title", Kind::text},
    {"body", Kind::text},
    {"icon", Kind::text},
    {"color", Kind::text},
    {"sound", Kind::text},
    {"tag", Kind::text},
    {"click_action", Kind::text},
    {"body_loc_key", Kind::text},
    {"body_loc_args", Kind::text_list},
    {"title_loc_key", Kind::text},
    {"title_loc_args", Kind::text_list},
    {"channel_id", Kind::text},
    {"ticker", Kind::text},
    {"sticky", Kind::boolean},
    {"event_time", Kind::text},
    {"local_only", Kind::boolean},
    {"notification_priority", Kind::choice},
    {"default_sound", Kind::boolean},
    {"default_vibrate_timings", Kind::boolean},
    {"default_light_settings", Kind::boolean},
    {"vibrate_timings", Kind::text_list},
    {"light_settings", Kind::message, &kLight},
    {"visibility", Kind::choice},
    {"notification_count", Kind::number},
    {"image", Kind::text},
    {"bypass_proxy_notification", Kind::boolean},
    {"proxy", Kind::choice},
};
constexpr MessageType kAndroidNotification{kAndroidNotificationFields};

constexpr Field kAndroidFields[] = {
    {"collapse_key", Kind::text},
    {"priority", Kind::choice},
    {"ttl", Kind::text},
    {"restricted_package_name", Kind::text},
    {"data", Kind::text_map},
    {"notification", Kind::message, &kAndroidNotification},
    {"fcm_options", Kind::message, &kOptions},
    {"direct_boot_ok", Kind::boolean},
    {"bandwidth_constrained_ok", Kind::boolean},
    {"restricted_satellite_ok", Kind::boolean},
};
constexpr MessageType kAndroid{kAndroidFields};

constexpr Field kApnsOptionsFields[] = {{"analytics_label", Kind::text}, {"image", Kind::text}};
constexpr MessageType kApnsOptions{kApnsOptionsFields};
constexpr Field kApnsFields[] = {
    {"headers", Kind::text_map},
    {"payload", Kind::structure},
    {"fcm_options", Kind::message, &kApnsOptions},
    {"live_activity_token", Kind::text},
};
constexpr MessageType kApns{kApnsFields};

constexpr Field kWebpushOptionsFields[] = {{"link", Kind::text}, {"analytics_label", Kind::text}};
constexpr MessageType kWebpushOptions{kWebpushOptionsFields};
constexpr Field kWebpushFields[] = {
    {"headers", Kind::text_map},
    {"data", Kind::text_map},
    {"notification", Kind::structure},
    {"fcm_options", Kind::message, &kWebpushOptions},
};
constexpr MessageType kWebpush{kWebpushFields};

constexpr Field kMessageFields[] = {
    {"name", Kind::text},
    {"data", Kind::text_map},
    {"notification", Kind::message, &kNotification},
    {"android", Kind::message, &kAndroid},
    {"webpush", Kind::message, &kWebpush},
    {"apns", Kind::message, &kApns},
    {"fcm_options", Kind::message, &kOptions},
    {"token", Kind::text},
    {"topic", Kind::text},
    {"condition", Kind::text},
    {"fid", Kind::text},
};
constexpr MessageType kMessage{kMessageFields};

constexpr Field kRequestFields[] = {{"validate_only", Kind::boolean}, {"message", Kind::message, &kMessage}};
constexpr MessageType kRequest{kRequestFields};

bool is_camel_form(std::string_view camel, std::string_view snake) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < snake.size(); ++i, ++at) {
        char wanted = snake[i];
        if (wanted == '_' && i + 1 < snake.size()) wanted = static_cast<char>(snake[++i] - 32);
        if (at >= camel.size() || camel[at] != wanted) return false;
    }
    return at == camel.size();
}

class Check {
public:
    std::vector<FcmViolation> violations;

    void message(const Json& json, const MessageType& type, const std::string& path) {
        const auto* object = json.as_object();
        if (object == nullptr) return wrong_value(path, json, "message");
        for (const auto& member : *object) {
            const auto field = std::find_if(type.fields.begin(), type.fields.end(), [&](const Field& f) {
                return f.name == member.key || is_camel_form(member.key, f.name);
            });
            if (field == type.fields.end()) unknown_name(path, member.key);
            else if (!member.value.is_null()) one(member.value, *field, path);
        }
    }

private:
    static std::string join(const std::string& path, std::string_view name) {
        return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
    }

    void one(const Json& value, const Field& field, const std::string& path) {
        switch (field.kind) {
            case Kind::text:
                if (value.as_string() == nullptr) wrong_value(join(path, field.name), value, "TYPE_STRING");
                break;
            case Kind::boolean:
                if (value.as_bool() == nullptr) wrong_value(join(path, field.name), value, "TYPE_BOOL");
                break;
            case Kind::number:
                // A proto number may also be given as a string.
                if (value.as_number() == nullptr && value.as_string() == nullptr) {
                    wrong_value(join(path, field.name), value, "TYPE_INT32");
                }
                break;
            case Kind::choice:
                if (value.as_string() == nullptr && !value.as_int()) {
                    wrong_value(join(path, field.name), value, "TYPE_ENUM");
                }
                break;
            case Kind::text_map:
                texts_in_map(value, join(path, field.name));
                break;
            case Kind::text_list:
                texts_in_list(value, join(path, field.name));
                break;
            case Kind::structure:
                if (value.as_object() == nullptr) wrong_value(join(path, field.name), value, "Map");
                break;
            case Kind::message:
                message(value, *field.type, join(path, field.name));
                break;
        }
    }

    /// Google writes a map's entry as `data[0].value`.
    void texts_in_map(const Json& value, const std::string& path) {
        const auto* object = value.as_object();
        if (object == nullptr) return wrong_value(path, value, "Map");
        for (std::size_t i = 0; i < object->size(); ++i) {
            const Json& entry = (*object)[i].value;
            if (entry.as_string() == nullptr)
                wrong_value(fmt::format("{}[{}].value", path, i), entry, "TYPE_STRING");
        }
    }

    void texts_in_list(const Json& value, const std::string& path) {
        const auto* list = value.as_array();
        if (list == nullptr) return wrong_value(path, value, "TYPE_STRING");
        for (std::size_t i = 0; i < list->size(); ++i) {
            const Json& entry = (*list)[i];
            if (entry.as_string() == nullptr)
                wrong_value(fmt::format("{}[{}]", path, i), entry, "TYPE_STRING");
        }
    }

    void unknown_name(const std::string& path, std::string_view name) {
        const std::string where = path.empty() ? "" : fmt::format(" at '{}'", path);
        violations.push_back(
            {path, fmt::format("Invalid JSON payload received. Unknown name \"{}\"{}: Cannot find field.",
                               name, where)});
    }

    void wrong_value(const std::string& path, const Json& value, std::string_view type) {
        violations.push_back({path, fmt::format("Invalid value at '{}' ({}), {}", path, type, value.dump())});
    }
};

}  // namespace

std::vector<FcmViolation> check_fcm_schema(const Json& request) {
    Check check;
    check.message(request, kRequest, "");
    return std::move(check.violations);
}

const Json* proto_member(const Json& object, std::string_view snake_name) {
    const auto* members = object.as_object();
    if (members == nullptr) return nullptr;
    for (const auto& [name, value] : *members) {
        if ((name == snake_name || is_camel_form(name, snake_name)) && !value.is_null()) return &value;
    }
    return nullptr;
}

}  // namespace herald::simulator
