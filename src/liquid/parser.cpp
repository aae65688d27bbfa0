#include "liquid/parser.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/utf8.hpp"
#include "liquid/lexer.hpp"
#include "liquid/markup_parser.hpp"

namespace herald::liquid {
namespace {

struct Body {
    Block nodes;
    /// It can print nothing but whitespace. A construct whose bodies are all blank prints nothing at all, so
    /// that templates may be laid out freely.
    bool is_blank = true;
};

void drop_whitespace(Block& nodes) {
    std::erase_if(nodes, [](const Node& node) { return std::holds_alternative<Text>(node.what); });
}

class Parser {
public:
    Parser(Tree& tree, std::vector<Piece> pieces)
        : source_(tree.source),
          escaping_(tree.escaping),
          pieces_(std::move(pieces)),
          token_count_(pieces_.size()) {}

    std::optional<SourceError> parse_into(Block& root) {
        root = body().nodes;
        if (!error_ && at_ < pieces_.size()) fail_stray(next());
        return std::move(error_);
    }

private:
    using Parse = bool (Parser::*)(const Piece& tag, Body& into);

    const Piece& next() const { return pieces_[at_]; }
    bool at_tag(std::string_view name) const {
        return !error_ && at_ < pieces_.size() && next().kind == Piece::Kind::tag && next().name == name;
    }

    /// Reads up to a tag that begins nothing, which the construct around it must know.
    Body body() {
        Body result;
        while (!error_ && at_ < pieces_.size()) {
            const Piece piece = next();
            if (piece.kind == Piece::Kind::tag) {
                const Parse parse = parser_of(piece.name);
                if (!parse) break;
                ++at_;
                const bool is_blank = (this->*parse)(piece, result);
                result.is_blank = result.is_blank && is_blank;
                continue;
            }
            ++at_;
            const bool is_space_only = piece.kind == Piece::Kind::text && trim_left(piece.text).empty();
            result.is_blank = result.is_blank && is_space_only;
            if (piece.kind == Piece::Kind::output) {
                parse_output(piece, result.nodes);
            } else {
                result.nodes.emplace_back(Text{piece.text}, piece.text);
            }
        }
        return result;
    }

    static Parse parser_of(std::string_view name) {
        if (name == "if" || name == "unless") return &Parser::parse_if;
        if (name == "for") return &Parser::parse_for;
        if (name == "assign") return &Parser::parse_assign;
        if (name == "break" || name == "continue") return &Parser::parse_interrupt;
        return nullptr;
    }

    void parse_output(const Piece& piece, Block& into) {
        if (trim_left(piece.text).empty()) return;
        auto markup = open_markup(piece);
        auto value = markup.filtered_value();
        finish(piece, markup);
        into.emplace_back(Output{std::move(value)}, piece.text);
    }

    bool parse_assign(const Piece& tag, Body& into) {
        auto markup = open_markup(tag);
        const auto name = markup.expect(Token::Kind::word, "the name of a variable");
        markup.expect(Token::Kind::equals, "=");
        auto value = markup.filtered_value();
        finish(tag, markup);
        into.nodes.emplace_back(Assign{name, std::move(value)}, tag.name);
        return true;
    }

    bool parse_interrupt(const Piece& tag, Body& into) {
        finish_empty(tag);
        const auto what = tag.name == "break" ? Interrupt::break_loop : Interrupt::continue_loop;
        into.nodes.emplace_back(what, tag.name);
        return false;
    }

    bool parse_if(const Piece& tag, Body& into) {
        if (!enter(tag)) return false;
        If result;
        bool is_blank = true;
        bool has_else = false;
        for (Piece part = tag;; part = pieces_[at_++]) {
            Branch branch;
            branch.negated = part.name == "unless";
            has_else = part.name == "else";
            if (has_else) {
                finish_empty(part);
            } else {
                branch.condition = condition(part);
            }
            auto inner = body();
            is_blank = is_blank && inner.is_blank;
            branch.body = std::move(inner.nodes);
            result.branches.push_back(std::move(branch));
            if (has_else || !(at_tag("elsif") || at_tag("else"))) break;
        }
        leave(tag);
        if (is_blank) {
            for (auto& branch : result.branches) drop_whitespace(branch.body);
        }
        into.nodes.emplace_back(std::move(result), tag.name);
        return is_blank;
    }

    Condition condition(const Piece& tag) {
        auto markup = open_markup(tag);
        auto result = markup.condition();
        finish(tag, markup);
        return result;
    }

    bool parse_for(const Piece& tag, Body& into) {
        if (!enter(tag)) return false;
        For loop = loop_head(tag);
        auto inner = body();
        loop.body = std::move(inner.nodes);
        bool is_blank = inner.is_blank;
        if (at_tag("else")) {
            finish_empty(pieces_[at_++]);
            auto otherwise = body();
            loop.otherwise = std::move(otherwise.nodes);
            is_blank = is_blank && otherwise.is_blank;
        }
        leave(tag);
        if (is_blank) {
            drop_whitespace(loop.body);
            drop_whitespace(loop.otherwise);
        }
        into.nodes.emplace_back(std::move(loop), tag.name);
        return is_blank;
    }

