#include "simulator/simulator.hpp"

#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "base/json.hpp"
#include "net/certificates.hpp"
#include "net/curl_client.hpp"
#include "net/http2_client.hpp"

namespace herald::simulator {
namespace {

namespace fs = std::filesystem;

const std::string kDevice(64, 'a');

/// One folder for all tests: making the keys is what takes time.
const std::string& dir() {
    static const struct Folder {
        std::string path = testing::TempDir() + "herald-simulator-" + random_hex(6);
        ~Folder() { fs::remove_all(path); }
    } folder;
    return folder.path;
}

std::string content(const std::string& name) {
    std::ifstream in(dir() + "/" + name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
}

SimulatorOptions any_ports() {
    SimulatorOptions options;
    options.dir = dir();
    options.apns_port = options.fcm_port = options.twilio_port = options.sendgrid_port = 0;
    return options;
}

std::string jwt(const std::string& header, const JsonWriter& claims, const std::string& key,
                Result<std::string> (*sign)(const std::string&, std::string_view)) {
    const std::string input = base64url(header) + "." + base64url(claims.text());
    return input + "." + base64url(sign(key, input).value());
}

/// Everything that a client knows is what credentials.json tells it.
class SimulatorTest : public testing::Test {
protected:
    SimulatorTest() {
        auto started = Simulator::start(any_ports());
        EXPECT_TRUE(started) << started.error().message;
        simulator_ = std::move(*started);
        told_ = Json::parse(content("credentials.json")).value();
        http_ = net::make_curl_client({});
    }

    static net::HttpResult call(net::HttpClient& client, net::HttpRequest request) {
        std::promise<net::HttpResult> promise;
        client.send(std::move(request),
                    {{}, [&](net::HttpResult result) { promise.set_value(std::move(result)); }});
        return promise.get_future().get();
    }
    net::HttpResult http(const std::string& method, const std::string& url, std::string body = "",
                         net::Headers headers = {}) {
        net::HttpRequest request;
        request.method = method;
        request.url = url;
        request.headers = std::move(headers);
        request.body = std::move(body);
        return call(*http_, std::move(request));
    }
    std::unique_ptr<net::HttpClient> http2(const std::string& provider) const {
        net::Http2ClientOptions options;
        options.origin = std::string(told_.find(provider)->text("url"));
        options.ca_file = dir() + "/ca.pem";
        return net::make_http2_client(options);
    }
    std::string told(std::string_view provider, std::string_view name) const {
        return std::string(told_.find(provider)->text(name));
    }
    std::string control(std::uint16_t port) const { return fmt::format("http://127.0.0.1:{}", port); }

    void put_faults(std::uint16_t port, const std::string& rules) {
        const auto put = http("PUT", control(port) + "/faults", R"({"seed":1,"rules":[)" + rules + "]}");
        ASSERT_TRUE(put) << put.error().detail;
        ASSERT_EQ(put->status, 200) << put->body;
    }
    Json rows(std::uint16_t port) {
        const auto page = http("GET", control(port) + "/messages");
        EXPECT_TRUE(page) << page.error().detail;
        return *Json::parse(page->body)->find("data");
    }
    /// Waits until the server has noted that its answer was written, which the client may see before.
    Json answered_row(std::uint16_t port) {
        for (;;) {
            const Json row = last_row(port);
            if (*row.find("answer_written")->as_bool()) return row;
        }
    }
    Json last_row(std::uint16_t port) {
        const Json all = rows(port);
        return all.as_array()->empty() ? Json() : all.as_array()->back();
    }

    net::HttpRequest push(const std::string& device = kDevice) const {
        JsonWriter claims;
        claims.begin_object().member("iss", told("apns", "team_id"));
        claims.member("iat", to_millis(SystemClock().now()) / 1000).end_object();
        const std::string header = fmt::format(R"({{"alg":"ES256","kid":"{}"}})", told("apns", "key_id"));
        net::HttpRequest request;
        request.url = told("apns", "url") + "/3/device/" + device;
        request.headers = {
            {"authorization", "bearer " + jwt(header, claims, content("apns.p8"), net::sign_es256)},
            {"apns-topic", told("apns", "topic")},
            {"apns-push-type", "alert"},
            {"apns-id", "123e4567-e89b-12d3-a456-426614174000"}};
        request.body = R"({"aps":{"alert":"hi"},"herald":{"id":"n.0.1","attempt":1}})";
        return request;
    }
    net::HttpRequest sms() const {
        net::HttpRequest request;
        request.url = fmt::format("{}/2010-04-01/Accounts/{}/Messages.json", told("twilio", "url"),
                                  told("twilio", "account_sid"));
        const std::string user = told("twilio", "account_sid") + ":" + told("twilio", "auth_token");
        request.headers = {{"Authorization", "Basic " + base64(user)},
                           {"Content-Type", "application/x-www-form-urlencoded"},
                           {"X-Herald-Delivery", "n.0.2"},
                           {"X-Herald-Attempt", "3"}};
        request.body =
            net::form_encode({{"To", "+14155550100"}, {"From", told("twilio", "from")}, {"Body", "hi"}});
        return request;
    }
    std::string fcm_access_token() {
        const Json account = Json::parse(content("fcm-service-account.json")).value();
        const std::int64_t now_s = to_millis(SystemClock().now()) / 1000;
        JsonWriter claims;
        claims.begin_object()
            .member("iss", account.text("client_email"))
            .member("aud", account.text("token_uri"));
        claims.member("scope", "https://www.googleapis.com/auth/firebase.messaging");
        claims.member("iat", now_s).member("exp", now_s + 3600).end_object();
        const auto assertion = jwt(R"({"alg":"RS256","typ":"JWT"})", claims,
                                   std::string(account.text("private_key")), net::sign_rs256);
        const auto answer =
            http("POST", told("fcm", "token_url"),
                 net::form_encode({{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                                   {"assertion", assertion}}),
                 {{"Content-Type", "application/x-www-form-urlencoded"}});
        EXPECT_TRUE(answer && answer->status == 200) << (answer ? answer->body : answer.error().detail);
        return std::string(Json::parse(answer->body)->text("access_token"));
    }

    std::unique_ptr<Simulator> simulator_;
    Json told_;
    std::unique_ptr<net::HttpClient> http_;
};

TEST_F(SimulatorTest, ApnsTakesAPush) {
    const auto client = http2("apns");
    const auto result = call(*client, push());
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->status, 200) << result->body;
    EXPECT_EQ(net::find_header(result->headers, "apns-id"), "123e4567-e89b-12d3-a456-426614174000");
    const Json row = answered_row(simulator_->ports().apns_control);
    EXPECT_EQ(row.text("delivery"), "n.0.1");
    EXPECT_EQ(row.text("recipient"), kDevice);
    EXPECT_EQ(row.find("headers")->text("apns-topic"), told("apns", "topic"));
    EXPECT_TRUE(*row.find("body_complete")->as_bool());
    EXPECT_GE(row.find("at_ms")->find("answered")->as_double(), row.find("at_ms")->find("head")->as_double());
}

TEST_F(SimulatorTest, ApnsNamesADeadToken) {
    const auto client = http2("apns");
    const auto result = call(*client, push("dead" + kDevice.substr(4)));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->status, 410);
    EXPECT_EQ(Json::parse(result->body)->text("reason"), "Unregistered");
}

TEST_F(SimulatorTest, ApnsServesItsLedgerOnItsOwnPortToo) {
    const auto client = http2("apns");
    ASSERT_TRUE(call(*client, push()));
    net::HttpRequest look;
    look.method = "GET";
    look.url = told("apns", "url") + "/messages?count=1";
    const auto counts = call(*client, look);
    ASSERT_TRUE(counts) << counts.error().detail;
    EXPECT_EQ(Json::parse(counts->body)->integer("count"), 1);
}

TEST_F(SimulatorTest, FcmTakesAPushWithATokenOfItsOwnEndpoint) {
    const auto client = http2("fcm");
    net::HttpRequest request;
    request.url = told("fcm", "url") + "/v1/projects/" + told("fcm", "project_id") + "/messages:send";
    request.headers = {{"authorization", "Bearer " + fcm_access_token()},
                       {"content-type", "application/json"}};
    request.body = R"({"message":{"token":"abc","data":{"herald_id":"n.0.4","herald_attempt":"2"}}})";
    const auto result = call(*client, request);
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->status, 200) << result->body;
    const Json all = rows(simulator_->ports().fcm_control);
    ASSERT_EQ(all.as_array()->size(), 1u) << "the token endpoint is no message";
    EXPECT_EQ(all.as_array()->at(0).text("delivery"), "n.0.4");
    EXPECT_EQ(all.as_array()->at(0).text("recipient"), "abc");
}

TEST_F(SimulatorTest, TwilioTakesAMessage) {
    const auto result = call(*http_, sms());
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->status, 201) << result->body;
    const Json row = last_row(simulator_->ports().twilio);
    EXPECT_EQ(row.text("delivery"), "n.0.2");
    EXPECT_EQ(row.integer("attempt"), 3);
    EXPECT_EQ(row.text("recipient"), "+14155550100");
}

