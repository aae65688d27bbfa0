#include "adapters/providers/http_provider.hpp"

#include <thread>

#include "adapters/providers/testing/answer_table.hpp"
#include "adapters/providers/testing/fake_http_server.hpp"
#include "base/crash_point.hpp"
#include "ports/testing/provider_contract.hpp"

namespace herald {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

/// Authorizations that a test hands out by hand.
class ManualCredentials final : public Credentials {
public:
    struct Desk {
        std::vector<Ready> waiting;
        bool replaceable = false;
        std::vector<std::string> refused;
    };
    explicit ManualCredentials(Desk& desk) : desk_(desk) {}

    void obtain(Ready ready) override { desk_.waiting.push_back(std::move(ready)); }
    bool replace(const std::string& authorization) override {
        desk_.refused.push_back(authorization);
        return desk_.replaceable;
    }
    void close() override {
        for (auto& ready : std::exchange(desk_.waiting, {})) {
            ready(tl::unexpected(Outcome{Deferred{.detail = "closed"}}));
        }
    }

private:
    Desk& desk_;
};

/// A protocol of no provider: the text is the body, and the answers mean what their status says.
HttpProtocol plain_protocol() {
    HttpProtocol protocol;
    protocol.to_request = [](const ProviderCall& call, TimePoint) -> ProviderRequest {
        const auto* const sms = std::get_if<SmsMessage>(&call.message);
        if (sms == nullptr) return tl::unexpected(wrong_kind_of_message());
        auto request = begin_request(call, "http://127.0.0.1:1/", "text/plain");
        request.body = sms->body;
        return request;
    };
    protocol.to_outcome = [](const net::HttpResult& result, TimePoint now) -> Verdict {
        if (!result) return {no_answer(result.error())};
        if (result->status == 200) return {Accepted{result->body}};
        return {.outcome = by_status(*result, now, "no"), .credential_expired = result->status == 401};
    };
    return protocol;
}

class HttpProviderTest : public ::testing::Test {
protected:
    HttpProviderTest() {
        HttpAccountParts parts;
        parts.traits.call_deadline = 10s;
        parts.protocol = plain_protocol();
        parts.credentials = std::make_unique<ManualCredentials>(desk_);
        parts.client = server_.client();
        account_ = make_http_account(std::move(parts), clock_);
        provider_ = account_->open();
    }
    ~HttpProviderTest() override { crash_hook.store(nullptr); }

    void submit() { provider_->submit({call_with(SmsMessage{"+1", "hello"})}); }
    void authorize(const std::string& authorization = "Bearer a") {
        for (auto& ready : std::exchange(desk_.waiting, {})) ready(authorization);
    }
    void refuse_authorization(const Outcome& outcome) {
        for (auto& ready : std::exchange(desk_.waiting, {})) ready(tl::unexpected(outcome));
    }
    std::vector<bool> sent() {
        std::vector<bool> all;
        for (const auto& finished : provider_->take_finished(100, 0ms)) all.push_back(finished.sent);
        return all;
    }
    std::vector<std::string> outcomes() {
        std::vector<std::string> all;
        for (const auto& finished : provider_->take_finished(100, 0ms))
            all.push_back(describe(finished.outcome));
        return all;
    }

