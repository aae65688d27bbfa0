#pragma once

#include <memory>
#include <string>

#include "adapters/redis/connection.hpp"

namespace herald::redis {

struct LinkOptions {
    RedisUrl url;
    std::shared_ptr<net::TlsContext> tls;  ///< null: plain
    Millis call_timeout{100};
    Millis connect_timeout{1000};  ///< from resolving the host to the answer that we may do what we do
    Millis backoff{50};            ///< doubles with every failure
    Millis max_backoff{1000};
};

/// Keeps a connection to a Redis, authenticated and on the right database, and makes a new one when it is
/// lost. Lives on the loop's thread.
class Link {
public:
    using Done = Connection::Done;

    /// Told on the loop's thread.
    class Owner {
    public:
        virtual ~Owner() = default;
        /// What shows that Redis lets this process work. The first call on each connection; an error that
        /// it is answered with ends the connection.
        virtual Words probe() = 0;
        virtual void up(const Reply& probed) = 0;
        /// Each time that connecting failed or the connection was lost. `refused`: Redis is there and does
        /// not let us in, so a person must act.
        virtual void away(const std::string& why, bool refused) = 0;
    };

    Link(net::EventLoop& loop, LinkOptions options, Owner& owner);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    void connect();
    /// Fails at once while the link is not up. `done` is called once; it may call anything of the link.
    void call(const Words& words, Done done);
    /// The connection is of no use, though it is there.
    void drop(const std::string& why, bool refused);

    /// Whether this error of Redis can only be healed by a person.
    static bool needs_a_person(const Reply& error);

private:
    void introduce();
    void probed(const Reply& reply);
    void lost(const std::string& why, bool refused);
    Millis next_backoff();

    net::EventLoop& loop_;
    const LinkOptions options_;
    Owner& owner_;
    std::shared_ptr<Connection> connection_;
    int attempt_ = 0;  ///< tells what a connection says from what an earlier one still had to say
    bool up_ = false;
    net::EventLoop::Instant up_since_;
    Millis backoff_;
    net::EventLoop::TimerId timer_;  ///< ends the attempt, or begins the next one
};

}  // namespace herald::redis
