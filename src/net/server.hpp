#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/http.hpp"

namespace herald::net {

/// What arrived. `body` is whole when the handler's `on_request` sees it.
struct ServerRequest {
    std::string method;
    std::string path;   ///< still percent-encoded, without the query
    std::string query;  ///< without the question mark
    Headers headers;    ///< HTTP/2's :authority appears as `host`
    std::string body;
    std::string peer;  ///< address of the other side, without port
};

/// One request that waits for its answer. Every call may come from any thread, and none blocks.
class Exchange {
public:
    virtual ~Exchange() = default;
    virtual const ServerRequest& request() const = 0;

    /// Answers; the second and later calls do nothing. `written` is told whether the whole answer was handed
    /// to the connection's socket; it may be empty.
    virtual void respond(HttpResponse response, std::function<void(bool complete)> written = {}) = 0;

    /// For simulators: breaks off without an answer. HTTP/1 closes the connection with RST, HTTP/2 resets the
    /// stream, or drops the whole connection when `whole_connection`.
    virtual void reset(bool whole_connection) = 0;

    /// For simulators, HTTP/2 only: GOAWAY that covers no stream above this one's predecessor, so that this
    /// request counts as not processed, then close when the rest has ended.
    virtual void go_away(std::string_view debug_data) = 0;

    /// For simulators, HTTP/2 only: resets the stream with REFUSED_STREAM, so that this request counts as not
    /// processed. Elsewhere the same as `reset`.
    virtual void refuse() { reset(false); }

    /// Room for what `on_head` wants to find again in `on_request`.
    std::uint64_t tag = 0;
};

/// Implemented by whoever serves. Called on the server's threads; must not block.
class RequestHandler {
public:
    virtual ~RequestHandler() = default;

    /// The head is there, the body is not. Simulators use it to note a request or to reset it unread (by
    /// exchange->reset). A body limit was checked before.
    virtual void on_head(const std::shared_ptr<Exchange>&) {}
    virtual void on_request(std::shared_ptr<Exchange> exchange) = 0;

    /// Bad requests that never reach `on_request`: 400 malformed, 408 too slow, 413 body, 431 head. The
    /// server sends what this returns and closes.
    virtual HttpResponse on_protocol_error(int status, std::string_view detail) {
        return {status, {{"content-type", "text/plain"}}, std::string(detail) + "\n"};
    }
};

struct ServerOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  ///< 0 takes any free one
    int threads = 1;
    std::string thread_name = "http.server";
    std::size_t max_body_bytes = 256 * 1024;
    std::size_t max_head_bytes = 16 * 1024;
    std::size_t max_connections = 4096;
    Millis head_timeout{10'000};  ///< from the first byte (or accept) to the end of the head
    Millis body_timeout{30'000};
    Millis idle_timeout{75'000};  ///< between requests of one connection
    /// HTTP/2 only: PEM files and the stream limit that SETTINGS announces.
    std::string certificate_pem;
    std::string key_pem;
    std::uint32_t max_concurrent_streams = 1000;
};

}  // namespace herald::net
