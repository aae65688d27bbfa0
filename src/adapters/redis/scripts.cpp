#include "adapters/redis/scripts.hpp"

#include <openssl/evp.h>

#include <array>
#include <limits>

#include <fmt/format.h>

#include "base/crypto.hpp"

namespace herald::redis {
namespace {

/// A moment can never lie further ahead than an empty bucket's: Redis's clock was set back, or another Redis
/// has taken over. The key outlives the moment by a second, since the clock that expires it is coarser.
constexpr const char* kLease = R"(
local now = tonumber(ARGV[1])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end
local interval = tonumber(ARGV[2])
local capacity = interval * ARGV[3]
local full_at = tonumber(redis.pcall('GET', KEYS[1])) or now
full_at = math.min(math.max(full_at - interval * ARGV[5], now), now + capacity)
local there = math.floor((now + capacity - full_at) / interval + 0.0001)
local granted = math.max(math.min(there, tonumber(ARGV[4])), 0)
full_at = full_at + interval * granted
redis.call('SET', KEYS[1], string.format('%.2f', full_at), 'PX', math.floor((full_at - now) / 1000) + 1000)
local next_in = full_at + interval - capacity - now
return {granted, math.floor(full_at - now), math.max(math.ceil(next_in), 0)}
)";

constexpr const char* kBeat = R"(
local now = tonumber(ARGV[1])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - 3000000))
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[2])
redis.call('PEXPIRE', KEYS[1], 10000)
return redis.call('ZCARD', KEYS[1])
)";

/// Redis names a script by its SHA-1.
std::string sha1_hex(const std::string& text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    CHECK(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1);
    return to_hex(std::span(digest).first(size));
}

std::string time_argument(std::optional<std::chrono::microseconds> now) {
    return now ? std::to_string(now->count()) : std::string();
}

Words words_of(const char* command, const std::string& script, const std::string& key,
               const Words& arguments) {
    Words words{command, script, "1", key};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
}

}  // namespace

Script::Script(std::string text) : text_(std::move(text)), digest_(sha1_hex(text_)) {}

Words Script::by_digest(const std::string& key, const Words& arguments) const {
    return words_of("EVALSHA", digest_, key, arguments);
}

Words Script::whole(const std::string& key, const Words& arguments) const {
    return words_of("EVAL", text_, key, arguments);
}

void Script::run(Link& link, const std::string& key, const Words& arguments, Link::Done done) const {
    link.call(by_digest(key, arguments),
              [this, &link, key, arguments, done = std::move(done)](Result<Reply> reply) {
                  if (!reply || !reply->is_error("NOSCRIPT")) return done(std::move(reply));
                  link.call(whole(key, arguments), done);
              });
}

const Script& lease_script() {
    static const Script script(kLease);
    return script;
}

Words arguments_of(const LeaseRequest& request) {
    return {time_argument(request.now), fmt::format("{:.6f}", request.interval_us),
            std::to_string(request.burst), std::to_string(request.wanted), std::to_string(request.returned)};
}

std::optional<Grant> to_grant(const Reply& reply) {
    if (reply.list.size() != 3) return std::nullopt;
    for (const auto& part : reply.list) {
        if (part.kind != Reply::Kind::integer || part.integer < 0) return std::nullopt;
    }
    if (reply.list[0].integer > std::numeric_limits<int>::max()) return std::nullopt;
    return Grant{static_cast<int>(reply.list[0].integer), std::chrono::microseconds{reply.list[1].integer},
                 std::chrono::microseconds{reply.list[2].integer}};
}

const Script& beat_script() {
    static const Script script(kBeat);
    return script;
}

Words beat_arguments(std::optional<std::chrono::microseconds> now, const std::string& worker) {
    return {time_argument(now), worker};
}

std::optional<int> to_worker_count(const Reply& reply) {
    const bool possible = reply.kind == Reply::Kind::integer && reply.integer >= 1 &&
                          reply.integer <= std::numeric_limits<int>::max();
    return possible ? std::optional(static_cast<int>(reply.integer)) : std::nullopt;
}

}  // namespace herald::redis
