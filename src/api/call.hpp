#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "api/problem.hpp"
#include "api/request_meter.hpp"
#include "api/routes.hpp"
#include "base/clock.hpp"
#include "net/server.hpp"

namespace herald::api {

/// How many calls are not answered yet. Thread-safe.
class OpenCalls {
public:
    void begin();
    void end();
    void wait_for_none();

private:
    std::mutex mutex_;
    std::condition_variable none_;
    int open_ = 0;
};

/// The client's X-Request-Id when it is one (1 to 128 printable ASCII bytes), or a new one.
std::string request_id_of(const net::Headers& headers, TimePoint now);

/// One request on its way to its answer. All but `tenant` is fixed when it begins.
class Call {
public:
    Call(std::shared_ptr<net::Exchange> exchange, RouteMatch route, const Clock& clock, RequestMeter& meter,
         OpenCalls& open);
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    const net::ServerRequest& request() const { return exchange_->request(); }
    std::string_view pattern() const { return route_.pattern; }
    /// The `{id}` of the pattern, as any text.
    const std::string& path_id() const { return route_.id; }
    /// The same as a user's or template's id.
    OrProblem<std::string> client_id() const;
    /// A field of the query; nothing when it is not there.
    std::optional<std::string> query(std::string_view name) const;

    /// Once, from any thread, never blocks. Afterwards nothing but the destructor may be called, and the Api
    /// may be gone.
    void answer(Reply reply);

    TenantId tenant;  ///< set before a handler sees the call

private:
    std::shared_ptr<net::Exchange> exchange_;
    const RouteMatch route_;
    const Clock& clock_;
    RequestMeter& meter_;
    OpenCalls& open_;
    const Millis began_;
    const std::string request_id_;
};

}  // namespace herald::api
