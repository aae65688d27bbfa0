#include "base/json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_set>

#include <fmt/format.h>
#include <boost/json/basic_parser_impl.hpp>

namespace herald {
namespace {

/// Builds a Json from Boost.JSON's events. The DOM of the library would keep the last of duplicate keys and
/// rewrite numbers.
class Builder {
public:
    constexpr static std::size_t max_object_size = 100'000;
    constexpr static std::size_t max_array_size = 100'000;
    constexpr static std::size_t max_key_size = std::size_t{1} << 20;
    constexpr static std::size_t max_string_size = std::size_t{1} << 26;

    bool on_document_begin(boost::json::error_code&) { return true; }
    bool on_document_end(boost::json::error_code&) { return true; }
    bool on_object_begin(boost::json::error_code&) {
        open_.push_back(Open{Json::Object{}, {}, {}});
        return true;
    }
    bool on_object_end(std::size_t, boost::json::error_code& ec) { return close(ec); }
    bool on_array_begin(boost::json::error_code&) {
        open_.push_back(Open{Json::Array{}, {}, {}});
        return true;
    }
    bool on_array_end(std::size_t, boost::json::error_code& ec) { return close(ec); }

    bool on_key_part(boost::json::string_view part, std::size_t, boost::json::error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_key(boost::json::string_view part, std::size_t, boost::json::error_code& ec) {
        text_.append(part.data(), part.size());
        auto& top = open_.back();
        if (!top.seen.insert(text_).second)
            return refuse(ec, fmt::format("the key \"{}\" appears twice", text_));
        if (text_.find('\0') != std::string::npos) return refuse(ec, "a key contains U+0000");
        top.key = std::exchange(text_, {});
        return true;
    }
    bool on_string_part(boost::json::string_view part, std::size_t, boost::json::error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_string(boost::json::string_view part, std::size_t, boost::json::error_code& ec) {
        text_.append(part.data(), part.size());
        if (text_.find('\0') != std::string::npos) return refuse(ec, "a string contains U+0000");
        return add(Json(std::exchange(text_, {})));
    }
    bool on_number_part(boost::json::string_view part, boost::json::error_code&) {
        text_.append(part.data(), part.size());
        return true;
    }
    bool on_int64(std::int64_t, boost::json::string_view part, boost::json::error_code& ec) {
        return number(part, ec);
    }
    bool on_uint64(std::uint64_t, boost::json::string_view part, boost::json::error_code& ec) {
        return number(part, ec);
    }
    bool on_double(double value, boost::json::string_view part, boost::json::error_code& ec) {
        // Not a number is the library's answer to 0e999, which is zero.
        if (std::isinf(value)) return refuse(ec, "a number is too large");
        return number(part, ec);
    }
    bool on_bool(bool value, boost::json::error_code&) { return add(Json(value)); }
    bool on_null(boost::json::error_code&) { return add(Json(nullptr)); }
    bool on_comment_part(boost::json::string_view, boost::json::error_code&) { return true; }
    bool on_comment(boost::json::string_view, boost::json::error_code&) { return true; }

    Json result;
    std::string refusal;

private:
    struct Open {
        std::variant<Json::Array, Json::Object> value;
        std::string key;
        std::unordered_set<std::string> seen;
    };

    bool refuse(boost::json::error_code& ec, std::string why) {
        refusal = std::move(why);
        ec = boost::json::error::syntax;
        return false;
    }
    bool number(boost::json::string_view part, boost::json::error_code&) {
        text_.append(part.data(), part.size());
        return add(Json(Json::Number{std::exchange(text_, {})}));
    }
    bool add(Json value) {
        if (open_.empty()) {
            result = std::move(value);
        } else if (auto* object = std::get_if<Json::Object>(&open_.back().value)) {
            object->push_back({std::move(open_.back().key), std::move(value)});
        } else {
            std::get<Json::Array>(open_.back().value).push_back(std::move(value));
        }
        return true;
    }
    bool close(boost::json::error_code&) {
        auto value = std::visit([](auto& v) { return Json(std::move(v)); }, open_.back().value);
        open_.pop_back();
        return add(std::move(value));
    }

    std::vector<Open> open_;
    std::string text_;
};

void append_escaped(std::string& out, std::string_view text) {
    out.push_back('"');
    std::size_t clean = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        out.append(text, clean, i - clean);
        clean = i + 1;
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
        }
    }
    out.append(text, clean);
    out.push_back('"');
}

/// Shortest text that reads back as the same double, never in a form JSON does not know.
std::string number_text(double value) {
    CHECK(std::isfinite(value));
    return fmt::format("{}", value);
}

}  // namespace

Json::Json(double value) : value_(Number{number_text(value)}) {}

Result<Json> Json::parse(std::string_view text, int max_depth) {
    boost::json::parse_options options;
    options.max_depth = static_cast<std::size_t>(max_depth);
    boost::json::basic_parser<Builder> parser(options);
    boost::json::error_code ec;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
    auto& builder = parser.handler();
    if (!ec && used < text.size()) ec = boost::json::error::extra_data;
    if (!ec) return std::move(builder.result);
    const std::string why = !builder.refusal.empty() ? builder.refusal
                            : ec == boost::json::error::too_deep
                                ? fmt::format("nested deeper than {}", max_depth)
                            : ec == boost::json::error::incomplete ? "it ends too early"
                            : ec == boost::json::error::extra_data ? "something follows the value"
                                                                   : ec.message();
    return fail(ErrorCode::invalid, fmt::format("not valid JSON at byte {}: {}", used, why));
}

std::optional<std::int64_t> Json::as_int() const {
    const auto* number = as_number();
    if (!number) return std::nullopt;
    std::int64_t value = 0;
    const char* end = number->text.data() + number->text.size();
    const auto [at, ec] = std::from_chars(number->text.data(), end, value);
    if (ec != std::errc{} || at != end) return std::nullopt;
    return value;
}

std::optional<double> Json::as_double() const {
    const auto* number = as_number();
    if (!number) return std::nullopt;
    double value = 0;
    std::from_chars(number->text.data(), number->text.data() + number->text.size(), value);
    return value;
}

const Json* Json::find(std::string_view key) const {
    const auto* object = as_object();
    if (!object) return nullptr;
    for (const auto& member : *object) {
        if (member.key == key) return &member.value;
    }
    return nullptr;
}

std::string_view Json::text(std::string_view key) const {
    const auto* member = find(key);
    const auto* text = member ? member->as_string() : nullptr;
    return text ? std::string_view(*text) : std::string_view{};
}

std::int64_t Json::integer(std::string_view key, std::int64_t otherwise) const {
    const auto* member = find(key);
    return member ? member->as_int().value_or(otherwise) : otherwise;
}

std::string_view Json::type_name() const {
    constexpr std::string_view names[] = {"null", "boolean", "number", "string", "array", "object"};
    return names[value_.index()];
}

std::string Json::dump() const {
    JsonWriter writer;
    writer.value(*this);
    return writer.take();
}

bool Json::operator==(const Json& other) const { return value_ == other.value_; }

void JsonWriter::separate() {
    if (comma_) out_.push_back(',');
    comma_ = true;
}

JsonWriter& JsonWriter::begin_object() {
    separate();
    out_.push_back('{');
    comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::end_object() {
    out_.push_back('}');
    comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::begin_array() {
    separate();
    out_.push_back('[');
    comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::end_array() {
    out_.push_back(']');
    comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    separate();
    append_escaped(out_, name);
    out_.push_back(':');
    comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
    separate();
    append_escaped(out_, text);
    return *this;
}

JsonWriter& JsonWriter::value(bool truth) { return raw(truth ? "true" : "false"); }
JsonWriter& JsonWriter::value(double number) { return raw(number_text(number)); }
JsonWriter& JsonWriter::value(std::nullptr_t) { return raw("null"); }

JsonWriter& JsonWriter::value(const Json& json) {
    if (const auto* text = json.as_string()) return value(std::string_view(*text));
    if (const auto* number = json.as_number()) return raw(number->text);
    if (const auto* truth = json.as_bool()) return value(*truth);
    if (const auto* array = json.as_array()) {
        begin_array();
        for (const auto& item : *array) value(item);
        return end_array();
    }
    if (const auto* object = json.as_object()) {
        begin_object();
        for (const auto& m : *object) member(m.key, m.value);
        return end_object();
    }
    return value(nullptr);
}

ObjectReader::ObjectReader(const Json& json, std::string path, std::vector<FieldError>& errors)
    : json_(json), path_(std::move(path)), errors_(errors) {
    if (!json_.as_object()) {
        errors_.push_back({path_, "type", fmt::format("must be an object, is {}", json_.type_name())});
    }
}

std::string ObjectReader::path_of(std::string_view name) const {
    return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

void ObjectReader::error(std::string_view name, std::string code, std::string message) {
    errors_.push_back({path_of(name), std::move(code), std::move(message)});
}

const Json* ObjectReader::member(std::string_view name) {
    asked_.push_back(name);
    const auto* found = json_.find(name);
    return found && !found->is_null() ? found : nullptr;
}

bool ObjectReader::has(std::string_view name) const {
    const auto* found = json_.find(name);
    return found && !found->is_null();
}

const Json* ObjectReader::any(std::string_view name) { return member(name); }

std::optional<std::string> ObjectReader::string(std::string_view name, Length length) {
    const auto* found = member(name);
    if (!found) return std::nullopt;
    const auto* text = found->as_string();
    if (!text) {
        error(name, "type", fmt::format("must be a string, is {}", found->type_name()));
        return std::nullopt;
    }
    if (text->size() < length.min || text->size() > length.max) {
        error(name, "length", fmt::format("must have {} to {} bytes", length.min, length.max));
        return std::nullopt;
    }
    return *text;
}

std::optional<std::string> ObjectReader::required_string(std::string_view name, Length length) {
    if (!has(name) && json_.as_object()) error(name, "required", "is required");
    return string(name, length);
}

std::optional<bool> ObjectReader::boolean(std::string_view name) {
    const auto* found = member(name);
    if (!found) return std::nullopt;
    if (const auto* truth = found->as_bool()) return *truth;
    error(name, "type", fmt::format("must be true or false, is {}", found->type_name()));
    return std::nullopt;
}

std::optional<std::int64_t> ObjectReader::integer(std::string_view name, std::int64_t min, std::int64_t max) {
    const auto* found = member(name);
    if (!found) return std::nullopt;
    const auto number = found->as_int();
    if (!number) {
        error(name, "type", "must be a whole number");
        return std::nullopt;
    }
    if (*number < min || *number > max) {
        error(name, "range", fmt::format("must be from {} to {}", min, max));
        return std::nullopt;
    }
    return number;
}

const Json* ObjectReader::object(std::string_view name) {
    const auto* found = member(name);
    if (!found || found->as_object()) return found;
    error(name, "type", fmt::format("must be an object, is {}", found->type_name()));
    return nullptr;
}

const Json::Array* ObjectReader::array(std::string_view name, std::size_t max_items) {
    const auto* found = member(name);
    if (!found) return nullptr;
    const auto* items = found->as_array();
    if (!items) {
        error(name, "type", fmt::format("must be an array, is {}", found->type_name()));
        return nullptr;
    }
    if (items->size() > max_items) {
        error(name, "length", fmt::format("must have at most {} items", max_items));
        return nullptr;
    }
    return items;
}

void ObjectReader::refuse_unknown() {
    const auto* object = json_.as_object();
    if (!object) return;
    for (const auto& m : *object) {
        if (std::find(asked_.begin(), asked_.end(), m.key) == asked_.end()) {
            error(m.key, "unknown_field", "is not a field of this object");
        }
    }
}

}  // namespace herald
