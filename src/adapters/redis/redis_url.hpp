#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace herald::redis {

/// Where a Redis is, and as whom to speak to it.
struct RedisUrl {
    bool tls = false;
    std::string user;      ///< empty: Redis's default user
    std::string password;  ///< empty: none
    std::string host;      ///< an IPv6 address without its brackets
    std::uint16_t port = 6379;
    int database = 0;

    /// `host:port`, for people.
    std::string place() const;
};

/// Reads `redis[s]://[[user]:password@]host[:port][/database]`, user and password percent-encoded. `invalid`
/// says what is wrong, and never repeats what may be a password.
Result<RedisUrl> parse_redis_url(std::string_view url);

}  // namespace herald::redis
