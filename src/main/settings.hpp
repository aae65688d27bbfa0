#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace herald {

/// One variable of the environment: the whole configuration is a table of these.
struct Setting {
    enum class Kind { text, secret, integer, choice, list };

    std::string_view name;
    Kind kind = Kind::text;
    std::string_view fallback;  ///< empty: unset
    std::string_view range;     ///< integer: `min..max`; choice and list: words separated by `|`; else unused
    std::string_view unit;
    std::string_view meaning;
};

/// In the order in which `herald config` and docs/configuration.md show it.
std::span<const Setting> setting_table();

/// The configuration of one process, read once and checked whole.
class Settings {
public:
    using Environment = std::map<std::string, std::string>;

    /// `invalid` with one line per mistake: a value outside its range, or a HERALD_ name that the table does
    /// not know. `tolerated` names are left alone.
    static Result<Settings> read(const Environment& environment,
                                 std::span<const std::string_view> tolerated = {});
    static Environment process_environment();

    /// The value or the default; empty when unset. Asking for a name that the table lacks is a bug.
    const std::string& text(std::string_view name) const;
    std::int64_t integer(std::string_view name) const;
    std::vector<std::string> list(std::string_view name) const;
    /// The environment gives it a value; set to nothing is unset.
    bool is_set(std::string_view name) const;
    /// Properties of librdkafka by their own names, from HERALD_KAFKA_…; checked by whoever opens the log.
    const std::map<std::string, std::string>& kafka_properties() const { return kafka_properties_; }

private:
    std::map<std::string, std::string, std::less<>> values_;
    std::map<std::string, bool, std::less<>> set_;
    std::map<std::string, std::string> kafka_properties_;
};

/// `name = value`, one a line, secrets as dots.
std::string describe(const Settings& settings);
/// docs/configuration.md, whole.
std::string settings_markdown();

}  // namespace herald
