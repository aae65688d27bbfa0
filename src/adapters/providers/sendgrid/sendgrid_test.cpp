#include "adapters/providers/sendgrid/sendgrid.hpp"

#include "adapters/providers/testing/answer_table.hpp"
#include "adapters/providers/testing/fake_http_server.hpp"

namespace herald::sendgrid {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kTo = "ann@mail.example";

SendgridAccount account() {
    SendgridAccount account;
    account.url = "http://127.0.0.1:1";
    account.api_key = "SG.k";
    account.from_email = "news@shop.example";
    account.from_name = "Shop";
    return account;
}

EmailMessage email() {
    EmailMessage email;
    email.to = kTo;
    email.subject = "Hello";
    email.html = "<p>Hi</p>";
    email.text = "Hi";
    return email;
}

net::HttpResult refused(int status, std::string message, std::string field = "", net::Headers headers = {}) {
    JsonWriter out;
    out.begin_object().key("errors").begin_array().begin_object().member("message", message).key("field");
    field.empty() ? out.value(nullptr) : out.value(field);
    out.member("help", nullptr).end_object().end_array().end_object();
    return http(status, out.take(), std::move(headers));
}

TEST(SendgridRequest, CarriesOneRecipientAndBothContents) {
    const auto request = to_request(account(), call_with(email()));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->url, "http://127.0.0.1:1/v3/mail/send");
    EXPECT_EQ(net::find_header(request->headers, "content-type"), "application/json");
    const std::string identity = to_string(delivery_uuid(call_with(email()).delivery));
    EXPECT_EQ(request->body,
              R"({"personalizations":[{"to":[{"email":"ann@mail.example"}]}],)"
              R"("from":{"email":"news@shop.example","name":"Shop"},"subject":"Hello",)"
              R"("content":[{"type":"text/plain","value":"Hi"},{"type":"text/html","value":"<p>Hi</p>"}],)"
              R"("headers":{"Message-ID":"<)" +
                  identity +
                  R"(@shop.example>"},)"
                  R"("custom_args":{"herald_id":"01890a5d-ac96-774b-bcce-b302099a8057.0.1",)"
                  R"("herald_attempt":"2"}})");
}

TEST(SendgridRequest, LeavesOutWhatTheTemplateDoesNotHave) {
    SendgridAccount nameless = account();
    nameless.from_name = "";
    EmailMessage plain = email();
    plain.html = "";
    EXPECT_THAT(to_request(nameless, call_with(plain))->body,
                AllOf(Not(HasSubstr("name\"")), Not(HasSubstr("html"))));
    EmailMessage html = email();
    html.text = "";
    EXPECT_THAT(to_request(account(), call_with(html))->body, Not(HasSubstr("text/plain")));
}

TEST(SendgridRequest, KeepsItsMessageIdOnARepeat) {
    auto first = call_with(email());
    auto again = first;
    again.attempt = first.attempt + 1;
    const auto header = [](const ProviderCall& call) {
        const auto body = Json::parse(to_request(account(), call)->body);
        return std::string(body->find("headers")->text("Message-ID"));
    };
    EXPECT_EQ(header(first), header(again));
    again.delivery.ordinal = 2;
    EXPECT_NE(header(first), header(again));
}

TEST(SendgridRequest, IsNotMadeForAnEmptyMessageOrAnotherKind) {
    EmailMessage empty = email();
    empty.html = empty.text = "";
    EXPECT_EQ(describe(to_request(account(), call_with(empty)).error()), "rejected bad_request");
    EXPECT_EQ(describe(to_request(account(), call_with(SmsMessage{})).error()), "rejected bad_request");
}

TEST(SendgridAccountTest, SendsItsKeyAsBearer) {
    ManualClock clock;
    FakeHttpServer server;
    auto made = make_sendgrid_account(account(), {}, server.client(), clock);
    ASSERT_TRUE(made);
    (*made)->open()->submit({call_with(email())});
    ASSERT_EQ(server.requests().size(), 1u);
    EXPECT_EQ(net::find_header(server.requests()[0].headers, "authorization"), "Bearer SG.k");
}

TEST(SendgridAccountTest, NeedsAKeyAndASender) {
    ManualClock clock;
    FakeHttpServer server;
    SendgridAccount keyless = account();
    keyless.api_key = "";
    EXPECT_FALSE(make_sendgrid_account(keyless, {}, server.client(), clock));
    SendgridAccount nobody = account();
    nobody.from_email = "";
    EXPECT_FALSE(make_sendgrid_account(nobody, {}, server.client(), clock));
}

class SendgridAnswer : public ::testing::TestWithParam<AnswerCase> {};

TEST_P(SendgridAnswer, HasOneMeaning) {
    EXPECT_EQ(describe(to_outcome(GetParam().result, kAnsweredAt)), GetParam().expected);
}

TEST_P(SendgridAnswer, ShowsNoAddress) {
    EXPECT_THAT(detail_in(to_outcome(GetParam().result, kAnsweredAt).outcome), Not(HasSubstr("@")));
}