TEST_F(SimulatorTest, SendgridTakesAMail) {
    const auto body = fmt::format(
        R"({{"personalizations":[{{"to":[{{"email":"ada@example.org"}}]}}],"from":{{"email":"{}"}},
            "subject":"s",
            "content":[{{"type":"text/plain","value":"hi"}}],"custom_args":{{"herald_id":"n.0.3"}}}})",
        told("sendgrid", "from"));
    const auto result = http(
        "POST", told("sendgrid", "url") + "/v3/mail/send", body,
        {{"Authorization", "Bearer " + told("sendgrid", "api_key")}, {"Content-Type", "application/json"}});
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->status, 202) << result->body;
    EXPECT_TRUE(net::find_header(result->headers, "x-message-id"));
    EXPECT_EQ(last_row(simulator_->ports().sendgrid).text("delivery"), "n.0.3");
}

TEST_F(SimulatorTest, AResetAfterTheBodyLeavesAnHttp1ClientInDoubt) {
    put_faults(simulator_->ports().twilio, R"({"fault":"reset_after_body"})");
    const auto result = call(*http_, sms());
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().request_written);
    const Json row = last_row(simulator_->ports().twilio);
    EXPECT_TRUE(*row.find("body_complete")->as_bool());
    EXPECT_FALSE(*row.find("answer_written")->as_bool());
}

