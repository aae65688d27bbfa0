#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "adapters/redis/redis_url.hpp"
#include "adapters/redis/reply.hpp"
#include "base/clock.hpp"
#include "net/dial.hpp"
#include "net/event_loop.hpp"
#include "net/tls.hpp"

namespace herald::redis {

/// One connection to a Redis, from resolving its host to its end. Lives on the loop's thread. Calls are
/// written together once what is at hand has been handled, and answered in their order.
class Connection {
public:
    using Done = std::function<void(Result<Reply>)>;
    using Ended = std::function<void(const std::string& why)>;

    /// Calls may be made at once; they wait for the connection without a limit, and then `call_timeout` for
    /// their answer. `tls` is null for a plain connection. `ended` is called once, never inside the
    /// constructor or `call`, and not after the destructor: the host cannot be reached, the peer closed or
    /// makes no sense, or an answer took too long. It may destroy this.
    Connection(net::EventLoop& loop, const RedisUrl& url, std::shared_ptr<net::TlsContext> tls,
               Millis call_timeout, Ended ended);
    /// Calls without an answer fail.
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// `done` is called once, never inside this. It must not destroy this.
    void call(const Words& words, Done done);

private:
    using Instant = net::EventLoop::Instant;

    struct Pending {
        Done done;
        Instant deadline;
    };

    void dialled(Result<net::Fd> fd);
    void opened();
    void ready();
    /// These tell why nothing more can go over the connection.
    Status pump();
    Status shake_hands();
    Status read();
    Status answer_calls();
    Status write();
    net::TlsProgress receive(char* buffer, std::size_t size, std::size_t& got);
    net::TlsProgress send(std::size_t& taken);
    std::string why_not() const;
    void wait_for(bool writable);
    void flush_soon();
    void watch_deadline();
    void check_deadline();
    void end(const std::string& why);

    net::EventLoop& loop_;
    const RedisUrl url_;
    const std::shared_ptr<net::TlsContext> context_;
    const Millis call_timeout_;
    const Ended ended_;
    /// What was deferred finds out by it that this is gone.
    const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::unique_ptr<net::Dial> dial_;
    net::Fd fd_;
    std::optional<net::TlsStream> tls_;
    bool open_ = false;  ///< connected, hands shaken
    bool flush_due_ = false;
    bool awaits_room_ = false;
    std::string detail_;
    std::string output_;
    ReplyReader replies_;
    std::deque<Pending> pending_;
    std::optional<net::EventLoop::TimerId> timer_;
};

}  // namespace herald::redis
