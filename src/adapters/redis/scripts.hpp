#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "adapters/redis/link.hpp"
#include "adapters/redis/reply.hpp"

namespace herald::redis {

/// A Lua script on one key. Immutable.
class Script {
public:
    explicit Script(std::string text);

    /// By its digest, which Redis knows after the first run until it is restarted.
    Words by_digest(const std::string& key, const Words& arguments) const;
    Words whole(const std::string& key, const Words& arguments) const;
    /// By its digest, and whole when Redis does not know it. `done` as of `Link::call`.
    void run(Link& link, const std::string& key, const Words& arguments, Link::Done done) const;

private:
    const std::string text_;
    const std::string digest_;
};

/// Takes tokens out of a bucket. The value of the key is the moment, in microseconds of Redis's clock, at
/// which the bucket will be full again (GCRA); a key that is not there is a full bucket.
const Script& lease_script();

struct LeaseRequest {
    std::optional<std::chrono::microseconds> now;  ///< nothing: Redis's own clock
    double interval_us = 0;                        ///< from one token to the next
    int burst = 0;
    int wanted = 0;
    int returned = 0;  ///< leased before and not used; the bucket gets no fuller than full
};
Words arguments_of(const LeaseRequest& request);

struct Grant {
    int tokens = 0;
    std::chrono::microseconds full_in{0};  ///< until the bucket is full again
    std::chrono::microseconds next_in{0};  ///< until it holds a token
};
/// Nothing when it is not this script's answer.
std::optional<Grant> to_grant(const Reply& reply);

/// Says that a worker is there, and answers how many said so in the last three seconds. The value of the key
/// is a sorted set of workers by the moment they said it.
const Script& beat_script();
Words beat_arguments(std::optional<std::chrono::microseconds> now, const std::string& worker);
std::optional<int> to_worker_count(const Reply& reply);

}  // namespace herald::redis
