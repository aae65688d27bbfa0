#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/json.hpp"
#include "liquid/tree.hpp"

namespace herald::liquid {

/// Data without which a template prints a gap: printed on every path through it, with no `default`, and not
/// inside an `if`, `unless` or `for` that tests it.
struct RequiredField {
    struct Step {
        std::variant<std::string, std::int64_t> key;
        bool dotted = true;
    };
    std::string path;  ///< as in `user.name` or `items[0]["unit price"]`
    std::vector<Step> steps;
};

/// In order of first appearance, each path once.
std::vector<RequiredField> find_required(const Tree& tree);

/// False when it is absent from the data, or null.
bool is_present(const RequiredField& field, const Json& data);

}  // namespace herald::liquid