TEST_F(SimulatorTest, AResetBeforeTheBodyLeavesARowWithoutOne) {
    put_faults(simulator_->ports().twilio, R"({"fault":"reset_before_body"})");
    EXPECT_FALSE(call(*http_, sms()));
    const Json row = last_row(simulator_->ports().twilio);
    EXPECT_EQ(row.text("delivery"), "n.0.2");
    EXPECT_FALSE(*row.find("body_complete")->as_bool());
}

TEST_F(SimulatorTest, AResetStreamLeavesAnHttp2ClientInDoubtAndTheConnectionAlone) {
    const auto client = http2("apns");
    ASSERT_TRUE(call(*client, push()));
    put_faults(simulator_->ports().apns_control, R"({"fault":"answer_lost","times":1})");
    const auto result = call(*client, push());
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().request_written);
    EXPECT_FALSE(result.error().not_processed);
    EXPECT_EQ(last_row(simulator_->ports().apns_control).text("verdict"), "answer_lost");
    EXPECT_TRUE(call(*client, push()));
}

TEST_F(SimulatorTest, AGoAwaySaysThatNothingWasProcessed) {
    const auto client = http2("apns");
    ASSERT_TRUE(call(*client, push()));
    put_faults(simulator_->ports().apns_control, R"({"fault":"goaway","times":1})");
    const auto result = call(*client, push());
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().not_processed);
    EXPECT_FALSE(*last_row(simulator_->ports().apns_control).find("body_complete")->as_bool());
    const auto again = call(*client, push());
    EXPECT_TRUE(again) << again.error().detail;
}

TEST_F(SimulatorTest, AHangEndsWhenTheFaultsAreTakenAway) {
    put_faults(simulator_->ports().twilio, R"({"fault":"hang"})");
    std::promise<net::HttpResult> promise;
    std::promise<void> written;
    net::HttpClient::Callbacks callbacks;
    callbacks.written = [&] { written.set_value(); };
    callbacks.done = [&](net::HttpResult result) { promise.set_value(std::move(result)); };
    http_->send(sms(), std::move(callbacks));
    written.get_future().wait();
    while (rows(simulator_->ports().twilio).as_array()->empty() ||
           last_row(simulator_->ports().twilio).text("verdict") != "hang") {
    }
    ASSERT_TRUE(http("DELETE", control(simulator_->ports().twilio) + "/faults"));
    EXPECT_FALSE(promise.get_future().get());
}

TEST_F(SimulatorTest, StopsWhileSomethingHangs) {
    put_faults(simulator_->ports().twilio, R"({"fault":"hang"})");
    std::promise<net::HttpResult> promise;
    http_->send(sms(), {{}, [&](net::HttpResult result) { promise.set_value(std::move(result)); }});
    while (rows(simulator_->ports().twilio).as_array()->empty()) {
    }
    simulator_->stop();
    EXPECT_FALSE(promise.get_future().get());
}

TEST_F(SimulatorTest, AWarmStartMakesNoKeys) {
    simulator_->stop();
    const auto key = content("apns.p8");
    const auto begun = std::chrono::steady_clock::now();
    auto again = Simulator::start(any_ports());
    const auto took = std::chrono::steady_clock::now() - begun;
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(content("apns.p8"), key);
    RecordProperty("warm_start_us",
                   static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
}

TEST_F(SimulatorTest, SaysWhichAddressIsTaken) {
    auto options = any_ports();
    options.twilio_port = simulator_->ports().twilio;
    const auto second = Simulator::start(options);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace herald::simulator
