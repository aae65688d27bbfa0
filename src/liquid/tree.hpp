#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "liquid/escaping.hpp"

namespace herald::liquid {

struct Filter;
struct Expression;
struct Node;
using Block = std::vector<Node>;

/// `empty` and `blank`: to be compared with.
enum class Emptiness { empty, blank };

/// Prints as it was written.
struct Decimal {
    double value;
    std::string_view text;
    bool operator==(const Decimal&) const = default;
};

/// One step of a path: `.name` or `[expression]`.
struct Step {
    std::variant<std::string_view, std::unique_ptr<const Expression>> key;
};

struct Path {
    std::string_view root;
    std::vector<Step> steps;
};

struct RangeBounds {
    std::unique_ptr<const Expression> first;
    std::unique_ptr<const Expression> last;
};

struct Expression {
    std::variant<std::monostate, bool, std::int64_t, Decimal, std::string_view, Emptiness, Path, RangeBounds>
        value;
    std::string_view source;  ///< as it was written, for messages
};

struct FilterCall {
    const Filter* filter;
    std::vector<Expression> arguments;
    std::vector<std::pair<std::string_view, Expression>> named;
};

struct FilteredValue {
    Expression input;
    std::vector<FilterCall> filters;
};

enum class Comparison { truthy, equal, not_equal, less, greater, less_or_equal, greater_or_equal, contains };
/// What follows a test. Chains group from the right: `a and b or c` is `a and (b or c)`.
enum class Connective { none, and_then, or_else };

struct Test {
    Expression left;
    Comparison comparison = Comparison::truthy;
    Expression right;
    Connective next = Connective::none;
};
using Condition = std::vector<Test>;

struct Text {
    std::string_view text;
};
struct Output {
    FilteredValue value;
};
struct Assign {
    std::string_view name;
    FilteredValue value;
};
struct Branch {
    Condition condition;  ///< empty in `else`
    bool negated = false;
    Block body;
};
/// `if` and `unless`.
struct If {
    std::vector<Branch> branches;
};
struct For {
    std::string_view variable;
    Expression collection;
    Expression limit;   ///< nil when there is none
    Expression offset;  ///< nil when there is none
    bool offset_continues = false;
    bool reversed = false;
    std::string name;  ///< `variable-collection`: what `offset: continue` goes by
    Block body;
    Block otherwise;
};
enum class Interrupt { break_loop, continue_loop };

struct Node {
    template <class What>
    Node(What node, std::string_view where) : what(std::move(node)), source(where) {}

    std::variant<Text, Output, Assign, If, For, Interrupt> what;
    std::string_view source;  ///< where it stands, for messages
};

/// A compiled template. Never changes after parsing, so threads may share it; every view in it points into
/// `source`, so it never moves either.
struct Tree {
    Tree() = default;
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    std::string source;
    Escaping escaping = Escaping::none;
    Block root;
};

}  // namespace herald::liquid
