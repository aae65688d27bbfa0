#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "base/json.hpp"
#include "model/ids.hpp"
#include "net/http.hpp"
#include "pipeline/intake.hpp"

namespace herald::api {

/// Every way in which the API refuses. The enumerators are the `code` of the body, which programs rely on.
enum class ProblemCode {
    malformed_request,
    malformed_json,
    invalid_utf8,
    unauthorized,
    not_found,
    not_accepted_or_purged,
    method_not_allowed,
    request_timeout,
    idempotency_in_flight,
    body_too_large,
    unsupported_media_type,
    invalid_request,
    unknown_template,
    missing_data,
    idempotency_mismatch,
    head_too_large,
    internal,
    log_full,
    not_accepted,
    acceptance_unknown,
    store_busy,
    store_unavailable,
};
inline constexpr std::array kProblemCodes{
    ProblemCode::malformed_request,
    ProblemCode::malformed_json,
    ProblemCode::invalid_utf8,
    ProblemCode::unauthorized,
    ProblemCode::not_found,
    ProblemCode::not_accepted_or_purged,
    ProblemCode::method_not_allowed,
    ProblemCode::request_timeout,
    ProblemCode::idempotency_in_flight,
    ProblemCode::body_too_large,
    ProblemCode::unsupported_media_type,
    ProblemCode::invalid_request,
    ProblemCode::unknown_template,
    ProblemCode::missing_data,
    ProblemCode::idempotency_mismatch,
    ProblemCode::head_too_large,
    ProblemCode::internal,
    ProblemCode::log_full,
    ProblemCode::not_accepted,
    ProblemCode::acceptance_unknown,
    ProblemCode::store_busy,
    ProblemCode::store_unavailable,
};

struct ProblemKind {
    int status = 500;
    std::string_view code;
    std::string_view title;
};
ProblemKind kind_of(ProblemCode code);

/// Why a request is refused, as the client is told (RFC 9457).
struct Problem {
    ProblemCode code = ProblemCode::internal;
    std::string detail;
    std::vector<FieldError> errors;
    std::optional<NotificationId> id;  ///< what a GET may resolve later
    net::Headers headers;              ///< beyond those that the code brings with it
    std::string cause;                 ///< for the log only
};

template <class T>
using OrProblem = tl::expected<T, Problem>;
using Reply = OrProblem<net::HttpResponse>;

inline tl::unexpected<Problem> refuse(Problem problem) { return tl::unexpected<Problem>(std::move(problem)); }
tl::unexpected<Problem> refuse(ProblemCode code, std::string detail);
tl::unexpected<Problem> refuse_fields(std::vector<FieldError> errors);
/// A port failed. Its message goes to the log; the client learns only what it can act on.
tl::unexpected<Problem> refuse(const Error& error);
Problem to_problem(RefusedRequest refused);

/// application/problem+json with the headers of the code.
net::HttpResponse to_response(const Problem& problem, std::string_view request_id);

}  // namespace herald::api
