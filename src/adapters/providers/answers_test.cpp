#include "adapters/providers/answers.hpp"

#include "adapters/providers/testing/answer_table.hpp"

namespace herald {
namespace {

using namespace std::chrono_literals;

std::optional<Millis> asked(const char* value) { return retry_after({{"Retry-After", value}}, kAnsweredAt); }

TEST(RetryAfter, TakesSeconds) {
    EXPECT_EQ(asked("30"), 30s);
    EXPECT_EQ(asked("0"), 0s);
}

TEST(RetryAfter, TakesADate) {
    EXPECT_EQ(asked("Tue, 14 Nov 2023 22:14:00 GMT"), 40s);
    EXPECT_EQ(asked("Tue, 14 Nov 2023 22:13:00 GMT"), 0s);
}

TEST(RetryAfter, CountsADateFromTheMillisecondOfNow) {
    EXPECT_EQ(retry_after({{"retry-after", "Tue, 14 Nov 2023 22:13:21 GMT"}}, kAnsweredAt + 400ms), 600ms);
}

TEST(RetryAfter, IgnoresWhatMakesNoSense) {
    for (const char* value : {"", "-1", "soon", "1.5", "30 s", "Tue, 14 Nov 2023 22:14:00 GMT+1"}) {
        EXPECT_EQ(asked(value), std::nullopt) << value;
    }
    EXPECT_EQ(retry_after({}, kAnsweredAt), std::nullopt);
}

TEST(RetryAfter, HasABound) {
    EXPECT_EQ(asked("9223372036854775807"), 168h);
    EXPECT_EQ(asked("9223372036854775808"), std::nullopt);
}

TEST(Details, ShowCodesAndPathsOnly) {
    EXPECT_EQ(detail_of(400, "BadDeviceToken"), "400 BadDeviceToken");
    EXPECT_EQ(detail_of(400, "personalizations.0.to.0.email"), "400 personalizations.0.to.0.email");
    for (const char* word : {"+15005550006", "15005550006", "a@b.example", "two words",
                             "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad"}) {
        EXPECT_EQ(detail_of(400, word), "400") << word;
    }
}

TEST(Body, ThatIsNotJsonIsNull) {
    EXPECT_TRUE(parse_body({502, {}, kHtmlPage}).is_null());
    EXPECT_TRUE(parse_body({200, {}, ""}).is_null());
    EXPECT_EQ(parse_body({200, {}, R"({"sid":"SM1"})"}).text("sid"), "SM1");
}

class ByStatus : public ::testing::TestWithParam<AnswerCase> {};

TEST_P(ByStatus, DecidesWithoutATable) {
    EXPECT_EQ(describe(by_status(*GetParam().result, kAnsweredAt, "detail")), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Answers, ByStatus,
    ::testing::Values(
        AnswerCase{"server_error", http(500), "unknown"},
        AnswerCase{"bad_gateway", http(502, kHtmlPage), "unknown"},
        AnswerCase{"bad_gateway_until", http(502, "", {{"retry-after", "7"}}), "unknown"},
        AnswerCase{"gateway_timeout", http(504), "unknown"},
        AnswerCase{"unheard_of_server_error", http(599), "unknown"},
        AnswerCase{"unavailable", http(503, kHtmlPage), "unknown"},
        AnswerCase{"unavailable_until", http(503, "", {{"retry-after", "7"}}), "deferred 7000ms"},
        AnswerCase{"throttled", http(429, "", {{"retry-after", "3"}}), "deferred 3000ms"},
        AnswerCase{"request_timeout", http(408), "deferred"}, AnswerCase{"too_early", http(425), "deferred"},
        AnswerCase{"unauthorized", http(401), "unusable account"},
        AnswerCase{"forbidden", http(403), "unusable account"},
        AnswerCase{"moved", http(301, "", {{"location", "http://elsewhere"}}), "unusable account"},
        AnswerCase{"too_large", http(413), "rejected payload_too_large"},
        AnswerCase{"teapot", http(418), "rejected bad_request"},
        AnswerCase{"success_without_words", http(200), "unknown"}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace herald
