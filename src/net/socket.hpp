#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace herald::net {

/// Owns a file descriptor.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept;
    ~Fd() { reset(); }

    int get() const { return fd_; }
    void reset();

private:
    int fd_ = -1;
};

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

/// `numeric_only` never blocks, and finds nothing for a name.
Result<std::vector<SocketAddress>> resolve(const std::string& host, std::uint16_t port, bool numeric_only);
bool is_ip_address(const std::string& host);

/// The other side's address without the port.
std::string peer_address(int fd);
std::uint16_t local_port(int fd);

/// Non-blocking sockets, closed on exec.
Result<Fd> listen_on(const std::string& host, std::uint16_t port);
Result<Fd> begin_connect(const SocketAddress& address);
void send_without_delay(int fd);
/// Makes closing send RST at once.
void reset_on_close(int fd);

}  // namespace herald::net