    For loop_head(const Piece& tag) {
        auto markup = open_markup(tag);
        For loop;
        loop.variable = markup.expect(Token::Kind::word, "the name of a variable");
        if (!markup.take_word("in")) markup.fail("expected in");
        loop.collection = markup.expression();
        loop.name = fmt::format("{}-{}", loop.variable, loop.collection.source);
        loop.reversed = markup.take_word("reversed");
        while (markup.stands_at(Token::Kind::word)) {
            loop_option(markup, loop);
            markup.take(Token::Kind::comma);
        }
        finish(tag, markup);
        return loop;
    }

    static void loop_option(MarkupParser& markup, For& loop) {
        const bool is_limit = markup.take_word("limit");
        if (!is_limit && !markup.take_word("offset")) {
            return markup.fail("expected limit: or offset:, after reversed if that is wanted");
        }
        markup.expect(Token::Kind::colon, ":");
        if (is_limit) {
            loop.limit = markup.expression();
        } else {
            loop.offset_continues = markup.take_word("continue");
            loop.offset = loop.offset_continues ? Expression{} : markup.expression();
        }
    }

    MarkupParser open_markup(const Piece& piece) { return {source_, piece.text, escaping_}; }

    void finish(const Piece& piece, MarkupParser& markup) {
        markup.expect_end();
        if (!error_) error_ = markup.error();
        token_count_ += markup.token_count();
        if (token_count_ > kMaxTokens) fail(piece.text, fmt::format("more than {} tokens", kMaxTokens));
    }

    void finish_empty(const Piece& tag) {
        if (!tag.text.empty()) fail(tag.text, fmt::format("{} takes nothing after its name", tag.name));
    }

    bool enter(const Piece& tag) {
        if (++depth_ > kMaxNesting) fail(tag.name, fmt::format("nested deeper than {}", kMaxNesting));
        return !error_;
    }

    void leave(const Piece& opened) {
        --depth_;
        if (error_) return;
        const auto name = opened.name;
        const auto wanted = fmt::format("end{}", name);
        if (at_tag(wanted)) return finish_empty(pieces_[at_++]);
        if (at_ == pieces_.size()) return fail(name, fmt::format("{} is never closed by {}", name, wanted));
        const auto found = next().name;
        if (!is_closing(found)) return fail_stray(next());
        const int line = error_at(source_, name, {}).line;
        fail(found, fmt::format("{} cannot stand here: the {} of line {} is still open", found, name, line));
    }

    static bool is_closing(std::string_view name) {
        constexpr std::string_view names[] = {"else", "elsif", "endif", "endunless", "endfor"};
        return std::find(std::begin(names), std::end(names), name) != std::end(names);
    }

    void fail_stray(const Piece& tag) {
        fail(tag.name, is_closing(tag.name) ? fmt::format("{} belongs to nothing that is open", tag.name)
                                            : fmt::format("there is no tag {}", tag.name));
    }

    void fail(std::string_view where, std::string message) {
        if (!error_) error_ = error_at(source_, where, std::move(message));
    }

    std::string_view source_;
    Escaping escaping_;
    std::vector<Piece> pieces_;
    std::size_t at_ = 0;
    std::size_t token_count_;
    int depth_ = 0;
    std::optional<SourceError> error_;
};

/// The line that holds the first wrong byte, if there is one.
std::optional<std::string_view> invalid_line(std::string_view source) {
    if (is_valid_utf8(source)) return std::nullopt;
    for (std::size_t begin = 0;;) {
        const auto line = source.substr(begin, source.find('\n', begin) - begin);
        if (!is_valid_utf8(line)) return line;
        begin += line.size() + 1;
    }
}

}  // namespace

tl::expected<std::shared_ptr<const Tree>, SourceError> parse(std::string_view source, Escaping escaping) {
    if (source.size() > kMaxSourceBytes) {
        return tl::unexpected(SourceError{
            .message = fmt::format("it has {} bytes, more than {}", source.size(), kMaxSourceBytes)});
    }
    if (const auto line = invalid_line(source)) {
        return tl::unexpected(error_at(source, *line, "this line is not valid UTF-8"));
    }
    auto tree = std::make_shared<Tree>();
    tree->source = source;
    tree->escaping = escaping;
    auto pieces = split_source(tree->source);
    if (!pieces) return tl::unexpected(std::move(pieces.error()));
    auto error = Parser(*tree, std::move(*pieces)).parse_into(tree->root);
    if (error) return tl::unexpected(std::move(*error));
    return tree;
}

}  // namespace herald::liquid
