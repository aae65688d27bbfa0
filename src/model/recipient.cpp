#include "model/recipient.hpp"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "base/utf8.hpp"

namespace herald {
namespace {

bool is_email(std::string_view text) {
    const auto at = text.rfind('@');
    return at != std::string_view::npos && at > 0 && at + 1 < text.size() && text.size() <= 254 &&
           text.find_first_of(" \t<>\"(),;:\\") == std::string_view::npos && text.find('@') == at;
}

/// E.164: a plus sign and 8 to 15 digits, the first not zero. Whether the number exists is the carrier's to
/// say.
bool is_phone(std::string_view text) {
    return text.size() >= 9 && text.size() <= 16 && text[0] == '+' && text[1] != '0' &&
           text.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

bool is_locale(std::string_view text) {
    return text.size() >= 2 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
               std::string_view::npos;
}

/// Other files lie in the folder of the zones too, so the first bytes must be those of RFC 9636.
bool is_zone_file(const std::filesystem::path& path) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) return false;
    std::string magic(4, '\0');
    return std::ifstream(path, std::ios::binary).read(magic.data(), 4) && magic == "TZif";
}

/// An IANA name, judged by the machine's own database. Without one, any name of the right form will do.
bool is_timezone(std::string_view text) {
    static const std::filesystem::path zones = "/usr/share/zoneinfo";
    constexpr std::string_view fitting = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
    if (text.find_first_not_of(fitting) != std::string_view::npos || text.starts_with('/')) return false;
    std::error_code error;
    return !std::filesystem::is_directory(zones, error) || is_zone_file(zones / text);
}

std::optional<Device> read_device(const Json& json, const std::string& path, TimePoint now,
                                  std::vector<FieldError>& errors) {
    ObjectReader reader(json, path, errors);
    const auto platform_text = reader.required_string("platform", {.max = 16});
    const auto token = reader.required_string("token", {.max = 4096});
    reader.refuse_unknown();
    if (!platform_text || !token) return std::nullopt;
    const auto platform = parse_platform(*platform_text);
    if (!platform) reader.error("platform", "enum", "must be ios, android or web");
    if (token->find_first_of(" /?#%") != std::string::npos || has_control_characters(*token)) {
        reader.error("token", "format", "is not a device token");
    }
    return platform ? std::optional(Device{*platform, *token, now}) : std::nullopt;
}

std::string read_checked(ObjectReader& reader, std::string_view name, std::size_t max,
                         bool (*ok)(std::string_view), std::string_view must_be) {
    auto text = reader.string(name, {.max = max}).value_or("");
    if (!text.empty() && (!ok(text) || has_control_characters(text))) {
        reader.error(name, "format", std::string(must_be));
    }
    return text;
}

}  // namespace

User read_user(const UserId& id, const Json& body, TimePoint now, std::vector<FieldError>& errors) {
    User user{.id = id, .email = {}, .phone = {}, .locale = {}, .timezone = {}, .devices = {}};
    ObjectReader reader(body, "", errors);
    if (const auto stated = reader.string("id", {}); stated && *stated != id.str()) {
        reader.error("id", "mismatch", "must be the id of the path, or left out");
    }
    user.email = read_checked(reader, "email", 254, is_email, "must be an email address");
    user.phone = read_checked(reader, "phone", 16, is_phone, "must be an E.164 number such as +14155550123");
    user.locale = read_checked(reader, "locale", 35, is_locale, "must be a language tag such as en or pt-BR");
    user.timezone =
        read_checked(reader, "timezone", 64, is_timezone, "must be an IANA name such as Europe/Paris");
    if (const auto* devices = reader.array("devices", kMaxDevices)) {
        for (std::size_t i = 0; i < devices->size(); ++i) {
            const auto path = fmt::format("devices[{}]", i);
            auto device = read_device((*devices)[i], path, now, errors);
            if (!device) continue;
            if (std::find(user.devices.begin(), user.devices.end(), *device) != user.devices.end()) {
                errors.push_back({path, "duplicate", "stands in the list already"});
                continue;
            }
            user.devices.push_back(std::move(*device));
        }
    }
    reader.refuse_unknown();
    return user;
}

void write_user(JsonWriter& out, const User& user) {
    const auto or_null = [&](std::string_view name, const std::string& text) {
        out.key(name);
        if (text.empty()) out.value(nullptr);
        else out.value(text);
    };
    out.begin_object().member("id", user.id.str());
    or_null("email", user.email);
    or_null("phone", user.phone);
    or_null("locale", user.locale);
    or_null("timezone", user.timezone);
    out.key("devices").begin_array();
    for (const auto& device : user.devices) {
        out.begin_object()
            .member("platform", to_string(device.platform))
            .member("token", device.token)
            .end_object();
    }
    out.end_array().end_object();
}

}  // namespace herald
