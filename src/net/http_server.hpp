#pragma once

#include <memory>

#include "base/result.hpp"
#include "net/server.hpp"

namespace herald::net {

/// An HTTP/1.1 server with keep-alive: one coroutine a connection on `threads` io threads. Pipelined requests
/// are answered one after the other. `Expect: 100-continue` is honoured. Thread-safe.
class HttpServer {
public:
    /// Listens and serves from here on. `handler` must outlive the server. `unavailable` when the address
    /// cannot be bound.
    static Result<std::unique_ptr<HttpServer>> start(const ServerOptions& options, RequestHandler& handler);

    virtual ~HttpServer() = default;
    virtual std::uint16_t port() const = 0;

    /// Stops accepting and reading new requests, lets open exchanges answer until `deadline`, then closes and
    /// joins the threads. A second call does nothing.
    virtual void stop(Millis deadline) = 0;

    struct Levels {
        std::size_t connections = 0;
        std::size_t open_exchanges = 0;
    };
    virtual Levels levels() const = 0;
};

}  // namespace herald::net
