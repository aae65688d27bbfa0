#include "adapters/providers/fcm/fcm_credentials.hpp"

#include <atomic>
#include <thread>

#include "adapters/providers/testing/answer_table.hpp"
#include "adapters/providers/testing/fake_http_server.hpp"
#include "base/crypto.hpp"
#include "base/json.hpp"
#include "net/certificates.hpp"

namespace herald::fcm {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const FcmAccount& account() {
    static const FcmAccount made = [] {
        FcmAccount account;
        account.url = "https://127.0.0.1:1";
        account.project_id = "shop-1";
        account.client_email = "herald@shop-1.example";
        account.private_key_pem = *net::make_rsa_key();
        account.private_key_id = "k1";
        account.token_url = "http://127.0.0.1:2/token";
        return account;
    }();
    return made;
}

net::HttpResult token(const std::string& value, int expires_in = 3599) {
    return http(200, fmt::format(R"({{"access_token":"{}","expires_in":{},"token_type":"Bearer"}})", value,
                                 expires_in));
}

TEST(FcmTokenRequest, CarriesASignedAssertion) {
    const auto request = to_token_request(account(), kAnsweredAt);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->url, "http://127.0.0.1:2/token");
    const auto fields = net::form_decode(request->body);
    ASSERT_EQ(fields.size(), 2u);
    EXPECT_EQ(fields[0].second, "urn:ietf:params:oauth:grant-type:jwt-bearer");

