#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "adapters/redis/rate_limiter.hpp"
#include "adapters/redis/testing/redis_server.hpp"
#include "adapters/redis/testing/talker.hpp"
#include "net/certificates.hpp"

namespace herald {
namespace {

using namespace std::chrono_literals;
using redis::RedisServer;
using redis::Talker;
using testing::HasSubstr;

constexpr Millis kPatience{5000};  ///< what a busy machine may need
constexpr Rate kRate{4000};        ///< burst 200
constexpr int kBurst = 200;

/// One process and the Redis that it is given, which comes and goes. The buckets go by a clock that the test
/// turns; what becomes of the connection is waited for.
class RedisAway : public testing::Test {
protected:
    void open(const std::string& url, Millis command_timeout = kPatience, const std::string& ca_file = "") {
        limiter_ = another(url, command_timeout, ca_file);
    }
    std::unique_ptr<RedisRateLimiter> another(const std::string& url, Millis command_timeout = kPatience,
                                              const std::string& ca_file = "") {
        RedisLimiterOptions options;
        options.url = url;
        options.clock = &clock_;
        options.metrics = &metrics_;
        options.command_timeout = command_timeout;
        options.connect_timeout = command_timeout;
        options.ca_file = ca_file;
        options.buckets_go_by_clock = true;
        options.settle = settle_;
        auto limiter = RedisRateLimiter::open(options);
        CHECK(limiter.has_value());
        return *std::move(limiter);
    }

    int take(int wanted) { return limiter_->take("account", kRate, wanted).granted; }
    /// In one second, asking each millisecond for more than there can be.
    int take_for_a_second() {
        int total = 0;
        for (int ms = 0; ms < 1000; ++ms) {
            clock_.advance(Millis{1});
            total += take(100);
        }
        return total;
    }
    int times_asked() {
        static constexpr std::string_view kCount = "herald_redis_command_seconds_count ";
        const auto text = metrics_.text();
        const auto at = text.find(kCount);
        return at == std::string::npos ? 0 : std::atoi(text.c_str() + at + kCount.size());
    }
    /// The burst alone says nothing: a lone worker's share is as large.
    bool shares_with_redis() {
        clock_.advance(std::chrono::seconds(1));
        const int before = times_asked();
        return take(1000) == kBurst && times_asked() > before;
    }

    template <class Condition>
    static bool eventually(Condition condition) {
        const auto give_up = std::chrono::steady_clock::now() + 20s;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > give_up) return false;
            std::this_thread::sleep_for(5ms);
        }
        return true;
    }
    bool becomes_away() {
        return eventually([&] { return limiter_->trouble().has_value(); });
    }
    bool comes_back() {
        return eventually([&] { return !limiter_->trouble() && shares_with_redis(); });
    }
    std::string trouble() const { return limiter_->trouble().value_or("none"); }

    ManualClock clock_;
    Metrics metrics_;
    Millis settle_{50};
    std::unique_ptr<RedisRateLimiter> limiter_;
};

TEST_F(RedisAway, AtTheStartLeavesAQuarterOfTheRate) {
    std::string url;
    {
        const Talker nobody([](std::string_view) { return ""; });
        url = nobody.url();
    }
    open(url);
    ASSERT_TRUE(becomes_away());
    EXPECT_NEAR(take_for_a_second(), 1000, 1);
    EXPECT_THAT(trouble(), HasSubstr("Connection refused"));
}

TEST_F(RedisAway, LeavesEachWorkerItsPartOfTheRate) {
    RedisServer server;
    open(server.url());
    const auto other = another(server.url());
    // The second one's first lease counts both; the next heartbeat tells the first one.
    take(1);
    other->take("account", kRate, 1);
    ASSERT_TRUE(eventually([&] { return server.ask({"ZCARD", "herald:workers:account"}) == "2"; }));
    limiter_ = another(server.url());
    take(1);
    ASSERT_TRUE(eventually([&] { return server.ask({"ZCARD", "herald:workers:account"}) == "3"; }));
    server.kill();
    ASSERT_TRUE(becomes_away());
    take(kBurst);
    EXPECT_NEAR(take_for_a_second(), kRate.per_second / 3, 2);
}

TEST_F(RedisAway, LeavesAloneWorkerTheWholeRate) {
    RedisServer server;
    open(server.url());
    EXPECT_EQ(take(1000), kBurst);
    server.kill();
    ASSERT_TRUE(becomes_away());
    EXPECT_NEAR(take_for_a_second(), 4000, 1);
}

