#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/json.hpp"
#include "liquid/escaping.hpp"
#include "liquid/tree.hpp"
#include "liquid/work.hpp"

namespace herald::liquid {

/// Whole numbers from `first` to `last`, both included; empty when `last` is below `first`.
struct Range {
    std::int64_t first;
    std::int64_t last;
    bool operator==(const Range&) const = default;
};

/// The state of one running `for`: the object `forloop`.
struct Loop {
    std::string_view name;
    std::int64_t length = 0;
    std::int64_t index = 0;
    const Loop* parent = nullptr;
};

/// What has been done to a text so that it may be printed in HTML.
enum class Safety { none, escaped, raw };

/// A value while rendering: small, and a view of the data, of the template's source or of a loop, all of
/// which outlive it. Only text that a filter has made is its own.
class Value {
public:
    Value() = default;
    Value(bool truth) : value_(truth) {}
    Value(std::int64_t number) : value_(number) {}
    Value(Decimal number) : value_(number) {}
    Value(std::string_view text) : value_(text) {}
    Value(Emptiness emptiness) : value_(emptiness) {}
    Value(Range range) : value_(range) {}
    Value(const Loop& loop) : value_(&loop) {}
    /// A member of an object as a loop sees it: the pair [key, value].
    Value(const JsonMember& member) : value_(&member) {}
    static Value of(const Json& json);
    static Value own(std::string text, Safety safety);

    bool is_nil() const { return std::holds_alternative<std::monostate>(value_); }
    bool is_truthy() const;
    /// Strings, arrays and objects without content; `default` replaces them.
    bool is_empty() const;
    /// Empty, nil, false, or only whitespace.
    bool is_blank() const;

    std::optional<std::string_view> as_text() const;
    std::optional<std::int64_t> as_integer() const;
    std::optional<double> as_number() const;
    std::optional<Emptiness> as_emptiness() const;
    /// The array, object or number when it comes from the data.
    const Json* as_json() const;

    /// `value.key`, which also knows size, first and last, or `value["key"]`. Nil when there is none.
    Value member(std::string_view key, bool dotted) const;
    /// `value[index]`; negative ones count from the end.
    Value at(std::int64_t index) const;
    /// What `member(key, …)` costs.
    void spend_lookup(std::string_view key, Work& work) const;
    /// What it costs to look at all of it, as printing does.
    void spend_all(Work& work) const;
    /// How many items a `for` has over this.
    std::int64_t count() const;
    /// Item of a `for`, 0 <= index < count().
    Value item(std::int64_t index) const;

    Safety safety() const { return safety_; }
    Value with(Safety safety) const;

    /// As Liquid prints it: arrays joined without a separator; an object as JSON.
    void append_text(std::string& out) const;
    std::string text() const;

    friend bool equal(const Value& left, const Value& right, Work& work);

private:
    Value command(std::string_view name) const;
    bool is_collection() const;

    using Owned = std::shared_ptr<const std::string>;
    std::variant<std::monostate, bool, std::int64_t, Decimal, std::string_view, Owned, Emptiness, Range,
                 const Json*, const JsonMember*, const Loop*>
        value_;
    Safety safety_ = Safety::none;
};

bool equal(const Value& left, const Value& right, Work& work);
/// Values that have no order between them compare as false, whatever is asked.
bool compare(const Value& left, Comparison comparison, const Value& right, Work& work);

}  // namespace herald::liquid
