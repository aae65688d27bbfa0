#include "adapters/providers/fcm/fcm.hpp"

#include "adapters/providers/testing/answer_table.hpp"

namespace herald::fcm {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

FcmAccount account() {
    FcmAccount account;
    account.url = "https://127.0.0.1:1";
    account.project_id = "shop-1";
    return account;
}

PushMessage push() {
    PushMessage push;
    push.route = Route::push_fcm;
    push.token = "tok:en";
    push.title = "Hello";
    push.body = "Here";
    push.data = {{"order", "42"}};
    return push;
}

std::string body_of(const PushMessage& message) {
    return to_request(account(), call_with(message), kAnsweredAt)->body;
}

TEST(FcmRequest, IsOneMessageForOneToken) {
    const auto call = call_with(push());
    const auto request = to_request(account(), call, kAnsweredAt);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->url, "https://127.0.0.1:1/v1/projects/shop-1/messages:send");
    EXPECT_EQ(net::find_header(request->headers, "x-herald-delivery"),
              "01890a5d-ac96-774b-bcce-b302099a8057.0.1");
    EXPECT_EQ(net::find_header(request->headers, "x-herald-attempt"), "2");
    EXPECT_EQ(request->body, R"({"message":{"token":"tok:en","notification":{"title":"Hello","body":"Here"},)"
                             R"("data":{"order":"42","herald_id":"01890a5d-ac96-774b-bcce-b302099a8057.0.1",)"
                             R"("herald_attempt":"2"},)"
                             R"("android":{"ttl":"3600s","notification":{"tag":")" +
                                 to_string(delivery_uuid(call.delivery)) +
                                 R"("}},"webpush":{"headers":{"TTL":"3600"}}}})");
}

TEST(FcmRequest, KeepsItsTagOnARepeat) {
    const auto tag = [](const ProviderCall& call) {
        const auto body = Json::parse(to_request(account(), call, kAnsweredAt)->body);
        return std::string(body->find("message")->find("android")->find("notification")->text("tag"));
    };
    auto first = call_with(push());
    auto again = first;
    ++again.attempt;
    EXPECT_EQ(tag(first), tag(again));
    again.delivery.ordinal = 2;
    EXPECT_NE(tag(first), tag(again));
}

TEST(FcmRequest, LivesNoLongerThanTheNotification) {
    auto call = call_with(push());
    call.expires_at = kAnsweredAt - std::chrono::seconds(5);
    EXPECT_THAT(to_request(account(), call, kAnsweredAt)->body, HasSubstr(R"("ttl":"0s")"));
    call.expires_at = kAnsweredAt + std::chrono::hours(24 * 60);
    EXPECT_THAT(to_request(account(), call, kAnsweredAt)->body, HasSubstr(R"("ttl":"2419200s")"));
}

TEST(FcmRequest, KeepsItsOwnNamesInTheData) {
    auto message = push();
    message.data = {{"herald_id", "mine"}, {"herald_attempt", "mine"}};
    EXPECT_THAT(body_of(message), Not(HasSubstr("mine")));
}

TEST(FcmRequest, HasAtMost4096BytesOfPayload) {
    auto message = push();
    const auto payload = [&] {
        const auto body = Json::parse(body_of(message));
        const Json* const inner = body->find("message");
        return inner->find("notification")->dump().size() + inner->find("data")->dump().size();
    };
    message.body += std::string(4096 - payload(), 'x');
    EXPECT_EQ(payload(), 4096u);
    message.body += 'x';
    EXPECT_EQ(describe(to_request(account(), call_with(message), kAnsweredAt).error()),
              "rejected payload_too_large");
}

TEST(FcmRequest, IsMadeForItsOwnDevicesOnly) {
    auto ios = push();
    ios.route = Route::push_apns;
    EXPECT_EQ(describe(to_request(account(), call_with(ios), kAnsweredAt).error()), "rejected bad_request");
    EXPECT_EQ(describe(to_request(account(), call_with(EmailMessage{}), kAnsweredAt).error()),
              "rejected bad_request");
    auto nowhere = push();
    nowhere.token = "";
    EXPECT_EQ(describe(to_request(account(), call_with(nowhere), kAnsweredAt).error()),
              "rejected invalid_address dead");
}

/// An error as FCM writes it; `code` is the FcmError's, none when empty.
net::HttpResult refused(int status, const char* word, const char* code = "", const char* message = "no",
                        net::Headers headers = {}) {
    const std::string detail =
        *code == '\0' ? ""
                      : fmt::format(R"({{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",)"
                                    R"("errorCode":"{}"}})",
                                    code);
    return http(status,
                fmt::format(R"({{"error":{{"code":{},"message":"{}","status":"{}","details":[{}]}}}})",
                            status, message, word, detail),
                std::move(headers));
}
net::HttpResult violates(const char* field, bool with_fcm_error) {
    const char* const fcm_error = R"({"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError",)"
                                  R"("errorCode":"INVALID_ARGUMENT"},)";
    return http(
        400,
        fmt::format(R"({{"error":{{"code":400,"message":"no","status":"INVALID_ARGUMENT","details":[{}{{)"
                    R"("@type":"type.googleapis.com/google.rpc.BadRequest",)"
                    R"("fieldViolations":[{{"field":"{}","description":"no"}}]}}]}}}})",
                    with_fcm_error ? fcm_error : "", field));
}