TEST_F(RedisAway, GrantsNothingOnTopOfTheBurst) {
    RedisServer server;
    open(server.url());
    EXPECT_EQ(take(1000), kBurst);
    server.kill();
    ASSERT_TRUE(becomes_away());
    const auto tokens = limiter_->take("account", kRate, 1);
    EXPECT_EQ(tokens.granted, 0);
    EXPECT_EQ(tokens.wait, Millis{1});
}

TEST_F(RedisAway, BeginsAnEmptyShareEachTime) {
    RedisServer server;
    open(server.url());
    EXPECT_EQ(take(1), 1);
    for (int round = 0; round < 2; ++round) {
        server.kill();
        ASSERT_TRUE(becomes_away());
        clock_.advance(Millis{25});
        EXPECT_EQ(take(1000), 100) << round;
        server.start();
        ASSERT_TRUE(comes_back());
        clock_.advance(1s);
        ASSERT_EQ(take(1), 1);
    }
}

TEST_F(RedisAway, TakesBackWhatItSharedOut) {
    RedisServer server;
    open(server.url());
    take(1);
    server.kill();
    ASSERT_TRUE(becomes_away());
    take(1);
    clock_.advance(1s);
    EXPECT_EQ(take(1000), kBurst);
    limiter_->give_back("account", kRate, 30);
    EXPECT_EQ(take(1000), 30);
}

TEST_F(RedisAway, ComesBackByItselfWithoutItsScripts) {
    RedisServer server;
    open(server.url());
    take(1);
    server.kill();
    ASSERT_TRUE(becomes_away());
    server.start();
    EXPECT_TRUE(comes_back());
}

TEST_F(RedisAway, LosesItsScriptsWithoutBeingAway) {
    RedisServer server;
    open(server.url());
    take(1);
    server.ask({"SCRIPT", "FLUSH"});
    clock_.advance(1s);
    EXPECT_EQ(take(1000), kBurst);
    EXPECT_EQ(trouble(), "none");
}

TEST_F(RedisAway, KeepsToTheShareUntilTheOthersAreBackToo) {
    settle_ = std::chrono::minutes(1);
    RedisServer server;
    open(server.url());
    const auto other = another(server.url());
    other->take("account", kRate, 1);
    take(1);
    server.kill();
    ASSERT_TRUE(becomes_away());
    server.start();
    ASSERT_TRUE(eventually([&] { return !limiter_->trouble(); }));
    clock_.advance(1s);
    EXPECT_EQ(take(1000), kBurst / 2);
}

TEST_F(RedisAway, DoesNotAnswerInTime) {
    RedisServer server;
    open(server.url(), Millis{300});
    take(1);
    server.freeze();
    clock_.advance(1s);
    const auto began = std::chrono::steady_clock::now();
    take(1000);
    EXPECT_LT(std::chrono::steady_clock::now() - began, kPatience);
    ASSERT_TRUE(becomes_away());
    EXPECT_GT(take_for_a_second(), 0);
    server.thaw();
    EXPECT_TRUE(comes_back());
}

TEST_F(RedisAway, IsNoticedWhenNobodyTakes) {
    RedisServer server;
    open(server.url(), Millis{300});
    take(1);
    server.freeze();
    EXPECT_TRUE(becomes_away());
}

TEST_F(RedisAway, NeverSaysAWord) {
    const Talker talker([](std::string_view) { return std::string("+"); });
    open(talker.url(), Millis{100});
    EXPECT_TRUE(becomes_away());
    EXPECT_TRUE(eventually([&] { return talker.connections() >= 2; }));
}

TEST_F(RedisAway, SpeaksSomethingElse) {
    const Talker talker([](std::string_view) { return std::string("HTTP/1.1 400 Bad Request\r\n\r\n"); });
    open(talker.url());
    ASSERT_TRUE(becomes_away());
    EXPECT_THAT(trouble(), HasSubstr("reading a reply"));
    EXPECT_GT(take_for_a_second(), 0);
}

TEST_F(RedisAway, AnswersSomethingElse) {
    const Talker talker([](std::string_view) { return std::string("+PONG\r\n"); });
    open(talker.url());
    ASSERT_TRUE(becomes_away());
    EXPECT_THAT(trouble(), HasSubstr("something else"));
}

