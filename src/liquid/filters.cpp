#include "liquid/filters.hpp"

#include <algorithm>

#include "liquid/letter_case.hpp"

namespace herald::liquid {
namespace {

Result<Value> default_(const Value& input, const FilterArguments& arguments) {
    const bool keeps_false = arguments.find("allow_false").is_truthy();
    const bool is_missing = keeps_false ? input.is_nil() : !input.is_truthy();
    if (!is_missing && !input.is_empty()) return input;
    return arguments.positional.empty() ? Value(std::string_view()) : arguments.positional[0];
}

/// Escaping what is escaped changes nothing, so that it may be said and also happen by default.
Result<Value> escape(const Value& input, const FilterArguments&) {
    if (input.is_nil() || input.safety() == Safety::escaped) return input;
    std::string out;
    append_html_escaped(out, input.text());
    return Value::own(std::move(out), Safety::escaped);
}

Result<Value> raw(const Value& input, const FilterArguments&) { return input.with(Safety::raw); }

/// Letter case neither makes nor breaks markup, so what was safe stays so.
template <std::string (*convert)(std::string_view)>
Result<Value> letter_case(const Value& input, const FilterArguments&) {
    return Value::own(convert(input.text()), input.safety());
}

const std::vector<Filter>& all_filters() {
    static const std::vector<Filter> filters = {
        {"capitalize", 0, 0, {}, false, true, letter_case<capitalize>},
        {"default", 0, 1, {"allow_false"}, false, false, default_},
        {"downcase", 0, 0, {}, false, true, letter_case<downcase>},
        {"escape", 0, 0, {}, false, true, escape},
        {"raw", 0, 0, {}, true, false, raw},
        {"upcase", 0, 0, {}, false, true, letter_case<upcase>},
    };
    return filters;
}

}  // namespace

Value FilterArguments::find(std::string_view name) const {
    const auto is_named = [&](const auto& entry) { return entry.first == name; };
    const auto found = std::find_if(named.begin(), named.end(), is_named);
    return found == named.end() ? Value() : found->second;
}

const Filter* find_filter(std::string_view name) {
    const auto& filters = all_filters();
    const auto is_named = [&](const Filter& filter) { return filter.name == name; };
    const auto found = std::find_if(filters.begin(), filters.end(), is_named);
    return found == filters.end() ? nullptr : &*found;
}

}  // namespace herald::liquid
