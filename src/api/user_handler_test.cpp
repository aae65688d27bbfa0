#include "api/testing/api_fixture.hpp"

namespace herald::api {
namespace {

class UserTest : public ApiTest {
protected:
    static constexpr const char* kAda =
        R"({"id":"ada","email":"ada@example.org","phone":"+14155550123","locale":"en-GB",)"
        R"("timezone":"Europe/London","devices":[{"platform":"ios","token":"t1"},)"
        R"({"platform":"web","token":"t2"}]})";
};

TEST_F(UserTest, IsShownAsItWasPut) {
    const auto put = call("PUT", "/api/v1/users/ada", kAda);
    EXPECT_EQ(put.status, 200);
    EXPECT_EQ(put.body, kAda);
    EXPECT_EQ(header(put, "content-type"), "application/json");
    EXPECT_EQ(header(put, "cache-control"), "no-store");
    const auto got = call("GET", "/api/v1/users/ada");
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, kAda);
}

TEST_F(UserTest, IsReplacedAsAWhole) {
    ASSERT_EQ(call("PUT", "/api/v1/users/ada", kAda).status, 200);
    ASSERT_EQ(call("PUT", "/api/v1/users/ada", R"({"phone":"+442071838750"})").status, 200);
    EXPECT_EQ(
        call("GET", "/api/v1/users/ada").body,
        R"({"id":"ada","email":null,"phone":"+442071838750","locale":null,"timezone":null,"devices":[]})");
}

TEST_F(UserTest, IsKnownByAnyTextThatIsAnId) {
    const std::string id = "a%2Fb%20%C3%A9%25";
    ASSERT_EQ(call("PUT", "/api/v1/users/" + id, "{}").status, 200);
    EXPECT_EQ(json_of(call("GET", "/api/v1/users/" + id)).text("id"), "a/b é%");
}

TEST_F(UserTest, IsNotKnownByATextThatIsNoId) {
    for (const auto& id :
         {std::string("a%0Ab"), std::string("%00"), std::string("%FF"), std::string(256, 'x')}) {
        for (const auto* method : {"GET", "PUT", "DELETE"}) {
            EXPECT_EQ(summary(call(method, "/api/v1/users/" + id, "{}")), "422 invalid_request id:format")
                << id;
        }
    }
}

TEST_F(UserTest, IsNotFoundBeforeItWasPut) {
    EXPECT_EQ(summary(call("GET", "/api/v1/users/ada")), "404 not_found");
}

TEST_F(UserTest, IsErasedOnce) {
    ASSERT_EQ(call("PUT", "/api/v1/users/ada", kAda).status, 200);
    const auto erased = call("DELETE", "/api/v1/users/ada");
    EXPECT_EQ(erased.status, 204);
    EXPECT_EQ(erased.body, "");
    EXPECT_EQ(call("GET", "/api/v1/users/ada").status, 404);
    EXPECT_EQ(summary(call("DELETE", "/api/v1/users/ada")), "404 not_found");
}

TEST_F(UserTest, IsRefusedWithEverythingThatIsWrong) {
    EXPECT_EQ(
        summary(call("PUT", "/api/v1/users/ada",
                     R"({"id":"bob","email":"ada","phone":"0123","locale":7,"name":"Ada",)"
                     R"("devices":[{"platform":"fridge","token":"t"},{"platform":"ios"}]})")),
        "422 invalid_request id:mismatch email:format phone:format locale:type devices[0].platform:enum "
        "devices[1].token:required name:unknown_field");
}

TEST_F(UserTest, SaysWhenTheStoreDoesNotAnswer) {
    for (const auto* method : {"GET", "PUT", "DELETE"}) {
        store_.fail_next();
        EXPECT_EQ(summary(call(method, "/api/v1/users/ada", "{}")), "503 store_unavailable") << method;
    }
}

TEST_F(UserTest, HidesWhatWentWrongInside) {
    store_.fail_next(ErrorCode::internal);
    EXPECT_EQ(summary(call("GET", "/api/v1/users/ada")), "500 internal");
}

}  // namespace
}  // namespace herald::api
