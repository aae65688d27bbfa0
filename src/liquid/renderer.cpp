#include "liquid/renderer.hpp"

#include <algorithm>
#include <charconv>
#include <deque>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "liquid/filters.hpp"
#include "liquid/source_error.hpp"
#include "liquid/value.hpp"
#include "liquid/work.hpp"

namespace herald::liquid {
namespace {

/// Beyond it, sums and differences of two numbers could overflow.
constexpr std::int64_t kLargestNumber = 1'000'000'000'000'000;

/// How a block was left. After `stop` there is an error.
enum class Flow { on, break_loop, continue_loop, stop };

class Renderer {
public:
    Renderer(const Tree& tree, const Json& data, const RenderLimits& limits)
        : tree_(tree), data_(data), limits_(limits), work_(limits.max_steps * RenderLimits::kBytesOfStep) {}

    Result<std::string> render() {
        render_block(tree_.root);
        if (error_) return fail(std::move(*error_));
        return std::move(out_);
    }

private:
    struct Scope {
        std::string_view variable;
        Value item;
        const Loop* loop;
    };

    Flow render_block(const Block& block) {
        for (const auto& node : block) {
            at_ = node.source;
            if (!take_step()) return Flow::stop;
            const Flow flow = std::visit([&](const auto& what) { return render_node(what); }, node.what);
            if (!may_go_on()) return Flow::stop;
            if (flow != Flow::on) return flow;
        }
        return error_ ? Flow::stop : Flow::on;
    }

    Flow render_node(const Text& text) {
        out_ += text.text;
        return check_size();
    }

    Flow render_node(const Output& output) {
        print(evaluate(output.value));
        return check_size();
    }

    Flow render_node(const Assign& assign) {
        assigned_.insert_or_assign(assign.name, evaluate(assign.value));
        return Flow::on;
    }

    Flow render_node(const If& node) {
        for (const auto& branch : node.branches) {
            const bool is_else = branch.condition.empty();
            if (is_else || holds(branch.condition) != branch.negated) return render_block(branch.body);
        }
        return Flow::on;
    }

    Flow render_node(Interrupt interrupt) {
        return interrupt == Interrupt::break_loop ? Flow::break_loop : Flow::continue_loop;
    }

    Flow render_node(const For& node) {
        const Value collection = evaluate(node.collection);
        const std::int64_t offset =
            node.offset_continues ? continued_[node.name] : whole_number(node.offset).value_or(0);
        std::int64_t begin = std::max<std::int64_t>(offset, 0);
        std::int64_t end = collection.count();
        if (const auto limit = whole_number(node.limit)) end = std::min(end, offset + *limit);
        if (error_) return Flow::stop;
        if (collection.as_text()) {  // one item, whatever was asked for
            begin = 0;
            end = collection.count();
        }
        const auto length = std::max<std::int64_t>(end - begin, 0);
        continued_[node.name] = offset + length;
        if (length == 0) return render_block(node.otherwise);
        return run_loop(node, collection, begin, length);
    }

    Flow run_loop(const For& node, const Value& collection, std::int64_t begin, std::int64_t length) {
        auto& loop = loops_.emplace_back();
        loop.name = node.name;
        loop.length = length;
        loop.parent = scopes_.empty() ? nullptr : scopes_.back().loop;
        scopes_.push_back({node.variable, {}, &loop});
        Flow flow = Flow::on;
        for (; loop.index < length && (flow == Flow::on || flow == Flow::continue_loop); ++loop.index) {
            if (++iterations_ > limits_.max_iterations) {
                refuse_beyond(limits_.max_iterations, "iterations");
                flow = Flow::stop;
                break;
            }
            const auto index = node.reversed ? length - 1 - loop.index : loop.index;
            scopes_.back().item = collection.item(begin + index);
            flow = render_block(node.body);
        }
        scopes_.pop_back();
        return flow == Flow::stop ? Flow::stop : Flow::on;
    }

    bool holds(const Condition& condition) {
        bool result = false;
        for (const auto& test : condition) {
            result = compare(evaluate(test.left), test.comparison, evaluate(test.right), work_);
            if (!may_go_on()) return false;
            const bool deciding = test.next == Connective::or_else;
            if (test.next == Connective::none || result == deciding) break;
        }
        return result;
    }

    Value evaluate(const FilteredValue& filtered) {
        Value value = evaluate(filtered.input);
        for (const auto& call : filtered.filters) {
            FilterArguments arguments;
            for (const auto& given : call.arguments) arguments.positional.push_back(evaluate(given));
            for (const auto& [name, given] : call.named) arguments.named.emplace_back(name, evaluate(given));
            if (call.filter->reads_all) value.spend_all(work_);
            if (!take_step()) return {};
            auto result = call.filter->apply(value, arguments);
            if (!result) {
                refuse(result.error().code, result.error().message);
                return {};
            }
            value = std::move(*result);
            if (const auto text = value.as_text()) filtered_bytes_ += text->size();
            if (filtered_bytes_ > limits_.max_filtered_bytes) {
                refuse_beyond(limits_.max_filtered_bytes, "bytes from filters");
                return {};
            }
        }
        return value;
    }

