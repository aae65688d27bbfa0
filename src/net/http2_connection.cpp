#include "net/http2_connection.hpp"

#include <sys/epoll.h>

#include <array>

namespace herald::net {

namespace {

constexpr int kReadsPerTurn = 16;  ///< then the other connections have theirs
constexpr std::chrono::seconds kLinger{1};

}  // namespace

Http2Connection::Http2Connection(EventLoop& loop, Fd fd, TlsStream tls, const Http2Session::Options& options)
    : loop_(loop),
      fd_(std::move(fd)),
      tls_(std::move(tls)),
      session_(options),
      last_received_(std::chrono::steady_clock::now()) {}

void Http2Connection::start(Owner& owner) {
    owner_ = &owner;
    watched_ = EPOLLIN | EPOLLOUT;
    loop_.watch(fd_.get(), watched_,
                [self = shared_from_this()](std::uint32_t events) { self->ready(events); });
}

void Http2Connection::ready(std::uint32_t) {
    if (state_ == State::closing) return discard();
    if (state_ == State::open) pump();
}

void Http2Connection::flush_soon() {
    if (flush_due_ || !handshaken_ || state_ != State::open) return;
    flush_due_ = true;
    loop_.defer([self = shared_from_this()] {
        self->flush_due_ = false;
        if (self->state_ == State::open) self->pump();
    });
}

void Http2Connection::pump() {
    const auto self = shared_from_this();
    if (!handshaken_ && !shake_hands()) return;
    const bool readable = read();
    if (state_ != State::open) return;
    if (!readable) return end(tls_.detail());
    const bool writable = write();
    if (state_ != State::open) return;
    if (!writable) {
        const auto why = tls_.detail();
        // What the peer had to say before it closed, a GOAWAY above all, may still wait in the socket.
        read();
        if (state_ == State::open) end(why);
        return;
    }
    if (!session_.finished()) return;
    linger();
    if (auto* owner = std::exchange(owner_, nullptr)) owner->ended("the connection was closed");
}

bool Http2Connection::shake_hands() {
    switch (tls_.handshake()) {
        case TlsProgress::blocked:
            wait_for(tls_.wants_write());
            return false;
        case TlsProgress::closed:
        case TlsProgress::failed:
            end("TLS handshake: " + tls_.detail());
            return false;
        case TlsProgress::done:
            break;
    }
    handshaken_ = true;
    owner_->handshake_done();
    return state_ == State::open;
}

/// False when nothing more can come.
bool Http2Connection::read() {
    std::array<char, 16 * 1024> buffer;
    for (int i = 0; i < kReadsPerTurn && state_ == State::open; ++i) {
        std::size_t got = 0;
        const auto progress = tls_.read(buffer.data(), buffer.size(), got);
        if (progress == TlsProgress::blocked) return true;
        if (progress != TlsProgress::done) return false;
        last_received_ = std::chrono::steady_clock::now();
        const auto status = session_.receive({buffer.data(), got});
        tell_events();
        if (!status && state_ == State::open) end(status.error().message);
    }
    return true;
}

/// False when the socket takes nothing any more.
bool Http2Connection::write() {
    while (state_ == State::open) {
        const auto output = session_.output();
        if (output.empty()) {
            wait_for(false);
            tell_events();
            return true;
        }
        std::size_t taken = 0;
        const auto progress = tls_.write(output, taken);
        if (progress == TlsProgress::blocked) {
            wait_for(true);
            return true;
        }
        if (progress != TlsProgress::done) return false;
        session_.written(taken);
        tell_events();
    }
    return true;
}

void Http2Connection::tell_events() {
    for (auto events = session_.take_events(); !events.empty(); events = session_.take_events()) {
        for (auto& event : events) {
            if (owner_ == nullptr) return;
            owner_->event(std::move(event));
        }
        if (owner_ != nullptr) owner_->events_handled();
    }
}

void Http2Connection::wait_for(bool writable) {
    const std::uint32_t wanted = EPOLLIN | (writable ? std::uint32_t{EPOLLOUT} : 0U);
    if (wanted == watched_) return;
    watched_ = wanted;
    loop_.change(fd_.get(), wanted);
}

void Http2Connection::end(const std::string& why) {
    auto* owner = std::exchange(owner_, nullptr);
    drop();
    if (owner != nullptr) owner->ended(why);
}

void Http2Connection::close() {
    const auto self = shared_from_this();
    owner_ = nullptr;
    if (state_ != State::open) return;
    if (!handshaken_ || !write()) return drop();
    linger();
}

void Http2Connection::abort() {
    const auto self = shared_from_this();
    owner_ = nullptr;
    if (state_ == State::closed) return;
    reset_on_close(fd_.get());
    drop();
}

void Http2Connection::linger() {
    tls_.close_notify();
    if (shutdown(fd_.get(), SHUT_WR) != 0) return drop();
    state_ = State::closing;
    wait_for(false);
    linger_timer_ = loop_.at(std::chrono::steady_clock::now() + kLinger, [self = shared_from_this()] {
        self->linger_timer_.reset();
        self->drop();
    });
}

void Http2Connection::discard() {
    std::array<char, 16 * 1024> buffer;
    ssize_t n = 0;
    do {
        n = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    } while (n > 0);
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) drop();
}

void Http2Connection::drop() {
    const auto self = shared_from_this();
    if (state_ == State::closed) return;
    state_ = State::closed;
    if (linger_timer_) loop_.cancel(*linger_timer_);
    linger_timer_.reset();
    loop_.forget(fd_.get());
    fd_.reset();
}

}  // namespace herald::net
