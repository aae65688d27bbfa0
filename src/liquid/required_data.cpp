#include "liquid/required_data.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "liquid/filters.hpp"
#include "liquid/value.hpp"

namespace herald::liquid {
namespace {

using Fields = std::vector<RequiredField>;

bool same_step(const RequiredField::Step& a, const RequiredField::Step& b) { return a.key == b.key; }

bool same_path(const RequiredField& a, const RequiredField& b) {
    return std::equal(a.steps.begin(), a.steps.end(), b.steps.begin(), b.steps.end(), same_step);
}

bool is_prefix(const RequiredField& prefix, const RequiredField& of) {
    return prefix.steps.size() <= of.steps.size() &&
           std::equal(prefix.steps.begin(), prefix.steps.end(), of.steps.begin(), same_step);
}

bool has(const Fields& fields, const RequiredField& field) {
    return std::any_of(fields.begin(), fields.end(), [&](const auto& f) { return same_path(f, field); });
}

bool is_identifier(std::string_view text) {
    constexpr std::string_view fitting = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-?";
    return !text.empty() && text.find_first_not_of(fitting) == std::string_view::npos;
}

void add_step(RequiredField& field, RequiredField::Step step) {
    if (const auto* index = std::get_if<std::int64_t>(&step.key)) {
        field.path += fmt::format("[{}]", *index);
    } else if (const auto& name = std::get<std::string>(step.key); !is_identifier(name)) {
        field.path += fmt::format("[\"{}\"]", name);
    } else {
        field.path += field.path.empty() ? name : "." + name;
    }
    field.steps.push_back(std::move(step));
}

void collect(const Expression& expression, Fields& into);

/// The path as far as it is known without data; what selects the rest of it comes after.
void collect(const Path& path, Fields& into) {
    RequiredField field;
    add_step(field, {std::string(path.root), true});
    Fields selectors;
    bool is_known = true;
    for (const auto& step : path.steps) {
        if (const auto* name = std::get_if<std::string_view>(&step.key)) {
            if (is_known) add_step(field, {std::string(*name), true});
            continue;
        }
        const auto& key = *std::get<std::unique_ptr<const Expression>>(step.key);
        const auto* text = std::get_if<std::string_view>(&key.value);
        const auto* index = std::get_if<std::int64_t>(&key.value);
        if (!text && !index) {
            is_known = false;
            collect(key, selectors);
        } else if (is_known && text) {
            add_step(field, {std::string(*text), false});
        } else if (is_known) {
            add_step(field, {*index, false});
        }
    }
    into.push_back(std::move(field));
    std::move(selectors.begin(), selectors.end(), std::back_inserter(into));
}

void collect(const Expression& expression, Fields& into) {
    if (const auto* path = std::get_if<Path>(&expression.value)) return collect(*path, into);
    if (const auto* bounds = std::get_if<RangeBounds>(&expression.value)) {
        collect(*bounds->first, into);
        collect(*bounds->last, into);
    }
}

Fields tested_by(const If& node) {
    Fields tested;
    for (const auto& branch : node.branches) {
        for (const auto& test : branch.condition) {
            collect(test.left, tested);
            collect(test.right, tested);
        }
    }
    return tested;
}

class Analysis {
public:
    Fields of(const Tree& tree) { return of(tree.root); }

private:
    Fields of(const Block& block) {
        Fields required;
        for (const auto& node : block) {
            auto found = std::visit([&](const auto& what) { return of_node(what); }, node.what);
            if (stops_) continue;  // but assignments further on still count
            for (auto& field : found) {
                if (!has(required, field)) required.push_back(std::move(field));
            }
        }
        return required;
    }

    Fields of_node(const Text&) { return {}; }

    Fields of_node(const Output& output) {
        const auto& filters = output.value.filters;
        const auto is_default = [](const FilterCall& call) { return call.filter->name == "default"; };
        if (std::any_of(filters.begin(), filters.end(), is_default)) return {};
        Fields printed;
        collect(output.value.input, printed);
        std::erase_if(printed, [&](const RequiredField& field) {
            const auto tests_it = [&](const RequiredField& tested) { return is_prefix(tested, field); };
            return assigned_.contains(std::get<std::string>(field.steps[0].key)) ||
                   std::any_of(tested_.begin(), tested_.end(), tests_it);
        });
        return printed;
    }

    Fields of_node(const Assign& assign) {
        note_assigned(assign.name);
        return {};
    }

    /// What every branch prints, if there is a branch for every case.
    Fields of_node(const If& node) {
        auto tests = tested_by(node);
        const std::size_t outer = tested_.size();
        std::move(tests.begin(), tests.end(), std::back_inserter(tested_));
        std::vector<std::string_view> assigned_by_any;
        const bool stopped_before = stops_;
        bool stops = stops_;
        Fields common;
        for (const auto& branch : node.branches) {
            const std::size_t assigned_before = assignments_.size();
            stops_ = stopped_before;
            auto required = of(branch.body);
            stops = stops || stops_;
            take_back_assigned(assigned_before, assigned_by_any);
            if (&branch == &node.branches.front()) {
                common = std::move(required);
            } else {
                std::erase_if(common, [&](const auto& field) { return !has(required, field); });
            }
        }
        for (const auto name : assigned_by_any) note_assigned(name);
        tested_.resize(outer);
        stops_ = stops;
        const bool is_complete = node.branches.back().condition.empty();
        return is_complete ? common : Fields{};
    }

    /// A loop may have no iteration. Its assignments outlive it; its breaks do not.
    Fields of_node(const For& node) {
        const bool stopped_before = stops_;
        of(node.body);
        stops_ = stopped_before;
        of(node.otherwise);
        return {};
    }

    Fields of_node(Interrupt) {
        stops_ = true;
        return {};
    }

    void note_assigned(std::string_view name) {
        if (assigned_.insert(name).second) assignments_.push_back(name);
    }

    /// Forgets what was assigned after the first `count`, and says what that was.
    void take_back_assigned(std::size_t count, std::vector<std::string_view>& taken) {
        for (; assignments_.size() > count; assignments_.pop_back()) {
            assigned_.erase(assignments_.back());
            taken.push_back(assignments_.back());
        }
    }

    Fields tested_;
    std::set<std::string_view> assigned_;
    std::vector<std::string_view> assignments_;  ///< the same, in order of their coming
    /// Something on the way may end the rendering here, outside of any loop.
    bool stops_ = false;
};

}  // namespace

std::vector<RequiredField> find_required(const Tree& tree) { return Analysis().of(tree); }

bool is_present(const RequiredField& field, const Json& data) {
    Value value = Value::of(data);
    for (std::size_t i = 0; i < field.steps.size(); ++i) {
        const auto& [key, dotted] = field.steps[i];
        const auto* name = std::get_if<std::string>(&key);
        value = name ? value.member(*name, dotted && i > 0) : value.at(std::get<std::int64_t>(key));
    }
    return !value.is_nil();
}

}  // namespace herald::liquid
