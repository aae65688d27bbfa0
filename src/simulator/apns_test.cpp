#include "simulator/apns.hpp"

#include "base/crypto.hpp"
#include "net/certificates.hpp"

namespace herald::simulator {
namespace {

const std::string& private_key() {
    static const std::string key = net::make_ec_key().value();
    return key;
}

ApnsCredentials credentials() {
    return {"ABCDE12345", "TEAM123456", "com.example.herald", net::public_key_of(private_key()).value()};
}

struct TokenParts {
    std::string alg = "ES256";
    std::string kid = "ABCDE12345";
    std::string iss = "TEAM123456";
    std::int64_t iat = 1'700'000'000;
};

std::string signing_input(const TokenParts& parts) {
    JsonWriter header;
    header.begin_object().member("alg", parts.alg).member("kid", parts.kid).end_object();
    JsonWriter claims;
    claims.begin_object().member("iss", parts.iss).member("iat", parts.iat).end_object();
    return base64url(header.text()) + "." + base64url(claims.text());
}

std::string token(const TokenParts& parts = {}, const std::string& key = private_key()) {
    const std::string input = signing_input(parts);
    return input + "." + base64url(net::sign_es256(key, input).value());
}

/// The same signature as ASN.1 DER, as Apple's own sample sends it.
std::string der_of(const std::string& raw) {
    const auto integer = [](std::string bytes) {
        while (bytes.size() > 1 && bytes[0] == '\0') bytes.erase(0, 1);
        if (static_cast<unsigned char>(bytes[0]) >= 0x80) bytes.insert(0, 1, '\0');
        return std::string("\x02") + static_cast<char>(bytes.size()) + bytes;
    };
    const std::string both = integer(raw.substr(0, 32)) + integer(raw.substr(32));
    return std::string("\x30") + static_cast<char>(both.size()) + both;
}

const std::string kDevice = std::string(62, 'a') + "01";

net::ServerRequest good_request() {
    net::ServerRequest request;
    request.method = "POST";
    request.path = "/3/device/" + kDevice;
    request.headers = {{"authorization", "bearer " + token()},
                       {"apns-topic", "com.example.herald"},
                       {"apns-push-type", "alert"},
                       {"apns-priority", "10"},
                       {"apns-expiration", "0"},
                       {"apns-id", "123e4567-e89b-12d3-a456-426614174000"}};
    request.body = R"({"aps":{"alert":"hi"},"herald":{"id":"n.0.1","attempt":2}})";
    return request;
}

using Change = std::function<void(net::ServerRequest&)>;

Change header(const std::string& name, const std::string& value) {
    return [=](net::ServerRequest& request) {
        for (auto& h : request.headers) {
            if (h.name == name) {
                h.value = value;
                return;
            }
        }
        request.headers.push_back({name, value});
    };
}

Change without(const std::string& name) {
    return [=](net::ServerRequest& request) {
        std::erase_if(request.headers, [&](const net::Header& h) { return h.name == name; });
    };
}

Change authorization(const std::string& value) { return header("authorization", value); }
Change path(const std::string& path) {
    return [=](net::ServerRequest& request) { request.path = path; };
}
Change device(const std::string& prefix) {
    return path("/3/device/" + prefix + kDevice.substr(prefix.size()));
}
Change body(const std::string& body) {
    return [=](net::ServerRequest& request) { request.body = body; };
}

std::string payload_of(std::size_t bytes) {
    const std::string head = R"({"aps":{"alert":")";
    return head + std::string(bytes - head.size() - 3, 'x') + "\"}}";
}

struct Case {
    std::string name;
    Change change;
    int status;
    std::string reason;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::vector<Case> cases() {
    TokenParts old;
    old.iat -= 3601;
    TokenParts future;
    future.iat += 3600;
    const std::string raw = net::sign_es256(private_key(), signing_input({})).value();
    const std::string der = signing_input({}) + "." + base64url(der_of(raw));
    return {
        {"accepted", [](auto&) {}, 200, ""},
        {"no_token", without("authorization"), 403, "MissingProviderToken"},
        {"no_bearer", authorization("basic abc"), 403, "InvalidProviderToken"},
        {"garbage", authorization("bearer a.b.c"), 403, "InvalidProviderToken"},
        {"other_kid", authorization("bearer " + token({.kid = "ZZZZZ12345"})), 403, "InvalidProviderToken"},
        {"other_team", authorization("bearer " + token({.iss = "OTHER"})), 403, "InvalidProviderToken"},
        {"other_key", authorization("bearer " + token({}, net::make_ec_key().value())), 403,
         "InvalidProviderToken"},
        {"other_alg", authorization("bearer " + token({.alg = "none"})), 403, "InvalidProviderToken"},
        {"old_token", authorization("bearer " + token(old)), 403, "ExpiredProviderToken"},
        {"future_token", authorization("bearer " + token(future)), 403, "InvalidProviderToken"},
        {"der_signature", authorization("bearer " + der), 200, ""},
        {"scheme_in_any_case", authorization("Bearer " + token()), 200, ""},
        {"no_id", without("apns-id"), 200, ""},
        {"upper_case_id", header("apns-id", "123E4567-E89B-12D3-A456-426614174000"), 200, ""},
        {"bad_id", header("apns-id", "42"), 400, "BadMessageId"},
        {"duplicate",
         [](auto& r) {
             r.headers.push_back({"apns-topic", "x"});
         },
         400, "DuplicateHeaders"},
        {"no_topic", without("apns-topic"), 400, "MissingTopic"},
        {"other_topic", header("apns-topic", "com.other"), 400, "TopicDisallowed"},
        {"voip_topic", header("apns-topic", "com.example.herald.voip"), 200, ""},
        {"long_collapse_id", header("apns-collapse-id", std::string(65, 'x')), 400, "BadCollapseId"},
        {"collapse_id_at_limit", header("apns-collapse-id", std::string(64, 'x')), 200, ""},
        {"bad_expiration", header("apns-expiration", "tomorrow"), 400, "BadExpirationDate"},
        {"bad_priority", header("apns-priority", "7"), 400, "BadPriority"},
        {"bad_push_type", header("apns-push-type", "shout"), 400, "InvalidPushType"},
        {"background_at_10", header("apns-push-type", "background"), 400, "BadPriority"},
        {"background_at_5",
         [](auto& r) {
             header("apns-push-type", "background")(r);
             header("apns-priority", "5")(r);
         },
         200, ""},
        {"bad_path", path("/3/devices/x"), 404, "BadPath"},
        {"bad_method", [](auto& r) { r.method = "PUT"; }, 405, "MethodNotAllowed"},
        {"no_device", path("/3/device/"), 400, "MissingDeviceToken"},
        {"device_not_hex", path("/3/device/" + std::string(64, 'x')), 400, "BadDeviceToken"},
        {"device_short", path("/3/device/abcd"), 400, "BadDeviceToken"},
        {"device_long", path("/3/device/" + std::string(160, 'a')), 200, ""},
        {"magic_bad_device", device("bad0"), 400, "BadDeviceToken"},
        {"magic_other_topic", device("bad1"), 400, "DeviceTokenNotForTopic"},
        {"magic_unregistered", device("dead"), 410, "Unregistered"},
        {"magic_expired", device("deadeb"), 410, "ExpiredToken"},
        {"magic_throttled", device("fa429"), 429, "TooManyRequests"},
        {"magic_ill", device("fa500"), 500, "InternalServerError"},
        {"magic_unavailable", device("fa503"), 503, "ServiceUnavailable"},
        {"magic_shutdown", device("fa50d"), 503, "Shutdown"},
        {"empty_payload", body(""), 400, "PayloadEmpty"},
        {"payload_at_limit", body(payload_of(4096)), 200, ""},
        {"payload_too_large", body(payload_of(4097)), 413, "PayloadTooLarge"},
        {"voip_payload",
         [](auto& r) {
             header("apns-push-type", "voip")(r);
             r.body = payload_of(5120);
         },
         200, ""},
        {"not_json", body("hello"), 400, "BadRequestPayload"},
        {"no_aps", body(R"({"alert":"x"})"), 400, "BadRequestPayload"},
        {"token_before_device",
         [](auto& r) {
             without("authorization")(r);
             device("bad0")(r);
         },
         403, "MissingProviderToken"},
    };
}

class ApnsVerdict : public testing::TestWithParam<Case> {};

TEST_P(ApnsVerdict, IsAsDocumented) {
    const Case& c = GetParam();
    ManualClock clock;
    auto request = good_request();
    c.change(request);
    const auto judgement = Apns(credentials(), clock).judge(request);
    EXPECT_EQ(judgement.response.status, c.status) << judgement.response.body;
    EXPECT_EQ(judgement.reason, c.reason);
    EXPECT_EQ(net::find_header(judgement.response.headers, "apns-id").value_or("").size(), 36u);
    if (c.status == 200) EXPECT_EQ(judgement.response.body, "");
    else EXPECT_EQ(Json::parse(judgement.response.body)->text("reason"), c.reason);
}

INSTANTIATE_TEST_SUITE_P(, ApnsVerdict, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST(ApnsTest, EchoesTheId) {
    ManualClock clock;
    const auto response = Apns(credentials(), clock).judge(good_request()).response;
    EXPECT_EQ(net::find_header(response.headers, "apns-id"), "123e4567-e89b-12d3-a456-426614174000");
}

TEST(ApnsTest, DatesADeadToken) {
    ManualClock clock;
    Apns apns(credentials(), clock);
    auto request = good_request();
    device("dead")(request);
    const auto now = to_millis(clock.now());
    EXPECT_EQ(Json::parse(apns.judge(request).response.body)->integer("timestamp"), now);
    device("dead01d")(request);
    EXPECT_LT(Json::parse(apns.judge(request).response.body)->integer("timestamp"), now - 300LL * 86'400'000);
}

TEST(ApnsTest, FindsTheDeliveryInThePayload) {
    ManualClock clock;
    const auto subject = Apns(credentials(), clock).judge(good_request()).subject;
    EXPECT_EQ(subject.delivery, "n.0.1");
    EXPECT_EQ(subject.attempt, 2);
    EXPECT_EQ(subject.recipient, kDevice);
}

TEST(ApnsTest, TheHeadGoesBeforeThePayload) {
    ManualClock clock;
    auto request = good_request();
    request.headers.push_back({"x-herald-delivery", "m.1.1"});
    request.headers.push_back({"x-herald-attempt", "7"});
    const auto subject = Apns(credentials(), clock).judge(request).subject;
    EXPECT_EQ(subject.delivery, "m.1.1");
    EXPECT_EQ(subject.attempt, 7);
}

TEST(ApnsTest, ATokenThatWasGoodExpires) {
    ManualClock clock;
    Apns apns(credentials(), clock);
    EXPECT_EQ(apns.judge(good_request()).response.status, 200);
    clock.advance(Millis{3'600'000});
    EXPECT_EQ(apns.judge(good_request()).response.status, 200);
    clock.advance(Millis{1'000});
    EXPECT_EQ(apns.judge(good_request()).reason, "ExpiredProviderToken");
}

TEST(ApnsTest, FaultsHaveItsErrorBodies) {
    ManualClock clock;
    Apns apns(credentials(), clock);
    const auto response = apns.failure(429, good_request());
    EXPECT_EQ(response.body, R"({"reason":"TooManyRequests"})");
    EXPECT_EQ(net::find_header(response.headers, "apns-id"), "123e4567-e89b-12d3-a456-426614174000");
    EXPECT_EQ(apns.failure(500, {}).body, R"({"reason":"InternalServerError"})");
    EXPECT_EQ(apns.failure(503, {}).body, R"({"reason":"ServiceUnavailable"})");
}

}  // namespace
}  // namespace herald::simulator
