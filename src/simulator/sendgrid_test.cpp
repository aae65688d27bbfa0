#include "simulator/sendgrid.hpp"

namespace herald::simulator {
namespace {

const SendgridCredentials kCredentials{"SG.key.secret", "herald@example.com"};

constexpr std::string_view kGood = R"({
    "personalizations": [{"to": [{"email": "ada@example.org"}],
                          "custom_args": {"herald_id": "n.0.3", "herald_attempt": "1"}}],
    "from": {"email": "herald@example.com", "name": "Herald"},
    "subject": "Hello",
    "content": [{"type": "text/plain", "value": "hi"}, {"type": "text/html", "value": "<p>hi</p>"}]
})";

net::ServerRequest request_with(std::string body) {
    net::ServerRequest request;
    request.method = "POST";
    request.path = "/v3/mail/send";
    request.headers = {{"Authorization", "Bearer SG.key.secret"}, {"Content-Type", "application/json"}};
    request.body = std::move(body);
    return request;
}

/// The good mail with one top-level member replaced, or taken away when `json` is empty.
std::string with(std::string_view name, std::string_view json) {
    Json mail = Json::parse(kGood).value();
    auto& members = *mail.as_object();
    std::erase_if(members, [&](const JsonMember& member) { return member.key == name; });
    if (!json.empty()) members.push_back({std::string(name), Json::parse(json).value()});
    return mail.dump();
}

std::string to(std::string_view personalization) {
    return with("personalizations", "[" + std::string(personalization) + "]");
}

