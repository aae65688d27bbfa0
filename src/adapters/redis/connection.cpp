#include "adapters/redis/connection.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace herald::redis {
namespace {

using net::TlsProgress;

net::EventLoop::Instant now() { return std::chrono::steady_clock::now(); }

tl::unexpected<Error> unusable(std::string why) { return fail(ErrorCode::unavailable, std::move(why)); }

}  // namespace

Connection::Connection(net::EventLoop& loop, const RedisUrl& url, std::shared_ptr<net::TlsContext> tls,
                       Millis call_timeout, Ended ended)
    : loop_(loop),
      url_(url),
      context_(std::move(tls)),
      call_timeout_(call_timeout),
      ended_(std::move(ended)),
      dial_(std::make_unique<net::Dial>(loop, url.host, url.port,
                                        [this](Result<net::Fd> fd) { dialled(std::move(fd)); })) {}

Connection::~Connection() {
    *alive_ = false;
    if (timer_) loop_.cancel(*timer_);
    if (fd_.get() >= 0) loop_.forget(fd_.get());
    for (const auto& call : std::exchange(pending_, {})) {
        call.done(unusable("calling Redis: the connection has ended"));
    }
}

void Connection::call(const Words& words, Done done) {
    output_ += format_command(words);
    pending_.push_back({std::move(done), now() + call_timeout_});
    flush_soon();
    watch_deadline();
}

void Connection::dialled(Result<net::Fd> fd) {
    dial_.reset();
    if (!fd) return end(fd.error().message);
    fd_ = *std::move(fd);
    if (context_) tls_.emplace(net::TlsStream::for_client(*context_, fd_.get(), url_.host));
    awaits_room_ = true;
    if (!tls_) opened();
    loop_.watch(fd_.get(), EPOLLIN | EPOLLOUT, [this](std::uint32_t) { ready(); });
}

void Connection::opened() {
    open_ = true;
    for (auto& call : pending_) call.deadline = now() + call_timeout_;
    watch_deadline();
}

void Connection::ready() {
    if (auto status = pump(); !status) end(status.error().message);
}

Status Connection::pump() {
    if (!open_) {
        if (auto status = shake_hands(); !status) return status;
        if (!open_) return {};
    }
    if (auto status = read(); !status) return status;
    return write();
}

Status Connection::shake_hands() {
    switch (tls_->handshake()) {
        case TlsProgress::done:
            opened();
            break;
        case TlsProgress::blocked:
            wait_for(tls_->wants_write());
            break;
        case TlsProgress::closed:
        case TlsProgress::failed:
            return unusable("TLS handshake: " + tls_->detail());
    }
    return {};
}

Status Connection::read() {
    std::array<char, 16 * 1024> buffer;
    for (;;) {
        std::size_t got = 0;
        switch (receive(buffer.data(), buffer.size(), got)) {
            case TlsProgress::done:
                break;
            case TlsProgress::blocked:
                return {};
            case TlsProgress::closed:
            case TlsProgress::failed:
                return unusable(why_not());
        }
        if (auto status = replies_.feed({buffer.data(), got}); !status) return status;
        if (auto status = answer_calls(); !status) return status;
    }
}

Status Connection::answer_calls() {
    for (;;) {
        auto reply = replies_.next();
        if (!reply) return fail(reply.error());
        if (!*reply) return {};
        if (pending_.empty()) return unusable("Redis answered what was not asked: " + (*reply)->text);
        const auto done = std::move(pending_.front().done);
        pending_.pop_front();
        done(*std::move(*reply));
    }
}

Status Connection::write() {
    while (!output_.empty()) {
        std::size_t taken = 0;
        switch (send(taken)) {
            case TlsProgress::done:
                output_.erase(0, taken);
                break;
            case TlsProgress::blocked:
                wait_for(true);
                return {};
            case TlsProgress::closed:
            case TlsProgress::failed:
                return unusable(why_not());
        }
    }
    wait_for(false);
    return {};
}

TlsProgress Connection::receive(char* buffer, std::size_t size, std::size_t& got) {
    if (tls_) return tls_->read(buffer, size, got);
    const auto n = recv(fd_.get(), buffer, size, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return TlsProgress::blocked;
    detail_ = n == 0 ? "Redis closed the connection" : strerror(errno);
    got = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
    return n > 0 ? TlsProgress::done : n == 0 ? TlsProgress::closed : TlsProgress::failed;
}

TlsProgress Connection::send(std::size_t& taken) {
    if (tls_) return tls_->write(output_, taken);
    const auto n = ::send(fd_.get(), output_.data(), output_.size(), MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return TlsProgress::blocked;
    detail_ = strerror(errno);
    taken = static_cast<std::size_t>(std::max<ssize_t>(n, 0));
    return n >= 0 ? TlsProgress::done : TlsProgress::failed;
}

std::string Connection::why_not() const { return tls_ ? tls_->detail() : detail_; }

void Connection::wait_for(bool writable) {
    if (writable == awaits_room_) return;
    awaits_room_ = writable;
    loop_.change(fd_.get(), EPOLLIN | (writable ? std::uint32_t{EPOLLOUT} : 0U));
}

void Connection::flush_soon() {
    if (flush_due_ || !open_) return;
    flush_due_ = true;
    loop_.defer([this, alive = alive_] {
        if (!*alive) return;
        flush_due_ = false;
        if (auto status = write(); !status) end(status.error().message);
    });
}

/// One timer for all calls: it is set to the oldest, and looks again when that was answered meanwhile.
void Connection::watch_deadline() {
    if (timer_ || !open_ || pending_.empty()) return;
    timer_ = loop_.at(pending_.front().deadline, [this] {
        timer_.reset();
        check_deadline();
    });
}

void Connection::check_deadline() {
    // The answer may have come while this process was kept from running.
    if (auto status = read(); !status) return end(status.error().message);
    if (!pending_.empty() && pending_.front().deadline <= now()) {
        return end(fmt::format("Redis did not answer within {} ms", call_timeout_.count()));
    }
    watch_deadline();
}

void Connection::end(const std::string& why) {
    const auto ended = ended_;  // outlives this
    ended(why);
}

}  // namespace herald::redis
