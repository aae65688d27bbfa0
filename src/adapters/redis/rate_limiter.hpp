#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "adapters/redis/lease.hpp"
#include "adapters/redis/link.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "net/event_loop.hpp"
#include "ports/rate_limiter.hpp"

namespace herald {

struct RedisLimiterOptions {
    std::string url;               ///< redis[s]://[[user]:password@]host[:port][/database]
    const Clock* clock = nullptr;  ///< must outlive the limiter
    Metrics* metrics = nullptr;    ///< must outlive the limiter; may be null
    std::string key_prefix = "herald";
    std::string ca_file;  ///< for rediss://; empty: the system's authorities
    /// Without an answer for so long Redis is away; `take` never waits longer.
    Millis command_timeout{100};
    Millis connect_timeout{1000};
    /// After coming back a process keeps to its share until the others have had time to come back, too: what
    /// they take while they believe that Redis is away would come on top. No less than the longest backoff.
    Millis settle{1000};
    /// For tests with a clock of their own: `clock` instead of Redis's is what the buckets go by.
    bool buckets_go_by_clock = false;
};

/// Buckets that all processes share in one Redis. `take` is answered from tokens leased ahead, which a thread
/// of this object fetches; it waits for that thread only when nothing is held and Redis may have some. While
/// Redis is away each process uses its share: the rate divided by the workers that used the bucket when Redis
/// was last there. Thread-safe.
class RedisRateLimiter final : public RateLimiter, private redis::Link::Owner {
public:
    /// `invalid` for a malformed URL or unreadable authorities. A Redis that is away is no failure.
    static Result<std::unique_ptr<RedisRateLimiter>> open(const RedisLimiterOptions& options);
    ~RedisRateLimiter() override;

    Tokens take(const std::string& bucket, Rate rate, int wanted) override;
    void give_back(const std::string& bucket, Rate rate, int tokens) override;

    /// Why Redis is away; nothing while it is there, or may still be.
    std::optional<std::string> trouble() const;

private:
    using Instant = std::chrono::steady_clock::time_point;

    struct Bucket {
        std::string name;
        Rate rate;
        redis::Lease lease;
        int unmet = 0;           ///< what takers wait for
        bool in_flight = false;  ///< Redis is being asked
        std::uint64_t answers = 0;
        bool due = false;                  ///< the question has not left yet
        int workers = 0;                   ///< that used it when Redis last said; 0: never
        std::optional<LocalBucket> share;  ///< while Redis is away
        Nanos used_at{0};
    };
    using Lock = std::unique_lock<std::mutex>;

    RedisRateLimiter(const RedisLimiterOptions& options, redis::LinkOptions link);

    Nanos now() const;
    std::optional<std::chrono::microseconds> time_for_redis() const;
    std::string rate_key(const std::string& bucket) const;
    std::string workers_key(const std::string& bucket) const;

    // With mutex_ held.
    Bucket& bucket_of(const std::string& name, Rate rate);
    bool on_share() const;
    int take_leased(Lock& lock, Bucket& bucket, int wanted);
    Tokens take_share(Bucket& bucket, int wanted);
    void begin_share(Bucket& bucket);
    Rate share_of(const Bucket& bucket) const;
    /// Whether the question, which others may have asked before, covers these takers' tokens, too.
    bool ask(Bucket& bucket, int unmet);
    void forget_idle_buckets();

    // On the loop's thread, without mutex_.
    redis::Words probe() override;
    void up(const redis::Reply& probed) override;
    void away(const std::string& why, bool refused) override;
    void send_due();
    void send(Bucket& bucket);
    void leased(Bucket& bucket, int unmet, Nanos asked_at, const Result<redis::Reply>& reply);
    void refuse_answer(const redis::Reply& reply);
    void beat(const std::string& bucket);
    void note_workers(const std::string& bucket, const redis::Reply& reply);
    void beat_all();
    void tick();

    const RedisLimiterOptions options_;
    const std::string place_;
    const std::string worker_;  ///< the name that this process's heartbeats go by

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::unordered_map<std::string, std::unique_ptr<Bucket>> buckets_;
    std::vector<Bucket*> due_;
    enum class State { starting, up, away } state_ = State::starting;
    Instant counts_from_;  ///< starting: until then takers wait for Redis; up: until then shares are used
    std::string trouble_;
    int all_workers_ = 0;  ///< that use this Redis, whatever bucket; 0: never known

    Gauge* up_gauge_ = nullptr;
    Histogram* command_seconds_ = nullptr;

    net::EventLoop loop_;
    redis::Link link_;
    bool told_refused_ = false;  ///< the loop's thread only
    Instant away_since_;         ///< the loop's thread only
    std::thread thread_;
};

}  // namespace herald
