#include <fmt/format.h>

#include "api/testing/api_fixture.hpp"

namespace herald::api {
namespace {

class TemplateTest : public ApiTest {
protected:
    net::HttpResponse post(std::string body) { return call("POST", "/api/v1/templates", std::move(body)); }
    net::HttpResponse post_sms(std::string_view id, std::string_view text = "Hello") {
        return post(fmt::format(R"({{"id":"{}","channels":{{"sms":{{"body":"{}"}}}}}})", id, text));
    }
    /// `<ids>|<has_more>|<next_cursor or ->`
    std::string page(const std::string& query) {
        const auto body = json_of(call("GET", "/api/v1/templates" + query));
        std::string text;
        for (const auto& item : *body.find("data")->as_array()) text += std::string(item.text("id")) + " ";
        const auto* cursor = body.find("next_cursor");
        return text + (*body.find("has_more")->as_bool() ? "| more " : "| end ") +
               (cursor->is_null() ? "-" : *cursor->as_string());
    }
};

TEST_F(TemplateTest, IsAnsweredWithItsVersion) {
    const auto first = post(kWelcome);
    EXPECT_EQ(first.status, 201);
    EXPECT_EQ(first.body, R"({"id":"welcome","version":1,"created_at":"2023-11-14T22:13:20.000Z"})");
    EXPECT_EQ(header(first, "Location"), "/api/v1/templates/welcome?version=1");
    EXPECT_EQ(json_of(post(kWelcome)).integer("version"), 2);
}

TEST_F(TemplateTest, IsFoundWhereItsLocationSays) {
    const auto posted = post_sms("a/b ?é");
    ASSERT_EQ(posted.status, 201) << posted.body;
    EXPECT_EQ(header(posted, "Location"), "/api/v1/templates/a%2Fb%20%3F%C3%A9?version=1");
    EXPECT_EQ(json_of(call("GET", header(posted, "Location"))).text("id"), "a/b ?é");
}

TEST_F(TemplateTest, IsShownAsItWasPosted) {
    ASSERT_EQ(post(R"({ "channels": {"sms": {"body": "Hi"}}, "id": "hi", "ttl_s": 60 })").status, 201);
    EXPECT_EQ(call("GET", "/api/v1/templates/hi").body,
              R"({"channels":{"sms":{"body":"Hi"}},"id":"hi","ttl_s":60,"version":1,)"
              R"("created_at":"2023-11-14T22:13:20.000Z"})");
}

TEST_F(TemplateTest, WhatWasShownMayBePostedBack) {
    ASSERT_EQ(post_sms("hi", "one").status, 201);
    const auto shown = call("GET", "/api/v1/templates/hi").body;
    const auto posted = post(shown);
    ASSERT_EQ(posted.status, 201) << posted.body;
    const auto again = call("GET", "/api/v1/templates/hi").body;
    ASSERT_TRUE(Json::parse(again)) << again;
    EXPECT_EQ(json_of(call("GET", "/api/v1/templates/hi")).integer("version"), 2);
}

TEST_F(TemplateTest, IsShownInTheVersionThatIsAskedFor) {
    ASSERT_EQ(post_sms("hi", "one").status, 201);
    ASSERT_EQ(post_sms("hi", "two").status, 201);
    EXPECT_NE(call("GET", "/api/v1/templates/hi").body.find("two"), std::string::npos);
    EXPECT_NE(call("GET", "/api/v1/templates/hi?version=1").body.find("one"), std::string::npos);
    EXPECT_EQ(summary(call("GET", "/api/v1/templates/hi?version=3")), "404 not_found");
}

TEST_F(TemplateTest, IsNotFoundBeforeItWasPosted) {
    EXPECT_EQ(summary(call("GET", "/api/v1/templates/hi")), "404 not_found");
    EXPECT_EQ(summary(call("GET", "/api/v1/templates/%0A")), "422 invalid_request id:format");
}

TEST_F(TemplateTest, RefusesAVersionThatIsNoNumber) {
    for (const auto* version : {"", "0", "-1", "x", "1x", "1.0", "99999999999"}) {
        EXPECT_EQ(summary(call("GET", std::string("/api/v1/templates/hi?version=") + version)),
                  "422 invalid_request version:range")
            << version;
    }
}

TEST_F(TemplateTest, IsUsedInItsNewVersionAtOnce) {
    ASSERT_EQ(post_sms("hi", "one").status, 201);
    const auto send = R"({"user_id":"ada","template_id":"hi"})";
    ASSERT_EQ(json_of(call("POST", "/api/v1/notifications", send)).integer("template_version"), 1);
    ASSERT_EQ(post_sms("hi", "two").status, 201);
    EXPECT_EQ(json_of(call("POST", "/api/v1/notifications", send)).integer("template_version"), 2);
}

TEST_F(TemplateTest, IsRefusedWithEverythingThatIsWrong) {
    EXPECT_EQ(
        summary(post(R"({"channels":{"fax":{},"email":{"subject":"x"}},"lane":"fast","ttl_s":0,"x":1})")),
        "422 invalid_request id:required lane:enum ttl_s:range channels.email.html:required "
        "channels.fax:unknown_field x:unknown_field");
}

TEST_F(TemplateTest, NamesLineAndColumnOfLiquidThatDoesNotCompile) {
    const auto response = post_sms("hi", "Hello\\n {% nope %}");
    EXPECT_EQ(summary(response), "422 invalid_request channels.sms.body:liquid");
    EXPECT_NE(response.body.find("line 2, column"), std::string::npos) << response.body;
}

TEST_F(TemplateTest, SaysWhenTheStoreDoesNotAnswer) {
    store_.fail_next();
    EXPECT_EQ(summary(post(kWelcome)), "503 store_unavailable");
    for (const auto* path : {"/api/v1/templates", "/api/v1/templates/hi"}) {
        store_.fail_next();
        EXPECT_EQ(summary(call("GET", path)), "503 store_unavailable") << path;
    }
}

TEST_F(TemplateTest, ListsNothingWhenThereIsNone) {
    EXPECT_EQ(call("GET", "/api/v1/templates").body, R"({"data":[],"next_cursor":null,"has_more":false})");
}

TEST_F(TemplateTest, ListsTheNewestVersions) {
    ASSERT_EQ(post_sms("hi", "one").status, 201);
    ASSERT_EQ(post_sms("hi", "two").status, 201);
    EXPECT_EQ(call("GET", "/api/v1/templates").body,
              R"({"data":[{"id":"hi","channels":{"sms":{"body":"two"}},"version":2,)"
              R"("created_at":"2023-11-14T22:13:20.000Z"}],"next_cursor":null,"has_more":false})");
}

TEST_F(TemplateTest, ListsPageByPage) {
    for (const auto* id : {"a", "b", "c", "d", "é"}) ASSERT_EQ(post_sms(id).status, 201);
    EXPECT_EQ(page("?limit=2"), "a b | more " + base64url("b"));
    EXPECT_EQ(page("?limit=2&cursor=" + base64url("b")), "c d | more " + base64url("d"));
    EXPECT_EQ(page("?limit=2&cursor=" + base64url("d")), "é | end -");
    EXPECT_EQ(page("?limit=5"), "a b c d é | end -");
}

TEST_F(TemplateTest, ListsFiftyWhenNoLimitIsNamed) {
    for (int i = 0; i < 51; ++i) ASSERT_EQ(post_sms(fmt::format("t{:02}", i)).status, 201);
    const auto body = json_of(call("GET", "/api/v1/templates"));
    EXPECT_EQ(body.find("data")->as_array()->size(), 50u);
    EXPECT_EQ(body.text("next_cursor"), base64url("t49"));
}

TEST_F(TemplateTest, ListsLessThanTheLimitWhenTheyAreLarge) {
    const std::string part(63 * 1024, 'x');
    const auto body = [&](std::string_view id) {
        return fmt::format(
            R"({{"id":"{}","channels":{{"sms":{{"body":"{}"}},"push":{{"title":"{}","body":"{}"}}}}}})", id,
            part, part, part);
    };
    for (int i = 0; i < 30; ++i) ASSERT_EQ(post(body(fmt::format("t{:02}", i))).status, 201);
    std::size_t seen = 0;
    std::string cursor;
    for (int pages = 1;; ++pages) {
        ASSERT_LE(pages, 3);
        const auto response = call("GET", "/api/v1/templates?limit=30" + cursor);
        EXPECT_LT(response.body.size(), 5u * 1024 * 1024);
        const auto page = json_of(response);
        seen += page.find("data")->as_array()->size();
        if (!*page.find("has_more")->as_bool()) break;
        cursor = "&cursor=" + std::string(page.text("next_cursor"));
    }
    EXPECT_EQ(seen, 30u);
}

TEST_F(TemplateTest, RefusesAPageThatIsNone) {
    for (const auto* limit : {"0", "201", "-1", "x", ""}) {
        EXPECT_EQ(summary(call("GET", std::string("/api/v1/templates?limit=") + limit)),
                  "422 invalid_request limit:range")
            << limit;
    }
    for (const auto* cursor : {"", "!", "AA", "_w"}) {
        EXPECT_EQ(summary(call("GET", std::string("/api/v1/templates?cursor=") + cursor)),
                  "422 invalid_request cursor:format")
            << cursor;
    }
}

}  // namespace
}  // namespace herald::api
