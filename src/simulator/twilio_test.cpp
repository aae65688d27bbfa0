#include "simulator/twilio.hpp"

#include "base/crypto.hpp"
#include "base/json.hpp"

namespace herald::simulator {
namespace {

using Form = std::vector<std::pair<std::string, std::string>>;

const TwilioCredentials kCredentials{"AC" + std::string(32, '1'), "secret", "+15005550006"};

net::ServerRequest request_with(const Form& form) {
    net::ServerRequest request;
    request.method = "POST";
    request.path = "/2010-04-01/Accounts/" + kCredentials.account_sid + "/Messages.json";
    request.headers = {{"Authorization", "Basic " + base64(kCredentials.account_sid + ":secret")},
                       {"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = net::form_encode(form);
    return request;
}

Form with(Form form, const std::string& name, const std::string& value) {
    for (auto& field : form) {
        if (field.first == name) field.second = value;
    }
    if (std::none_of(form.begin(), form.end(), [&](const auto& f) { return f.first == name; })) {
        form.emplace_back(name, value);
    }
    return form;
}

const Form kGood = {{"To", "+14155550100"}, {"From", "+15005550006"}, {"Body", "Hello"}};

struct Case {
    std::string name;
    net::ServerRequest request;
    int status;
    std::string code;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::vector<Case> cases() {
    const auto field = [](const std::string& name, const std::string& value) {
        return request_with(with(kGood, name, value));
    };
    auto wrong_key = request_with(kGood);
    wrong_key.headers[0].value = "Basic " + base64("AC1:other");
    auto no_key = request_with(kGood);
    no_key.headers.clear();
    auto other_account = request_with(kGood);
    other_account.path = "/2010-04-01/Accounts/AC2/Messages.json";
    auto get = request_with(kGood);
    get.method = "GET";
    const std::string service = "MG" + std::string(32, 'a');
    return {
        {"accepted", request_with(kGood), 201, ""},
        {"wrong_key", wrong_key, 401, "20003"},
        {"no_key", no_key, 401, "20003"},
        {"other_account", other_account, 404, "20404"},
        {"wrong_method", get, 405, "20004"},
        {"no_to", field("To", ""), 400, "21604"},
        {"to_without_plus", field("To", "4155550100"), 400, "21211"},
        {"to_too_short", field("To", "+1415"), 400, "21211"},
        {"to_magic_invalid", field("To", "+15005550001"), 400, "21211"},
        {"to_no_route", field("To", "+15005550002"), 400, "21612"},
        {"to_region", field("To", "+15005550003"), 400, "21408"},
        {"to_opted_out", field("To", "+15005550004"), 400, "21610"},
        {"to_not_mobile", field("To", "+15005550009"), 400, "21614"},
        {"no_sender", field("From", ""), 400, "21603"},
        {"sender_invalid", field("From", "+15005550001"), 400, "21212"},
        {"sender_not_owned", field("From", "+15005550007"), 400, "21606"},
        {"sender_queue_full", field("From", "+15005550008"), 400, "21611"},
        {"sender_of_somebody_else", field("From", "+14155550199"), 400, "21606"},
        {"service", request_with({{"To", "+14155550100"}, {"MessagingServiceSid", service}, {"Body", "x"}}),
         201, ""},
        {"bad_service", field("MessagingServiceSid", "MGx"), 400, "21701"},
        {"no_body", field("Body", ""), 400, "21602"},
        {"body_at_limit", field("Body", std::string(1600, 'x')), 201, ""},
        {"body_too_long", field("Body", std::string(1601, 'x')), 400, "21617"},
        {"body_counts_characters",
         field("Body",
               [] {
                   std::string b;
                   for (int i = 0; i < 1600; ++i) b += "é";
                   return b;
               }()),
         201, ""},
        {"not_utf8", field("Body", "\xff"), 400, "20001"},
        {"bad_callback", field("StatusCallback", "nowhere"), 400, "21609"},
        {"good_callback", field("StatusCallback", "http://127.0.0.1/x"), 201, ""},
        {"bad_validity", field("ValidityPeriod", "0"), 400, "21624"},
        {"good_validity", field("ValidityPeriod", "36000"), 201, ""},
    };
}

class TwilioVerdict : public testing::TestWithParam<Case> {};

TEST_P(TwilioVerdict, IsAsDocumented) {
    const Case& c = GetParam();
    ManualClock clock;
    const auto judgement = Twilio(kCredentials, clock).judge(c.request);
    EXPECT_EQ(judgement.response.status, c.status) << judgement.response.body;
    EXPECT_EQ(judgement.reason, c.code);
    const auto body = Json::parse(judgement.response.body);
    ASSERT_TRUE(body) << judgement.response.body;
    if (c.status != 201) {
        EXPECT_EQ(std::to_string(body->integer("code")), c.code);
        EXPECT_EQ(body->integer("status"), c.status);
        EXPECT_EQ(body->text("more_info"), "https://www.twilio.com/docs/errors/" + c.code);
    }
}

INSTANTIATE_TEST_SUITE_P(, TwilioVerdict, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST(TwilioTest, AnswersTheMessageInTwiliosShape) {
    ManualClock clock(from_millis(1'692'853'305'000));
    const auto judgement = Twilio(kCredentials, clock).judge(request_with(kGood));
    const auto body = *Json::parse(judgement.response.body);
    const std::string sid(body.text("sid"));
    EXPECT_EQ(sid.size(), 34u);
    EXPECT_TRUE(sid.starts_with("SM"));
    EXPECT_EQ(body.text("date_created"), "Thu, 24 Aug 2023 05:01:45 +0000");
    EXPECT_EQ(body.text("status"), "queued");
    EXPECT_EQ(body.text("num_segments"), "1");
    EXPECT_EQ(body.text("from"), "+15005550006");
    EXPECT_TRUE(body.find("messaging_service_sid")->is_null());
    EXPECT_EQ(body.text("uri"),
              "/2010-04-01/Accounts/" + kCredentials.account_sid + "/Messages/" + sid + ".json");
    EXPECT_EQ(body.as_object()->size(), 20u);
}

TEST(TwilioTest, TakesTheDeliveryFromTheHead) {
    ManualClock clock;
    auto request = request_with(kGood);
    request.headers.push_back({"X-Herald-Delivery", "n.0.1"});
    request.headers.push_back({"x-herald-attempt", "3"});
    const auto subject = Twilio(kCredentials, clock).judge(request).subject;
    EXPECT_EQ(subject.delivery, "n.0.1");
    EXPECT_EQ(subject.attempt, 3);
    EXPECT_EQ(subject.recipient, "+14155550100");
}

TEST(TwilioTest, FaultsHaveItsErrorBodies) {
    ManualClock clock;
    const auto throttled = Twilio(kCredentials, clock).failure(429, {});
    EXPECT_EQ(throttled.status, 429);
    EXPECT_EQ(Json::parse(throttled.body)->integer("code"), 20429);
    EXPECT_EQ(Json::parse(Twilio(kCredentials, clock).failure(503, {}).body)->integer("code"), 20503);
    EXPECT_EQ(Json::parse(Twilio(kCredentials, clock).failure(500, {}).body)->integer("code"), 20500);
}

}  // namespace
}  // namespace herald::simulator
