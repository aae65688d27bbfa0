#pragma once

#include <vector>

#include "api/authentication.hpp"
#include "api/call.hpp"
#include "api/parts.hpp"
#include "api/request_meter.hpp"
#include "net/server.hpp"

namespace herald {

struct ApiOptions {
    std::vector<ApiKey> keys;
    bool anonymous = false;  ///< requests without a key are the default tenant's
    /// A process without the role `api`: what needs a key is not there.
    bool only_open_routes = false;
};

/// The HTTP API. Never blocks the thread that calls it: what needs the store runs on the readers.
/// Thread-safe.
class Api final : public net::RequestHandler {
public:
    Api(ApiOptions options, const ApiParts& parts);
    /// Waits until every request that was begun is answered: the readers and the intake must still be
    /// running.
    ~Api() override;

    void on_request(std::shared_ptr<net::Exchange> exchange) override;
    net::HttpResponse on_protocol_error(int status, std::string_view detail) override;

private:
    void run(const api::Handler& handler, std::shared_ptr<api::Call> call);

    const ApiParts parts_;
    const bool only_open_routes_;
    const api::Authentication authentication_;
    api::RequestMeter meter_;
    api::OpenCalls open_;
};

}  // namespace herald
