#pragma once

#include <memory>

#include "net/http.hpp"

namespace herald::net {

struct CurlClientOptions {
    std::size_t max_in_flight = 128;  ///< further requests wait inside the client, for half their deadline
    std::size_t max_connections = 64;
    Millis connect_timeout{5'000};
    /// Connections idle longer than this are not used again; below the provider's own keep-alive.
    Millis max_idle{20'000};
    std::string ca_file;  ///< PEM; empty means the system's
    std::string thread_name = "http.client";
};

/// HTTP/1.1 by libcurl's multi interface with socket_action on one thread. libcurl would repeat a POST on a
/// connection that died; here such a second try is refused before it is sent.
std::unique_ptr<HttpClient> make_curl_client(const CurlClientOptions& options);

}  // namespace herald::net
