#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace herald::net {

/// What the connections of one side share. TLS 1.2 or later, ALPN h2. Immutable, thread-safe.
class TlsContext {
public:
    /// Trusts the authorities of `ca_file`, or the system's when it is empty.
    static Result<std::shared_ptr<TlsContext>> for_client(const std::string& ca_file);
    static Result<std::shared_ptr<TlsContext>> for_server(const std::string& certificate_pem,
                                                          const std::string& key_pem);
    ~TlsContext();

    ssl_ctx_st* get() const { return context_; }

private:
    explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
    ssl_ctx_st* const context_;
};

enum class TlsProgress { done, blocked, closed, failed };

/// TLS over a non-blocking socket that somebody else owns. Not thread-safe; SIGPIPE must be blocked on the
/// thread.
class TlsStream {
public:
    /// A client checks that the certificate is for `host`, a name or an IP address.
    static TlsStream for_client(const TlsContext& context, int fd, const std::string& host);
    static TlsStream for_server(const TlsContext& context, int fd);
    TlsStream(TlsStream&&) noexcept;
    ~TlsStream();

    TlsProgress handshake();
    /// `done` with at least one byte.
    TlsProgress read(char* buffer, std::size_t size, std::size_t& got);
    /// `done`: the first `taken` bytes are in whole TLS records that the socket has taken. Otherwise the peer
    /// cannot read any of them, and the next call must begin with the same bytes.
    TlsProgress write(std::string_view bytes, std::size_t& taken);
    /// Whether the last blocked call waits for the socket to take more.
    bool wants_write() const { return wants_write_; }
    /// Sends close_notify if the socket takes it.
    void close_notify();

    /// Why the last call failed.
    const std::string& detail() const { return detail_; }

private:
    TlsStream(const TlsContext& context, int fd);
    TlsProgress progress_of(int result);

    ssl_st* tls_;
    bool wants_write_ = false;
    std::string detail_;
};

}  // namespace herald::net
