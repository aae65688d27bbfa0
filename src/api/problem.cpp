#include "api/problem.hpp"

#include <fmt/format.h>

namespace herald::api {
namespace {

ProblemCode code_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::invalid:
        case ErrorCode::too_large:
        case ErrorCode::refused_content:
            return ProblemCode::invalid_request;
        case ErrorCode::not_found:
            return ProblemCode::not_found;
        case ErrorCode::busy:
            return ProblemCode::store_busy;
        case ErrorCode::unavailable:
        case ErrorCode::timeout:
        case ErrorCode::closed:
            return ProblemCode::store_unavailable;
        case ErrorCode::conflict:
        case ErrorCode::internal:
            return ProblemCode::internal;
    }
    return ProblemCode::internal;
}

ProblemCode code_of(Refusal refusal) {
    switch (refusal) {
        case Refusal::unknown_template:
            return ProblemCode::unknown_template;
        case Refusal::invalid_request:
            return ProblemCode::invalid_request;
        case Refusal::missing_data:
            return ProblemCode::missing_data;
        case Refusal::idempotency_mismatch:
            return ProblemCode::idempotency_mismatch;
        case Refusal::idempotency_in_flight:
            return ProblemCode::idempotency_in_flight;
        case Refusal::log_full:
            return ProblemCode::log_full;
        case Refusal::not_accepted:
            return ProblemCode::not_accepted;
        case Refusal::acceptance_unknown:
            return ProblemCode::acceptance_unknown;
        case Refusal::store_busy:
            return ProblemCode::store_busy;
        case Refusal::store_unavailable:
            return ProblemCode::store_unavailable;
    }
    return ProblemCode::internal;
}

std::string_view detail_of(ProblemCode failed_port) {
    if (failed_port == ProblemCode::invalid_request) return "The store refuses this content.";
    if (failed_port == ProblemCode::store_busy) return "Nothing was changed; try again.";
    if (failed_port == ProblemCode::store_unavailable) {
        return "The store did not answer: a change may have been made.";
    }
    return "The log has more under this request_id.";
}

void append_code_headers(net::Headers& headers, const Problem& problem, int status) {
    if (status == 503 || problem.code == ProblemCode::idempotency_in_flight) {
        headers.push_back({"retry-after", "1"});
    }
    if (problem.code == ProblemCode::unauthorized) headers.push_back({"www-authenticate", "Bearer"});
}

}  // namespace

ProblemKind kind_of(ProblemCode code) {
    switch (code) {
        case ProblemCode::malformed_request:
            return {400, "malformed_request", "The request is not HTTP"};
        case ProblemCode::malformed_json:
            return {400, "malformed_json", "The body is not JSON"};
        case ProblemCode::invalid_utf8:
            return {400, "invalid_utf8", "The body is not UTF-8"};
        case ProblemCode::unauthorized:
            return {401, "unauthorized", "A valid API key is required"};
        case ProblemCode::not_found:
            return {404, "not_found", "There is no such thing"};
        case ProblemCode::not_accepted_or_purged:
            return {404, "not_accepted_or_purged", "Never accepted, or no longer kept"};
        case ProblemCode::method_not_allowed:
            return {405, "method_not_allowed", "No such method here"};
        case ProblemCode::request_timeout:
            return {408, "request_timeout", "The request came too slowly"};
        case ProblemCode::idempotency_in_flight:
            return {409, "idempotency_in_flight", "A request with this idempotency key is being accepted"};
        case ProblemCode::body_too_large:
            return {413, "body_too_large", "The body is too large"};
        case ProblemCode::unsupported_media_type:
            return {415, "unsupported_media_type", "The body must be application/json"};
        case ProblemCode::invalid_request:
            return {422, "invalid_request", "The request is not valid"};
        case ProblemCode::unknown_template:
            return {422, "unknown_template", "There is no such template"};
        case ProblemCode::missing_data:
            return {422, "missing_data", "The template lacks data"};
        case ProblemCode::idempotency_mismatch:
            return {422, "idempotency_mismatch", "The idempotency key was used with another body"};
        case ProblemCode::head_too_large:
            return {431, "head_too_large", "The head is too large"};
        case ProblemCode::internal:
            return {500, "internal", "Something went wrong inside"};
        case ProblemCode::log_full:
            return {503, "log_full", "Not accepted: too much is waiting"};
        case ProblemCode::not_accepted:
            return {503, "not_accepted", "Not accepted"};
        case ProblemCode::acceptance_unknown:
            return {503, "acceptance_unknown", "Whether it was accepted is not known yet"};
        case ProblemCode::store_busy:
            return {503, "store_busy", "The store is busy"};
        case ProblemCode::store_unavailable:
            return {503, "store_unavailable", "The store cannot be reached"};
    }
    return {};
}

tl::unexpected<Problem> refuse(ProblemCode code, std::string detail) {
    Problem problem;
    problem.code = code;
    problem.detail = std::move(detail);
    return refuse(std::move(problem));
}

tl::unexpected<Problem> refuse_fields(std::vector<FieldError> errors) {
    Problem problem;
    problem.code = ProblemCode::invalid_request;
    problem.detail = errors.size() == 1 ? "One field is wrong; see errors."
                                        : fmt::format("{} fields are wrong; see errors.", errors.size());
    problem.errors = std::move(errors);
    return refuse(std::move(problem));
}

tl::unexpected<Problem> refuse(const Error& error) {
    Problem problem;
    problem.code = code_of(error.code);
    problem.detail = detail_of(problem.code);
    problem.cause = fmt::format("{}: {}", to_string(error.code), error.message);
    return refuse(std::move(problem));
}

Problem to_problem(RefusedRequest refused) {
    Problem problem;
    problem.code = code_of(refused.refusal);
    problem.detail = std::move(refused.detail);
    problem.errors = std::move(refused.errors);
    problem.id = refused.id;
    return problem;
}

net::HttpResponse to_response(const Problem& problem, std::string_view request_id) {
    const auto kind = kind_of(problem.code);
    JsonWriter out;
    out.begin_object();
    out.member("type", fmt::format("/problems/{}", kind.code));
    out.member("title", kind.title);
    out.member("status", kind.status);
    out.member("detail", problem.detail);
    out.member("code", kind.code);
    if (problem.id) out.member("id", to_string(*problem.id));
    out.key("errors").begin_array();
    for (const auto& error : problem.errors) {
        out.begin_object().member("path", error.path).member("code", error.code);
        out.member("message", error.message).end_object();
    }
    out.end_array();
    out.member("request_id", request_id).end_object();

    net::HttpResponse response{kind.status, {{"content-type", "application/problem+json"}}, out.take()};
    append_code_headers(response.headers, problem, kind.status);
    response.headers.insert(response.headers.end(), problem.headers.begin(), problem.headers.end());
    return response;
}

}  // namespace herald::api
