#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "model/words.hpp"

namespace herald {

/// The category that nobody can switch off.
inline constexpr std::string_view kSystemCategory = "system";

/// What a person wants; whatever they never said is on, and the most specific statement wins.
struct Preferences {
    struct Category {
        std::optional<bool> all;           ///< `"marketing": false`
        std::map<Channel, bool> channels;  ///< `"billing": {"channels": {"sms": false}}`
        bool operator==(const Category&) const = default;
    };

    std::map<Channel, bool> channels;
    std::map<std::string, Category, std::less<>> categories;

    bool operator==(const Preferences&) const = default;
};

inline constexpr std::size_t kMaxCategories = 200;

/// The codes of the rule that decided.
struct Permission {
    bool allowed = true;
    std::string_view
        rule;  ///< system_category, category_channel_on/off, category_on/off, channel_on/off, default_on
};
Permission permits(const Preferences& preferences, std::string_view category, Channel channel);

/// Reads the body of PUT preferences; everything wrong goes to `errors`.
Preferences read_preferences(const Json& body, std::vector<FieldError>& errors);
void write_preferences(JsonWriter& out, const Preferences& preferences);

}  // namespace herald