    Value evaluate(const Expression& expression) {
        work_.spend(Work::kValue);
        return std::visit([&](const auto& value) { return evaluate_as(value); }, expression.value);
    }
    Value evaluate_as(std::monostate) { return {}; }
    Value evaluate_as(bool truth) { return truth; }
    Value evaluate_as(std::int64_t number) { return number; }
    Value evaluate_as(const Decimal& number) { return number; }
    Value evaluate_as(std::string_view text) { return text; }
    Value evaluate_as(Emptiness emptiness) { return emptiness; }

    Value evaluate_as(const RangeBounds& bounds) {
        const auto first = whole_number(*bounds.first).value_or(0);
        const auto last = whole_number(*bounds.last).value_or(0);
        return Range{first, last};
    }

    Value evaluate_as(const Path& path) {
        Value value = find_root(path.root);
        for (const auto& step : path.steps) {
            if (!may_go_on()) return {};
            if (const auto* name = std::get_if<std::string_view>(&step.key)) {
                value.spend_lookup(*name, work_);
                value = value.member(*name, true);
                continue;
            }
            const Value key = evaluate(*std::get<std::unique_ptr<const Expression>>(step.key));
            if (const auto text = key.as_text()) {
                value.spend_lookup(*text, work_);
                value = value.member(*text, false);
            } else if (const auto index = key.as_integer()) {
                value = value.at(*index);
            } else {
                value = {};
            }
        }
        return value;
    }

    Value find_root(std::string_view name) {
        work_.spend(scopes_.size());
        for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
            if (scope->variable == name) return scope->item;
            if (name == "forloop") return *scope->loop;
        }
        if (const auto found = assigned_.find(name); found != assigned_.end()) return found->second;
        Value::of(data_).spend_lookup(name, work_);
        const auto* member = data_.find(name);
        return member ? Value::of(*member) : Value();
    }

    /// Nothing for nil. Anything else that is no whole number is an error, as a text would hide it.
    std::optional<std::int64_t> whole_number(const Expression& expression) {
        const Value value = evaluate(expression);
        if (value.is_nil()) return std::nullopt;
        value.spend_all(work_);
        auto number = value.as_integer();
        if (const auto text = value.as_text()) {
            std::int64_t read = 0;
            const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), read);
            if (ec == std::errc{} && end == text->data() + text->size()) number = read;
        }
        if (!number) {
            refuse(ErrorCode::invalid, fmt::format("needs {} to be a whole number", expression.source));
        } else if (*number > kLargestNumber || *number < -kLargestNumber) {
            refuse(ErrorCode::invalid, fmt::format("needs {} to be smaller", expression.source));
            return 0;
        }
        return number;
    }

    void print(const Value& value) {
        value.spend_all(work_);
        if (!may_go_on()) return;
        const bool as_it_is = tree_.escaping == Escaping::none || value.safety() != Safety::none;
        if (as_it_is) return value.append_text(out_);
        if (const auto text = value.as_text()) return append_html_escaped(out_, *text);
        append_html_escaped(out_, value.text());
    }

    bool take_step() {
        work_.spend(RenderLimits::kBytesOfStep);
        return may_go_on();
    }

    bool may_go_on() {
        if (work_.is_spent()) refuse_beyond(limits_.max_steps, "steps");
        return !error_;
    }

    Flow check_size() {
        const auto limit = limits_.max_output_bytes;
        if (out_.size() > limit) refuse_beyond(limit, "bytes of output");
        return error_ ? Flow::stop : Flow::on;
    }

    template <class Limit>
    void refuse_beyond(Limit limit, std::string_view unit) {
        refuse(ErrorCode::too_large, fmt::format("takes more than {} {}", limit, unit));
    }

    void refuse(ErrorCode code, const std::string& what) {
        if (error_) return;
        const auto at = error_at(tree_.source, at_, {});
        error_ = Error{code, fmt::format("rendering stopped at line {}, column {}: the template {}", at.line,
                                         at.column, what)};
    }

    const Tree& tree_;
    const Json& data_;
    const RenderLimits& limits_;
    std::string out_;
    std::string_view at_;
    std::vector<Scope> scopes_;
    std::map<std::string_view, Value> assigned_;
    std::map<std::string_view, std::int64_t> continued_;
    /// All of them until the end, since a variable may hold a `forloop` after its loop is over. Each had one
    /// iteration at least, so the limit on those bounds them.
    std::deque<Loop> loops_;
    Work work_;
    std::size_t filtered_bytes_ = 0;
    std::int64_t iterations_ = 0;
    std::optional<Error> error_;
};

}  // namespace

Result<std::string> render(const Tree& tree, const Json& data, const RenderLimits& limits) {
    return Renderer(tree, data, limits).render();
}

}  // namespace herald::liquid
