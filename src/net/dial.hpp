#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/event_loop.hpp"

namespace herald::net {

/// Resolves a host anew and connects to its addresses one after the other. Lives on the loop's thread; a name
/// is resolved on a thread of its own, which the destructor does not wait for.
class Dial {
public:
    using Done = std::function<void(Result<Fd>)>;

    /// `done` is called once, never inside the constructor, and not after the destructor; it may destroy
    /// this.
    Dial(EventLoop& loop, std::string host, std::uint16_t port, Done done);
    ~Dial();
    Dial(const Dial&) = delete;
    Dial& operator=(const Dial&) = delete;

private:
    struct Reply;

    void resolved(Result<std::vector<SocketAddress>> addresses);
    void try_next();
    void connected_or_not();
    void finish(Result<Fd> result);

    EventLoop& loop_;
    const std::string host_;
    const Done done_;
    std::shared_ptr<Reply> reply_;
    std::vector<SocketAddress> addresses_;
    std::size_t next_ = 0;
    Fd fd_;
    Error last_error_{ErrorCode::unavailable, "connecting: no address"};
};

}  // namespace herald::net