    ManualClock clock_;
    FakeHttpServer server_;
    ManualCredentials::Desk desk_;
    std::unique_ptr<ProviderAccount> account_;
    std::unique_ptr<Provider> provider_;
};

TEST_F(HttpProviderTest, TellsThatItRefusedTheCallWithoutARequest) {
    provider_->submit({call_with(EmailMessage{})});
    EXPECT_THAT(sent(), ElementsAre(false));
}

TEST_F(HttpProviderTest, TellsThatNothingWasSentForWantOfAnAuthorization) {
    submit();
    refuse_authorization(Deferred{.detail = "token endpoint: 503"});
    submit();
    clock_.advance(10s);
    authorize();
    EXPECT_THAT(sent(), ElementsAre(false, false));
}

TEST_F(HttpProviderTest, LetsAnAccountThatGetsNoAuthorizationCountAsRefused) {
    submit();
    refuse_authorization(Unusable{.scope = Scope::account, .detail = "token endpoint: 400 invalid_grant"});
    EXPECT_THAT(sent(), ElementsAre(true));
}

TEST_F(HttpProviderTest, CountsARequestAsSentWhateverBecameOfIt) {
    server_.will(http(200, "r1"), http(400), never_answered(), never_written());
    for (int i = 0; i < 4; ++i) submit();
    authorize();
    EXPECT_THAT(sent(), ElementsAre(true, true, true, true));
}

TEST_F(HttpProviderTest, SendsWithTheAuthorizationAndDatesTheEnd) {
    server_.will(http(200, "r1"));
    submit();
    EXPECT_TRUE(server_.requests().empty());
    clock_.advance(1s);
    authorize();
    ASSERT_EQ(server_.requests().size(), 1u);
    EXPECT_EQ(net::find_header(server_.requests()[0].headers, "authorization"), "Bearer a");
    const auto finished = provider_->take_finished(10, 0ms);
    ASSERT_EQ(finished.size(), 1u);
    EXPECT_EQ(describe(finished[0].outcome), "accepted r1");
    EXPECT_EQ(finished[0].ended_at, clock_.now());
}

TEST_F(HttpProviderTest, CountsTheWaitForTheAuthorizationAgainstTheDeadline) {
    submit();
    clock_.advance(4s);
    authorize();
    ASSERT_EQ(server_.requests().size(), 1u);
    EXPECT_EQ(server_.requests()[0].deadline, 6s);
}

TEST_F(HttpProviderTest, SendsNothingWhenTheAuthorizationComesTooLate) {
    submit();
    clock_.advance(10s);
    authorize();
    EXPECT_TRUE(server_.requests().empty());
    EXPECT_THAT(outcomes(), ElementsAre("deferred"));
}

TEST_F(HttpProviderTest, SendsNothingWithoutAnAuthorization) {
    submit();
    refuse_authorization(Unusable{.scope = Scope::account, .detail = "no"});
    EXPECT_TRUE(server_.requests().empty());
    EXPECT_THAT(outcomes(), ElementsAre("unusable account"));
}

TEST_F(HttpProviderTest, EndsWhatItCannotCarryWithoutAnAuthorization) {
    provider_->submit({call_with(EmailMessage{})});
    EXPECT_TRUE(desk_.waiting.empty());
    EXPECT_THAT(outcomes(), ElementsAre("rejected bad_request"));
}

TEST_F(HttpProviderTest, AsksForANextAttemptWhenAnExpiredCredentialIsReplaced) {
    desk_.replaceable = true;
    server_.will(http(401));
    submit();
    authorize("Bearer old");
    EXPECT_THAT(outcomes(), ElementsAre("deferred at once"));
    EXPECT_THAT(desk_.refused, ElementsAre("Bearer old"));
    EXPECT_EQ(server_.requests().size(), 1u);
}

TEST_F(HttpProviderTest, RenewsItsConnectionsOnceForEachExpiredCredential) {
    desk_.replaceable = true;
    server_.will(http(401), http(401), http(401));
    submit();
    submit();
    authorize("Bearer old");
    EXPECT_EQ(server_.renewals(), 1);
    submit();
    authorize("Bearer older by now");
    EXPECT_EQ(server_.renewals(), 2);
}

TEST_F(HttpProviderTest, KeepsItsConnectionsWhenTheCredentialStays) {
    server_.will(http(401), http(403));
    submit();
    submit();
    authorize();
    EXPECT_EQ(server_.renewals(), 0);
}

TEST_F(HttpProviderTest, IsUnusableWhenAnExpiredCredentialCannotBeReplaced) {
    server_.will(http(401));
    submit();
    authorize();
    EXPECT_THAT(outcomes(), ElementsAre("unusable account"));
}

TEST_F(HttpProviderTest, ReplacesNoCredentialForOtherAnswers) {
    server_.will(http(403));
    submit();
    authorize();
    EXPECT_TRUE(desk_.refused.empty());
}

TEST_F(HttpProviderTest, EndsEverythingWhenTheAccountCloses) {
    server_.hold();
    submit();
    authorize();
    submit();
    account_.reset();
    EXPECT_THAT(outcomes(), ::testing::UnorderedElementsAre("unknown", "deferred"));
}

thread_local std::vector<std::string> passed_points;

TEST_F(HttpProviderTest, PassesItsCrashPointsAsTheRequestGoes) {
    passed_points.clear();
    crash_hook.store([](std::string_view point) { passed_points.emplace_back(point); });
    const auto points_of = [&](net::HttpResult result) {
        server_.will(std::move(result));
        submit();
        authorize();
        return std::exchange(passed_points, {});
    };
    EXPECT_THAT(points_of(http(200)), ElementsAre("written", "answered"));
    EXPECT_THAT(points_of(http(500)), ElementsAre("written", "answered"));
    EXPECT_THAT(points_of(never_answered()), ElementsAre("written"));
    EXPECT_THAT(points_of(never_written()), ElementsAre());
}

/// The contract over a server that answers when it is let, and over credentials that are always at hand.
class HttpProviderRig final : public ProviderRig {
public:
    HttpProviderRig() {
        server_.otherwise([](const net::HttpRequest&) { return http(200, "ok"); });
        HttpAccountParts parts;
        parts.protocol = plain_protocol();
        parts.credentials = std::make_unique<FixedCredentials>("Bearer a");
        parts.client = server_.client();
        account_ = make_http_account(std::move(parts), clock_);
    }
    std::unique_ptr<Provider> open() override { return account_->open(); }
    void hold() override { server_.hold(); }
    void release() override { server_.release(); }

private:
    ManualClock clock_;
    FakeHttpServer server_;
    std::unique_ptr<ProviderAccount> account_;
};

INSTANTIATE_TEST_SUITE_P(Http, ProviderContract,
                         ::testing::Values(ProviderUnderTest{
                             "http",
                             [] { return std::unique_ptr<ProviderRig>(std::make_unique<HttpProviderRig>()); },
                             SmsMessage{"+15005550006", "hello"}}),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace herald
