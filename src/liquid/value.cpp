#include "liquid/value.hpp"

#include <algorithm>
#include <compare>
#include <cstring>
#include <type_traits>

#include <fmt/format.h>

#include "liquid/lexer.hpp"

namespace herald::liquid {
namespace {

std::int64_t size_of(std::size_t size) { return static_cast<std::int64_t>(size); }

std::int64_t count_characters(std::string_view text) {
    const auto is_first_byte = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
    return std::count_if(text.begin(), text.end(), is_first_byte);
}

std::int64_t length_of(Range range) { return range.last < range.first ? 0 : range.last - range.first + 1; }

Value loop_member(const Loop& loop, std::string_view key) {
    if (key == "index") return loop.index + 1;
    if (key == "index0") return loop.index;
    if (key == "rindex") return loop.length - loop.index;
    if (key == "rindex0") return loop.length - loop.index - 1;
    if (key == "first") return loop.index == 0;
    if (key == "last") return loop.index == loop.length - 1;
    if (key == "length") return loop.length;
    if (key == "name") return loop.name;
    if (key == "parentloop" && loop.parent) return *loop.parent;
    return {};
}

void append_json(std::string& out, const Json& json) {
    if (const auto* array = json.as_array()) {
        for (const auto& item : *array) append_json(out, item);
    } else if (const auto* number = json.as_number()) {
        out += number->text;
    } else if (json.as_object()) {
        out += json.dump();
    } else {
        Value::of(json).append_text(out);
    }
}

bool spend_lookup(const Json::Object& members, std::string_view key, Work& work) {
    constexpr std::size_t bytes_compared_as_one = 64;
    return work.spend(members.size() * (1 + key.size() / bytes_compared_as_one));
}

void spend_all_of(const Json& json, Work& work) {
    if (!work.spend(Work::kValue)) return;
    if (const auto* items = json.as_array()) {
        for (const auto& item : *items) spend_all_of(item, work);
    } else if (const auto* members = json.as_object()) {
        for (const auto& member : *members) {
            work.spend(member.key.size());
            spend_all_of(member.value, work);
        }
    } else if (const auto* number = json.as_number()) {
        work.spend(number->text.size());
    } else if (const auto* text = json.as_string()) {
        work.spend(text->size());
    }
}

bool equal_json(const Json& left, const Json& right, Work& work);

bool equal_objects(const Json& left, const Json& right, Work& work) {
    const auto& mine = *left.as_object();
    const auto& others = *right.as_object();
    if (mine.size() != others.size()) return false;
    for (std::size_t i = 0; i < mine.size(); ++i) {
        if (!work.spend(mine[i].key.size())) return false;
        const Json* other = &others[i].value;
        if (others[i].key != mine[i].key) {  // most often they have the same order
            if (!spend_lookup(others, mine[i].key, work)) return false;
            other = right.find(mine[i].key);
        }
        if (!other || !equal_json(mine[i].value, *other, work)) return false;
    }
    return true;
}

bool equal_json(const Json& left, const Json& right, Work& work) {
    if (!work.spend(Work::kValue)) return false;
    const auto* left_items = left.as_array();
    const auto* right_items = right.as_array();
    if (left_items && right_items) {
        return std::equal(left_items->begin(), left_items->end(), right_items->begin(), right_items->end(),
                          [&](const Json& a, const Json& b) { return equal_json(a, b, work); });
    }
    if (left.as_object() && right.as_object()) return equal_objects(left, right, work);
    if (left_items || right_items || left.as_object() || right.as_object()) return false;
    return equal(Value::of(left), Value::of(right), work);
}

bool is(Emptiness what, const Value& value, Work& work) {
    if (value.as_emptiness()) return false;
    if (const auto text = value.as_text()) work.spend(text->size());
    return what == Emptiness::empty ? value.is_empty() : value.is_blank();
}

bool holds(Comparison comparison, std::partial_ordering order) {
    switch (comparison) {
        case Comparison::less:
            return order < 0;
        case Comparison::greater:
            return order > 0;
        case Comparison::less_or_equal:
            return order <= 0;
        case Comparison::greater_or_equal:
            return order >= 0;
        default:
            return false;
    }
}

std::partial_ordering order_of(const Value& left, const Value& right) {
    const auto left_text = left.as_text();
    const auto right_text = right.as_text();
    if (left_text && right_text) return *left_text <=> *right_text;
    const auto left_integer = left.as_integer();
    const auto right_integer = right.as_integer();
    if (left_integer && right_integer) return *left_integer <=> *right_integer;
    const auto left_number = left.as_number();
    const auto right_number = right.as_number();
    if (left_number && right_number) return *left_number <=> *right_number;
    return std::partial_ordering::unordered;
}

/// In linear time, which std::string_view::find does not promise.
bool has_part(std::string_view text, std::string_view part) {
    return ::memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

bool contains(const Value& left, const Value& right, Work& work) {
    if (!right.is_truthy()) return false;
    if (const auto text = left.as_text()) {
        right.spend_all(work);
        return work.spend(text->size()) && has_part(*text, right.text());
    }
    if (left.as_json() && left.as_json()->as_object()) {
        const auto key = right.as_text();
        return key && spend_lookup(*left.as_json()->as_object(), *key, work) && left.as_json()->find(*key);
    }
    for (std::int64_t i = 0; i < left.count() && !work.is_spent(); ++i) {
        if (equal(left.item(i), right, work)) return true;
    }
    return false;
}

/// What comparing costs before it is known how: the parsing of numbers, or the text that both have.
void spend_scalars(const Value& left, const Value& right, Work& work) {
    work.spend(Work::kValue);
    for (const auto* value : {&left, &right}) {
        const auto* number = value->as_json() ? value->as_json()->as_number() : nullptr;
        if (number) work.spend(number->text.size());
    }
    const auto left_text = left.as_text();
    const auto right_text = right.as_text();
    if (left_text && right_text) work.spend(std::min(left_text->size(), right_text->size()));
}

}  // namespace

Value Value::of(const Json& json) {
    if (json.is_null()) return {};
    if (const auto* truth = json.as_bool()) return *truth;
    if (const auto* text = json.as_string()) return std::string_view(*text);
    Value value;
    value.value_ = &json;
    return value;
}

Value Value::own(std::string text, Safety safety) {
    Value value;
    value.value_ = std::make_shared<const std::string>(std::move(text));
    value.safety_ = safety;
    return value;
}

bool Value::is_truthy() const {
    const auto* truth = std::get_if<bool>(&value_);
    return truth ? *truth : !is_nil();
}

bool Value::is_empty() const {
    if (const auto text = as_text()) return text->empty();
    if (as_emptiness()) return true;
    return as_json() && is_collection() && count() == 0;
}

bool Value::is_blank() const {
    if (const auto text = as_text()) return std::all_of(text->begin(), text->end(), is_space);
    return !is_truthy() || is_empty();
}

std::optional<std::string_view> Value::as_text() const {
    if (const auto* text = std::get_if<std::string_view>(&value_)) return *text;
    if (const auto* text = std::get_if<Owned>(&value_)) return **text;
    return std::nullopt;
}

std::optional<std::int64_t> Value::as_integer() const {
    if (const auto* number = std::get_if<std::int64_t>(&value_)) return *number;
    if (const auto* json = as_json()) return json->as_int();
    return std::nullopt;
}

std::optional<double> Value::as_number() const {
    if (const auto* number = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*number);
    if (const auto* number = std::get_if<Decimal>(&value_)) return number->value;
    if (const auto* json = as_json()) return json->as_double();
    return std::nullopt;
}

std::optional<Emptiness> Value::as_emptiness() const {
    const auto* emptiness = std::get_if<Emptiness>(&value_);
    return emptiness ? std::optional(*emptiness) : std::nullopt;
}

const Json* Value::as_json() const {
    const auto* json = std::get_if<const Json*>(&value_);
    return json ? *json : nullptr;
}

bool Value::is_collection() const {
    const auto* json = as_json();
    return (json && !json->as_number()) || std::holds_alternative<const JsonMember*>(value_) ||
           std::holds_alternative<Range>(value_);
}

Value Value::member(std::string_view key, bool dotted) const {
    if (const auto* loop = std::get_if<const Loop*>(&value_)) return loop_member(**loop, key);
    if (const auto* json = as_json()) {
        if (const auto* found = json->find(key)) return of(*found);
    }
    return dotted ? command(key) : Value();
}

void Value::spend_lookup(std::string_view key, Work& work) const {
    work.spend(Work::kValue);
    if (const auto text = as_text(); text && key == "size") work.spend(text->size());
    const auto* members = as_json() ? as_json()->as_object() : nullptr;
    if (members) liquid::spend_lookup(*members, key, work);
}

void Value::spend_all(Work& work) const {
    work.spend(Work::kValue);
    if (const auto text = as_text()) work.spend(text->size());
    if (const auto* json = as_json()) spend_all_of(*json, work);
    if (const auto* pair = std::get_if<const JsonMember*>(&value_)) {
        work.spend((*pair)->key.size());
        spend_all_of((*pair)->value, work);
    }
}

Value Value::command(std::string_view name) const {
    if (const auto text = as_text()) return name == "size" ? Value(count_characters(*text)) : Value();
    if (!is_collection()) return {};
    if (name == "size") return count();
    if (count() == 0) return {};
    if (name == "first") return item(0);
    const bool has_last = !as_json() || as_json()->as_array();
    return name == "last" && has_last ? item(count() - 1) : Value();
}

Value Value::at(std::int64_t index) const {
    if (const auto* pair = std::get_if<const JsonMember*>(&value_)) {
        if (index == 0 || index == -2) return std::string_view((*pair)->key);
        return index == 1 || index == -1 ? of((*pair)->value) : Value();
    }
    const auto* items = as_json() ? as_json()->as_array() : nullptr;
    if (!items) return {};
    const auto size = size_of(items->size());
    if (index < -size || index >= size) return {};
    return of((*items)[static_cast<std::size_t>(index < 0 ? index + size : index)]);
}

std::int64_t Value::count() const {
    if (const auto text = as_text()) return text->empty() ? 0 : 1;
    if (const auto* range = std::get_if<Range>(&value_)) return length_of(*range);
    if (std::holds_alternative<const JsonMember*>(value_)) return 2;
    const auto* json = as_json();
    if (!json) return 0;
    if (const auto* items = json->as_array()) return size_of(items->size());
    if (const auto* members = json->as_object()) return size_of(members->size());
    return 0;
}

Value Value::item(std::int64_t index) const {
    if (as_text()) return *this;
    if (const auto* range = std::get_if<Range>(&value_)) return range->first + index;
    const auto* members = as_json() ? as_json()->as_object() : nullptr;
    return members ? Value((*members)[static_cast<std::size_t>(index)]) : at(index);
}

Value Value::with(Safety safety) const {
    Value copy = *this;
    copy.safety_ = safety;
    return copy;
}

void Value::append_text(std::string& out) const {
    if (const auto text = as_text()) {
        out += *text;
    } else if (const auto* truth = std::get_if<bool>(&value_)) {
        out += *truth ? "true" : "false";
    } else if (const auto* number = std::get_if<std::int64_t>(&value_)) {
        out += std::to_string(*number);
    } else if (const auto* decimal = std::get_if<Decimal>(&value_)) {
        out += decimal->text;
    } else if (const auto* range = std::get_if<Range>(&value_)) {
        out += fmt::format("{}..{}", range->first, range->last);
    } else if (const auto* pair = std::get_if<const JsonMember*>(&value_)) {
        out += (*pair)->key;
        append_json(out, (*pair)->value);
    } else if (const auto* json = as_json()) {
        append_json(out, *json);
    }
}

std::string Value::text() const {
    std::string out;
    append_text(out);
    return out;
}

bool equal(const Value& left, const Value& right, Work& work) {
    spend_scalars(left, right, work);
    if (work.is_spent()) return false;
    if (const auto what = left.as_emptiness()) return is(*what, right, work);
    if (const auto what = right.as_emptiness()) return is(*what, left, work);
    const auto left_text = left.as_text();
    const auto right_text = right.as_text();
    if (left_text || right_text) return left_text == right_text;
    if (left.as_number() && right.as_number()) return order_of(left, right) == 0;
    if (left.as_number() || right.as_number() || left.value_.index() != right.value_.index()) return false;
    return std::visit(
        [&]<class T>(const T& mine) {
            const auto& other = *std::get_if<T>(&right.value_);
            if constexpr (std::is_same_v<T, const Json*>) {
                return equal_json(*mine, *other, work);
            } else if constexpr (std::is_same_v<T, const JsonMember*>) {
                return mine->key == other->key && equal_json(mine->value, other->value, work);
            } else {
                return mine == other;
            }
        },
        left.value_);
}

bool compare(const Value& left, Comparison comparison, const Value& right, Work& work) {
    switch (comparison) {
        case Comparison::truthy:
            return left.is_truthy();
        case Comparison::equal:
            return equal(left, right, work);
        case Comparison::not_equal:
            return !equal(left, right, work);
        case Comparison::contains:
            return contains(left, right, work);
        default:
            spend_scalars(left, right, work);
            return holds(comparison, order_of(left, right));
    }
}

}  // namespace herald::liquid
