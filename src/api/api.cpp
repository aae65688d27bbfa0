#include "api/api.hpp"

#include "base/uuid.hpp"

namespace herald {

using namespace api;

namespace {

Reply refuse_method(std::string_view pattern) {
    Problem problem;
    problem.code = ProblemCode::method_not_allowed;
    problem.detail = "The Allow header names the methods of this path.";
    problem.headers.push_back({"allow", allowed_methods(pattern)});
    return refuse(std::move(problem));
}

ProblemCode code_of_protocol_error(int status) {
    switch (status) {
        case 408:
            return ProblemCode::request_timeout;
        case 413:
            return ProblemCode::body_too_large;
        case 431:
            return ProblemCode::head_too_large;
        default:
            return ProblemCode::malformed_request;
    }
}

}  // namespace

Api::Api(ApiOptions options, const ApiParts& parts)
    : parts_(parts),
      only_open_routes_(options.only_open_routes),
      authentication_(std::move(options.keys), options.anonymous),
      meter_(parts.metrics) {}

Api::~Api() { open_.wait_for_none(); }

void Api::on_request(std::shared_ptr<net::Exchange> exchange) {
    const std::string& method = exchange->request().method;
    auto route = find_route(method, exchange->request().path);
    const auto* endpoint = route.endpoint;
    auto call = std::make_shared<Call>(std::move(exchange), std::move(route), parts_.clock, meter_, open_);
    const auto pattern = call->pattern();
    if (pattern.empty()) return call->answer(refuse(ProblemCode::not_found, "The API has no such path."));
    if (method == "OPTIONS")
        return call->answer(net::HttpResponse{204, {{"allow", allowed_methods(pattern)}}, ""});
    if (!endpoint) return call->answer(refuse_method(pattern));
    if (endpoint->access == Access::keyed) {
        if (only_open_routes_)
            return call->answer(refuse(ProblemCode::not_found, "This process does not serve the API."));
        auto tenant = authentication_.tenant_of(call->request().headers);
        if (!tenant) {
            return call->answer(
                refuse(ProblemCode::unauthorized, "Send the header Authorization: Bearer <API key>."));
        }
        call->tenant = *std::move(tenant);
    }
    run(endpoint->handler, std::move(call));
}

void Api::run(const Handler& handler, std::shared_ptr<Call> call) {
    if (const auto* at_once = std::get_if<AtOnce>(&handler)) {
        return call->answer(at_once->answer(parts_, *call));
    }
    if (const auto* later = std::get_if<Later>(&handler)) return later->begin(parts_, std::move(call));
    const auto answer = std::get<OnReader>(handler).answer;
    const bool posted = parts_.readers.post([this, answer, call] { call->answer(answer(parts_, *call)); });
    if (!posted) call->answer(refuse(ProblemCode::store_busy, "Nothing was changed; try again."));
}

net::HttpResponse Api::on_protocol_error(int status, std::string_view detail) {
    Problem problem;
    problem.code = code_of_protocol_error(status);
    problem.detail = std::string(detail);
    const auto request_id = to_string(Uuid::v7(parts_.clock.now()));
    auto response = to_response(problem, request_id);
    response.headers.push_back({"x-request-id", request_id});
    response.headers.push_back({"cache-control", "no-store"});
    meter_.answered({.route = {},
                     .method = {},
                     .status = response.status,
                     .took = Millis{0},
                     .request_id = request_id,
                     .cause = {}});
    return response;
}

}  // namespace herald
