#include "adapters/redis/reply.hpp"

#include <hiredis/hiredis.h>

#include <fmt/format.h>

namespace herald::redis {
namespace {

/// Far above any reply that is asked for.
constexpr std::size_t kMaxUnreadBytes = 1024 * 1024;

Reply to_reply(const redisReply& raw) {
    Reply reply;
    switch (raw.type) {
        case REDIS_REPLY_INTEGER:
            reply.kind = Reply::Kind::integer;
            reply.integer = raw.integer;
            break;
        case REDIS_REPLY_STRING:
        case REDIS_REPLY_STATUS:
            reply.kind = Reply::Kind::text;
            reply.text.assign(raw.str, raw.len);
            break;
        case REDIS_REPLY_ERROR:
            reply.kind = Reply::Kind::error;
            reply.text.assign(raw.str, raw.len);
            break;
        case REDIS_REPLY_ARRAY:
            reply.kind = Reply::Kind::list;
            for (std::size_t i = 0; i < raw.elements; ++i) reply.list.push_back(to_reply(*raw.element[i]));
            break;
        default:
            break;
    }
    return reply;
}

}  // namespace

std::string format_command(const Words& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const auto& word : words) {
        texts.push_back(word.data());
        sizes.push_back(word.size());
    }
    char* formatted = nullptr;
    const int size =
        redisFormatCommandArgv(&formatted, static_cast<int>(words.size()), texts.data(), sizes.data());
    CHECK(size > 0);
    std::string command(formatted, static_cast<std::size_t>(size));
    redisFreeCommand(formatted);
    return command;
}

ReplyReader::ReplyReader() : reader_(redisReaderCreate()) { CHECK(reader_ != nullptr); }

ReplyReader::~ReplyReader() { redisReaderFree(reader_); }

Status ReplyReader::feed(std::string_view bytes) {
    if (redisReaderFeed(reader_, bytes.data(), bytes.size()) != REDIS_OK) {
        return fail(ErrorCode::unavailable, fmt::format("reading a reply: {}", reader_->errstr));
    }
    if (reader_->len - reader_->pos > kMaxUnreadBytes) {
        return fail(ErrorCode::unavailable, "reading a reply: it is too long");
    }
    return {};
}

Result<std::optional<Reply>> ReplyReader::next() {
    void* raw = nullptr;
    if (redisReaderGetReply(reader_, &raw) != REDIS_OK) {
        return fail(ErrorCode::unavailable, fmt::format("reading a reply: {}", reader_->errstr));
    }
    if (raw == nullptr) return std::optional<Reply>{};
    const std::unique_ptr<void, decltype(&freeReplyObject)> owner(raw, freeReplyObject);
    return std::optional<Reply>{to_reply(*static_cast<const redisReply*>(raw))};
}

}  // namespace herald::redis