TEST_F(RedisAway, AnswersWhatWasNotAsked) {
    const Talker talker([](std::string_view) { return std::string(":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"); });
    open(talker.url());
    ASSERT_TRUE(becomes_away());
    EXPECT_THAT(trouble(), HasSubstr("not asked"));
}

TEST_F(RedisAway, AnswersWithoutEnd) {
    const std::string flood(8192, 'x');
    const Talker talker([&](std::string_view) { return "$500000000\r\n" + flood; });
    open(talker.url(), Millis{200});
    EXPECT_TRUE(becomes_away());
}

TEST_F(RedisAway, IsStillLoading) {
    std::atomic<bool> loading = true;
    RedisServer server;
    const Talker talker([&](std::string_view) {
        return std::string(loading ? "-LOADING Redis is loading the dataset in memory\r\n" : ":1\r\n");
    });
    open(talker.url());
    ASSERT_TRUE(becomes_away());
    EXPECT_THAT(trouble(), HasSubstr("LOADING"));
    loading = false;
    EXPECT_TRUE(eventually([&] { return !limiter_->trouble(); }));
}

TEST_F(RedisAway, HasBecomeAReplica) {
    RedisServer server;
    open(server.url());
    take(1);
    server.ask({"REPLICAOF", "127.0.0.1", "1"});
    ASSERT_TRUE(becomes_away());
    EXPECT_THAT(trouble(), HasSubstr("READONLY"));
    server.ask({"REPLICAOF", "NO", "ONE"});
    EXPECT_TRUE(comes_back());
}

TEST_F(RedisAway, TellsOnceAndNotWithEveryAttempt) {
    testing::internal::CaptureStderr();
    const Talker talker([](std::string_view) { return std::string(); });
    open(talker.url());
    const bool tried = eventually([&] { return talker.connections() >= 4; });
    const auto lines = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(tried);
    const auto first = lines.find("redis.away");
    EXPECT_NE(first, std::string::npos);
    EXPECT_EQ(lines.find("redis.away", first + 1), std::string::npos) << lines;
}

TEST_F(RedisAway, IsSeenInTheMetrics) {
    RedisServer server;
    open(server.url());
    take(1);
    EXPECT_THAT(metrics_.text(), HasSubstr("herald_redis_up 1"));
    server.kill();
    ASSERT_TRUE(becomes_away());
    EXPECT_TRUE(eventually([&] { return metrics_.text().find("herald_redis_up 0") != std::string::npos; }));
}

using RedisAccess = RedisAway;

TEST_F(RedisAccess, WithAPassword) {
    RedisServer server({"--requirepass", "p@ss/word"});
    open("redis://:p%40ss%2Fword@" + server.place());
    EXPECT_EQ(take(1000), kBurst);
    EXPECT_EQ(trouble(), "none");
}

TEST_F(RedisAccess, AsAUserWhoMayDoNoMoreThanThat) {
    RedisServer server({"--user", "default", "off", "--user", "herald", "on", ">secret", "~herald:*", "+eval",
                        "+evalsha", "+time", "+get", "+set", "+zadd", "+zcard", "+zremrangebyscore",
                        "+pexpire"});
    open("redis://herald:secret@" + server.place());
    EXPECT_EQ(take(1000), kBurst);
    EXPECT_EQ(trouble(), "none");
}

TEST_F(RedisAccess, OnTheDatabaseThatIsNamed) {
    RedisServer server;
    open(server.url() + "/3");
    EXPECT_EQ(take(1000), kBurst);
    EXPECT_EQ(server.ask({"DBSIZE"}), "0");
    EXPECT_THAT(server.ask({"INFO", "keyspace"}), HasSubstr("db3:keys="));
}

struct Refused {
    const char* what;
    std::vector<std::string> arguments;
    const char* user;
    const char* path;
    const char* reason;
};

class RedisRefuses : public RedisAway, public testing::WithParamInterface<Refused> {};

TEST_P(RedisRefuses, AndSaysWhy) {
    testing::internal::CaptureStderr();
    RedisServer server(GetParam().arguments);
    open(std::string("redis://") + GetParam().user + server.place() + GetParam().path);
    const bool away = becomes_away();
    const int granted = away ? take_for_a_second() : 0;
    limiter_ = nullptr;
    const auto lines = testing::internal::GetCapturedStderr();
    ASSERT_TRUE(away);
    EXPECT_THAT(lines, HasSubstr(GetParam().reason));
    EXPECT_THAT(lines, HasSubstr("\"level\":\"error\""));
    EXPECT_THAT(lines, Not(HasSubstr("secret")));
    EXPECT_NEAR(granted, 1000, 1);
}

