#include "adapters/redis/rate_limiter.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "adapters/redis/scripts.hpp"
#include "base/crypto.hpp"
#include "base/log.hpp"
#include "base/thread_name.hpp"

namespace herald {
namespace {

using redis::Reply;

constexpr std::chrono::seconds kTick{1};
/// A bucket that was used so lately counts this process as one of its workers.
constexpr std::chrono::seconds kWorksFor{10};
constexpr std::chrono::minutes kIdle{10};
/// The divisor for who has never seen Redis. It must be somebody's guess: too small a share is slow, too
/// large a one is against the provider's limit.
constexpr int kUnknownWorkers = 4;

/// Stands for all buckets together where workers are counted.
const std::string kAnyBucket;

bool limits(Rate rate) { return rate.per_second > 0; }

std::chrono::steady_clock::time_point steady_now() { return std::chrono::steady_clock::now(); }

}  // namespace

Result<std::unique_ptr<RedisRateLimiter>> RedisRateLimiter::open(const RedisLimiterOptions& options) {
    CHECK(options.clock != nullptr);
    auto url = redis::parse_redis_url(options.url);
    if (!url) return fail(url.error());
    redis::LinkOptions link;
    link.url = *url;
    link.call_timeout = options.command_timeout;
    link.connect_timeout = options.connect_timeout;
    if (url->tls) {
        auto tls = net::TlsContext::for_client(options.ca_file);
        if (!tls) return fail(tls.error());
        link.tls = *std::move(tls);
    }
    return std::unique_ptr<RedisRateLimiter>(new RedisRateLimiter(options, std::move(link)));
}

RedisRateLimiter::RedisRateLimiter(const RedisLimiterOptions& options, redis::LinkOptions link)
    : options_(options),
      place_(link.url.place()),
      worker_(random_hex(8)),
      counts_from_(steady_now() + options.command_timeout),
      link_(loop_, std::move(link), *this),
      away_since_(steady_now()) {
    if (auto* metrics = options_.metrics) {
        up_gauge_ = &metrics->gauge("herald_redis_up",
                                    "1 while Redis shares out the rate limits, 0 while this "
                                    "process keeps to its local share");
        command_seconds_ = &metrics->histogram(
            "herald_redis_command_seconds", "From asking Redis for tokens to its answer", latency_bounds());
    }
    loop_.post([this] {
        link_.connect();
        loop_.at(steady_now() + kTick, [this] { tick(); });
    });
    thread_ = std::thread([this] {
        name_this_thread("redis.limiter");
        loop_.run();
    });
}

RedisRateLimiter::~RedisRateLimiter() {
    loop_.post([this] { loop_.stop(); });
    thread_.join();
}

std::optional<std::string> RedisRateLimiter::trouble() const {
    const std::lock_guard lock(mutex_);
    return state_ == State::away ? std::optional(trouble_) : std::nullopt;
}

Nanos RedisRateLimiter::now() const {
    return options_.buckets_go_by_clock ? Nanos{options_.clock->uptime()} : steady_now().time_since_epoch();
}

std::optional<std::chrono::microseconds> RedisRateLimiter::time_for_redis() const {
    if (!options_.buckets_go_by_clock) return std::nullopt;
    return options_.clock->uptime();
}

std::string RedisRateLimiter::rate_key(const std::string& bucket) const {
    return fmt::format("{}:rate:{}", options_.key_prefix, bucket);
}

std::string RedisRateLimiter::workers_key(const std::string& bucket) const {
    return fmt::format("{}:workers{}{}", options_.key_prefix, bucket.empty() ? "" : ":", bucket);
}

Tokens RedisRateLimiter::take(const std::string& name, Rate rate, int wanted) {
    if (!limits(rate) || wanted <= 0) return {std::max(wanted, 0), Millis{0}};
    Lock lock(mutex_);
    auto& bucket = bucket_of(name, rate);
    const int granted = take_leased(lock, bucket, wanted);
    if (granted == wanted) return {granted, Millis{0}};
    if (on_share()) {
        const auto share = take_share(bucket, wanted - granted);
        return {granted + share.granted, share.wait};
    }
    const auto wait = std::chrono::ceil<Millis>(bucket.lease.next_at() - now());
    return {granted, std::max(wait, Millis{1})};
}

/// Asks Redis, and waits for it, as long as it may have more.
int RedisRateLimiter::take_leased(Lock& lock, Bucket& bucket, int wanted) {
    const auto give_up = steady_now() + options_.command_timeout;
    auto time = now();
    bucket.used_at = time;
    int granted = bucket.lease.take(wanted, time);
    while (granted < wanted && !on_share() && bucket.lease.next_at() <= time) {
        const bool asked = ask(bucket, wanted - granted);
        const auto seen = bucket.answers;
        const bool answered =
            changed_.wait_until(lock, give_up, [&] { return bucket.answers != seen || on_share(); });
        time = now();
        granted += bucket.lease.take(wanted - granted, time);
        // Less than was wanted is an answer, too.
        if (!answered || (asked && granted > 0)) break;
    }
    if (!on_share() && bucket.lease.runs_low(time)) ask(bucket, 0);
    return granted;
}

Tokens RedisRateLimiter::take_share(Bucket& bucket, int wanted) {
    begin_share(bucket);
    return bucket.share->take(share_of(bucket), wanted, now());
}

/// Empty: Redis granted the burst a moment ago.
void RedisRateLimiter::begin_share(Bucket& bucket) {
    if (!bucket.share) bucket.share.emplace().empty(share_of(bucket), now());
}

Rate RedisRateLimiter::share_of(const Bucket& bucket) const {
    const int known = bucket.workers > 0 ? bucket.workers : all_workers_;
    return {bucket.rate.per_second / (known > 0 ? known : kUnknownWorkers)};
}

void RedisRateLimiter::give_back(const std::string& name, Rate rate, int tokens) {
    if (!limits(rate) || tokens <= 0) return;
    const std::lock_guard lock(mutex_);
    auto& bucket = bucket_of(name, rate);
    if (on_share() && bucket.share) return bucket.share->give_back(share_of(bucket), tokens);
    bucket.lease.give_back(tokens, now());
}

RedisRateLimiter::Bucket& RedisRateLimiter::bucket_of(const std::string& name, Rate rate) {
    auto& bucket = buckets_[name];
    if (!bucket) {
        bucket = std::make_unique<Bucket>();
        bucket->name = name;
    }
    if (bucket->rate.per_second != rate.per_second) {
        bucket->rate = rate;
        bucket->lease.set_rate(rate);
    }
    return *bucket;
}

bool RedisRateLimiter::on_share() const {
    switch (state_) {
        case State::starting:
            return steady_now() >= counts_from_;
        case State::up:
            return steady_now() < counts_from_;
        case State::away:
            return true;
    }
    return true;
}

bool RedisRateLimiter::ask(Bucket& bucket, int unmet) {
    if (!bucket.in_flight) {
        bucket.in_flight = bucket.due = true;
        bucket.unmet = 0;
        due_.push_back(&bucket);
        if (due_.size() == 1 && state_ == State::up) loop_.post([this] { send_due(); });
    }
    if (bucket.due) bucket.unmet += unmet;
    return bucket.due;
}

void RedisRateLimiter::send_due() {
    std::vector<Bucket*> due;
    {
        const std::lock_guard lock(mutex_);
        due.swap(due_);
    }
    for (auto* bucket : due) send(*bucket);
}

void RedisRateLimiter::send(Bucket& bucket) {
    redis::LeaseRequest request;
    Nanos asked_at{0};
    int unmet = 0;
    bool unknown = false;
    {
        const std::lock_guard lock(mutex_);
        asked_at = now();
        bucket.due = false;
        unmet = bucket.unmet;
        request = bucket.lease.request(unmet, asked_at);
        request.now = time_for_redis();
        unknown = bucket.workers == 0;
    }
    if (unknown) beat(bucket.name);
    const auto began = steady_now();
    redis::lease_script().run(
        link_, rate_key(bucket.name), redis::arguments_of(request),
        [this, &bucket, unmet, asked_at, began](const Result<Reply>& reply) {
            if (command_seconds_ != nullptr) {
                command_seconds_->Observe(std::chrono::duration<double>(steady_now() - began).count());
            }
            leased(bucket, unmet, asked_at, reply);
        });
}

void RedisRateLimiter::leased(Bucket& bucket, int unmet, Nanos asked_at, const Result<Reply>& reply) {
    const auto grant = reply ? redis::to_grant(*reply) : std::nullopt;
    {
        const std::lock_guard lock(mutex_);
        bucket.in_flight = false;
        ++bucket.answers;
        if (grant) bucket.lease.granted(*grant, unmet, asked_at, now());
    }
    changed_.notify_all();
    if (reply && !grant) refuse_answer(*reply);
}

void RedisRateLimiter::refuse_answer(const Reply& reply) {
    if (!reply.is_error()) return link_.drop("Redis answered something else than what was asked", true);
    link_.drop(reply.text, redis::Link::needs_a_person(reply));
}

/// Says that this process is one of the bucket's workers, and learns how many there are.
void RedisRateLimiter::beat(const std::string& bucket) {
    redis::beat_script().run(link_, workers_key(bucket), redis::beat_arguments(time_for_redis(), worker_),
                             [this, bucket](const Result<Reply>& reply) {
                                 if (reply) note_workers(bucket, *reply);
                             });
}

void RedisRateLimiter::note_workers(const std::string& name, const Reply& reply) {
    const auto workers = redis::to_worker_count(reply);
    if (!workers) return refuse_answer(reply);
    const std::lock_guard lock(mutex_);
    const auto found = buckets_.find(name);
    if (name != kAnyBucket && found == buckets_.end()) return;
    int& known = name == kAnyBucket ? all_workers_ : found->second->workers;
    // A Redis that has lost its memory counts those who are back already.
    known = on_share() ? std::max(known, *workers) : *workers;
}

redis::Words RedisRateLimiter::probe() {
    // Whole, since a Redis that was restarted knows no scripts. It writes, as the leases will.
    return redis::beat_script().whole(workers_key(kAnyBucket),
                                      redis::beat_arguments(time_for_redis(), worker_));
}

void RedisRateLimiter::up(const Reply& probed) {
    if (!redis::to_worker_count(probed)) return refuse_answer(probed);
    bool was_away = false;
    {
        const std::lock_guard lock(mutex_);
        was_away = state_ == State::away;
        // Whoever used its share settles first.
        counts_from_ = on_share() ? steady_now() + options_.settle : steady_now();
        state_ = State::up;
    }
    changed_.notify_all();
    if (up_gauge_ != nullptr) up_gauge_->Set(1);
    const auto away_for = std::chrono::floor<Millis>(steady_now() - away_since_);
    if (was_away) log::info("redis.back", {{"redis", place_}, {"away_ms", away_for.count()}});
    told_refused_ = false;
    beat_all();
    send_due();
}

/// Tells of a change, not of every attempt.
void RedisRateLimiter::away(const std::string& why, bool refused) {
    bool was_away = false;
    {
        const std::lock_guard lock(mutex_);
        was_away = state_ == State::away;
        const bool had_shares = on_share();
        state_ = State::away;
        trouble_ = why;
        for (auto* bucket : std::exchange(due_, {})) bucket->in_flight = false;
        for (auto& [name, bucket] : buckets_) {
            if (!had_shares) bucket->share.reset();
            begin_share(*bucket);
        }
    }
    changed_.notify_all();
    if (up_gauge_ != nullptr) up_gauge_->Set(0);
    if (!was_away) away_since_ = steady_now();
    if (was_away && (told_refused_ || !refused)) return;
    told_refused_ = refused;
    log::write(refused ? log::Level::error : log::Level::warning, "redis.away",
               {{"redis", place_}, {"reason", why}, {"refused", refused}});
}

void RedisRateLimiter::tick() {
    loop_.at(steady_now() + kTick, [this] { tick(); });
    bool is_up = false;
    {
        const std::lock_guard lock(mutex_);
        is_up = state_ == State::up;
        forget_idle_buckets();
        for (auto& [name, bucket] : buckets_) {
            if (!on_share() && bucket->lease.has_leftover(now())) ask(*bucket, 0);
        }
    }
    if (is_up) beat_all();
}

void RedisRateLimiter::beat_all() {
    std::vector<std::string> names{kAnyBucket};
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [name, bucket] : buckets_) {
            if (now() - bucket->used_at < kWorksFor) names.push_back(name);
        }
    }
    for (const auto& name : names) beat(name);
}

void RedisRateLimiter::forget_idle_buckets() {
    const auto time = now();
    std::erase_if(buckets_, [&](const auto& entry) {
        const auto& bucket = *entry.second;
        return !bucket.in_flight && time - bucket.used_at >= kIdle;
    });
}

}  // namespace herald
