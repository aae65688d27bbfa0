#include "liquid/lexer.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace herald::liquid {
namespace {

constexpr auto kNowhere = std::string_view::npos;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool starts_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_character(char c) { return starts_word(c) || is_digit(c); }

std::string_view leading_name(std::string_view text) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_name_character);
    return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

class Splitter {
public:
    explicit Splitter(std::string_view source) : source_(source) {}

    tl::expected<std::vector<Piece>, SourceError> split() {
        while (at_ < source_.size() && !error_) {
            const std::size_t open = next_opening();
            take_text(open);
            if (open != kNowhere) take_markup(open);
        }
        if (error_) return tl::unexpected(std::move(*error_));
        return std::move(pieces_);
    }

private:
    struct Markup {
        std::string_view inner;
        std::size_t end = 0;
        bool trims_after = false;
    };

    std::size_t next_opening() const {
        for (auto open = source_.find('{', at_); open != kNowhere; open = source_.find('{', open + 1)) {
            const auto rest = source_.substr(open);
            if (rest.starts_with("{{") || rest.starts_with("{%")) return open;
        }
        return kNowhere;
    }

    bool trims_before(std::size_t open) const { return source_.substr(open + 2).starts_with('-'); }

    void take_text(std::size_t end) {
        auto text = source_.substr(at_, end == kNowhere ? kNowhere : end - at_);
        if (trims_next_text_) text = trim_left(text);
        if (end != kNowhere && trims_before(end)) text = trim_right(text);
        if (!text.empty()) pieces_.push_back({Piece::Kind::text, text, {}});
        trims_next_text_ = false;
        at_ = end == kNowhere ? source_.size() : end;
    }

    void take_markup(std::size_t open) {
        const bool is_tag = source_[open + 1] == '%';
        const auto markup = markup_at(open);
        if (!markup) return fail(open, is_tag ? "{% is never closed by %}" : "{{ is never closed by }}");
        at_ = markup->end;
        trims_next_text_ = markup->trims_after;
        if (!is_tag) {
            pieces_.push_back({Piece::Kind::output, markup->inner, {}});
            return;
        }
        const auto inner = trim_left(markup->inner);
        const auto name = leading_name(inner);
        const auto rest = trim_left(inner.substr(name.size()));
        if (name.empty()) return fail(open, "a tag begins with its name");
        if (name == "raw" || name == "comment") {
            if (!rest.empty()) return fail_at_arguments(open, name);
            return name == "raw" ? take_raw(open) : skip_comment(open);
        }
        pieces_.push_back({Piece::Kind::tag, rest, name});
    }

    /// The first closing braces end it, also inside a string: that is the language's own rule.
    std::optional<Markup> markup_at(std::size_t open) const {
        const std::size_t close = source_.find(source_[open + 1] == '%' ? "%}" : "}}", open + 2);
        if (close == kNowhere) return std::nullopt;
        auto inner = source_.substr(open + 2, close - open - 2);
        const bool trims_after = inner.ends_with('-');
        if (inner.starts_with('-')) inner.remove_prefix(1);
        if (inner.ends_with('-')) inner.remove_suffix(1);
        return Markup{trim_right(inner), close + 2, trims_after};
    }

    std::string_view tag_name_at(std::size_t open) const {
        const std::size_t begin = open + (trims_before(open) ? 3 : 2);
        return leading_name(trim_left(source_.substr(std::min(begin, source_.size()))));
    }

    /// Where the next tag of that name opens; other tags and broken ones are just text here.
    std::size_t find_tag(std::string_view name, std::size_t from) const {
        for (auto open = source_.find("{%", from); open != kNowhere; open = source_.find("{%", open + 2)) {
            if (tag_name_at(open) == name) return open;
        }
        return kNowhere;
    }

    void take_raw(std::size_t open) {
        const std::size_t end = find_tag("endraw", at_);
        if (end == kNowhere) return fail(open, "raw is never closed by endraw");
        if (end > at_) pieces_.push_back({Piece::Kind::verbatim, source_.substr(at_, end - at_), {}});
        take_end(end);
    }

    /// Where the raw that opens there ends in a comment; it is no raw, and ends at once, without an endraw.
    std::size_t end_of_raw(std::size_t open) {
        const auto end = is_endraw_ahead_ ? find_tag("endraw", open) : kNowhere;
        is_endraw_ahead_ = end != kNowhere;
        return is_endraw_ahead_ ? end : open;
    }

    void skip_comment(std::size_t open) {
        std::size_t at = at_;
        for (int depth = 1; depth > 0;) {
            at = source_.find("{%", at);
            if (at == kNowhere) return fail(open, "comment is never closed by endcomment");
            const auto name = tag_name_at(at);
            if (name == "raw") {
                at = end_of_raw(at);
            }
            if (name == "comment") ++depth;
            if (name == "endcomment" && --depth == 0) break;
            at += 2;
        }
        take_end(at);
    }

