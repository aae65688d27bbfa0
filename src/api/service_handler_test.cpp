#include "api/testing/api_fixture.hpp"

namespace herald::api {
namespace {

class ServiceTest : public ApiTest {};

TEST_F(ServiceTest, IsHealthyWhileItCanAnswer) {
    for (const auto* path : {"/health", "/healthz"}) {
        const auto response = call("GET", path);
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.body, R"({"status":"ok","version":")" HERALD_VERSION R"(","parts":{}})");
    }
}

TEST_F(ServiceTest, NamesWhatIsIll) {
    readiness_.ill("log", "the disk is full");
    const auto response = call("GET", "/health");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, R"({"status":"degraded","version":")" HERALD_VERSION
                             R"(","parts":{"log":"the disk is full"}})");
}

TEST_F(ServiceTest, IsReadyBetweenItsStartAndItsStop) {
    EXPECT_EQ(call("GET", "/ready").status, 503);
    readiness_.set_started();
    EXPECT_EQ(call("GET", "/ready").status, 200);
    readiness_.set_stopping();
    EXPECT_EQ(call("GET", "/ready").status, 503);
}

TEST_F(ServiceTest, IsNotReadyWhileAPartIsIll) {
    readiness_.set_started();
    readiness_.ill("log", "the disk is full");
    const auto response = call("GET", "/ready");
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.body, R"({"status":"not_ready","version":")" HERALD_VERSION
                             R"(","parts":{"log":"the disk is full"}})");
    readiness_.well("log");
    EXPECT_EQ(call("GET", "/ready").status, 200);
}

TEST_F(ServiceTest, StaysReadyWhileAPartIsIllThatItsRoleCanDoWithout) {
    readiness_.set_needed({"log"});
    readiness_.set_started();
    readiness_.ill("store", "unavailable");
    EXPECT_EQ(call("GET", "/ready").status, 200);
    EXPECT_NE(call("GET", "/health").body.find(R"("parts":{"store":"unavailable"})"), std::string::npos);
}

TEST_F(ServiceTest, AProcessWithoutTheApiAnswersForItselfOnly) {
    start({.keys = {}, .anonymous = true, .only_open_routes = true});
    EXPECT_EQ(call("GET", "/health").status, 200);
    EXPECT_EQ(call("GET", "/metrics").status, 200);
    EXPECT_EQ(call("GET", "/api/v1/users/ada").status, 404);
    EXPECT_EQ(call("POST", "/api/v1/notifications", "{}").status, 404);
}

TEST_F(ServiceTest, CountsRequestsByPatternMethodAndStatus) {
    call("GET", "/api/v1/users/ada");
    call("GET", "/api/v1/users/bob");
    call("BREW", "/pot");
    call("PUT", "/api/v1/users/bob", "[]");
    const auto response = call("GET", "/metrics");
    EXPECT_EQ(header(response, "content-type"), "text/plain; version=0.0.4");
    for (const auto* line :
         {R"(herald_http_requests_total{method="GET",route="/api/v1/users/{id}",status="404"} 2)",
          R"(herald_http_requests_total{method="PUT",route="/api/v1/users/{id}",status="422"} 1)",
          R"(herald_http_requests_total{method="other",route="none",status="404"} 1)",
          R"(herald_http_request_seconds_count{route="/api/v1/users/{id}"} 3)"}) {
        EXPECT_NE(response.body.find(line), std::string::npos) << line << "\n" << response.body;
    }
    EXPECT_EQ(response.body.find("ada"), std::string::npos);
    EXPECT_EQ(response.body.find("BREW"), std::string::npos);
}

TEST_F(ServiceTest, CountsWhatNeverBecameARequest) {
    (void)api_->on_protocol_error(431, "too large");
    EXPECT_NE(
        metrics_.text().find(R"(herald_http_requests_total{method="other",route="none",status="431"} 1)"),
        std::string::npos);
}

TEST_F(ServiceTest, MeasuresTheTimeToTheAnswer) {
    auto release = hold_readers();
    const auto exchange = begin("GET", "/api/v1/users/ada");
    clock_.advance(Millis{2'000});
    release.set_value();
    exchange->wait();
    const auto text = metrics_.text();
    EXPECT_NE(text.find(R"(herald_http_request_seconds_sum{route="/api/v1/users/{id}"} 2)"),
              std::string::npos)
        << text;
}

TEST_F(ServiceTest, EndsOnlyWhenWhatItHasBegunIsAnswered) {
    auto release = hold_readers();
    std::vector<std::shared_ptr<FakeExchange>> exchanges;
    for (int i = 0; i < 16; ++i) exchanges.push_back(begin("GET", "/api/v1/users/ada"));
    release.set_value();
    api_.reset();
    for (const auto& exchange : exchanges) EXPECT_TRUE(exchange->is_answered());
}

}  // namespace
}  // namespace herald::api
