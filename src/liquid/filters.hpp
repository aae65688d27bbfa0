#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "liquid/value.hpp"

namespace herald::liquid {

struct FilterArguments {
    std::vector<Value> positional;
    std::vector<std::pair<std::string_view, Value>> named;

    /// Nil when it was not given.
    Value find(std::string_view name) const;
};

struct Filter {
    std::string_view name;
    std::size_t min_arguments;
    std::size_t max_arguments;
    std::vector<std::string_view> names;  ///< of the named arguments it takes
    bool only_html;
    bool reads_all;  ///< of its input, so that it costs what that weighs
    Result<Value> (*apply)(const Value& input, const FilterArguments& arguments);
};

/// Null when there is no filter of that name.
const Filter* find_filter(std::string_view name);

}  // namespace herald::liquid
