#include "adapters/providers/apns/apns.hpp"

#include "adapters/providers/testing/answer_table.hpp"

namespace herald::apns {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kToken = "740f4707bebcf74f";

ApnsAccount account() {
    ApnsAccount account;
    account.url = "https://127.0.0.1:1";
    account.topic = "com.example.shop";
    return account;
}

PushMessage push() {
    PushMessage push;
    push.token = kToken;
    push.title = "Hello";
    push.body = "It is \"here\"";
    push.data = {{"order", "42"}};
    return push;
}

std::string header(const ProviderRequest& request, std::string_view name) {
    return std::string(net::find_header(request->headers, name).value_or("(none)"));
}

net::HttpResult refused(int status, const char* reason, net::Headers headers = {}) {
    return http(status, fmt::format(R"({{"reason":"{}"}})", reason), std::move(headers));
}
net::HttpResult gone(const char* reason) {
    return http(410, fmt::format(R"({{"reason":"{}","timestamp":1699999999123}})", reason));
}

TEST(ApnsRequest, IsAnAlertForOneDevice) {
    const auto request = to_request(account(), call_with(push()));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->method, "POST");
    EXPECT_EQ(request->url, "https://127.0.0.1:1/3/device/740f4707bebcf74f");
    EXPECT_EQ(header(request, "apns-topic"), "com.example.shop");
    EXPECT_EQ(header(request, "apns-push-type"), "alert");
    EXPECT_EQ(header(request, "apns-priority"), "10");
    EXPECT_EQ(header(request, "apns-expiration"), "1700003600");
    EXPECT_EQ(header(request, "x-herald-delivery"), "01890a5d-ac96-774b-bcce-b302099a8057.0.1");
    EXPECT_EQ(header(request, "x-herald-attempt"), "2");
    EXPECT_EQ(request->body,
              R"({"aps":{"alert":{"title":"Hello","body":"It is \"here\""},"sound":"default"},)"
              R"("order":"42",)"
              R"("herald":{"id":"01890a5d-ac96-774b-bcce-b302099a8057.0.1","attempt":2}})");
}

TEST(ApnsRequest, IsKnownAgainWhenItIsRepeated) {
    auto call = call_with(push());
    const auto first = to_request(account(), call);
    ++call.attempt;
    const auto again = to_request(account(), call);
    EXPECT_EQ(header(first, "apns-id"), to_string(delivery_uuid(call.delivery)));
    EXPECT_EQ(header(first, "apns-id"), header(again, "apns-id"));
    EXPECT_EQ(header(first, "apns-collapse-id"), header(again, "apns-collapse-id"));
    EXPECT_LE(header(first, "apns-collapse-id").size(), 64u);
}

TEST(ApnsRequest, LeavesReservedNamesToTheirOwners) {
    auto message = push();
    message.data = {{"aps", "mine"}, {"herald", "mine"}};
    EXPECT_THAT(to_request(account(), call_with(message))->body, Not(HasSubstr("mine")));
}

TEST(ApnsRequest, KeepsATokenInItsSegment) {
    auto message = push();
    message.token = "../a b?c#d\r\n";
    EXPECT_THAT(to_request(account(), call_with(message))->url,
                EndsWith("/3/device/..%2Fa%20b%3Fc%23d%0D%0A"));
}

TEST(ApnsRequest, HasAtMost4096Bytes) {
    auto message = push();
    const std::size_t rest = to_request(account(), call_with(message))->body.size() - message.title.size();
    message.title = std::string(4096 - rest, 'x');
    EXPECT_EQ(to_request(account(), call_with(message))->body.size(), 4096u);
    message.title += 'x';
    EXPECT_EQ(describe(to_request(account(), call_with(message)).error()), "rejected payload_too_large");
}

TEST(ApnsRequest, IsMadeForAppleDevicesOnly) {
    auto android = push();
    android.route = Route::push_fcm;
    EXPECT_EQ(describe(to_request(account(), call_with(android)).error()), "rejected bad_request");
    EXPECT_EQ(describe(to_request(account(), call_with(SmsMessage{})).error()), "rejected bad_request");
    auto nowhere = push();
    nowhere.token = "";
    EXPECT_EQ(describe(to_request(account(), call_with(nowhere)).error()), "rejected invalid_address dead");
}

class ApnsAnswer : public ::testing::TestWithParam<AnswerCase> {};

TEST_P(ApnsAnswer, HasOneMeaning) {
    EXPECT_EQ(describe(to_outcome(GetParam().result, kAnsweredAt)), GetParam().expected);
}

std::string name_of(const ::testing::TestParamInfo<AnswerCase>& info) { return info.param.name; }

/// A row for each reason in `reasons`, all with the same status and meaning.
std::vector<AnswerCase> rows(int status, std::initializer_list<const char*> reasons, const char* expected) {
    std::vector<AnswerCase> made;
    for (const char* reason : reasons) made.push_back({reason, refused(status, reason), expected});
    return made;
}