    void take_end(std::size_t open) {
        const auto markup = markup_at(open);
        if (!markup) return fail(open, "{% is never closed by %}");
        const auto name = tag_name_at(open);
        if (trim_left(markup->inner) != name) return fail_at_arguments(open, name);
        at_ = markup->end;
        trims_next_text_ = markup->trims_after;
    }

    void fail_at_arguments(std::size_t open, std::string_view name) {
        fail(open, fmt::format("{} takes nothing after its name", name));
    }

    void fail(std::size_t at, std::string message) {
        error_ = error_at(source_, source_.substr(at), std::move(message));
    }

    std::string_view source_;
    std::size_t at_ = 0;
    bool trims_next_text_ = false;
    bool is_endraw_ahead_ = true;  ///< as far as is known
    std::vector<Piece> pieces_;
    std::optional<SourceError> error_;
};

struct Punctuation {
    std::string_view text;
    Token::Kind kind;
};
/// Longer ones stand before their own beginnings.
constexpr Punctuation kPunctuation[] = {
    {"==", Token::Kind::comparison}, {"!=", Token::Kind::comparison}, {"<>", Token::Kind::comparison},
    {"<=", Token::Kind::comparison}, {">=", Token::Kind::comparison}, {"<", Token::Kind::comparison},
    {">", Token::Kind::comparison},  {"..", Token::Kind::dotdot},     {"|", Token::Kind::pipe},
    {".", Token::Kind::dot},         {":", Token::Kind::colon},       {",", Token::Kind::comma},
    {"=", Token::Kind::equals},      {"[", Token::Kind::open_square}, {"]", Token::Kind::close_square},
    {"(", Token::Kind::open_round},  {")", Token::Kind::close_round},
};

std::size_t count_while(std::string_view text, std::size_t from, bool (*wanted)(char)) {
    std::size_t end = from;
    while (end < text.size() && wanted(text[end])) ++end;
    return end - from;
}

Token word_at(std::string_view rest) {
    std::size_t size = count_while(rest, 0, [](char c) { return is_name_character(c) || c == '-'; });
    if (size < rest.size() && rest[size] == '?') ++size;
    const auto text = rest.substr(0, size);
    const bool compares = text == "contains" && size < rest.size() && is_space(rest[size]);
    return {compares ? Token::Kind::comparison : Token::Kind::word, text};
}

Token number_at(std::string_view rest) {
    std::size_t size = rest[0] == '-' ? 1 : 0;
    size += count_while(rest, size, is_digit);
    const std::size_t decimals =
        size < rest.size() && rest[size] == '.' ? count_while(rest, size + 1, is_digit) : 0;
    if (decimals > 0) return {Token::Kind::decimal, rest.substr(0, size + 1 + decimals)};
    return {Token::Kind::integer, rest.substr(0, size)};
}

}  // namespace

tl::expected<std::vector<Piece>, SourceError> split_source(std::string_view source) {
    return Splitter(source).split();
}

tl::expected<std::vector<Token>, SourceError> tokenize(std::string_view source, std::string_view markup) {
    std::vector<Token> tokens;
    for (auto rest = trim_left(markup); !rest.empty(); rest = trim_left(rest)) {
        const char c = rest[0];
        if (c == '"' || c == '\'') {
            const std::size_t close = rest.find(c, 1);
            if (close == kNowhere) {
                return tl::unexpected(error_at(source, rest, fmt::format("this string lacks its {}", c)));
            }
            tokens.push_back({Token::Kind::string, rest.substr(1, close - 1)});
            rest.remove_prefix(close + 1);
            continue;
        }
        if (starts_word(c)) {
            tokens.push_back(word_at(rest));
        } else if (is_digit(c) || (c == '-' && rest.size() > 1 && is_digit(rest[1]))) {
            tokens.push_back(number_at(rest));
        } else {
            const auto* found = std::find_if(std::begin(kPunctuation), std::end(kPunctuation),
                                             [&](const auto& p) { return rest.starts_with(p.text); });
            if (found == std::end(kPunctuation)) {
                return tl::unexpected(error_at(source, rest, "this character has no meaning here"));
            }
            tokens.push_back({found->kind, rest.substr(0, found->text.size())});
        }
        rest.remove_prefix(tokens.back().text.size());
    }
    tokens.push_back({Token::Kind::end, markup.substr(markup.size())});
    return tokens;
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trim_left(std::string_view text) {
    const auto first = std::find_if_not(text.begin(), text.end(), is_space);
    return text.substr(static_cast<std::size_t>(first - text.begin()));
}

std::string_view trim_right(std::string_view text) {
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

}  // namespace herald::liquid