struct Case {
    std::string name;
    std::string body;
    int status;
    std::string field;  ///< of the first error
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::vector<Case> cases() {
    return {
        {"accepted", std::string(kGood), 202, ""},
        {"not_json", "hello", 400, ""},
        {"no_personalizations", with("personalizations", ""), 400, "personalizations"},
        {"empty_personalizations", with("personalizations", "[]"), 400, "personalizations"},
        {"no_to", to("{}"), 400, "personalizations.0.to"},
        {"bad_to", to(R"({"to":[{"email":"ok@example.org"},{"email":"nobody"}]})"), 400,
         "personalizations.0.to.1.email"},
        {"magic_invalid", to(R"({"to":[{"email":"invalid@example.org"}]})"), 400,
         "personalizations.0.to.0.email"},
        {"bad_cc", to(R"({"to":[{"email":"a@b.org"}],"cc":[{"email":"c@"}]})"), 400,
         "personalizations.0.cc.0.email"},
        {"twice", to(R"({"to":[{"email":"a@b.org"}],"cc":[{"email":"A@b.org"}]})"), 400,
         "personalizations.0.cc"},
        {"no_from", with("from", ""), 400, "from.email"},
        {"bad_from", with("from", R"({"email":"x"})"), 400, "from.email"},
        {"foreign_from", with("from", R"({"email":"me@elsewhere.com"})"), 403, "from"},
        {"no_subject", with("subject", ""), 400, "subject"},
        {"subject_per_person",
         [] {
             Json mail = Json::parse(to(R"({"to":[{"email":"a@b.org"}],"subject":"s"})")).value();
             std::erase_if(*mail.as_object(),
                           [](const JsonMember& member) { return member.key == "subject"; });
             return mail.dump();
         }(),
         202, ""},
        {"no_content", with("content", ""), 400, "content"},
        {"empty_value", with("content", R"([{"type":"text/plain","value":""}])"), 400, "content.0.value"},
        {"html_first",
         with("content", R"([{"type":"text/html","value":"h"},{"type":"text/plain","value":"p"}])"), 400,
         "content"},
        {"html_twice",
         with("content", R"([{"type":"text/html","value":"h"},{"type":"text/html","value":"p"}])"), 400,
         "content"},
        {"reply_to_list", with("reply_to_list", R"([{"email":"a@b.org"}])"), 202, ""},
        {"reply_to_twice",
         [] {
             std::string mail = with("reply_to_list", R"([{"email":"a@b.org"}])");
             return mail.insert(1, R"("reply_to":{"email":"a@b.org"},)");
         }(),
         400, "reply_to"},
        {"bad_reply_to", with("reply_to", R"({"email":"x"})"), 400, "reply_to.email"},
        {"forbidden_header", with("headers", R"({"Subject":"x"})"), 400, "headers.Subject"},
        {"list_unsubscribe", with("headers", R"({"List-Unsubscribe":"<https://e/u>"})"), 202, ""},
        {"args_not_text", with("custom_args", R"({"n":1})"), 400, "personalizations.0.custom_args.n"},
        {"args_too_long", with("custom_args", "{\"n\":\"" + std::string(10'000, 'x') + "\"}"), 400,
         "personalizations.0.custom_args"},
        {"too_many_categories", with("categories", R"(["1","2","3","4","5","6","7","8","9","10","11"])"), 400,
         "categories"},
        {"category_twice", with("categories", R"(["a","a"])"), 400, "categories.1"},
        {"send_at_soon", with("send_at", "1700000100"), 202, ""},
        {"send_at_far", with("send_at", "1700300000"), 400, "send_at"},
        {"bad_attachment", with("attachments", R"([{"content":"!","filename":"f"}])"), 400,
         "attachments.0.content"},
        {"sandbox", with("mail_settings", R"({"sandbox_mode":{"enable":true}})"), 200, ""},
        {"magic_throttled", to(R"({"to":[{"email":"throttled@example.org"}]})"), 429, ""},
        {"magic_unavailable", to(R"({"to":[{"email":"unavailable@example.org"}]})"), 503, ""},
        {"magic_bounce", to(R"({"to":[{"email":"bounce@example.org"}]})"), 202, ""},
    };
}

class SendgridVerdict : public testing::TestWithParam<Case> {};

TEST_P(SendgridVerdict, IsAsDocumented) {
    const Case& c = GetParam();
    ManualClock clock;
    const auto response = Sendgrid(kCredentials, clock).judge(request_with(c.body)).response;
    ASSERT_EQ(response.status, c.status) << response.body;
    EXPECT_EQ(net::find_header(response.headers, "x-message-id").has_value(), c.status == 202);
    if (c.status < 300) {
        EXPECT_EQ(response.body, "");
        return;
    }
    const Json body = Json::parse(response.body).value();
    EXPECT_EQ(body.find("errors")->as_array()->at(0).text("field"), c.field) << response.body;
}

INSTANTIATE_TEST_SUITE_P(, SendgridVerdict, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

class SendgridTest : public testing::Test {
protected:
    int status_of(const net::ServerRequest& request) { return sendgrid_.judge(request).response.status; }

    ManualClock clock_;
    Sendgrid sendgrid_{kCredentials, clock_};
};

TEST_F(SendgridTest, ChecksTheKeyFirst) {
    auto request = request_with("hello");
    request.headers[0].value = "Bearer SG.other";
    EXPECT_EQ(status_of(request), 401);
    request.headers.erase(request.headers.begin());
    EXPECT_EQ(status_of(request), 401);
}

TEST_F(SendgridTest, KnowsItsPathMethodAndContentType) {
    auto request = request_with(std::string(kGood));
    request.path = "/v3/mail/other";
    EXPECT_EQ(status_of(request), 404);
    request = request_with(std::string(kGood));
    request.method = "GET";
    EXPECT_EQ(status_of(request), 405);
    request = request_with(std::string(kGood));
    request.headers[1].value = "text/plain";
    EXPECT_EQ(status_of(request), 415);
    request.headers[1].value = "application/json; charset=utf-8";
    EXPECT_EQ(status_of(request), 202);
}

TEST_F(SendgridTest, NamesEveryMistake) {
    const auto response = sendgrid_.judge(request_with("{}")).response;
    const Json body = Json::parse(response.body).value();
    EXPECT_EQ(body.find("errors")->as_array()->size(), 4u) << response.body;
}

TEST_F(SendgridTest, FindsTheDeliveryInTheCustomArguments) {
    const auto subject = sendgrid_.judge(request_with(std::string(kGood))).subject;
    EXPECT_EQ(subject.delivery, "n.0.3");
    EXPECT_EQ(subject.attempt, 1);
    EXPECT_EQ(subject.recipient, "ada@example.org");
    const auto top = with("custom_args", R"({"herald_id":"m.0.1"})");
    EXPECT_EQ(sendgrid_.judge(request_with(top)).subject.delivery, "n.0.3");
}

TEST_F(SendgridTest, SaysWhenTheLimitEnds) {
    const auto response = sendgrid_.failure(429, {});
    EXPECT_EQ(net::find_header(response.headers, "x-ratelimit-reset"), "1700000002");
    EXPECT_EQ(response.body, R"({"errors":[{"message":"too many requests","field":null,"help":null}]})");
}

TEST_F(SendgridTest, PointsToTheHelpForAField) {
    const auto response = sendgrid_.judge(request_with(to(R"({"to":[{"email":"x"}]})"))).response;
    const Json body = Json::parse(response.body).value();
    EXPECT_EQ(body.find("errors")->as_array()->at(0).text("help"),
              "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/"
              "errors.html#message.personalizations.to.email");
}

}  // namespace
}  // namespace herald::simulator