INSTANTIATE_TEST_SUITE_P(
    Transport, ApnsAnswer,
    ::testing::Values(
        AnswerCase{"never_written", never_written(), "deferred"},
        AnswerCase{"refused_stream", not_processed(), "deferred at once"},
        AnswerCase{"no_answer", never_answered(), "unknown"},
        AnswerCase{"accepted", http(200, "", {{"apns-id", "u1"}}), "accepted u1"},
        AnswerCase{"gateway_page", http(502, kHtmlPage), "unknown"},
        AnswerCase{"gateway_timeout_without_body", http(504), "unknown"},
        AnswerCase{"unknown_reason", refused(400, "NewFashion"), "rejected bad_request"},
        AnswerCase{"unknown_reason_of_the_account", refused(403, "NewFashion"), "unusable account"},
        AnswerCase{"unknown_server_error", refused(500, "NewFashion"), "unknown"},
        AnswerCase{"reason_that_is_no_text", http(400, R"({"reason":7})"), "rejected bad_request"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Request, ApnsAnswer,
    ::testing::ValuesIn(rows(400,
                             {"BadCollapseId", "BadExpirationDate", "BadMessageId", "BadPriority", "BadTopic",
                              "InvalidPushType", "DuplicateHeaders", "PayloadEmpty", "MissingDeviceToken",
                              "MissingTopic", "FeatureNotEnabled", "MissingChannelId", "BadChannelId",
                              "ChannelNotRegistered", "BadRequestParams", "BadRequestPayload",
                              "MissingPushType", "CannotCreateChannelConfig", "TopicMismatch"},
                             "rejected bad_request")),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Message, ApnsAnswer,
    ::testing::Values(
        AnswerCase{"BadPath", refused(404, "BadPath"), "rejected bad_request"},
        AnswerCase{"MethodNotAllowed", refused(405, "MethodNotAllowed"), "rejected bad_request"},
        AnswerCase{"PayloadTooLarge", refused(413, "PayloadTooLarge"), "rejected payload_too_large"},
        AnswerCase{"too_large_without_reason", http(413), "rejected payload_too_large"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Device, ApnsAnswer,
    ::testing::Values(
        AnswerCase{"BadDeviceToken", refused(400, "BadDeviceToken"), "rejected invalid_address dead"},
        AnswerCase{"DeviceTokenNotForTopic", refused(400, "DeviceTokenNotForTopic"),
                   "rejected invalid_address dead"},
        AnswerCase{"Unregistered", gone("Unregistered"),
                   "rejected unregistered dead since 2023-11-14T22:13:19.123Z"},
        AnswerCase{"ExpiredToken", gone("ExpiredToken"),
                   "rejected unregistered dead since 2023-11-14T22:13:19.123Z"},
        AnswerCase{"without_timestamp", refused(410, "Unregistered"), "rejected unregistered dead"},
        AnswerCase{"gone_without_reason", http(410, ""), "rejected unregistered dead"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(Account, ApnsAnswer,
                         ::testing::ValuesIn(rows(403,
                                                  {"BadCertificate", "BadCertificateEnvironment", "Forbidden",
                                                   "MissingProviderToken", "UnrelatedKeyIdInToken",
                                                   "BadEnvironmentKeyIdInToken", "BadEnvironmentKeyInToken"},
                                                  "unusable account")),
                         name_of);

INSTANTIATE_TEST_SUITE_P(
    Credential, ApnsAnswer,
    ::testing::Values(AnswerCase{"TopicDisallowed", refused(400, "TopicDisallowed"), "unusable account"},
                      AnswerCase{"TooManyProviderTokenUpdates", refused(429, "TooManyProviderTokenUpdates"),
                                 "unusable account"},
                      AnswerCase{"ExpiredProviderToken", refused(403, "ExpiredProviderToken"),
                                 "unusable account, credential expired"},
                      AnswerCase{"InvalidProviderToken", refused(403, "InvalidProviderToken"),
                                 "unusable account, credential expired"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Waits, ApnsAnswer,
    ::testing::Values(AnswerCase{"IdleTimeout", refused(400, "IdleTimeout"), "deferred"},
                      AnswerCase{"TooManyRequests", refused(429, "TooManyRequests"), "deferred 120000ms"},
                      AnswerCase{"too_many_until", refused(429, "TooManyRequests", {{"retry-after", "3"}}),
                                 "deferred 3000ms"},
                      AnswerCase{"InternalServerError", refused(500, "InternalServerError"), "deferred"},
                      AnswerCase{"ServiceUnavailable", refused(503, "ServiceUnavailable"), "deferred"},
                      AnswerCase{"unavailable_until",
                                 refused(503, "ServiceUnavailable", {{"retry-after", "2"}}),
                                 "deferred 2000ms"},
                      AnswerCase{"Shutdown", refused(503, "Shutdown"), "deferred at once"}),
    name_of);

TEST(ApnsAnswers, ShowTheReasonAndNothingElse) {
    EXPECT_EQ(detail_in(to_outcome(refused(400, "BadDeviceToken"), kAnsweredAt).outcome),
              "400 BadDeviceToken");
    const std::string token(64, 'a');
    EXPECT_EQ(detail_in(to_outcome(refused(400, token.c_str()), kAnsweredAt).outcome), "400");
}

}  // namespace
}  // namespace herald::apns
