#include "adapters/redis/link.hpp"

#include <array>

#include <fmt/format.h>

#include "base/crypto.hpp"

namespace herald::redis {
namespace {

/// A link that was up for less has not healed: the backoff goes on from where it was.
constexpr std::chrono::seconds kHealed{5};

net::EventLoop::Instant now() { return std::chrono::steady_clock::now(); }

}  // namespace

Link::Link(net::EventLoop& loop, LinkOptions options, Owner& owner)
    : loop_(loop), options_(std::move(options)), owner_(owner), backoff_(options_.backoff) {}

Link::~Link() { loop_.cancel(timer_); }

void Link::connect() {
    timer_ = loop_.at(now() + options_.connect_timeout, [this] {
        lost(fmt::format("Redis did not let us in within {} ms", options_.connect_timeout.count()), false);
    });
    connection_ = std::make_shared<Connection>(loop_, options_.url, options_.tls, options_.call_timeout,
                                               [this, attempt = attempt_](const std::string& why) {
                                                   if (attempt == attempt_) lost(why, false);
                                               });
    introduce();
}

/// All at once: the answers come in one round trip.
void Link::introduce() {
    const auto call = [this](const Words& words, std::function<void(const Reply&)> then) {
        connection_->call(words, [this, attempt = attempt_, name = words[0],
                                  then = std::move(then)](const Result<Reply>& reply) {
            if (!reply || attempt != attempt_) return;
            if (reply->is_error()) return lost(name + ": " + reply->text, needs_a_person(*reply));
            then(*reply);
        });
    };
    const auto& url = options_.url;
    if (!url.user.empty()) {
        call({"AUTH", url.user, url.password}, [](const Reply&) {});
    } else if (!url.password.empty()) {
        call({"AUTH", url.password}, [](const Reply&) {});
    }
    if (url.database != 0) call({"SELECT", std::to_string(url.database)}, [](const Reply&) {});
    call(owner_.probe(), [this](const Reply& reply) { probed(reply); });
}

void Link::probed(const Reply& reply) {
    loop_.cancel(timer_);
    up_ = true;
    up_since_ = now();
    owner_.up(reply);
}

void Link::call(const Words& words, Done done) {
    if (!up_) return done(fail(ErrorCode::unavailable, "calling Redis: it is away"));
    connection_->call(words, std::move(done));
}

void Link::drop(const std::string& why, bool refused) {
    if (up_) lost(why, refused);
}

void Link::lost(const std::string& why, bool refused) {
    if (up_ && now() - up_since_ >= kHealed) backoff_ = options_.backoff;
    up_ = false;
    ++attempt_;
    // Who calls this may be the connection.
    loop_.defer([dead = std::exchange(connection_, nullptr)] {});
    loop_.cancel(timer_);
    timer_ = loop_.at(now() + next_backoff(), [this] { connect(); });
    owner_.away(why, refused);
}

/// Between half of the step and all of it, so that processes do not come back in step.
Millis Link::next_backoff() {
    const auto step = backoff_.count();
    backoff_ = std::min(backoff_ * 2, options_.max_backoff);
    const auto jitter = static_cast<std::int64_t>(random_u64() % static_cast<std::uint64_t>(step / 2 + 1));
    return Millis{step - jitter};
}

bool Link::needs_a_person(const Reply& error) {
    static constexpr std::array<std::string_view, 8> kPassing{
        "LOADING", "READONLY", "MASTERDOWN", "BUSY", "OOM", "MISCONF", "NOREPLICAS", "CLUSTERDOWN"};
    return std::find(kPassing.begin(), kPassing.end(), error.error_word()) == kPassing.end();
}

}  // namespace herald::redis
