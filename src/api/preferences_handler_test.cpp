#include "api/testing/api_fixture.hpp"

namespace herald::api {
namespace {

class PreferencesTest : public ApiTest {
protected:
    net::HttpResponse put(std::string body) { return call("PUT", kPath, std::move(body)); }
    net::HttpResponse get() { return call("GET", kPath); }

    static constexpr const char* kPath = "/api/v1/users/ada/preferences";
};

TEST_F(PreferencesTest, AreAllOnForAPersonWhoNeverSaidAnything) {
    const auto response = get();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, R"({"channels":{"push":true,"sms":true,"email":true},"categories":{}})");
}

TEST_F(PreferencesTest, AreAnsweredAsStoredAndShownInFull) {
    const auto response = put(R"({"channels":{"sms":false},"categories":{"marketing":false,)"
                              R"("billing":{"channels":{"sms":true}}}})");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, R"({"channels":{"sms":false},"categories":{"billing":{"channels":{"sms":true}},)"
                             R"("marketing":false}})");
    EXPECT_EQ(get().body, R"({"channels":{"push":true,"sms":false,"email":true},"categories":{)"
                          R"("billing":{"channels":{"sms":true}},"marketing":false}})");
}

TEST_F(PreferencesTest, AreReplacedAsAWhole) {
    ASSERT_EQ(put(R"({"channels":{"sms":false},"categories":{"marketing":false}})").status, 200);
    ASSERT_EQ(put(R"({"channels":{"push":false}})").status, 200);
    EXPECT_EQ(get().body, R"({"channels":{"push":false,"sms":true,"email":true},"categories":{}})");
}

TEST_F(PreferencesTest, CannotSwitchTheSystemOff) {
    EXPECT_EQ(summary(put(R"({"categories":{"system":false}})")),
              "422 invalid_request categories.system:system_category");
    EXPECT_EQ(summary(put(R"({"categories":{"system":{"channels":{"sms":false}}}})")),
              "422 invalid_request categories.system:system_category");
    EXPECT_EQ(put(R"({"categories":{"system":true}})").status, 200);
}

TEST_F(PreferencesTest, AreRefusedWithEverythingThatIsWrong) {
    EXPECT_EQ(summary(put(R"({"channels":{"fax":true,"sms":1},"categories":{"news":"no"},"mood":1})")),
              "422 invalid_request channels.sms:type channels.fax:unknown_field categories.news:type "
              "mood:unknown_field");
}

TEST_F(PreferencesTest, BelongToAnId) {
    EXPECT_EQ(summary(call("GET", "/api/v1/users/%0A/preferences")), "422 invalid_request id:format");
    EXPECT_EQ(summary(call("PUT", "/api/v1/users/%0A/preferences", "{}")), "422 invalid_request id:format");
}

TEST_F(PreferencesTest, SayWhenTheStoreDoesNotAnswer) {
    store_.fail_next();
    EXPECT_EQ(summary(get()), "503 store_unavailable");
    store_.fail_next();
    EXPECT_EQ(summary(put("{}")), "503 store_unavailable");
}

}  // namespace
}  // namespace herald::api