    const std::string& jwt = fields[1].second;
    const auto claims_at = jwt.find('.') + 1;
    const auto signature_at = jwt.rfind('.') + 1;
    EXPECT_EQ(base64_decode(jwt.substr(0, claims_at - 1)), R"({"alg":"RS256","typ":"JWT","kid":"k1"})");
    EXPECT_EQ(
        base64_decode(jwt.substr(claims_at, signature_at - claims_at - 1)),
        R"({"iss":"herald@shop-1.example","scope":"https://www.googleapis.com/auth/firebase.messaging",)"
        R"("aud":"http://127.0.0.1:2/token","iat":1700000000,"exp":1700003600})");
    EXPECT_TRUE(net::verify_rs256(*net::public_key_of(account().private_key_pem),
                                  jwt.substr(0, signature_at - 1), *base64_decode(jwt.substr(signature_at))));
}

class FcmTokenAnswer : public ::testing::TestWithParam<AnswerCase> {};

TEST_P(FcmTokenAnswer, HasOneMeaning) {
    const auto answer = to_token(GetParam().result, kAnsweredAt);
    EXPECT_EQ(answer ? fmt::format("{} for {}s", answer->value, answer->expires_in.count())
                     : describe(answer.error()),
              GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Answers, FcmTokenAnswer,
    ::testing::Values(
        AnswerCase{"token", token("ya29.x"), "ya29.x for 3599s"},
        AnswerCase{"absurd_life", token("t", 2'000'000'000), "t for 86400s"},
        AnswerCase{"no_life", token("t", 0), "deferred"},
        AnswerCase{"no_token", http(200, kHtmlPage), "deferred"},
        AnswerCase{"bad_signature",
                   http(400, R"({"error":"invalid_grant","error_description":"Invalid JWT Signature."})"),
                   "unusable account"},
        AnswerCase{"clock_skew",
                   http(400, R"({"error":"invalid_grant","error_description":"Invalid JWT: Token must be"})"),
                   "unusable account"},
        AnswerCase{
            "account_not_found",
            http(400, R"({"error":"invalid_grant","error_description":"Invalid grant: account not found"})"),
            "unusable account"},
        AnswerCase{"invalid_client", http(401, R"({"error":"invalid_client"})"), "unusable account"},
        AnswerCase{"server_error", http(500, kHtmlPage), "deferred"},
        AnswerCase{"unavailable", http(503, "", {{"retry-after", "4"}}), "deferred 4000ms"},
        AnswerCase{"throttled", http(429, "", {{"retry-after", "6"}}), "deferred 6000ms"},
        AnswerCase{"never_written", never_written(), "deferred"},
        AnswerCase{"no_answer", never_answered(), "deferred"}),
    [](const auto& param) { return param.param.name; });

class FcmCredentialsTest : public ::testing::Test {
protected:
    /// What came, oldest first; a call that still waits has left nothing.
    void obtain() {
        credentials_->obtain([this](const Authorization& authorization) {
            came_.push_back(authorization ? *authorization : describe(authorization.error()));
        });
    }
    std::vector<std::string> came() { return std::exchange(came_, {}); }

    ManualClock clock_;
    FakeHttpServer server_;
    std::vector<std::string> came_;
    std::unique_ptr<FcmCredentials> credentials_ =
        std::move(*FcmCredentials::create(account(), server_.client(), 5s, clock_));
};

TEST_F(FcmCredentialsTest, FetchOnceForAllThatWait) {
    server_.hold();
    server_.will(token("t1"));
    obtain();
    obtain();
    obtain();
    EXPECT_THAT(came(), IsEmpty());
    server_.release();
    EXPECT_THAT(came(), ElementsAre("Bearer t1", "Bearer t1", "Bearer t1"));
    EXPECT_EQ(server_.requests().size(), 1u);
    EXPECT_EQ(server_.requests()[0].deadline, 5s);
}

TEST_F(FcmCredentialsTest, FetchOnceForAllThreads) {
    server_.hold();
    server_.will(token("t1"));
    std::atomic<int> answered{0};
    const auto ask = [&] {
        for (int i = 0; i < 50; ++i) credentials_->obtain([&](const Authorization&) { ++answered; });
    };
    std::vector<std::thread> lanes;
    for (int i = 0; i < 3; ++i) lanes.emplace_back(ask);
    for (auto& lane : lanes) lane.join();
    server_.release();
    EXPECT_EQ(answered, 150);
    EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(FcmCredentialsTest, AreKeptUntilFiveMinutesBeforeTheirEnd) {
    server_.will(token("t1", 3600), token("t2", 3600));
    obtain();
    clock_.advance(55min - 1ms);
    obtain();
    EXPECT_EQ(server_.requests().size(), 1u);
    clock_.advance(1ms);
    obtain();
    obtain();
    EXPECT_THAT(came(), ElementsAre("Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2"));
    EXPECT_EQ(server_.requests().size(), 2u);
}

TEST_F(FcmCredentialsTest, AreShownToTheirEndWhileTheEndpointIsIll) {
    server_.will(token("t1", 3600));
    server_.otherwise([](const net::HttpRequest&) { return http(500); });
    obtain();
    clock_.advance(59min);
    obtain();
    clock_.advance(1min);
    obtain();
    EXPECT_THAT(came(), ElementsAre("Bearer t1", "Bearer t1", "deferred"));
}

TEST_F(FcmCredentialsTest, LetTheEndpointRestAfterAFailure) {
    server_.will(http(500), token("t1"));
    obtain();
    obtain();
    EXPECT_EQ(server_.requests().size(), 1u);
    clock_.advance(1s);
    obtain();
    EXPECT_THAT(came(), ElementsAre("deferred", "deferred", "Bearer t1"));
}

TEST_F(FcmCredentialsTest, TellEverybodyWhoWaitsWhyThereIsNone) {
    server_.hold();
    server_.will(http(400, R"({"error":"invalid_grant"})"));
    obtain();
    obtain();
    server_.release();
    EXPECT_THAT(came(), ElementsAre("unusable account", "unusable account"));
}

TEST_F(FcmCredentialsTest, AreFetchedAnewWhenRefused) {
    server_.will(token("t1"), token("t2"));
    obtain();
    clock_.advance(1min);
    EXPECT_TRUE(credentials_->replace("Bearer t1"));
    obtain();
    EXPECT_TRUE(credentials_->replace("Bearer t1"));
    obtain();
    EXPECT_THAT(came(), ElementsAre("Bearer t1", "Bearer t2", "Bearer t2"));
    EXPECT_EQ(server_.requests().size(), 2u);
}

TEST_F(FcmCredentialsTest, AreNotReplacedWhenYoung) {
    server_.will(token("t1"));
    obtain();
    clock_.advance(1min - 1ms);
    EXPECT_FALSE(credentials_->replace("Bearer t1"));
}

TEST_F(FcmCredentialsTest, AnswerWhoWaitsWhenTheyClose) {
    server_.hold();
    obtain();
    credentials_->close();
    EXPECT_THAT(came(), ElementsAre("deferred"));
}

TEST_F(FcmCredentialsTest, NeedAKeyThatCanSign) {
    FakeHttpServer messages;
    FakeHttpServer tokens;
    FcmAccount keyless = account();
    keyless.private_key_pem = "no key";
    EXPECT_FALSE(make_fcm_account(keyless, {}, messages.client(), tokens.client(), clock_));
}

}  // namespace
}  // namespace herald::fcm
