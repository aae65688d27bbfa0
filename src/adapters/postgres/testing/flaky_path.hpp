#pragma once

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <list>
#include <thread>

#include "adapters/postgres/testing/test_schema.hpp"

namespace herald::postgres {

/// A path to the server that a test can cut: it forwards what a store sends and gets, from a port of its own.
class FlakyPath {
public:
    enum class State {
        open,
        cut,         ///< nobody gets through, and connections end
        frozen,      ///< connections stand, and nothing passes
        answerless,  ///< what is asked reaches the server; connections end when it answers a COMMIT
    };

    FlakyPath() {
        const auto server = parse_connection_url(server_url()).value();
        server_ = {std::string(server.find("host")), std::string(server.find("port"))};
        if (server_.port.empty()) server_.port = "5432";
        listen_on(0);
        acceptor_ = std::thread([this] { accept_all(); });
    }
    ~FlakyPath() {
        stopping_ = true;
        acceptor_.join();
        for (auto& connection : connections_) connection.join();
        close(listener_);
    }
    FlakyPath(const FlakyPath&) = delete;
    FlakyPath& operator=(const FlakyPath&) = delete;

    void set(State state) { state_ = state; }
    std::string through(const std::string& url) const {
        return with_parameter(with_parameter(url, "host", "127.0.0.1"), "port", std::to_string(port_));
    }

private:
    struct Address {
        std::string host;
        std::string port;
    };

    void listen_on(std::uint16_t port) {
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
              listen(listener_, 64) == 0);
        CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port_ = ntohs(address.sin_port);
    }

    int connect_to_server() const {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        if (getaddrinfo(server_.host.c_str(), server_.port.c_str(), &hints, &found) != 0) return -1;
        const int server = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool connected = connect(server, found->ai_addr, found->ai_addrlen) == 0;
        freeaddrinfo(found);
        if (connected) return server;
        close(server);
        return -1;
    }

    void accept_all() {
        while (!stopping_) {
            pollfd ready{listener_, POLLIN, 0};
            if (poll(&ready, 1, 5) <= 0) continue;
            const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (client < 0) continue;
            if (state_ == State::cut) close(client);
            else connections_.emplace_back([this, client] { carry(client, connect_to_server()); });
        }
    }

    /// The state is read after the wait, so that nothing passes once a test has changed it.
    void carry(int client, int server) {
        bool committing = false;
        while (!stopping_ && server >= 0) {
            std::array<pollfd, 2> ends{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
            const int ready = poll(ends.data(), ends.size(), 5);
            const State state = state_;
            if (state == State::cut) break;
            if (state == State::frozen) std::this_thread::sleep_for(std::chrono::milliseconds(2));
            if (state == State::frozen || ready <= 0) continue;
            if (ends[0].revents != 0) {
                const auto asked = take(client);
                // Its text is in sight when it is prepared, which every connection does once.
                committing |= state == State::answerless && asked.find("COMMIT") != std::string::npos;
                if (!give(server, asked)) break;
            }
            if (ends[1].revents != 0) {
                const auto answered = take(server);
                if (committing || !give(client, answered)) break;
            }
        }
        close(client);
        if (server >= 0) close(server);
    }

    static std::string take(int from) {
        std::string bytes(65536, '\0');
        const auto size = recv(from, bytes.data(), bytes.size(), 0);
        bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return bytes;
    }
    /// False when there is nothing to give: the other side has ended.
    static bool give(int to, const std::string& bytes) {
        std::size_t sent = 0;
        while (sent < bytes.size()) {
            const auto size = send(to, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
            if (size <= 0) return false;
            sent += static_cast<std::size_t>(size);
        }
        return !bytes.empty();
    }

    Address server_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::atomic<State> state_ = State::open;
    std::atomic<bool> stopping_ = false;
    std::list<std::thread> connections_;
    std::thread acceptor_;
};

}  // namespace herald::postgres
