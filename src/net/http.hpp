#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "base/clock.hpp"

namespace herald::net {

struct Header {
    std::string name;  ///< compared without case; HTTP/2 sends it in lower case
    std::string value;
};
using Headers = std::vector<Header>;

/// The first header of that name; nothing when there is none.
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);

struct HttpRequest {
    std::string method = "POST";
    std::string url;  ///< absolute: scheme, host, port, path, query
    Headers headers;  ///< without Host and Content-Length, which the client adds
    std::string body;
    /// From `send` to the last byte of the answer, queueing and connecting included. Half of it is the
    /// answer's: what could not be sent within the other half is not sent, because a request that is given up
    /// without its answer leaves in doubt whether the other side acted on it.
    Millis deadline{10'000};

    Millis begin_within() const { return deadline / 2; }
};

struct HttpResponse {
    int status = 200;
    Headers headers;
    std::string body;
};

/// No whole answer came.
struct HttpFailure {
    /// The last byte of the request was handed to the connection: the other side may have acted on it. False
    /// is a promise that it did not get a whole request.
    bool request_written = false;
    /// The other side said that it has not processed it (HTTP/2 REFUSED_STREAM, or above GOAWAY's last
    /// stream); `request_written` is false then, and the same request may be sent again at once.
    bool not_processed = false;
    std::string detail;
};

using HttpResult = tl::expected<HttpResponse, HttpFailure>;

/// Sends requests without blocking and never repeats one by itself. Thread-safe.
class HttpClient {
public:
    struct Callbacks {
        /// The last byte of the request was handed to the connection. At most once, before `done`; may be
        /// empty.
        std::function<void()> written;
        /// Exactly once, also when the client is destroyed. On the client's thread; it must not block.
        std::function<void(HttpResult)> done;
    };

    virtual ~HttpClient() = default;
    virtual void send(HttpRequest request, Callbacks callbacks) = 0;
    /// The connections that are open take no new requests; those under way may end. For requests sent later;
    /// a client without long-lived connections need not do anything.
    virtual void renew() {}
};

/// `a=1&b=x%20y` with every byte outside RFC 3986's unreserved set encoded.
std::string form_encode(const std::vector<std::pair<std::string, std::string>>& fields);
/// The fields of a query or form body in their order. Bytes that are not properly encoded are taken as they
/// stand.
std::vector<std::pair<std::string, std::string>> form_decode(std::string_view text);
std::string percent_decode(std::string_view text);

}  // namespace herald::net
