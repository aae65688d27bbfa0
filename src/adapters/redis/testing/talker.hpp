#pragma once

#include <poll.h>

#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "base/result.hpp"
#include "net/socket.hpp"

namespace herald::redis {

/// Listens where a Redis should, and answers what it reads, one connection after the other, as a test likes.
class Talker {
public:
    /// What to send for the bytes that came; nothing: close.
    using Answer = std::function<std::string(std::string_view)>;

    explicit Talker(Answer answer) : answer_(std::move(answer)), listener_(listen()) {
        thread_ = std::thread([this] { run(); });
    }
    ~Talker() {
        stopping_ = true;
        thread_.join();
    }
    Talker(const Talker&) = delete;
    Talker& operator=(const Talker&) = delete;

    std::string url() const {
        return "redis://127.0.0.1:" + std::to_string(net::local_port(listener_.get()));
    }
    int connections() const { return connections_; }

private:
    static constexpr int kLookMs = 5;

    static net::Fd listen() {
        auto listener = net::listen_on("127.0.0.1", 0);
        CHECK(listener.has_value());
        return *std::move(listener);
    }

    bool readable(int fd) const {
        pollfd waiting{fd, POLLIN, 0};
        while (!stopping_) {
            if (poll(&waiting, 1, kLookMs) > 0) return true;
        }
        return false;
    }

    void run() {
        while (readable(listener_.get())) {
            const net::Fd peer(accept(listener_.get(), nullptr, nullptr));
            ++connections_;
            talk(peer.get());
        }
    }

    void talk(int fd) const {
        std::array<char, 4096> buffer;
        while (readable(fd)) {
            const auto got = recv(fd, buffer.data(), buffer.size(), 0);
            if (got <= 0) return;
            const auto answer = answer_({buffer.data(), static_cast<std::size_t>(got)});
            if (answer.empty()) return;
            if (send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
        }
    }

    const Answer answer_;
    const net::Fd listener_;
    std::atomic<bool> stopping_ = false;
    std::atomic<int> connections_ = 0;
    std::thread thread_;
};

}  // namespace herald::redis
