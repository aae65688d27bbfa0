#include "simulator/fcm.hpp"

#include "base/crypto.hpp"
#include "base/json.hpp"
#include "net/certificates.hpp"

namespace herald::simulator {
namespace {

constexpr std::int64_t kNowS = 1'700'000'000;

const FcmCredentials& credentials() {
    static const FcmCredentials made = [] {
        FcmCredentials c;
        c.project_id = "demo";
        c.client_email = "sender@demo.iam.gserviceaccount.com";
        c.private_key_id = "key1";
        c.private_key_pem = net::make_rsa_key().value();
        c.public_key_pem = net::public_key_of(c.private_key_pem).value();
        return c;
    }();
    return made;
}

struct Assertion {
    std::string header = R"({"alg":"RS256"})";
    std::string iss = "sender@demo.iam.gserviceaccount.com";
    std::string scope = "https://www.googleapis.com/auth/firebase.messaging";
    std::string aud = "http://127.0.0.1:8112/token";
    std::int64_t iat = kNowS;
    std::int64_t exp = kNowS + 3600;

    std::string sign(const std::string& key = credentials().private_key_pem) const {
        JsonWriter claims;
        claims.begin_object().member("iss", iss).member("scope", scope).member("aud", aud);
        claims.member("iat", iat).member("exp", exp).end_object();
        const std::string input = base64url(header) + "." + base64url(claims.text());
        return input + "." + base64url(net::sign_rs256(key, input).value());
    }
};

net::ServerRequest token_request(const std::string& assertion) {
    net::ServerRequest request;
    request.method = "POST";
    request.path = "/token";
    request.headers = {{"Host", "127.0.0.1:8112"}};
    request.body = net::form_encode(
        {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"}, {"assertion", assertion}});
    return request;
}

std::string access_token(Fcm& fcm) {
    const auto response = fcm.serve_beside(token_request(Assertion{}.sign()));
    EXPECT_EQ(response.status, 200) << response.body;
    return std::string(Json::parse(response.body)->text("access_token"));
}

net::ServerRequest send_request(const std::string& token, const std::string& body) {
    net::ServerRequest request;
    request.method = "POST";
    request.path = "/v1/projects/demo/messages:send";
    request.headers = {{"authorization", "Bearer " + token}};
    request.body = body;
    return request;
}

std::string message(const std::string& members) { return R"({"message":{)" + members + "}}"; }

struct Case {
    std::string name;
    std::string body;
    int status;
    std::string google_status;
    std::string error_code;   ///< of the FcmError detail; empty for none
    std::string description;  ///< of the first field violation; empty for none
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

const std::vector<Case>& cases() {
    static const std::vector<Case> all = {
        {"accepted", message(R"("token":"abc","notification":{"title":"t","body":"b"},"data":{"k":"v"})"),
         200, "", "", ""},
        {"topic", message(R"("topic":"news")"), 200, "", "", ""},
        {"condition", message(R"("condition":"'a' in topics")"), 200, "", "", ""},
        {"camel_case",
         message(R"("token":"a","fcmOptions":{"analyticsLabel":"x"},"android":{"collapseKey":"k"})"), 200, "",
         "", ""},
        {"all_of_android",
         message(R"("token":"a","android":{"collapse_key":"k","priority":"HIGH","ttl":"3600s","notification":{
             "tag":"t","channel_id":"c","sticky":true,"body_loc_args":["x"],"notification_count":3,
             "light_settings":{"color":{"red":1},"light_on_duration":"1s"}}})"),
         200, "", "", ""},
        {"apns_and_webpush",
         message(R"("token":"a","apns":{"headers":{"apns-priority":"10"},"payload":{"aps":{"badge":1}}},
             "webpush":{"headers":{"TTL":"1"},"notification":{"title":"x"},
             "fcm_options":{"link":"https://e"}})"),
         200, "", "", ""},
        {"null_is_absent", message(R"("token":"a","notification":null)"), 200, "", "", ""},
        {"not_json", "{", 400, "INVALID_ARGUMENT", "", "*"},
        {"no_message", "{}", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "*"},
        {"unknown_field", message(R"("token":"a","color":"red")"), 400, "INVALID_ARGUMENT", "",
         "Invalid JSON payload received. Unknown name \"color\" at 'message': Cannot find field."},
        {"unknown_at_top", R"({"message":{"token":"a"},"x":1})", 400, "INVALID_ARGUMENT", "",
         "Invalid JSON payload received. Unknown name \"x\": Cannot find field."},
        {"unknown_below", message(R"("token":"a","android":{"notification":{"colour":"x"}})"), 400,
         "INVALID_ARGUMENT", "",
         "Invalid JSON payload received. Unknown name \"colour\" at 'message.android.notification': Cannot "
         "find field."},
        {"data_not_text", message(R"("token":"a","data":{"n":1})"), 400, "INVALID_ARGUMENT", "",
         "Invalid value at 'message.data[0].value' (TYPE_STRING), 1"},
        {"title_not_text", message(R"("token":"a","notification":{"title":7})"), 400, "INVALID_ARGUMENT", "",
         "Invalid value at 'message.notification.title' (TYPE_STRING), 7"},
        {"no_target", message(R"("data":{"k":"v"})"), 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT",
         "Recipient of the message is not set."},
        {"two_targets", message(R"("token":"a","topic":"b")"), 400, "INVALID_ARGUMENT", "",
         "Invalid value at 'message' (oneof), oneof field 'target' is already set. Cannot set 'topic'"},
        {"bad_topic", message(R"("topic":"no way")"), 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT",
         "Malformed topic name"},
        {"reserved_key", message(R"("token":"a","data":{"google.x":"1"})"), 400, "INVALID_ARGUMENT",
         "INVALID_ARGUMENT", "Invalid data payload key: google.x"},
        {"bad_ttl", message(R"("token":"a","android":{"ttl":"1h"})"), 400, "INVALID_ARGUMENT", "", "*"},
        {"long_ttl", message(R"("token":"a","android":{"ttl":"2419201s"})"), 400, "INVALID_ARGUMENT", "",
         "*"},
        {"too_big", message(R"("token":"a","data":{"k":")" + std::string(4096, 'x') + "\"}"), 400,
         "INVALID_ARGUMENT", "INVALID_ARGUMENT", "Message is too big"},
        {"magic_unregistered", message(R"("token":"unregistered1")"), 404, "NOT_FOUND", "UNREGISTERED", ""},
        {"magic_mismatch", message(R"("token":"mismatch1")"), 403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH",
         ""},
        {"magic_invalid", message(R"("token":"invalid1")"), 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT",
         "The registration token is not a valid FCM registration token"},
        {"magic_third_party", message(R"("token":"thirdparty1")"), 401, "UNAUTHENTICATED",
         "THIRD_PARTY_AUTH_ERROR", ""},
        {"magic_denied", message(R"("token":"denied1")"), 403, "PERMISSION_DENIED", "", ""},
        {"magic_quota", message(R"("token":"quota1")"), 429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", ""},
        {"magic_internal", message(R"("token":"internal1")"), 500, "INTERNAL", "INTERNAL", ""},
        {"magic_unavailable", message(R"("token":"unavailable1")"), 503, "UNAVAILABLE", "UNAVAILABLE", ""},
    };
    return all;
}

const Json* detail(const Json& error, std::string_view type) {
    const Json* details = error.find("details");
    if (details == nullptr) return nullptr;
    for (const auto& entry : *details->as_array()) {
        if (entry.text("@type").ends_with(type)) return &entry;
    }
    return nullptr;
}

class FcmVerdict : public testing::TestWithParam<Case> {
protected:
    ManualClock clock_;
    Fcm fcm_{credentials(), clock_};
};

TEST_P(FcmVerdict, IsAsDocumented) {
    const Case& c = GetParam();
    const auto response = fcm_.judge(send_request(access_token(fcm_), c.body)).response;
    ASSERT_EQ(response.status, c.status) << response.body;
    const Json body = Json::parse(response.body).value();
    if (c.status == 200) {
        EXPECT_TRUE(body.text("name").starts_with("projects/demo/messages/0:")) << response.body;
        return;
    }
    const Json& error = *body.find("error");
    EXPECT_EQ(error.integer("code"), c.status);
    EXPECT_EQ(error.text("status"), c.google_status);
    const Json* fcm_error = detail(error, "FcmError");
    EXPECT_EQ(fcm_error == nullptr ? "" : fcm_error->text("errorCode"), c.error_code);
    const Json* bad_request = detail(error, "BadRequest");
    ASSERT_EQ(bad_request == nullptr, c.description.empty()) << response.body;
    if (c.description.empty() || c.description == "*") return;
    EXPECT_EQ(bad_request->find("fieldViolations")->as_array()->at(0).text("description"), c.description);
    EXPECT_EQ(error.text("message"), c.description);
}

INSTANTIATE_TEST_SUITE_P(, FcmVerdict, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

class FcmTest : public testing::Test {
protected:
    std::string refusal_of(const Assertion& assertion) {
        const auto response = fcm_.serve_beside(token_request(assertion.sign()));
        return response.status == 200 ? "" : std::string(Json::parse(response.body)->text("error"));
    }

    ManualClock clock_;
    Fcm fcm_{credentials(), clock_};
};

TEST_F(FcmTest, GivesATokenForASignedAssertion) {
    const auto response = fcm_.serve_beside(token_request(Assertion{}.sign()));
    ASSERT_EQ(response.status, 200) << response.body;
    const Json body = Json::parse(response.body).value();
    EXPECT_EQ(body.integer("expires_in"), 3599);
    EXPECT_EQ(body.text("token_type"), "Bearer");
}

TEST_F(FcmTest, KidAndTypAreOptionalButMustBeRight) {
    EXPECT_EQ(refusal_of({.header = R"({"alg":"RS256","typ":"JWT","kid":"key1"})"}), "");
    EXPECT_EQ(refusal_of({.header = R"({"alg":"RS256","kid":"key2"})"}), "invalid_grant");
}

TEST_F(FcmTest, AcceptsGooglesOwnAudience) {
    EXPECT_EQ(refusal_of({.aud = "https://oauth2.googleapis.com/token"}), "");
}

TEST_F(FcmTest, RefusesAnAssertionThatIsWrong) {
    EXPECT_EQ(refusal_of({.header = R"({"alg":"HS256"})"}), "invalid_grant");
    EXPECT_EQ(refusal_of({.iss = "somebody@else"}), "invalid_grant");
    EXPECT_EQ(refusal_of({.aud = "http://elsewhere/token"}), "invalid_grant");
    EXPECT_EQ(refusal_of({.iat = kNowS - 7200, .exp = kNowS - 3600}), "invalid_grant");
    EXPECT_EQ(refusal_of({.exp = kNowS + 3601}), "invalid_grant");
    EXPECT_EQ(refusal_of({.iat = kNowS + 600}), "invalid_grant");
    EXPECT_EQ(refusal_of({.scope = "openid"}), "invalid_scope");
}

TEST_F(FcmTest, RefusesTheSignatureOfAnotherKey) {
    const auto response = fcm_.serve_beside(token_request(Assertion{}.sign(net::make_rsa_key().value())));
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(Json::parse(response.body)->text("error_description"), "Invalid JWT Signature.");
}

TEST_F(FcmTest, RefusesAnotherGrantType) {
    auto request = token_request(Assertion{}.sign());
    request.body = "grant_type=password";
    EXPECT_EQ(Json::parse(fcm_.serve_beside(request).body)->text("error"), "unsupported_grant_type");
}

TEST_F(FcmTest, RefusesATokenThatItDidNotGive) {
    for (const std::string token : {"", "ya29.", "ya29.1800000000.forged", "1800000000"}) {
        const auto response = fcm_.judge(send_request(token, message(R"("token":"a")"))).response;
        EXPECT_EQ(response.status, 401) << token;
        EXPECT_TRUE(net::find_header(response.headers, "www-authenticate"));
        EXPECT_EQ(detail(*Json::parse(response.body)->find("error"), "FcmError"), nullptr);
    }
}

TEST_F(FcmTest, ATokenExpires) {
    const auto token = access_token(fcm_);
    clock_.advance(Millis{3'598'000});
    EXPECT_EQ(fcm_.judge(send_request(token, message(R"("token":"a")"))).response.status, 200);
    clock_.advance(Millis{1'000});
    EXPECT_EQ(fcm_.judge(send_request(token, message(R"("token":"a")"))).response.status, 401);
}

TEST_F(FcmTest, ATokenOutlivesARestart) {
    const auto token = access_token(fcm_);
    Fcm again(credentials(), clock_);
    EXPECT_EQ(again.judge(send_request(token, message(R"("token":"a")"))).response.status, 200);
}

TEST_F(FcmTest, AnotherProjectIsNotFoundAndNobodysTokenIsDead) {
    auto request = send_request(access_token(fcm_), message(R"("token":"a")"));
    request.path = "/v1/projects/other/messages:send";
    const auto response = fcm_.judge(request).response;
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(detail(*Json::parse(response.body)->find("error"), "FcmError"), nullptr);
}

TEST_F(FcmTest, ValidateOnlySendsNothing) {
    const auto response =
        fcm_.judge(send_request(access_token(fcm_), R"({"validate_only":true,"message":{"token":"a"}})"))
            .response;
    EXPECT_EQ(response.body, R"({"name":"projects/demo/messages/fake_message_id"})");
}

TEST_F(FcmTest, NamesEveryUnknownField) {
    const auto response =
        fcm_.judge(send_request(access_token(fcm_), message(R"("token":"a","x":1,"y":2)"))).response;
    const Json body = Json::parse(response.body).value();
    EXPECT_EQ(body.find("error")->text("message"),
              "Invalid JSON payload received. Unknown name \"x\" at 'message': Cannot find field.\n"
              "Invalid JSON payload received. Unknown name \"y\" at 'message': Cannot find field.");
}

TEST_F(FcmTest, FindsTheDeliveryInTheData) {
    const auto subject =
        fcm_.judge(send_request(
                       "x", message(R"("token":"tok","data":{"herald_id":"n.0.2","herald_attempt":"4"})")))
            .subject;
    EXPECT_EQ(subject.delivery, "n.0.2");
    EXPECT_EQ(subject.attempt, 4);
    EXPECT_EQ(subject.recipient, "tok");
}

TEST_F(FcmTest, SaysWhenToComeBack) {
    const auto response =
        fcm_.judge(send_request(access_token(fcm_), message(R"("token":"quota1")"))).response;
    EXPECT_EQ(net::find_header(response.headers, "retry-after"), "2");
}

TEST_F(FcmTest, FaultsHaveItsErrorBodies) {
    const Json body = Json::parse(fcm_.failure(503, {}).body).value();
    EXPECT_EQ(body.find("error")->text("status"), "UNAVAILABLE");
    EXPECT_EQ(detail(*body.find("error"), "FcmError")->text("errorCode"), "UNAVAILABLE");
    EXPECT_TRUE(fcm_.failure(502, {}).body.starts_with("<html>"));
}

}  // namespace
}  // namespace herald::simulator