INSTANTIATE_TEST_SUITE_P(
    Reasons, RedisRefuses,
    testing::Values(Refused{"WrongPassword", {"--requirepass", "right"}, ":secret@", "", "AUTH: WRONGPASS"},
                    Refused{"NoPassword", {"--requirepass", "right"}, "", "", "NOAUTH"},
                    Refused{"NeedlessPassword", {}, ":secret@", "", "AUTH: ERR"},
                    Refused{"UnknownUser", {}, "who:secret@", "", "AUTH: WRONGPASS"},
                    Refused{"NoSuchDatabase", {}, "", "/99", "SELECT: ERR"},
                    Refused{"NoPermission",
                            {"--user", "herald", "on", ">secret", "~other:*", "+@all"},
                            "herald:secret@",
                            "",
                            "NOPERM"}),
    [](const auto& refused) { return refused.param.what; });

/// With a Redis that speaks TLS under an authority of the test's own.
class RedisTls : public RedisAway {
protected:
    void SetUp() override {
        auto name = (std::filesystem::temp_directory_path() / "herald-redis-XXXXXX").string();
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
        const auto authority = net::make_certificate_authority("Test");
        ASSERT_TRUE(authority);
        const auto server = net::make_server_certificate(*authority, {"127.0.0.1"});
        ASSERT_TRUE(server);
        write("ca.pem", authority->certificate_pem);
        write("server.pem", server->certificate_pem);
        write("server.key", server->key_pem);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::string file(const std::string& name) const { return (folder_ / name).string(); }
    void write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }
    std::vector<std::string> server_arguments() const {
        return {"--tls-cert-file",    file("server.pem"),
                "--tls-key-file",     file("server.key"),
                "--tls-ca-cert-file", file("ca.pem"),
                "--tls-auth-clients", "no",
                "--requirepass",      "secret"};
    }

private:
    std::filesystem::path folder_;
};

TEST_F(RedisTls, TrustsTheAuthorityThatIsNamed) {
    const RedisServer server(server_arguments(), true);
    open("rediss://:secret@" + server.place(), kPatience, file("ca.pem"));
    EXPECT_EQ(take(1000), kBurst);
    EXPECT_EQ(trouble(), "none");
}

TEST_F(RedisTls, DoesNotSpeakToWhomNobodyVouchesFor) {
    const RedisServer server(server_arguments(), true);
    open("rediss://:secret@" + server.place());
    ASSERT_TRUE(becomes_away());
    EXPECT_THAT(trouble(), HasSubstr("not trusted"));
}

TEST_F(RedisTls, DoesNotSendThePasswordToAPlainServer) {
    std::atomic<bool> told = false;
    const Talker talker([&](std::string_view bytes) {
        if (bytes.find("secret") != std::string_view::npos) told = true;
        return std::string("-ERR\r\n");
    });
    auto url = talker.url();
    url.replace(0, std::string("redis://").size(), "rediss://:secret@");
    open(url, kPatience, file("ca.pem"));
    ASSERT_TRUE(becomes_away());
    EXPECT_THAT(trouble(), HasSubstr("TLS handshake"));
    EXPECT_FALSE(told);
}

TEST_F(RedisTls, AuthoritiesThatCannotBeReadAreAnError) {
    RedisLimiterOptions options;
    options.url = "rediss://127.0.0.1";
    options.clock = &clock_;
    options.ca_file = file("nothing.pem");
    const auto limiter = RedisRateLimiter::open(options);
    ASSERT_FALSE(limiter);
    EXPECT_EQ(limiter.error().code, ErrorCode::invalid);
}

TEST(RedisRateLimiter, RefusesAUrlThatIsNone) {
    const SystemClock clock;
    RedisLimiterOptions options;
    options.url = "localhost:6379";
    options.clock = &clock;
    const auto limiter = RedisRateLimiter::open(options);
    ASSERT_FALSE(limiter);
    EXPECT_EQ(limiter.error().code, ErrorCode::invalid);
}

}  // namespace
}  // namespace herald
