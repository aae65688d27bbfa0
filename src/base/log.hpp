#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace herald::log {

enum class Level { debug, info, warning, error };

/// One `"key": value` of a log line. Holds views only; it lives as long as the call.
struct Field {
    std::string_view key;
    std::variant<std::string_view, std::int64_t, double, bool> value;

    Field(std::string_view k, std::string_view v) : key(k), value(v) {}
    Field(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
    Field(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
    Field(std::string_view k, bool v) : key(k), value(v) {}
    Field(std::string_view k, double v) : key(k), value(v) {}
    template <std::integral I>
    requires(!std::same_as<I, bool>) Field(std::string_view k, I v)
        : key(k), value(static_cast<std::int64_t>(v)) {}
};

using Fields = std::initializer_list<Field>;

/// Log lines are JSON objects on standard error, one event each, written by a background thread: a full queue
/// drops the oldest line rather than stall the caller. `event` is a constant such as "delivery.attempt"; no
/// field is ever a payload, an address or a secret. Before `start` and after `stop` lines are written
/// directly.
void start(Level level);
void stop();
bool enabled(Level level);

void write(Level level, std::string_view event, Fields fields);
inline void debug(std::string_view event, Fields fields = {}) { write(Level::debug, event, fields); }
inline void info(std::string_view event, Fields fields = {}) { write(Level::info, event, fields); }
/// Something is not as it should be, and Herald copes.
inline void warning(std::string_view event, Fields fields = {}) { write(Level::warning, event, fields); }
/// A person must act.
inline void error(std::string_view event, Fields fields = {}) { write(Level::error, event, fields); }

}  // namespace herald::log