std::string name_of(const ::testing::TestParamInfo<AnswerCase>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Transport, SendgridAnswer,
    ::testing::Values(AnswerCase{"never_written", never_written(), "deferred"},
                      AnswerCase{"not_processed", not_processed(), "deferred at once"},
                      AnswerCase{"no_answer", never_answered(), "unknown"},
                      AnswerCase{"accepted", http(202, "", {{"X-Message-Id", "m1"}}), "accepted m1"},
                      AnswerCase{"sandbox", http(200), "accepted "},
                      AnswerCase{"internal", refused(500, "Internal Server Error"), "unknown"},
                      AnswerCase{"gateway_page", http(502, kHtmlPage), "unknown"},
                      AnswerCase{"unavailable", http(503, kHtmlPage, {{"retry-after", "4"}}), "unknown"},
                      AnswerCase{"gateway_timeout", http(504, kHtmlPage), "unknown"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Request, SendgridAnswer,
    ::testing::Values(
        AnswerCase{"recipient_invalid",
                   refused(400, "Does not contain a valid address.", "personalizations.0.to.0.email"),
                   "rejected invalid_address dead"},
        AnswerCase{"sender_invalid", refused(400, "Does not contain a valid address.", "from.email"),
                   "rejected bad_request"},
        AnswerCase{"recipient_missing",
                   refused(400, "The email is required.", "personalizations.0.to.0.email"),
                   "rejected bad_request"},
        AnswerCase{
            "no_personalizations",
            refused(400, "The personalizations field is required and must have at least one personalization.",
                    "personalizations"),
            "rejected bad_request"},
        AnswerCase{"no_sender",
                   refused(400, "The from object must be provided for every email send.", "from.email"),
                   "rejected bad_request"},
        AnswerCase{"no_subject", refused(400, "The subject is required.", "subject"), "rejected bad_request"},
        AnswerCase{"no_content",
                   refused(400, "Unless a valid template_id is provided, the content parameter is required.",
                           "content"),
                   "rejected bad_request"},
        AnswerCase{
            "duplicate_address",
            refused(400,
                    "Each email address in the personalization block should be unique between to, cc, and "
                    "bcc. We found the first duplicate instance of [ann@mail.example] in the "
                    "personalizations.0.cc field.",
                    "personalizations.0"),
            "rejected bad_request"},
        AnswerCase{"content_twice",
                   refused(400, "If present, text/plain and text/html may only be provided once."),
                   "rejected bad_request"},
        AnswerCase{"too_far_ahead",
                   refused(400, "Scheduling more than 72 hours in advance is forbidden.", "send_at"),
                   "rejected bad_request"},
        AnswerCase{"bad_json", refused(400, "Bad Request"), "rejected bad_request"},
        AnswerCase{"address_as_field", refused(400, "x", kTo), "rejected bad_request"},
        AnswerCase{"errors_that_are_none", http(400, R"({"errors":"ann@mail.example"})"),
                   "rejected bad_request"},
        AnswerCase{"not_found", http(404), "rejected bad_request"},
        AnswerCase{"method", refused(405, "POST method allowed only"), "rejected bad_request"},
        AnswerCase{"accept", http(406), "rejected bad_request"},
        AnswerCase{"too_large", http(413), "rejected payload_too_large"},
        AnswerCase{"content_type", refused(415, "Content-Type should be application/json."),
                   "rejected bad_request"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Account, SendgridAnswer,
    ::testing::Values(
        AnswerCase{"key_invalid",
                   refused(401, "The provided authorization grant is invalid, expired, or revoked"),
                   "unusable account"},
        AnswerCase{"no_credit", refused(401, "Maximum credits exceeded"), "unusable account"},
        AnswerCase{"not_authorized", refused(401, "Authenticated user is not authorized to send mail"),
                   "unusable account"},
        AnswerCase{
            "sender_not_verified",
            refused(403,
                    "The from address does not match a verified Sender Identity. Mail cannot be sent until "
                    "this error is resolved.",
                    "from"),
            "unusable sender"},
        AnswerCase{"forbidden", refused(403, "access forbidden"), "unusable account"},
        AnswerCase{"address_not_listed", refused(403, "The requestor's IP Address is not whitelisted"),
                   "unusable account"},
        AnswerCase{"throttled", refused(429, "too many requests"), "deferred"},
        AnswerCase{"throttled_until_reset",
                   refused(429, "too many requests", "", {{"X-RateLimit-Reset", "1700000012"}}),
                   "deferred 12000ms"},
        AnswerCase{"reset_in_the_past", refused(429, "too many requests", "", {{"X-RateLimit-Reset", "12"}}),
                   "deferred"},
        AnswerCase{"reset_that_is_none",
                   refused(429, "too many requests", "", {{"X-RateLimit-Reset", "later"}}), "deferred"},
        AnswerCase{"retry_after_comes_first",
                   refused(429, "too many requests", "",
                           {{"X-RateLimit-Reset", "1700000012"}, {"Retry-After", "5"}}),
                   "deferred 5000ms"}),
    name_of);

TEST(SendgridAnswers, SayThatTheCreditIsUsedUp) {
    EXPECT_EQ(detail_in(to_outcome(refused(401, "Maximum credits exceeded"), kAnsweredAt).outcome),
              "401 no credits left");
}

}  // namespace
}  // namespace herald::sendgrid
