#include "adapters/providers/apns/apns_credentials.hpp"

#include "adapters/providers/testing/answer_table.hpp"
#include "adapters/providers/testing/fake_http_server.hpp"
#include "base/crypto.hpp"
#include "base/json.hpp"
#include "net/certificates.hpp"

namespace herald::apns {
namespace {

using namespace std::chrono_literals;

class ApnsCredentialsTest : public ::testing::Test {
protected:
    ApnsCredentialsTest() {
        account_.key_pem = *net::make_ec_key();
        account_.key_id = "ABC123DEFG";
        account_.team_id = "DEF123GHIJ";
        account_.topic = "com.example.shop";
        credentials_ = std::move(*ApnsCredentials::create(account_, clock_));
    }

    std::string authorization() {
        std::string shown;
        credentials_->obtain([&](const Authorization& authorization) { shown = *authorization; });
        return shown;
    }
    /// Part 0 is the header, 1 the claims.
    static Json part(const std::string& authorization, int index) {
        std::string token = authorization.substr(std::string("bearer ").size());
        for (; index > 0; --index) token = token.substr(token.find('.') + 1);
        return *Json::parse(*base64_decode(token.substr(0, token.find('.'))));
    }
    TimePoint issued_at() { return from_millis(part(authorization(), 1).integer("iat") * 1000); }

    /// A grid point is 1'699'999'200: 800 s before the clock's start.
    ManualClock clock_{from_millis(1'699'999'200'000)};
    const TimePoint start_ = clock_.now();
    ApnsAccount account_;
    std::unique_ptr<ApnsCredentials> credentials_;
};

TEST_F(ApnsCredentialsTest, SignTheTokenThatAppleDescribes) {
    const std::string shown = authorization();
    ASSERT_TRUE(shown.starts_with("bearer "));
    EXPECT_EQ(part(shown, 0).dump(), R"({"alg":"ES256","kid":"ABC123DEFG"})");
    EXPECT_EQ(part(shown, 1).dump(), R"({"iss":"DEF123GHIJ","iat":1699999200})");
    const std::string token = shown.substr(7);
    const auto dot = token.rfind('.');
    const auto signature = base64_decode(token.substr(dot + 1));
    ASSERT_TRUE(signature);
    EXPECT_EQ(signature->size(), 64u);
    EXPECT_TRUE(net::verify_es256(*net::public_key_of(account_.key_pem), token.substr(0, dot), *signature));
}

TEST_F(ApnsCredentialsTest, AreSharedUntilTheyAreFiftyMinutesOld) {
    const std::string first = authorization();
    clock_.advance(50min - 1ms);
    EXPECT_EQ(authorization(), first);
    clock_.advance(1ms);
    EXPECT_NE(authorization(), first);
    EXPECT_EQ(issued_at(), start_ + 30min);
}

TEST_F(ApnsCredentialsTest, LieOnAGridSoThatProcessesAgree) {
    clock_.advance(29min);
    const auto other = *ApnsCredentials::create(account_, clock_);
    other->obtain([&](const Authorization& authorization) {
        EXPECT_EQ(part(*authorization, 1).integer("iat"), to_millis(start_) / 1000);
    });
}

TEST_F(ApnsCredentialsTest, ChangeAtMostOnceInTwentyMinutesAndAreNeverAnHourOld) {
    for (int started = 0; started < 60; ++started) {
        clock_.advance(1min);
        credentials_ = std::move(*ApnsCredentials::create(account_, clock_));
        std::string shown = authorization();
        TimePoint changed = clock_.now();
        for (int minute = 0; minute < 120; ++minute) {
            clock_.advance(1min);
            const std::string now_shown = authorization();
            if (now_shown != shown) {
                ASSERT_GE(clock_.now() - changed, 20min) << started;
                changed = clock_.now();
                shown = now_shown;
            }
            ASSERT_LT(clock_.now() - issued_at(), 60min) << started;
        }
    }
}

TEST_F(ApnsCredentialsTest, AreReplacedWhenRefusedButNotWithinTwentyMinutes) {
    const std::string first = authorization();
    clock_.advance(20min - 1ms);
    EXPECT_FALSE(credentials_->replace(first));
    EXPECT_EQ(authorization(), first);
    clock_.advance(1ms);
    EXPECT_TRUE(credentials_->replace(first));
    EXPECT_NE(authorization(), first);
    EXPECT_EQ(issued_at(), start_ + 20min);
}

TEST_F(ApnsCredentialsTest, AreReplacedOnceForAllThatWereRefused) {
    const std::string first = authorization();
    clock_.advance(25min);
    EXPECT_TRUE(credentials_->replace(first));
    const std::string second = authorization();
    EXPECT_TRUE(credentials_->replace(first));
    EXPECT_EQ(authorization(), second);
    EXPECT_FALSE(credentials_->replace(second));
}

TEST_F(ApnsCredentialsTest, AreNotFromTheFutureWhenTheClockIsSetBack) {
    clock_.advance(-2h);
    EXPECT_LE(issued_at(), clock_.now());
}

TEST_F(ApnsCredentialsTest, NeedAKeyThatCanSign) {
    FakeHttpServer server;
    account_.key_pem = "no key";
    EXPECT_FALSE(make_apns_account(account_, {}, server.client(), clock_));
    account_.key_pem = *net::make_rsa_key();
    EXPECT_FALSE(make_apns_account(account_, {}, server.client(), clock_));
}

class ApnsReauthorization : public ApnsCredentialsTest {
protected:
    std::string attempt(net::HttpResult answer) {
        server_.will(std::move(answer));
        PushMessage push;
        push.token = "74";
        provider_->submit({call_with(push)});
        const auto finished = provider_->take_finished(1, 0ms);
        return finished.empty() ? "nothing" : describe(finished[0].outcome);
    }
    std::string shown_last() {
        return std::string(*net::find_header(server_.requests().back().headers, "authorization"));
    }

    FakeHttpServer server_;
    std::unique_ptr<ProviderAccount> apns_ =
        std::move(*make_apns_account(account_, {}, server_.client(), clock_));
    std::unique_ptr<Provider> provider_ = apns_->open();
    const net::HttpResult expired_ = http(403, R"({"reason":"ExpiredProviderToken"})");
};

TEST_F(ApnsReauthorization, RepeatsWithANewTokenAndThenGivesUp) {
    EXPECT_EQ(attempt(http(200, "", {{"apns-id", "a"}})), "accepted a");
    const std::string first = shown_last();
    clock_.advance(30min);
    EXPECT_EQ(attempt(expired_), "deferred at once");
    EXPECT_EQ(shown_last(), first);
    EXPECT_EQ(attempt(expired_), "unusable account");
    EXPECT_NE(shown_last(), first);
}

TEST_F(ApnsReauthorization, IsUselessForAYoungToken) { EXPECT_EQ(attempt(expired_), "unusable account"); }

TEST_F(ApnsReauthorization, SendsOneRequestPerAttempt) {
    clock_.advance(30min);
    attempt(expired_);
    EXPECT_EQ(server_.requests().size(), 1u);
}

}  // namespace
}  // namespace herald::apns