class FcmAnswer : public ::testing::TestWithParam<AnswerCase> {};

TEST_P(FcmAnswer, HasOneMeaning) {
    EXPECT_EQ(describe(to_outcome(account(), GetParam().result, kAnsweredAt)), GetParam().expected);
}

std::string name_of(const ::testing::TestParamInfo<AnswerCase>& info) { return info.param.name; }

constexpr const char* kNoToken = "The registration token is not a valid FCM registration token";

INSTANTIATE_TEST_SUITE_P(
    Transport, FcmAnswer,
    ::testing::Values(AnswerCase{"never_written", never_written(), "deferred"},
                      AnswerCase{"refused_stream", not_processed(), "deferred at once"},
                      AnswerCase{"no_answer", never_answered(), "unknown"},
                      AnswerCase{"accepted", http(200, R"({"name":"projects/p/messages/1"})"),
                                 "accepted projects/p/messages/1"},
                      AnswerCase{"success_without_name", http(200, kHtmlPage), "unknown"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Token, FcmAnswer,
    ::testing::Values(
        AnswerCase{"unregistered", refused(404, "NOT_FOUND", "UNREGISTERED"), "rejected unregistered dead"},
        AnswerCase{"sender_mismatch", refused(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
                   "rejected invalid_address dead"},
        AnswerCase{"invalid_by_message", refused(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", kNoToken),
                   "rejected invalid_address dead"},
        AnswerCase{"invalid_by_field", violates("message.token", true), "rejected invalid_address dead"},
        AnswerCase{"another_field", violates("message.data[0].value", true), "rejected bad_request"},
        AnswerCase{"field_without_fcm_error", violates("message.token", false), "rejected bad_request"},
        AnswerCase{"message_without_fcm_error", refused(400, "INVALID_ARGUMENT", "", kNoToken),
                   "rejected bad_request"},
        AnswerCase{"invalid_argument", refused(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
                   "rejected bad_request"},
        AnswerCase{"unknown_name", refused(400, "INVALID_ARGUMENT"), "rejected bad_request"},
        AnswerCase{"bad_request_page", http(400, kHtmlPage), "rejected bad_request"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Account, FcmAnswer,
    ::testing::Values(AnswerCase{"unauthenticated", refused(401, "UNAUTHENTICATED"),
                                 "unusable account, credential expired"},
                      AnswerCase{"unauthorized_page", http(401, kHtmlPage),
                                 "unusable account, credential expired"},
                      AnswerCase{"third_party", refused(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
                                 "unusable platform"},
                      AnswerCase{"third_party_of_old", refused(401, "UNAUTHENTICATED", "APNS_AUTH_ERROR"),
                                 "unusable platform"},
                      AnswerCase{"permission_denied", refused(403, "PERMISSION_DENIED"), "unusable account"},
                      AnswerCase{"service_disabled", refused(403, "SERVICE_DISABLED"), "unusable account"},
                      AnswerCase{"forbidden_page", http(403, kHtmlPage), "unusable account"},
                      AnswerCase{"no_such_project", refused(404, "NOT_FOUND"), "unusable account"},
                      AnswerCase{"not_found_page", http(404, kHtmlPage), "unusable account"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Waits, FcmAnswer,
    ::testing::Values(
        AnswerCase{"quota", refused(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), "deferred 60000ms"},
        AnswerCase{"quota_until",
                   refused(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "no", {{"retry-after", "20"}}),
                   "deferred 20000ms"},
        AnswerCase{"quota_without_body", http(429), "deferred 60000ms"},
        AnswerCase{"internal", refused(500, "INTERNAL", "INTERNAL"), "deferred 10000ms"},
        AnswerCase{"gateway_page", http(502, kHtmlPage), "unknown"},
        AnswerCase{"gateway_timeout_page", http(504, kHtmlPage), "unknown"},
        AnswerCase{"server_error_without_body", http(500), "unknown"},
        AnswerCase{"deadline_exceeded", refused(504, "DEADLINE_EXCEEDED"), "unknown"},
        AnswerCase{"busy_gateway", http(503, kHtmlPage, {{"retry-after", "4"}}), "deferred 4000ms"},
        AnswerCase{"unavailable", refused(503, "UNAVAILABLE", "UNAVAILABLE"), "deferred 10000ms"},
        AnswerCase{"unavailable_until",
                   refused(503, "UNAVAILABLE", "UNAVAILABLE", "no",
                           {{"Retry-After", "Tue, 14 Nov 2023 22:14:20 GMT"}}),
                   "deferred 60000ms"},
        AnswerCase{"unspecified", refused(400, "UNKNOWN", "UNSPECIFIED_ERROR"), "deferred 10000ms"}),
    name_of);

TEST(FcmAnswers, WaitAsLongAsTheAccountSays) {
    FcmAccount hasty = account();
    hasty.server_error_wait = Millis{0};
    EXPECT_EQ(describe(to_outcome(hasty, refused(500, "INTERNAL"), kAnsweredAt)), "deferred");
}

TEST(FcmAnswers, ShowTheCodeAndNothingElse) {
    const auto outcome =
        to_outcome(account(), refused(404, "NOT_FOUND", "UNREGISTERED", "tok:en"), kAnsweredAt).outcome;
    EXPECT_EQ(detail_in(outcome), "404 UNREGISTERED");
}

}  // namespace
}  // namespace herald::fcm
