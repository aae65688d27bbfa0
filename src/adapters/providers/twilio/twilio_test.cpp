#include "adapters/providers/twilio/twilio.hpp"

#include "adapters/providers/testing/answer_table.hpp"
#include "adapters/providers/testing/fake_http_server.hpp"

namespace herald::twilio {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kTo = "+15005550006";

TwilioAccount account() {
    TwilioAccount account;
    account.url = "http://127.0.0.1:1";
    account.account_sid = "AC0123";
    account.auth_token = "s3cret";
    account.from = "+15005550001";
    return account;
}

ProviderCall sms_call() { return call_with(SmsMessage{kTo, "a&b = ç"}); }

/// Twilio's own words, with the address in them as it puts it there.
net::HttpResult refused(int status, int code, net::Headers headers = {}) {
    return http(status,
                fmt::format(R"({{"code":{},"message":"Invalid 'To' Phone Number: {}","status":{},)"
                            R"("more_info":"https://www.twilio.com/docs/errors/{}"}})",
                            code, kTo, status, code),
                std::move(headers));
}

TEST(TwilioRequest, IsAFormWithAllThatTheMessageNeeds) {
    const auto request = to_request(account(), sms_call(), kAnsweredAt);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->method, "POST");
    EXPECT_EQ(request->url, "http://127.0.0.1:1/2010-04-01/Accounts/AC0123/Messages.json");
    EXPECT_EQ(net::find_header(request->headers, "content-type"), "application/x-www-form-urlencoded");
    EXPECT_EQ(
        net::form_decode(request->body),
        (Fields{{"To", kTo}, {"From", "+15005550001"}, {"Body", "a&b = ç"}, {"ValidityPeriod", "3600"}}));
}

TEST(TwilioRequest, NamesDeliveryAndAttempt) {
    const auto request = to_request(account(), sms_call(), kAnsweredAt);
    EXPECT_EQ(net::find_header(request->headers, "x-herald-delivery"),
              "01890a5d-ac96-774b-bcce-b302099a8057.0.1");
    EXPECT_EQ(net::find_header(request->headers, "x-herald-attempt"), "2");
}

TEST(TwilioRequest, MayNameAMessagingServiceInstead) {
    TwilioAccount service = account();
    service.from = "";
    service.messaging_service_sid = "MG1";
    EXPECT_THAT(to_request(service, sms_call(), kAnsweredAt)->body,
                AllOf(HasSubstr("MessagingServiceSid=MG1"), Not(HasSubstr("From="))));
}

TEST(TwilioRequest, KeepsTheValidityWithinTwiliosBounds) {
    auto call = sms_call();
    call.expires_at = kAnsweredAt + std::chrono::hours(48);
    EXPECT_THAT(to_request(account(), call, kAnsweredAt)->body, HasSubstr("ValidityPeriod=36000"));
    call.expires_at = kAnsweredAt - std::chrono::seconds(1);
    EXPECT_THAT(to_request(account(), call, kAnsweredAt)->body, ::testing::EndsWith("ValidityPeriod=1"));
}

TEST(TwilioRequest, TakesTextMessagesOnly) {
    const auto request = to_request(account(), call_with(EmailMessage{}), kAnsweredAt);
    ASSERT_FALSE(request);
    EXPECT_EQ(describe(request.error()), "rejected bad_request");
}

TEST(TwilioAccountTest, SendsBasicAuthorization) {
    ManualClock clock;
    FakeHttpServer server;
    auto made = make_twilio_account(account(), {}, server.client(), clock);
    ASSERT_TRUE(made);
    (*made)->open()->submit({sms_call()});
    ASSERT_EQ(server.requests().size(), 1u);
    EXPECT_EQ(net::find_header(server.requests()[0].headers, "authorization"), "Basic QUMwMTIzOnMzY3JldA==");
}

TEST(TwilioAccountTest, NeedsASenderAndASecret) {
    ManualClock clock;
    FakeHttpServer server;
    TwilioAccount nobody = account();
    nobody.from = "";
    EXPECT_FALSE(make_twilio_account(nobody, {}, server.client(), clock));
    TwilioAccount open = account();
    open.auth_token = "";
    EXPECT_FALSE(make_twilio_account(open, {}, server.client(), clock));
}

class TwilioAnswer : public ::testing::TestWithParam<AnswerCase> {};

TEST_P(TwilioAnswer, HasOneMeaning) {
    EXPECT_EQ(describe(to_outcome(GetParam().result, kAnsweredAt)), GetParam().expected);
}

TEST_P(TwilioAnswer, ShowsNoAddress) {
    EXPECT_THAT(detail_in(to_outcome(GetParam().result, kAnsweredAt).outcome), Not(HasSubstr("5005550006")));
}

