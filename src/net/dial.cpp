#include "net/dial.hpp"

#include <sys/epoll.h>

#include <cstring>
#include <thread>

#include <fmt/format.h>

#include "base/thread_name.hpp"
#include "net/thread_signals.hpp"

namespace herald::net {

/// Where the resolving thread finds who asked, as long as it still exists.
struct Dial::Reply {
    std::mutex mutex;
    EventLoop* loop;  ///< guarded by mutex; null once the Dial is gone
    Dial* dial;       ///< the loop's thread only; null once the Dial is gone
};

Dial::Dial(EventLoop& loop, std::string host, std::uint16_t port, Done done)
    : loop_(loop), host_(std::move(host)), done_(std::move(done)), reply_(std::make_shared<Reply>()) {
    reply_->loop = &loop;
    reply_->dial = this;
    const auto deliver = [reply = reply_](Result<std::vector<SocketAddress>> addresses) {
        const std::lock_guard lock(reply->mutex);
        if (reply->loop == nullptr) return;
        reply->loop->post([reply, addresses = std::move(addresses)] {
            if (reply->dial != nullptr) reply->dial->resolved(addresses);
        });
    };
    if (is_ip_address(host_)) {
        deliver(resolve(host_, port, true));
        return;
    }
    std::thread([deliver, name = host_, port] {
        name_this_thread("resolve");
        block_signals_on_this_thread();
        deliver(resolve(name, port, false));
    }).detach();
}

Dial::~Dial() {
    const std::lock_guard lock(reply_->mutex);
    reply_->loop = nullptr;
    reply_->dial = nullptr;
    if (fd_.get() >= 0) loop_.forget(fd_.get());
}

void Dial::resolved(Result<std::vector<SocketAddress>> addresses) {
    if (!addresses) return finish(fail(addresses.error()));
    addresses_ = std::move(*addresses);
    try_next();
}

void Dial::try_next() {
    while (next_ < addresses_.size()) {
        auto fd = begin_connect(addresses_[next_++]);
        if (!fd) {
            last_error_ = fd.error();
            continue;
        }
        fd_ = std::move(*fd);
        loop_.watch(fd_.get(), EPOLLOUT, [this](std::uint32_t) { connected_or_not(); });
        return;
    }
    finish(fail(last_error_));
}

void Dial::connected_or_not() {
    loop_.forget(fd_.get());
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error == 0) return finish(std::move(fd_));
    last_error_ = {ErrorCode::unavailable, fmt::format("connecting to {}: {}", host_, strerror(error))};
    fd_.reset();
    try_next();
}

void Dial::finish(Result<Fd> result) {
    const auto done = done_;  // outlives this
    done(std::move(result));
}

}  // namespace herald::net
