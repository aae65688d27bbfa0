#pragma once

#include <memory>

#include "net/http.hpp"

namespace herald::net {

struct Http2ClientOptions {
    std::string origin;                ///< https://host:port; requests go to this origin only
    std::string ca_file;               ///< PEM; empty means the system's
    std::size_t max_in_flight = 1000;  ///< further requests wait inside the client, for half their deadline
    std::size_t max_connections = 2;
    Millis connect_timeout{5'000};
    Millis reconnect_min{1'000};  ///< doubles up to reconnect_max while connecting fails
    Millis reconnect_max{60'000};
    Millis ping_after_idle{60'000};
    std::string thread_name = "http2.client";
};

/// HTTP/2 over TLS (ALPN h2; a peer that selects nothing is taken as h2) on one thread, over the session of
/// http2_session.hpp. Opens a second connection only when the first one's stream limit is used up; obeys
/// SETTINGS, GOAWAY and REFUSED_STREAM, and tells exactly whether the last byte of a request was written.
std::unique_ptr<HttpClient> make_http2_client(const Http2ClientOptions& options);

}  // namespace herald::net
