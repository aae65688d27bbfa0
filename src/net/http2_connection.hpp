#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/event_loop.hpp"
#include "net/http2_session.hpp"
#include "net/tls.hpp"

namespace herald::net {

/// A socket, its TLS and its HTTP/2 session: moves bytes between them on the loop's thread. Must be owned by
/// a shared_ptr; keeps itself alive while it calls its owner and while it closes.
class Http2Connection : public std::enable_shared_from_this<Http2Connection> {
public:
    /// Told on the loop's thread, and may call anything of the connection meanwhile.
    class Owner {
    public:
        virtual ~Owner() = default;
        virtual void handshake_done() = 0;
        virtual void event(http2::Event event) = 0;
        /// After a round of events.
        virtual void events_handled() {}
        /// The last call, once, unless the owner ended the connection itself.
        virtual void ended(const std::string& why) = 0;
    };

    Http2Connection(EventLoop& loop, Fd fd, TlsStream tls, const Http2Session::Options& options);

    /// Begins the handshake; `owner` must live until `ended`, `close` or `abort`.
    void start(Owner& owner);

    Http2Session& session() { return session_; }
    bool handshaken() const { return handshaken_; }
    EventLoop::Instant last_received() const { return last_received_; }

    /// Hands the session's output over once what is at hand has been handled: many requests, few writes.
    void flush_soon();
    /// Hands over what the socket takes now, sends close_notify and closes; the owner hears nothing more. The
    /// socket is read until the peer has closed, so that what was sent last is not lost to a RST.
    void close();
    /// Closes with RST at once; the owner hears nothing more.
    void abort();

private:
    enum class State { open, closing, closed };

    void ready(std::uint32_t events);
    void pump();
    bool shake_hands();
    bool read();
    bool write();
    void tell_events();
    void wait_for(bool writable);
    void end(const std::string& why);
    void linger();
    void discard();
    void drop();

    EventLoop& loop_;
    Fd fd_;
    TlsStream tls_;
    Http2Session session_;
    Owner* owner_ = nullptr;
    State state_ = State::open;
    bool handshaken_ = false;
    bool flush_due_ = false;
    std::uint32_t watched_ = 0;
    EventLoop::Instant last_received_;
    std::optional<EventLoop::TimerId> linger_timer_;
};

}  // namespace herald::net
