#include "api/authentication.hpp"

#include "api/testing/api_fixture.hpp"

namespace herald::api {
namespace {

ApiKey key(const std::string& secret, const std::string& tenant) {
    return {sha256(secret), TenantId(tenant)};
}

std::string tenant_of(const Authentication& authentication, net::Headers headers) {
    const auto tenant = authentication.tenant_of(headers);
    return tenant ? tenant->str() : "<refused>";
}

TEST(Authentication, TellsTheTenantOfAKey) {
    const Authentication authentication({key("one", "acme"), key("two", "globex")}, false);
    EXPECT_EQ(tenant_of(authentication, {{"Authorization", "Bearer one"}}), "acme");
    EXPECT_EQ(tenant_of(authentication, {{"authorization", "bearer  two"}}), "globex");
}

TEST(Authentication, RefusesWhatIsNoKeyOfOurs) {
    const Authentication authentication({key("one", "acme"), key("", "nobody")}, false);
    EXPECT_EQ(tenant_of(authentication, {}), "<refused>");
    for (const auto* value :
         {"", "Bearer", "Bearer ", "Bearer One", "Bearer one ", "Bearer on", "Basic one", "one"}) {
        EXPECT_EQ(tenant_of(authentication, {{"Authorization", value}}), "<refused>") << value;
    }
}

TEST(Authentication, RefusesEverybodyWithoutKeysAndAnonymity) {
    const Authentication authentication({}, false);
    EXPECT_EQ(tenant_of(authentication, {}), "<refused>");
    EXPECT_EQ(tenant_of(authentication, {{"Authorization", "Bearer one"}}), "<refused>");
}

TEST(Authentication, TakesTheAnonymousForTheDefaultTenant) {
    const Authentication authentication({}, true);
    EXPECT_EQ(tenant_of(authentication, {}), "default");
    EXPECT_EQ(tenant_of(authentication, {{"Authorization", "Bearer whatever"}}), "default");
}

TEST(Authentication, RefusesAWrongKeyThoughTheAnonymousMayPass) {
    const Authentication authentication({key("one", "acme")}, true);
    EXPECT_EQ(tenant_of(authentication, {}), "default");
    EXPECT_EQ(tenant_of(authentication, {{"Authorization", "Bearer one"}}), "acme");
    EXPECT_EQ(tenant_of(authentication, {{"Authorization", "Bearer two"}}), "<refused>");
}

class KeyedApiTest : public ApiTest {
protected:
    KeyedApiTest() : ApiTest({.keys = {key("one", "acme"), key("two", "globex")}, .anonymous = false}) {}

    const Extra acme_{{"Authorization", "Bearer one"}};
    const Extra globex_{{"Authorization", "Bearer two"}};
};

TEST_F(KeyedApiTest, RefusesEveryKeyedRouteWithoutAKey) {
    for (const auto& endpoint : endpoints()) {
        if (endpoint.access == Access::open) continue;
        std::string path(endpoint.pattern);
        if (const auto at = path.find("{id}"); at != std::string::npos) path.replace(at, 4, "x");
        const auto response = call(std::string(endpoint.method), path, "{}");
        EXPECT_EQ(summary(response), "401 unauthorized") << endpoint.method << " " << path;
        EXPECT_EQ(header(response, "www-authenticate"), "Bearer");
    }
}

TEST_F(KeyedApiTest, ServesTheOpenRoutesWithoutAKey) {
    readiness_.set_started();
    for (const auto* path :
         {"/health", "/healthz", "/ready", "/metrics", "/openapi.json", "/api/v1/openapi.json"}) {
        EXPECT_EQ(call("GET", path).status, 200) << path;
    }
}

TEST_F(KeyedApiTest, ShowsATenantOnlyItsOwnUsers) {
    ASSERT_EQ(call("PUT", "/api/v1/users/ada", "{}", acme_).status, 200);
    EXPECT_EQ(call("GET", "/api/v1/users/ada", "", acme_).status, 200);
    EXPECT_EQ(call("GET", "/api/v1/users/ada", "", globex_).status, 404);
}

TEST_F(KeyedApiTest, ShowsATenantOnlyItsOwnNotifications) {
    ASSERT_EQ(call("POST", "/api/v1/templates", kWelcome, acme_).status, 201);
    const auto sent = call("POST", "/api/v1/notifications", kSend, acme_);
    ASSERT_EQ(sent.status, 202) << sent.body;
    EXPECT_EQ(call("GET", header(sent, "location"), "", acme_).status, 200);
    EXPECT_EQ(summary(call("GET", header(sent, "location"), "", globex_)), "404 not_found");
}

}  // namespace
}  // namespace herald::api
