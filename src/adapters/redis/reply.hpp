#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

struct redisReader;

namespace herald::redis {

/// A command and its arguments.
using Words = std::vector<std::string>;

/// The command as RESP.
std::string format_command(const Words& words);

struct Reply {
    enum class Kind { text, integer, nil, error, list };

    Kind kind = Kind::nil;
    std::string text;  ///< also the error's
    std::int64_t integer = 0;
    std::vector<Reply> list;

    bool is_error() const { return kind == Kind::error; }
    /// Whether it is the error of this kind: the first word of its text.
    bool is_error(std::string_view word) const { return is_error() && error_word() == word; }
    std::string_view error_word() const { return std::string_view(text).substr(0, text.find(' ')); }
};

/// Cuts a stream of bytes into replies.
class ReplyReader {
public:
    ReplyReader();
    ~ReplyReader();
    ReplyReader(const ReplyReader&) = delete;
    ReplyReader& operator=(const ReplyReader&) = delete;

    Status feed(std::string_view bytes);
    /// Nothing while the next reply is not whole. After a failure the stream has no meaning any more.
    Result<std::optional<Reply>> next();

private:
    redisReader* const reader_;
};

}  // namespace herald::redis
