#include "net/socket.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/format.h>

namespace herald::net {

namespace {

constexpr int kBacklog = 1024;

const sockaddr* as_sockaddr(const SocketAddress& address) {
    return reinterpret_cast<const sockaddr*>(&address.storage);
}

Result<Fd> open_socket(const SocketAddress& address) {
    Fd fd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd.get() < 0)
        return fail(ErrorCode::unavailable, fmt::format("opening a socket: {}", strerror(errno)));
    return fd;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this != &other) {
        reset();
        fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
}

void Fd::reset() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
}

Result<std::vector<SocketAddress>> resolve(const std::string& host, std::uint16_t port, bool numeric_only) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (numeric_only ? AI_NUMERICHOST : AI_ADDRCONFIG);
    addrinfo* found = nullptr;
    const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (error != 0) {
        return fail(ErrorCode::unavailable, fmt::format("resolving {}: {}", host, gai_strerror(error)));
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
    std::vector<SocketAddress> addresses;
    for (const auto* entry = found; entry != nullptr; entry = entry->ai_next) {
        SocketAddress address;
        std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
        address.size = entry->ai_addrlen;
        addresses.push_back(address);
    }
    return addresses;
}

bool is_ip_address(const std::string& host) {
    in6_addr ignored;
    return inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
           inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

std::string peer_address(int fd) {
    SocketAddress address;
    address.size = sizeof address.storage;
    std::array<char, NI_MAXHOST> text{};
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0) return {};
    if (getnameinfo(as_sockaddr(address), address.size, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST)) {
        return {};
    }
    return text.data();
}

std::uint16_t local_port(int fd) {
    SocketAddress address;
    address.size = sizeof address.storage;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0) return 0;
    return ntohs(address.storage.ss_family == AF_INET6
                     ? reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_port
                     : reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_port);
}

Result<Fd> listen_on(const std::string& host, std::uint16_t port) {
    auto addresses = resolve(host, port, false);
    if (!addresses) return fail(addresses.error());
    const auto& address = addresses->front();
    auto fd = open_socket(address);
    if (!fd) return fd;
    const int on = 1;
    if (setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd->get(), as_sockaddr(address), address.size) != 0 || listen(fd->get(), kBacklog) != 0) {
        return fail(ErrorCode::unavailable,
                    fmt::format("listening on {}:{}: {}", host, port, strerror(errno)));
    }
    return fd;
}

Result<Fd> begin_connect(const SocketAddress& address) {
    auto fd = open_socket(address);
    if (!fd) return fd;
    send_without_delay(fd->get());
    if (connect(fd->get(), as_sockaddr(address), address.size) != 0 && errno != EINPROGRESS) {
        return fail(ErrorCode::unavailable, fmt::format("connecting: {}", strerror(errno)));
    }
    return fd;
}

void send_without_delay(int fd) {
    const int on = 1;
    // Only speed depends on it.
    [[maybe_unused]] const int ignored = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void reset_on_close(int fd) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    [[maybe_unused]] const int ignored = setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace herald::net
