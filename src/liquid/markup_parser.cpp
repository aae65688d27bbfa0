#include "liquid/markup_parser.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "liquid/filters.hpp"

namespace herald::liquid {
namespace {

constexpr int kMaxExpressionDepth = 16;

template <class T>
T number_of(std::string_view text, T otherwise = {}) {
    T value = otherwise;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    return result.ec == std::errc{} ? value : otherwise;
}

std::string_view name_of(const Token& token) {
    return token.kind == Token::Kind::end ? "the end" : token.text;
}

/// From the start of `first` to the end of `last`, which both point into the same text.
std::string_view span(std::string_view first, std::string_view last) {
    return {first.data(), static_cast<std::size_t>(last.data() + last.size() - first.data())};
}

}  // namespace

MarkupParser::MarkupParser(std::string_view source, std::string_view markup, Escaping escaping)
    : source_(source), escaping_(escaping) {
    auto tokens = tokenize(source, markup);
    if (tokens) {
        tokens_ = std::move(*tokens);
    } else {
        error_ = std::move(tokens.error());
        tokens_.push_back({Token::Kind::end, markup.substr(markup.size())});
    }
}

bool MarkupParser::take(Token::Kind kind) {
    if (next().kind != kind || kind == Token::Kind::end) return false;
    ++at_;
    return true;
}

bool MarkupParser::take_word(std::string_view word) { return next().text == word && take(Token::Kind::word); }

std::string_view MarkupParser::expect(Token::Kind kind, std::string_view what) {
    const auto text = next().text;
    if (!take(kind)) fail(fmt::format("expected {}, found {}", what, name_of(next())));
    return text;
}

void MarkupParser::expect_end() {
    if (!stands_at(Token::Kind::end)) fail(fmt::format("{} is not expected here", name_of(next())));
}

void MarkupParser::fail(std::string message) { fail_at(next().text, std::move(message)); }

void MarkupParser::fail_at(std::string_view where, std::string message) {
    if (!error_) error_ = error_at(source_, where, std::move(message));
    at_ = tokens_.size() - 1;
}

std::string_view MarkupParser::consume() { return tokens_[at_++].text; }

Expression MarkupParser::expression() {
    if (depth_ == kMaxExpressionDepth) {
        fail(fmt::format("brackets are nested deeper than {}", kMaxExpressionDepth));
        return {};
    }
    ++depth_;
    const std::size_t first = at_;
    auto read = literal();
    auto result = read ? std::move(*read) : stands_at(Token::Kind::open_round) ? range() : path();
    --depth_;
    if (!error_) result.source = span(tokens_[first].text, tokens_[at_ - 1].text);
    return result;
}

std::optional<Expression> MarkupParser::literal() {
    if (stands_at(Token::Kind::string)) return Expression{consume(), {}};
    if (stands_at(Token::Kind::decimal)) {
        const auto text = consume();
        return Expression{Decimal{number_of<double>(text), text}, {}};
    }
    if (stands_at(Token::Kind::integer)) {
        std::int64_t value = 0;
        const auto text = next().text;
        if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{}) {
            fail("this number is too large");
            return Expression{};
        }
        consume();
        return Expression{value, {}};
    }
    if (!stands_at(Token::Kind::word)) return std::nullopt;
    const auto after = tokens_[at_ + 1].kind;
    if (after == Token::Kind::dot || after == Token::Kind::open_square) return std::nullopt;
    if (take_word("true")) return Expression{true, {}};
    if (take_word("false")) return Expression{false, {}};
    if (take_word("nil") || take_word("null")) return Expression{};
    if (take_word("empty")) return Expression{Emptiness::empty, {}};
    if (take_word("blank")) return Expression{Emptiness::blank, {}};
    return std::nullopt;
}

Expression MarkupParser::path() {
    Path result{expect(Token::Kind::word, "a value"), {}};
    while (stands_at(Token::Kind::dot) || stands_at(Token::Kind::open_square)) result.steps.push_back(step());
    return {std::move(result), {}};
}

Step MarkupParser::step() {
    if (take(Token::Kind::dot)) return {expect(Token::Kind::word, "a name")};
    take(Token::Kind::open_square);
    auto key = std::make_unique<const Expression>(expression());
    expect(Token::Kind::close_square, "]");
    return {std::move(key)};
}

Expression MarkupParser::range() {
    take(Token::Kind::open_round);
    RangeBounds bounds;
    bounds.first = std::make_unique<const Expression>(expression());
    expect(Token::Kind::dotdot, "..");
    bounds.last = std::make_unique<const Expression>(expression());
    expect(Token::Kind::close_round, ")");
    return {std::move(bounds), {}};
}

FilteredValue MarkupParser::filtered_value() {
    FilteredValue result{expression(), {}};
    while (take(Token::Kind::pipe)) result.filters.push_back(filter_call());
    return result;
}

FilterCall MarkupParser::filter_call() {
    const auto where = next().text;
    const auto name = expect(Token::Kind::word, "the name of a filter");
    FilterCall call{find_filter(name), {}, {}};
    if (error_) return call;
    if (!call.filter) {
        fail_at(where, fmt::format("there is no filter {}", name));
        return call;
    }
    if (call.filter->only_html && escaping_ != Escaping::html) {
        fail_at(where, fmt::format("the filter {} exists in HTML parts only", name));
        return call;
    }
    if (take(Token::Kind::colon)) {
        do filter_argument(call, name);
        while (take(Token::Kind::comma));
    }
    check_arguments(call, where);
    return call;
}

void MarkupParser::filter_argument(FilterCall& call, std::string_view name) {
    const bool is_named = stands_at(Token::Kind::word) && tokens_[at_ + 1].kind == Token::Kind::colon;
    if (!is_named) {
        call.arguments.push_back(expression());
        return;
    }
    const auto& known = call.filter->names;
    const auto key = next().text;
    if (std::find(known.begin(), known.end(), key) == known.end()) {
        return fail(fmt::format("the filter {} has no argument {}", name, key));
    }
    take(Token::Kind::word);
    take(Token::Kind::colon);
    call.named.emplace_back(key, expression());
}

void MarkupParser::check_arguments(const FilterCall& call, std::string_view name) {
    const auto count = call.arguments.size();
    const auto [min, max] = std::pair(call.filter->min_arguments, call.filter->max_arguments);
    if (count >= min && count <= max) return;
    const auto wanted = min == max ? std::to_string(min) : fmt::format("{} to {}", min, max);
    const auto plural = max == 1 ? "" : "s";
    fail_at(name, fmt::format("the filter {} takes {} argument{}, not {}", name, wanted, plural, count));
}

Condition MarkupParser::condition() {
    Condition tests;
    while (true) {
        tests.push_back(test());
        if (take_word("and")) {
            tests.back().next = Connective::and_then;
        } else if (take_word("or")) {
            tests.back().next = Connective::or_else;
        } else {
            return tests;
        }
    }
}

Test MarkupParser::test() {
    Test result;
    result.left = expression();
    if (!stands_at(Token::Kind::comparison)) return result;
    result.comparison = comparison();
    result.right = expression();
    return result;
}

Comparison MarkupParser::comparison() {
    const auto text = consume();
    if (text == "==") return Comparison::equal;
    if (text == "<") return Comparison::less;
    if (text == ">") return Comparison::greater;
    if (text == "<=") return Comparison::less_or_equal;
    if (text == ">=") return Comparison::greater_or_equal;
    return text == "contains" ? Comparison::contains : Comparison::not_equal;
}

}  // namespace herald::liquid
