#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace herald {

struct JsonMember;

/// A JSON value. Members keep their order and numbers keep their text, so that what a client sent is what a
/// template prints and what is stored.
class Json {
public:
    struct Number {
        std::string text;
        bool operator==(const Number&) const = default;
    };
    using Array = std::vector<Json>;
    using Object = std::vector<JsonMember>;

    // Defined below, where JsonMember is complete.
    Json();
    Json(const Json& other);
    Json(Json&& other) noexcept;
    Json& operator=(const Json& other);
    Json& operator=(Json&& other) noexcept;
    ~Json();
    Json(std::nullptr_t);
    Json(bool value);
    Json(std::string value);
    Json(std::string_view value);
    Json(const char* value);
    Json(Number value);
    template <std::integral I>
    requires(!std::same_as<I, bool>) Json(I value) : Json(Number{std::to_string(value)}) {}
    Json(double value);
    Json(Array value);
    Json(Object value);

    /// RFC 8259 in UTF-8, and stricter: refuses duplicate keys, numbers that are not finite as a double,
    /// U+0000, and nesting deeper than `max_depth`. The message says what and at which byte.
    static Result<Json> parse(std::string_view text, int max_depth = 32);

    bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
    const bool* as_bool() const { return std::get_if<bool>(&value_); }
    const Number* as_number() const { return std::get_if<Number>(&value_); }
    const std::string* as_string() const { return std::get_if<std::string>(&value_); }
    const Array* as_array() const { return std::get_if<Array>(&value_); }
    const Object* as_object() const { return std::get_if<Object>(&value_); }
    Array* as_array() { return std::get_if<Array>(&value_); }
    Object* as_object() { return std::get_if<Object>(&value_); }

    /// The number when it is a whole one that fits.
    std::optional<std::int64_t> as_int() const;
    std::optional<double> as_double() const;

    /// The member of that name; null when this is no object or has none.
    const Json* find(std::string_view key) const;
    /// Conveniences for records that Herald wrote itself.
    std::string_view text(std::string_view key) const;
    std::int64_t integer(std::string_view key, std::int64_t otherwise = 0) const;

    /// "null", "boolean", "number", "string", "array" or "object".
    std::string_view type_name() const;

    std::string dump() const;
    bool operator==(const Json&) const;

private:
    std::variant<std::nullptr_t, bool, Number, std::string, Array, Object> value_;
};

struct JsonMember {
    std::string key;
    Json value;
    bool operator==(const JsonMember&) const = default;
};

inline Json::Json() = default;
inline Json::Json(const Json& other) = default;
inline Json::Json(Json&& other) noexcept = default;
inline Json& Json::operator=(const Json& other) = default;
inline Json& Json::operator=(Json&& other) noexcept = default;
inline Json::~Json() = default;
inline Json::Json(std::nullptr_t) {}
inline Json::Json(bool value) : value_(value) {}
inline Json::Json(std::string value) : value_(std::move(value)) {}
inline Json::Json(std::string_view value) : value_(std::string(value)) {}
inline Json::Json(const char* value) : value_(std::string(value)) {}
inline Json::Json(Number value) : value_(std::move(value)) {}
inline Json::Json(Array value) : value_(std::move(value)) {}
inline Json::Json(Object value) : value_(std::move(value)) {}

/// Writes JSON text front to back; commas are its business. Misuse is a bug and not checked.
class JsonWriter {
public:
    JsonWriter& begin_object();
    JsonWriter& end_object();
    JsonWriter& begin_array();
    JsonWriter& end_array();
    JsonWriter& key(std::string_view name);

    JsonWriter& value(std::string_view text);
    JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
    JsonWriter& value(const char* text) { return value(std::string_view(text)); }
    JsonWriter& value(bool truth);
    JsonWriter& value(double number);
    JsonWriter& value(std::nullptr_t);
    JsonWriter& value(const Json& json);
    template <std::integral I>
    requires(!std::same_as<I, bool>) JsonWriter& value(I number) { return raw(std::to_string(number)); }
    template <class T>
    JsonWriter& value(const std::optional<T>& maybe) {
        return maybe ? value(*maybe) : value(nullptr);
    }
    /// Text that is JSON already.
    JsonWriter& raw(std::string_view json);

    template <class T>
    JsonWriter& member(std::string_view name, const T& v) {
        return key(name).value(v);
    }

    const std::string& text() const { return out_; }
    std::string take() { return std::move(out_); }

private:
    void separate();

    std::string out_;
    bool comma_ = false;
};

/// One thing that is wrong with a body: `path` as in `channels[1]` or `data.user.name`.
struct FieldError {
    std::string path;
    std::string code;     ///< stable, for programs: required, type, unknown_field, length, format, …
    std::string message;  ///< for people
    bool operator==(const FieldError&) const = default;
};

/// Reads the members of one object, collects everything that is wrong, and refuses members nobody asked for.
/// A getter that finds something wrong records it and returns nothing; check `errors` once, at the end.
class ObjectReader {
public:
    struct Length {
        std::size_t min = 1;
        std::size_t max = 255;  ///< bytes
    };

    /// `json` must outlive the reader. When it is no object, that is the one error.
    ObjectReader(const Json& json, std::string path, std::vector<FieldError>& errors);

    /// Says whether the member is there and not null; every getter below treats null as absent.
    bool has(std::string_view name) const;
    std::optional<std::string> string(std::string_view name, Length length);
    std::optional<std::string> required_string(std::string_view name, Length length);
    std::optional<bool> boolean(std::string_view name);
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t min,
                                        std::int64_t max = std::numeric_limits<std::int64_t>::max());
    /// Any value; the reader of that value says what it must be.
    const Json* any(std::string_view name);
    const Json* object(std::string_view name);
    const Json::Array* array(std::string_view name, std::size_t max_items);

    /// Records every member that no getter asked for.
    void refuse_unknown();

    void error(std::string_view name, std::string code, std::string message);
    std::string path_of(std::string_view name) const;

private:
    const Json* member(std::string_view name);

    const Json& json_;
    std::string path_;
    std::vector<FieldError>& errors_;
    std::vector<std::string_view> asked_;
};

}  // namespace herald
