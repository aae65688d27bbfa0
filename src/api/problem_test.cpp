#include "api/problem.hpp"

#include <set>

#include "api/testing/api_fixture.hpp"

namespace herald::api {
namespace {

struct KindCase {
    ProblemCode code;
    int status;
    const char* name;
};

const KindCase kKinds[] = {
    {ProblemCode::malformed_request, 400, "malformed_request"},
    {ProblemCode::malformed_json, 400, "malformed_json"},
    {ProblemCode::invalid_utf8, 400, "invalid_utf8"},
    {ProblemCode::unauthorized, 401, "unauthorized"},
    {ProblemCode::not_found, 404, "not_found"},
    {ProblemCode::not_accepted_or_purged, 404, "not_accepted_or_purged"},
    {ProblemCode::method_not_allowed, 405, "method_not_allowed"},
    {ProblemCode::request_timeout, 408, "request_timeout"},
    {ProblemCode::idempotency_in_flight, 409, "idempotency_in_flight"},
    {ProblemCode::body_too_large, 413, "body_too_large"},
    {ProblemCode::unsupported_media_type, 415, "unsupported_media_type"},
    {ProblemCode::invalid_request, 422, "invalid_request"},
    {ProblemCode::unknown_template, 422, "unknown_template"},
    {ProblemCode::missing_data, 422, "missing_data"},
    {ProblemCode::idempotency_mismatch, 422, "idempotency_mismatch"},
    {ProblemCode::head_too_large, 431, "head_too_large"},
    {ProblemCode::internal, 500, "internal"},
    {ProblemCode::log_full, 503, "log_full"},
    {ProblemCode::not_accepted, 503, "not_accepted"},
    {ProblemCode::acceptance_unknown, 503, "acceptance_unknown"},
    {ProblemCode::store_busy, 503, "store_busy"},
    {ProblemCode::store_unavailable, 503, "store_unavailable"},
};

TEST(Problem, HasTheStatusAndTheNameOfItsCode) {
    ASSERT_EQ(std::size(kKinds), kProblemCodes.size());
    for (const auto& expected : kKinds) {
        const auto response = to_response(refuse(expected.code, "why").value(), "req-1");
        const auto body = json_of(response);
        EXPECT_EQ(response.status, expected.status) << expected.name;
        EXPECT_EQ(body.integer("status"), expected.status);
        EXPECT_EQ(body.text("code"), expected.name);
        EXPECT_EQ(body.text("type"), std::string("/problems/") + expected.name);
        EXPECT_NE(body.text("title"), "");
        EXPECT_EQ(body.text("detail"), "why");
        EXPECT_EQ(body.text("request_id"), "req-1");
    }
}

TEST(Problem, ListsEveryCodeOnce) {
    std::set<std::string_view> names;
    for (const auto code : kProblemCodes) names.insert(kind_of(code).code);
    EXPECT_EQ(names.size(), kProblemCodes.size());
}

TEST(Problem, TellsWhenToTryAgainOnlyWhereThatHelps) {
    for (const auto code : kProblemCodes) {
        const auto response = to_response(refuse(code, "").value(), "req-1");
        const bool helps = response.status == 503 || response.status == 409;
        EXPECT_EQ(header(response, "retry-after"), helps ? "1" : "<none>") << kind_of(code).code;
    }
}

TEST(Problem, AsksForABearerKey) {
    const auto response = to_response(refuse(ProblemCode::unauthorized, "").value(), "req-1");
    EXPECT_EQ(header(response, "www-authenticate"), "Bearer");
}

TEST(Problem, ListsTheFieldsThatAreWrong) {
    const auto response = to_response(refuse_fields({{"a[0]", "type", "must be a string"}}).value(), "req-1");
    const auto body = json_of(response);
    const auto& error = body.find("errors")->as_array()->at(0);
    EXPECT_EQ(error.text("path"), "a[0]");
    EXPECT_EQ(error.text("code"), "type");
    EXPECT_EQ(error.text("message"), "must be a string");
}

TEST(Problem, ComesFromEveryRefusalOfTheIntakeUnderItsOwnName) {
    for (const auto refusal : {Refusal::unknown_template, Refusal::invalid_request, Refusal::missing_data,
                               Refusal::idempotency_mismatch, Refusal::idempotency_in_flight,
                               Refusal::log_full, Refusal::not_accepted, Refusal::acceptance_unknown,
                               Refusal::store_busy, Refusal::store_unavailable}) {
        const auto problem = to_problem({refusal, "why", {{"data.x", "missing_data", ""}}, std::nullopt});
        EXPECT_EQ(kind_of(problem.code).code, to_string(refusal));
        EXPECT_EQ(problem.detail, "why");
        EXPECT_EQ(problem.errors.size(), 1u);
    }
}

TEST(Problem, NamesTheIdThatMayHaveBeenAccepted) {
    const auto problem = to_problem({Refusal::acceptance_unknown, "", {}, make_id(7)});
    EXPECT_EQ(json_of(to_response(problem, "req-1")).text("id"), to_string(make_id(7)));
}

TEST(Problem, TellsTheClientOfAPortsFailureOnlyWhatItCanActOn) {
    const std::pair<ErrorCode, ProblemCode> cases[] = {
        {ErrorCode::invalid, ProblemCode::invalid_request},
        {ErrorCode::too_large, ProblemCode::invalid_request},
        {ErrorCode::refused_content, ProblemCode::invalid_request},
        {ErrorCode::not_found, ProblemCode::not_found},
        {ErrorCode::busy, ProblemCode::store_busy},
        {ErrorCode::unavailable, ProblemCode::store_unavailable},
        {ErrorCode::timeout, ProblemCode::store_unavailable},
        {ErrorCode::closed, ProblemCode::store_unavailable},
        {ErrorCode::conflict, ProblemCode::internal},
        {ErrorCode::internal, ProblemCode::internal},
    };
    for (const auto& [error, expected] : cases) {
        const auto problem = refuse(Error{error, "connecting to 10.0.0.1"}).value();
        EXPECT_EQ(problem.code, expected) << to_string(error);
        EXPECT_EQ(to_response(problem, "").body.find("10.0.0.1"), std::string::npos);
        EXPECT_NE(problem.cause.find("10.0.0.1"), std::string::npos);
    }
}

class ProtocolErrorTest : public ApiTest {};

TEST_F(ProtocolErrorTest, IsAProblemToo) {
    const std::pair<int, const char*> cases[] = {{400, "400 malformed_request"},
                                                 {408, "408 request_timeout"},
                                                 {413, "413 body_too_large"},
                                                 {431, "431 head_too_large"}};
    for (const auto& [status, expected] : cases) {
        const auto response = api_->on_protocol_error(status, "why");
        EXPECT_EQ(summary(response), expected);
        EXPECT_EQ(json_of(response).text("detail"), "why");
        EXPECT_TRUE(Uuid::parse(header(response, "x-request-id")));
    }
}

}  // namespace
}  // namespace herald::api