std::string name_of(const ::testing::TestParamInfo<AnswerCase>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Transport, TwilioAnswer,
    ::testing::Values(
        AnswerCase{"never_written", never_written(), "deferred"},
        AnswerCase{"not_processed", not_processed(), "deferred at once"},
        AnswerCase{"no_answer", never_answered(), "unknown"},
        AnswerCase{"queued", http(201, R"({"sid":"SM42","status":"queued","to":"+15005550006"})"),
                   "accepted SM42"},
        AnswerCase{"created_without_sid", http(201, "{}"), "unknown"},
        AnswerCase{"created_by_a_proxy", http(200, kHtmlPage), "unknown"},
        AnswerCase{"gateway_page", http(502, kHtmlPage), "unknown"},
        AnswerCase{"gateway_timeout_page", http(504, kHtmlPage), "unknown"},
        AnswerCase{"gateway_answer_without_body", http(502), "unknown"},
        AnswerCase{"busy_gateway", http(503, kHtmlPage, {{"retry-after", "4"}}), "deferred 4000ms"},
        AnswerCase{"unknown_code", refused(400, 29999), "rejected bad_request"},
        AnswerCase{"unknown_code_of_a_server_error", refused(500, 29999), "unknown"},
        AnswerCase{"not_found_page", http(404, kHtmlPage), "unusable account"},
        AnswerCase{"problem_json",
                   http(400, R"({"type":"x","title":"y","status":400,"code":21211,"detail":"z"})"),
                   "rejected invalid_address dead"},
        AnswerCase{"code_that_is_no_number", http(400, R"({"code":"+15005550006"})"),
                   "rejected bad_request"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Account, TwilioAnswer,
    ::testing::Values(AnswerCase{"authenticate", refused(401, 20003), "unusable account"},
                      AnswerCase{"account_not_active", refused(403, 20005), "unusable account"},
                      AnswerCase{"access_denied", refused(403, 20006), "unusable account"},
                      AnswerCase{"test_credentials", refused(403, 20008), "unusable account"},
                      AnswerCase{"no_such_account", refused(404, 20404), "unusable account"},
                      AnswerCase{"callback_url", refused(400, 21609), "unusable account"},
                      AnswerCase{"from_invalid", refused(400, 21212), "unusable sender"},
                      AnswerCase{"from_not_a_number", refused(400, 21601), "unusable sender"},
                      AnswerCase{"from_missing", refused(400, 21603), "unusable sender"},
                      AnswerCase{"from_not_owned", refused(400, 21606), "unusable sender"},
                      AnswerCase{"from_not_sms_capable", refused(400, 21659), "unusable sender"},
                      AnswerCase{"from_mismatch", refused(400, 21660), "unusable sender"},
                      AnswerCase{"sender_id_invalid", refused(400, 21658), "unusable sender"},
                      AnswerCase{"trial", refused(400, 21608), "unusable sender"},
                      AnswerCase{"service_missing", refused(400, 21701), "unusable sender"},
                      AnswerCase{"service_without_senders", refused(400, 21703), "unusable sender"},
                      AnswerCase{"service_unreachable", refused(400, 21704), "unusable sender"},
                      AnswerCase{"service_invalid", refused(400, 21705), "unusable sender"},
                      AnswerCase{"region_not_permitted", refused(400, 21215), "unusable country"},
                      AnswerCase{"region_not_enabled", refused(400, 21408), "unusable country"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Message, TwilioAnswer,
    ::testing::Values(AnswerCase{"to_invalid", refused(400, 21211), "rejected invalid_address dead"},
                      AnswerCase{"to_not_valid", refused(400, 21217), "rejected invalid_address dead"},
                      AnswerCase{"to_unreachable", refused(400, 21214), "rejected invalid_address dead"},
                      AnswerCase{"to_not_mobile", refused(400, 21614), "rejected invalid_address dead"},
                      AnswerCase{"to_landline", refused(400, 21635), "rejected invalid_address dead"},
                      AnswerCase{"opted_out", refused(400, 21610), "rejected recipient_opted_out suppress"},
                      AnswerCase{"no_route", refused(400, 21612), "rejected unreachable_region"},
                      AnswerCase{"method", refused(405, 20004), "rejected bad_request"},
                      AnswerCase{"body_missing", refused(400, 21602), "rejected bad_request"},
                      AnswerCase{"to_missing", refused(400, 21604), "rejected bad_request"},
                      AnswerCase{"body_too_long", refused(400, 21605), "rejected payload_too_large"},
                      AnswerCase{"body_above_1600", refused(400, 21617), "rejected payload_too_large"},
                      AnswerCase{"body_disallowed", refused(400, 21618), "rejected content_refused"},
                      AnswerCase{"media", refused(400, 21619), "rejected bad_request"},
                      AnswerCase{"media_url", refused(400, 21620), "rejected bad_request"},
                      AnswerCase{"media_kind", refused(400, 21621), "rejected bad_request"},
                      AnswerCase{"media_count", refused(400, 21622), "rejected bad_request"},
                      AnswerCase{"media_size", refused(400, 21623), "rejected bad_request"},
                      AnswerCase{"validity", refused(400, 21624), "rejected bad_request"},
                      AnswerCase{"content_sid_missing", refused(400, 21654), "rejected bad_request"},
                      AnswerCase{"content_sid", refused(400, 21655), "rejected bad_request"},
                      AnswerCase{"content_variables", refused(400, 21656), "rejected bad_request"},
                      AnswerCase{"content_template", refused(400, 21657), "rejected bad_request"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Waits, TwilioAnswer,
    ::testing::Values(
        AnswerCase{"throttled", refused(429, 20429), "deferred"},
        AnswerCase{"throttled_until", refused(429, 20429, {{"Retry-After", "9"}}), "deferred 9000ms"},
        AnswerCase{"internal", refused(500, 20500), "deferred"},
        AnswerCase{"unavailable", refused(503, 20503, {{"Retry-After", "2"}}), "deferred 2000ms"},
        AnswerCase{"sender_queue_full", refused(400, 21611), "deferred 300000ms"},
        AnswerCase{"sender_queue_full_429", refused(429, 21611), "deferred 300000ms"},
        AnswerCase{"pair_limit", refused(429, 14107), "deferred 300000ms"},
        AnswerCase{"daily_limit", refused(429, 63038), "deferred 3600000ms"}),
    name_of);

}  // namespace
}  // namespace herald::twilio
