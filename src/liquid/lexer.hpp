#pragma once

#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "liquid/source_error.hpp"

namespace herald::liquid {

/// What a template is made of at the top. All views point into the source.
struct Piece {
    enum class Kind {
        text,      ///< whitespace control has been applied, and it is not empty
        verbatim,  ///< what stood between raw and endraw
        output,    ///< {{ markup }}
        tag,       ///< {% name markup %}
    };
    Kind kind;
    std::string_view text;  ///< the text or the markup
    std::string_view name;  ///< the name of a tag; of other pieces empty
};

/// Comments are gone from the result, and `raw` has become a piece.
tl::expected<std::vector<Piece>, SourceError> split_source(std::string_view source);

struct Token {
    enum class Kind {
        word,
        string,  ///< without its quotes
        integer,
        decimal,
        comparison,
        pipe,
        dot,
        dotdot,
        colon,
        comma,
        equals,
        open_square,
        close_square,
        open_round,
        close_round,
        end,
    };
    Kind kind;
    std::string_view text;
};

/// `markup` is a view into `source`. The last token is `end`, and only that one.
tl::expected<std::vector<Token>, SourceError> tokenize(std::string_view source, std::string_view markup);

bool is_space(char c);
std::string_view trim_left(std::string_view text);
std::string_view trim_right(std::string_view text);

}  // namespace herald::liquid
