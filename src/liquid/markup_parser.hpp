#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "liquid/lexer.hpp"
#include "liquid/tree.hpp"

namespace herald::liquid {

/// Reads what stands inside one pair of braces. After the first mistake it stands at the end of the markup,
/// whatever is asked for fails quietly, and `error` holds the mistake.
class MarkupParser {
public:
    /// `markup` is a view into `source`.
    MarkupParser(std::string_view source, std::string_view markup, Escaping escaping);

    Expression expression();
    FilteredValue filtered_value();
    Condition condition();

    bool take(Token::Kind kind);
    bool take_word(std::string_view word);
    bool stands_at(Token::Kind kind) const { return tokens_[at_].kind == kind; }
    std::string_view expect(Token::Kind kind, std::string_view what);
    void expect_end();
    /// At the token that comes next.
    void fail(std::string message);

    const std::optional<SourceError>& error() const { return error_; }
    std::size_t token_count() const { return tokens_.size(); }

private:
    const Token& next() const { return tokens_[at_]; }
    std::string_view consume();
    std::optional<Expression> literal();
    Expression path();
    Expression range();
    Step step();
    FilterCall filter_call();
    void filter_argument(FilterCall& call, std::string_view name);
    void check_arguments(const FilterCall& call, std::string_view name);
    Test test();
    Comparison comparison();
    void fail_at(std::string_view where, std::string message);

    std::string_view source_;
    Escaping escaping_;
    std::vector<Token> tokens_;
    std::size_t at_ = 0;
    int depth_ = 0;
    std::optional<SourceError> error_;
};

}  // namespace herald::liquid
