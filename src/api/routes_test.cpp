#include "api/routes.hpp"

#include "api/testing/api_fixture.hpp"

namespace herald::api {
namespace {

std::string path_of(std::string_view pattern) {
    std::string path(pattern);
    if (const auto at = path.find("{id}"); at != std::string::npos) path.replace(at, 4, "x");
    return path;
}

TEST(Routes, FindsEveryRowOfTheTable) {
    for (const auto& endpoint : endpoints()) {
        const auto match = find_route(endpoint.method, path_of(endpoint.pattern));
        EXPECT_EQ(match.endpoint, &endpoint) << endpoint.method << " " << endpoint.pattern;
        EXPECT_EQ(match.pattern, endpoint.pattern);
    }
}

TEST(Routes, KnowsNoOtherPaths) {
    for (const auto* path :
         {"/", "", "*", "/api", "/api/v1/users", "/api/v1/users/", "/api/v1/users/x/", "//health", "/health/",
          "/api/v1/users//preferences", "/api/v1/users/x/devices", "/HEALTH"}) {
        EXPECT_EQ(find_route("GET", path).pattern, "") << path;
    }
}

TEST(Routes, DecodesAnIdAfterSplitting) {
    const auto match = find_route("GET", "/api/v1/users/a%2Fb%20%C3%A9/preferences");
    EXPECT_EQ(match.pattern, "/api/v1/users/{id}/preferences");
    EXPECT_EQ(match.id, "a/b é");
}

TEST(Routes, ServeHeadWhereverTheyServeGet) {
    EXPECT_EQ(find_route("HEAD", "/health").endpoint, find_route("GET", "/health").endpoint);
    EXPECT_EQ(find_route("HEAD", "/api/v1/notifications").endpoint, nullptr);
}

TEST(Routes, NeedAKeyUnlessTheyAreTheServicesOwn) {
    for (const auto& endpoint : endpoints()) {
        const bool own = endpoint.pattern.find("/api/v1/") != 0 || endpoint.pattern == "/api/v1/openapi.json";
        EXPECT_EQ(endpoint.access, own ? Access::open : Access::keyed) << endpoint.pattern;
    }
}

class RoutingTest : public ApiTest {};

TEST_F(RoutingTest, RefusesAPathThatItDoesNotHave) {
    EXPECT_EQ(summary(call("GET", "/api/v2/notifications")), "404 not_found");
}

TEST_F(RoutingTest, RefusesAMethodAndNamesThoseThatThePathHas) {
    const auto response = call("PATCH", "/api/v1/users/ada");
    EXPECT_EQ(summary(response), "405 method_not_allowed");
    EXPECT_EQ(header(response, "Allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
}

TEST_F(RoutingTest, RefusesHeadWhereThereIsNoGet) {
    const auto response = call("HEAD", "/api/v1/notifications");
    EXPECT_EQ(response.status, 405);
    EXPECT_EQ(header(response, "Allow"), "POST, OPTIONS");
}

TEST_F(RoutingTest, AnswersOptionsWithoutInvitingOtherOrigins) {
    const auto response = call("OPTIONS", "/api/v1/templates", "", {{"Origin", "https://example.com"}});
    EXPECT_EQ(response.status, 204);
    EXPECT_EQ(header(response, "allow"), "GET, HEAD, POST, OPTIONS");
    EXPECT_EQ(header(response, "access-control-allow-origin"), "<none>");
}

TEST_F(RoutingTest, AnswersHeadAsGet) {
    EXPECT_EQ(call("HEAD", "/health").status, 200);
    EXPECT_EQ(call("HEAD", "/api/v1/users/nobody").status, 404);
}

TEST_F(RoutingTest, EchoesTheRequestIdOfTheClient) {
    EXPECT_EQ(header(call("GET", "/health", "", {{"X-Request-ID", "req 42"}}), "x-request-id"), "req 42");
}

TEST_F(RoutingTest, DrawsARequestIdWhenTheClientsIsUnusable) {
    for (const auto& given :
         {std::string(), std::string(129, 'x'), std::string("caf\xc3\xa9"), std::string("a\tb")}) {
        const auto drawn = header(call("GET", "/health", "", {{"X-Request-Id", given}}), "x-request-id");
        EXPECT_TRUE(Uuid::parse(drawn)) << given << " → " << drawn;
    }
}

TEST_F(RoutingTest, PutsTheRequestIdIntoTheProblem) {
    const auto response = call("GET", "/nowhere", "", {{"X-Request-Id", "req-7"}});
    EXPECT_EQ(json_of(response).text("request_id"), "req-7");
    EXPECT_EQ(header(response, "content-type"), "application/problem+json");
}

TEST_F(RoutingTest, AnswersBusyWhenTheReadersAreFull) {
    const auto release = block_readers();
    for (const auto& [method, target, body] : {std::tuple{"GET", "/api/v1/users/ada", ""},
                                               {"PUT", "/api/v1/users/ada", "{}"},
                                               {"DELETE", "/api/v1/users/ada", ""},
                                               {"GET", "/api/v1/templates", ""},
                                               {"POST", "/api/v1/notifications", kSend}}) {
        const auto response = call(method, target, body);
        EXPECT_EQ(summary(response), "503 store_busy") << method << " " << target;
        EXPECT_EQ(header(response, "Retry-After"), "1");
    }
}

TEST_F(RoutingTest, AnswersWhatNeedsNoStoreWhileTheReadersAreFull) {
    const auto release = block_readers();
    EXPECT_EQ(call("GET", "/health").status, 200);
    EXPECT_EQ(call("GET", "/metrics").status, 200);
    EXPECT_EQ(call("GET", "/openapi.json").status, 200);
}

TEST_F(RoutingTest, DoesNotAnswerOnTheThreadThatAsks) {
    auto release = hold_readers();
    const auto exchange = begin("GET", "/api/v1/users/ada");
    EXPECT_FALSE(exchange->is_answered());
    release.set_value();
    EXPECT_EQ(exchange->wait().status, 404);
}

}  // namespace
}  // namespace herald::api
