#pragma once

#include <cstdlib>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "adapters/redis/rate_limiter.hpp"
#include "base/crypto.hpp"

namespace herald::redis {

/// Fails the test when there is none: what these tests are about would go unseen.
inline std::optional<std::string> stack_url() {
    const char* url = std::getenv("REDIS_URL");
    if (url != nullptr && *url != '\0') return url;
    ADD_FAILURE()
        << "REDIS_URL is not set: start the engines with `tools/stack up` and take the variables of "
           "`tools/stack env`";
    return std::nullopt;
}

/// For the Redis of the stack, with keys that no other test has, and all the patience of a busy machine.
inline RedisLimiterOptions on_the_stack() {
    RedisLimiterOptions options;
    options.url = stack_url().value_or("");
    options.key_prefix = "test-" + random_hex(8);
    options.command_timeout = Millis{5000};
    options.connect_timeout = Millis{5000};
    return options;
}

}  // namespace herald::redis
