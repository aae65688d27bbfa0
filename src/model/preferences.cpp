#include "model/preferences.hpp"

#include <fmt/format.h>

#include "model/ids.hpp"

namespace herald {
namespace {

std::map<Channel, bool> read_channels(const Json& json, const std::string& path,
                                      std::vector<FieldError>& errors) {
    std::map<Channel, bool> channels;
    ObjectReader reader(json, path, errors);
    for (const auto channel : kChannels) {
        if (const auto on = reader.boolean(to_string(channel))) channels[channel] = *on;
    }
    reader.refuse_unknown();
    return channels;
}

Preferences::Category read_category(const Json& json, const std::string& path,
                                    std::vector<FieldError>& errors) {
    Preferences::Category category;
    if (const auto* all = json.as_bool()) {
        category.all = *all;
        return category;
    }
    if (!json.as_object()) {
        errors.push_back({path, "type", "must be true, false or {\"channels\": {…}}"});
        return category;
    }
    ObjectReader reader(json, path, errors);
    if (const auto* channels = reader.object("channels")) {
        category.channels = read_channels(*channels, path + ".channels", errors);
    }
    reader.refuse_unknown();
    return category;
}

bool switches_off(const Preferences::Category& category) {
    return category.all == false || std::any_of(category.channels.begin(), category.channels.end(),
                                                [](const auto& c) { return !c.second; });
}

void write_channels(JsonWriter& out, const std::map<Channel, bool>& channels) {
    out.key("channels").begin_object();
    for (const auto& [channel, on] : channels) out.member(to_string(channel), on);
    out.end_object();
}

}  // namespace

Permission permits(const Preferences& preferences, std::string_view category, Channel channel) {
    if (category == kSystemCategory) return {true, "system_category"};
    if (const auto found = preferences.categories.find(category); found != preferences.categories.end()) {
        const auto& channels = found->second.channels;
        if (const auto on = channels.find(channel); on != channels.end()) {
            return {on->second, on->second ? "category_channel_on" : "category_channel_off"};
        }
        if (found->second.all)
            return {*found->second.all, *found->second.all ? "category_on" : "category_off"};
    }
    if (const auto on = preferences.channels.find(channel); on != preferences.channels.end()) {
        return {on->second, on->second ? "channel_on" : "channel_off"};
    }
    return {true, "default_on"};
}

Preferences read_preferences(const Json& body, std::vector<FieldError>& errors) {
    Preferences preferences;
    ObjectReader reader(body, "", errors);
    if (const auto* channels = reader.object("channels")) {
        preferences.channels = read_channels(*channels, "channels", errors);
    }
    if (const auto* categories = reader.object("categories")) {
        if (categories->as_object()->size() > kMaxCategories) {
            reader.error("categories", "length", fmt::format("must have at most {} members", kMaxCategories));
            return preferences;
        }
        for (const auto& [name, value] : *categories->as_object()) {
            const std::string path = "categories." + name;
            if (!is_valid_client_id(name)) {
                errors.push_back({path, "format", "must have 1 to 255 bytes without control characters"});
                continue;
            }
            auto category = read_category(value, path, errors);
            if (name == kSystemCategory && switches_off(category)) {
                errors.push_back({path, "system_category", "the category \"system\" cannot be switched off"});
            }
            preferences.categories[name] = std::move(category);
        }
    }
    reader.refuse_unknown();
    return preferences;
}

void write_preferences(JsonWriter& out, const Preferences& preferences) {
    out.begin_object();
    write_channels(out, preferences.channels);
    out.key("categories").begin_object();
    for (const auto& [name, category] : preferences.categories) {
        out.key(name);
        if (category.all) {
            out.value(*category.all);
        } else {
            out.begin_object();
            write_channels(out, category.channels);
            out.end_object();
        }
    }
    out.end_object().end_object();
}

}  // namespace herald
