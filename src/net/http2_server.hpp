#pragma once

#include <memory>

#include "base/result.hpp"
#include "net/server.hpp"

namespace herald::net {

/// An HTTP/2 server over TLS with the same handler as HttpServer, for the simulators. A client without ALPN
/// is taken as h2. When `max_concurrent_streams` is exceeded the stream is refused (REFUSED_STREAM).
class Http2Server {
public:
    static Result<std::unique_ptr<Http2Server>> start(const ServerOptions& options, RequestHandler& handler);

    virtual ~Http2Server() = default;
    virtual std::uint16_t port() const = 0;
    virtual void stop(Millis deadline) = 0;
};

}  // namespace herald::net
