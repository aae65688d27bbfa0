#include "api/json_body.hpp"

#include "api/testing/api_fixture.hpp"

namespace herald::api {
namespace {

std::string nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

/// Every route that takes a body treats it alike.
class BodyTest : public ApiTest, public testing::WithParamInterface<std::pair<const char*, const char*>> {
protected:
    net::HttpResponse put(std::string body, std::string content_type = "application/json") {
        return call(GetParam().first, GetParam().second, std::move(body),
                    {{"Content-Type", std::move(content_type)}});
    }
};

TEST_P(BodyTest, RefusesWhatIsNotJson) {
    const std::string cases[] = {
        "",
        " ",
        "{",
        "{}}",
        "{'a':1}",
        R"({"a":1,})",
        R"({"a":NaN})",
        R"({"a":1e999})",
        R"({"a":1,"a":2})",
        R"({"data":{"a":1,"a":2}})",
        R"({"a":"\u0000"})",
        R"({"a\u0000":1})",
        std::string("{\"a\":\"\0\"}", 9),
        "{\"a\":\"\n\"}",
        R"({"data":)" + nested(32) + "}",
        nested(200'000 / 2),
        "\xef\xbb\xbf{}",
    };
    for (const auto& body : cases) {
        EXPECT_EQ(summary(put(body)), "400 malformed_json") << body.substr(0, 40);
    }
}

TEST_P(BodyTest, RefusesWhatIsNotUtf8) {
    for (const auto* body :
         {"{\"a\":\"\xff\"}", "{\"a\":\"\xc0\x80\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\xc3\"}"}) {
        EXPECT_EQ(summary(put(body)), "400 invalid_utf8") << body;
    }
}

TEST_P(BodyTest, RefusesOtherMediaTypes) {
    for (const auto* type : {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonp",
                             "application/json; charset=latin1", "application/json; charset=utf-8; v=1"}) {
        EXPECT_EQ(summary(put("{}", type)), "415 unsupported_media_type") << type;
    }
}

TEST_P(BodyTest, RefusesABodyWithoutAMediaType) {
    EXPECT_EQ(summary(call(GetParam().first, GetParam().second)), "415 unsupported_media_type");
}

TEST_P(BodyTest, TakesJsonInUtf8HoweverItIsSpelt) {
    for (const auto* type : {"application/json", "Application/JSON", "application/json;charset=utf-8",
                             "application/json; charset=UTF-8", "application/json ; charset=\"utf-8\""}) {
        EXPECT_NE(put("{}", type).status, 415) << type;
    }
}

TEST_P(BodyTest, RefusesMoreThan256KiB) {
    const std::string fits = "{}" + std::string(kMaxBodyBytes - 2, ' ');
    EXPECT_NE(put(fits).status, 413);
    EXPECT_EQ(summary(put(fits + " ")), "413 body_too_large");
}

TEST_P(BodyTest, RefusesWhatIsNoObject) {
    for (const auto* body : {"[]", "null", "1", "\"text\"", "true"}) {
        EXPECT_EQ(summary(put(body)), "422 invalid_request :type") << body;
    }
}

TEST_P(BodyTest, RefusesUnknownFields) {
    EXPECT_NE(summary(put(R"({"surprise":1})")).find(" surprise:unknown_field"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Routes, BodyTest,
                         testing::Values(std::pair{"POST", "/api/v1/notifications"},
                                         std::pair{"POST", "/api/v1/templates"},
                                         std::pair{"PUT", "/api/v1/users/ada"},
                                         std::pair{"PUT", "/api/v1/users/ada/preferences"}));

}  // namespace
}  // namespace herald::api
