#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include <fmt/format.h>

#include "net/certificates.hpp"
#include "net/http2_client.hpp"
#include "net/http2_server.hpp"

namespace herald::net {
namespace {

using namespace std::chrono_literals;

/// Answers by path; `/hold` waits until the test answers, `/hang` for ever, `/block` stops the server's
/// thread.
class Site final : public RequestHandler {
public:
    void on_head(const std::shared_ptr<Exchange>& exchange) override {
        const auto& path = exchange->request().path;
        if (path == "/reset-at-head" || path == "/reset-all-at-head")
            exchange->reset(path != "/reset-at-head");
    }

    void on_request(std::shared_ptr<Exchange> exchange) override {
        const auto& path = exchange->request().path;
        if (path == "/echo") {
            exchange->respond({200, {{"X-Peer", exchange->request().peer}}, exchange->request().body});
        } else if (path == "/reset") {
            exchange->reset(false);
        } else if (path == "/reset-all") {
            exchange->reset(true);
        } else if (path == "/go-away") {
            exchange->go_away(R"({"reason":"Shutdown"})");
        } else if (path == "/block") {
            unblocked_.get_future().wait();
        } else if (path == "/slow") {
            const std::lock_guard lock(mutex_);
            threads_.emplace_back([exchange] { exchange->respond({200, {}, "from another thread"}); });
        }
        const std::lock_guard lock(mutex_);
        ++arrived_[path];
        if (path == "/hold" || path == "/hang") held_.push_back(std::move(exchange));
        most_held_ = std::max(most_held_, held_.size());
        changed_.notify_all();
    }

    bool wait_until_held(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 10s, [&] { return held_.size() >= count; });
    }
    /// Answers all that are held, and how many they were.
    std::size_t release() {
        std::unique_lock lock(mutex_);
        auto held = std::exchange(held_, {});
        lock.unlock();
        for (const auto& exchange : held) exchange->respond({200, {}, "released"});
        return held.size();
    }
    std::vector<std::shared_ptr<Exchange>> held() {
        const std::lock_guard lock(mutex_);
        return held_;
    }
    void unblock() { unblocked_.set_value(); }
    std::size_t most_held() {
        const std::lock_guard lock(mutex_);
        return most_held_;
    }
    int arrived(const std::string& path) {
        const std::lock_guard lock(mutex_);
        return arrived_[path];
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::shared_ptr<Exchange>> held_;
    std::size_t most_held_ = 0;
    std::map<std::string, int> arrived_;
    std::vector<std::jthread> threads_;
    std::promise<void> unblocked_;
};

/// Connections that stand at the server's port.
std::size_t connections_to(std::uint16_t port) {
    std::ifstream table("/proc/self/net/tcp");
    const auto local = fmt::format("0100007F:{:04X}", port);
    std::size_t count = 0;
    for (std::string line; std::getline(table, line);) {
        std::istringstream fields(line);
        std::string number, here, there, state;
        fields >> number >> here >> there >> state;
        count += here == local && state == "01" ? 1U : 0U;
    }
    return count;
}

struct Authority {
    CertificateAndKey authority = *make_certificate_authority("Test authority");
    CertificateAndKey server = *make_server_certificate(authority, {"localhost", "127.0.0.1"});
    std::string file =
        std::filesystem::temp_directory_path() / fmt::format("http2_test_{}_{}.pem", getpid(), next++);

    Authority() { std::ofstream(file) << authority.certificate_pem; }
    ~Authority() { std::filesystem::remove(file); }
    static inline int next = 0;
};

/// What became of a request.
struct Sent {
    std::promise<HttpResult> promise;
    std::future<HttpResult> future = promise.get_future();
    std::atomic<int> written = 0;
    std::atomic<int> done = 0;
};

struct Http2Test : testing::Test {
    static const Authority& trusted() {
        static const Authority authority;
        return authority;
    }

    Site site;
    ServerOptions server_options;
    std::unique_ptr<Http2Server> server;
    Http2ClientOptions client_options;
    std::unique_ptr<HttpClient> client;
    std::string host = "127.0.0.1";

    Http2Test() {
        server_options.certificate_pem = trusted().server.certificate_pem;
        server_options.key_pem = trusted().server.key_pem;
        client_options.ca_file = trusted().file;
        client_options.reconnect_min = 20ms;
    }

    void start_server() {
        auto started = Http2Server::start(server_options, site);
        ASSERT_TRUE(started) << started.error().message;
        server = std::move(*started);
        server_options.port = server->port();
    }
    void start_client() {
        client_options.origin = fmt::format("https://{}:{}", host, server_options.port);
        client = make_http2_client(client_options);
    }
    void start() {
        start_server();
        start_client();
    }

    std::shared_ptr<Sent> send(const std::string& path, std::string body = "hello", Millis deadline = 10s) {
        auto sent = std::make_shared<Sent>();
        HttpRequest request;
        request.url = client_options.origin + path;
        request.body = std::move(body);
        request.deadline = deadline;
        client->send(std::move(request), {[sent] { ++sent->written; },
                                          [sent](HttpResult result) {
                                              if (++sent->done == 1)
                                                  sent->promise.set_value(std::move(result));
                                          }});
        return sent;
    }
    static HttpResult result_of(const std::shared_ptr<Sent>& sent) {
        if (sent->future.wait_for(20s) != std::future_status::ready) {
            ADD_FAILURE() << "no result";
            return tl::unexpected(HttpFailure{.detail = "no result"});
        }
        return sent->future.get();
    }
    HttpResult fetch(const std::string& path, std::string body = "hello", Millis deadline = 10s) {
        return result_of(send(path, std::move(body), deadline));
    }
    /// A connection ends a moment after the last answer on it.
    bool wait_for_connections(std::size_t count) const {
        for (int i = 0; i < 5'000 && connections_to(server->port()) != count; ++i)
            std::this_thread::sleep_for(1ms);
        return connections_to(server->port()) == count;
    }
    void expect_ok(const std::string& path) {
        const auto result = fetch(path);
        EXPECT_TRUE(result) << result.error().detail;
    }
};

TEST_F(Http2Test, SendsARequestAndReadsItsAnswer) {
    start();
    const auto sent = send("/echo?x=1", "some text");
    const auto result = result_of(sent);
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->status, 200);
    EXPECT_EQ(result->body, "some text");
    EXPECT_EQ(find_header(result->headers, "x-peer"), "127.0.0.1");
    EXPECT_EQ(sent->written, 1);
}

TEST_F(Http2Test, ReachesAServerByName) {
    host = "localhost";
    start();
    expect_ok("/echo");
}

TEST_F(Http2Test, CarriesBodiesLargerThanAnyWindow) {
    server_options.max_body_bytes = 2'000'000;
    start();
    const std::string large(900'000, 'x');
    const auto result = fetch("/echo", large);
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_TRUE(result->body == large);
}

TEST_F(Http2Test, AnswersFromAnyThread) {
    start();
    const auto result = fetch("/slow");
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->body, "from another thread");
}

TEST_F(Http2Test, CarriesManyRequestsOverOneConnection) {
    start();
    std::vector<std::shared_ptr<Sent>> all;
    for (int i = 0; i < 300; ++i) all.push_back(send("/hold"));
    ASSERT_TRUE(site.wait_until_held(300));
    EXPECT_EQ(connections_to(server->port()), 1U);
    site.release();
    for (const auto& sent : all) EXPECT_TRUE(result_of(sent));
}

TEST_F(Http2Test, ObeysTheStreamLimitAndTheLimitOfConnections) {
    server_options.max_concurrent_streams = 10;
    start();
    expect_ok("/echo");
    std::vector<std::shared_ptr<Sent>> all;
    for (int i = 0; i < 100; ++i) all.push_back(send("/hold"));
    for (std::size_t released = 0; released < all.size();) {
        ASSERT_TRUE(site.wait_until_held(std::min<std::size_t>(20, all.size() - released)));
        EXPECT_EQ(connections_to(server->port()), 2U);
        released += site.release();
    }
    for (const auto& sent : all) {
        const auto result = result_of(sent);
        EXPECT_TRUE(result) << result.error().detail;
    }
    EXPECT_EQ(site.most_held(), 20U);
}

TEST_F(Http2Test, OpensNoSecondConnectionBeforeTheFirstHasAnswered) {
    server_options.max_concurrent_streams = 1;
    start();
    std::vector<std::shared_ptr<Sent>> all;
    for (int i = 0; i < 3; ++i) all.push_back(send("/hold"));
    ASSERT_TRUE(site.wait_until_held(1));
    EXPECT_EQ(connections_to(server->port()), 1U);
    site.release();
    ASSERT_TRUE(site.wait_until_held(2));
    site.release();
    for (const auto& sent : all) EXPECT_TRUE(result_of(sent));
}

TEST_F(Http2Test, KeepsToItsOwnLimitOfRequestsInFlight) {
    client_options.max_in_flight = 5;
    start();
    std::vector<std::shared_ptr<Sent>> all;
    for (int i = 0; i < 12; ++i) all.push_back(send("/hold"));
    for (std::size_t released = 0; released < all.size();) {
        ASSERT_TRUE(site.wait_until_held(std::min<std::size_t>(5, all.size() - released)));
        released += site.release();
    }
    for (const auto& sent : all) EXPECT_TRUE(result_of(sent));
    EXPECT_EQ(site.most_held(), 5U);
}

TEST_F(Http2Test, AResetAfterTheWholeRequestCountsAsWritten) {
    start();
    const auto result = fetch("/reset");
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().request_written);
    EXPECT_FALSE(result.error().not_processed);
    expect_ok("/echo");
    EXPECT_EQ(connections_to(server->port()), 1U);
}

TEST_F(Http2Test, AResetBeforeTheWholeRequestCountsAsNotWritten) {
    server_options.max_body_bytes = 20'000'000;
    start();
    expect_ok("/echo");
    const auto result = fetch("/reset-at-head", std::string(20'000'000, 'x'));
    ASSERT_FALSE(result);
    EXPECT_FALSE(result.error().request_written);
    EXPECT_EQ(site.arrived("/reset-at-head"), 0);
}

TEST_F(Http2Test, AConnectionLostBeforeTheWholeRequestCountsAsNotWritten) {
    server_options.max_body_bytes = 20'000'000;
    start();
    expect_ok("/echo");
    const auto sent = send("/reset-all-at-head", std::string(20'000'000, 'x'));
    const auto result = result_of(sent);
    ASSERT_FALSE(result);
    EXPECT_FALSE(result.error().request_written);
    EXPECT_EQ(sent->written, 0);
    EXPECT_EQ(site.arrived("/reset-all-at-head"), 0);
}

TEST_F(Http2Test, HalfOfTheTimeIsLeftForTheAnswer) {
    client_options.max_in_flight = 1;
    start();
    const auto first = send("/hold", "hello", 2s);
    const auto second = fetch("/echo", "hello", 2s);
    ASSERT_FALSE(second);
    EXPECT_FALSE(second.error().request_written);
    site.release();
    EXPECT_TRUE(result_of(first)) << "its answer came within its deadline";
    EXPECT_EQ(site.arrived("/echo"), 0);
}

/// Refused when it left before the SETTINGS came, held back for half its time when they came first.
TEST_F(Http2Test, WhatTheServerDoesNotAdmitCountsAsNotWritten) {
    server_options.max_concurrent_streams = 0;
    start();
    const auto result = fetch("/echo", "hello", 500ms);
    ASSERT_FALSE(result);
    EXPECT_FALSE(result.error().request_written);
    EXPECT_EQ(site.arrived("/echo"), 0);
}

TEST_F(Http2Test, WhatAGoAwayDoesNotCoverWasNotProcessed) {
    start();
    expect_ok("/echo");
    const auto older = send("/hold");
    ASSERT_TRUE(site.wait_until_held(1));
    const auto result = fetch("/go-away");
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().not_processed);
    EXPECT_FALSE(result.error().request_written);
    expect_ok("/echo");
    site.release();
    EXPECT_TRUE(result_of(older));
}

TEST_F(Http2Test, WhatCameTogetherWithARequestThatAGoAwayRefusesIsNotProcessedEither) {
    start();
    expect_ok("/echo");
    send("/block");
    const auto refused = send("/go-away");
    std::vector<std::shared_ptr<Sent>> later;
    for (int i = 0; i < 5; ++i) later.push_back(send("/hold"));
    for (int i = 0; i < 5'000 && later.back()->written == 0; ++i) std::this_thread::sleep_for(1ms);
    ASSERT_EQ(later.back()->written, 1);
    site.unblock();
    EXPECT_TRUE(result_of(refused).error().not_processed);
    for (const auto& sent : later) {
        const auto result = result_of(sent);
        ASSERT_FALSE(result);
        EXPECT_TRUE(result.error().not_processed) << result.error().detail;
    }
    EXPECT_EQ(site.arrived("/hold"), 0);
}

TEST_F(Http2Test, AGoAwayAtTheFirstRequestIsFollowedAtOnceByANewConnection) {
    client_options.reconnect_min = 1h;
    client_options.reconnect_max = 1h;
    start();
    EXPECT_TRUE(fetch("/go-away").error().not_processed);
    expect_ok("/echo");
}

TEST_F(Http2Test, AfterRenewANewConnectionTakesTheRequestsAndTheOldOneEndsItsOwn) {
    start();
    expect_ok("/echo");
    const auto older = send("/hold");
    ASSERT_TRUE(site.wait_until_held(1));
    client->renew();
    const auto second = fetch("/echo");
    ASSERT_TRUE(second) << second.error().detail;
    EXPECT_EQ(connections_to(server->port()), 2U);
    site.release();
    EXPECT_TRUE(result_of(older));
    EXPECT_TRUE(wait_for_connections(1));
    expect_ok("/echo");
}

TEST_F(Http2Test, RenewReplacesAnIdleConnectionWithoutWaiting) {
    client_options.reconnect_min = 1h;
    client_options.reconnect_max = 1h;
    start();
    for (int i = 0; i < 4; ++i) {
        expect_ok("/echo");
        client->renew();
    }
    EXPECT_TRUE(wait_for_connections(0));
    expect_ok("/echo");
}

TEST_F(Http2Test, RenewDoesNotEndAConnectionThatIsStillComing) {
    start();
    const auto sent = send("/echo");
    client->renew();
    EXPECT_TRUE(result_of(sent));
}

TEST_F(Http2Test, ALostConnectionEndsEveryRequestInFlight) {
    start();
    expect_ok("/echo");
    std::vector<std::shared_ptr<Sent>> all;
    for (int i = 0; i < 5; ++i) all.push_back(send("/hang"));
    ASSERT_TRUE(site.wait_until_held(5));
    all.push_back(send("/reset-all"));
    for (const auto& sent : all) {
        const auto result = result_of(sent);
        ASSERT_FALSE(result);
        EXPECT_TRUE(result.error().request_written);
        EXPECT_FALSE(result.error().not_processed);
        EXPECT_EQ(sent->written, 1);
    }
    expect_ok("/echo");
}

TEST_F(Http2Test, AHangEndsAtTheDeadlineAsWritten) {
    start();
    expect_ok("/echo");
    const auto sent = send("/hang", "hello", 300ms);
    const auto result = result_of(sent);
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().request_written);
    EXPECT_EQ(sent->written, 1);
    expect_ok("/echo");
    EXPECT_EQ(connections_to(server->port()), 1U);
}

TEST_F(Http2Test, GivesUpAConnectionThatAnswersNoPing) {
    client_options.ping_after_idle = 50ms;
    client_options.connect_timeout = 300ms;
    start();
    const auto result = fetch("/block");
    site.unblock();
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().request_written);
    EXPECT_THAT(result.error().detail, testing::HasSubstr("PING"));
    expect_ok("/echo");
}

TEST_F(Http2Test, KeepsAConnectionThatAnswersPings) {
    client_options.ping_after_idle = 20ms;
    client_options.connect_timeout = 5s;
    start();
    const auto sent = send("/hang", "hello", 300ms);
    EXPECT_THAT(result_of(sent).error().detail, testing::HasSubstr("deadline"));
    EXPECT_EQ(connections_to(server->port()), 1U);
}

TEST_F(Http2Test, SendsNothingToAServerOfAnUnknownAuthority) {
    const Authority other;
    client_options.ca_file = other.file;
    start();
    const auto sent = send("/echo", "hello", 1s);
    const auto result = result_of(sent);
    ASSERT_FALSE(result);
    EXPECT_FALSE(result.error().request_written);
    EXPECT_THAT(result.error().detail, testing::HasSubstr("not trusted"));
    EXPECT_EQ(sent->written, 0);
    EXPECT_EQ(site.arrived("/echo"), 0);
}

TEST_F(Http2Test, SendsNothingToAServerOfAnotherName) {
    const auto other = *make_server_certificate(trusted().authority, {"other.test", "127.0.0.2"});
    server_options.certificate_pem = other.certificate_pem;
    server_options.key_pem = other.key_pem;
    for (const auto* name : {"127.0.0.1", "localhost"}) {
        host = name;
        start();
        const auto result = fetch("/echo", "hello", 1s);
        ASSERT_FALSE(result);
        EXPECT_FALSE(result.error().request_written);
        EXPECT_THAT(result.error().detail, testing::HasSubstr("mismatch"));
        client.reset();
        server.reset();
    }
}

TEST_F(Http2Test, WaitsForAServerThatComesBack) {
    start();
    expect_ok("/echo");
    server->stop(0ms);
    server.reset();
    const auto waiting = send("/echo");
    const auto hopeless = send("/echo", "hello", 50ms);
    EXPECT_FALSE(result_of(hopeless).error().request_written);
    start_server();
    const auto result = result_of(waiting);
    EXPECT_TRUE(result) << result.error().detail;
}

TEST_F(Http2Test, BeingDestroyedEndsEveryRequestOnce) {
    start();
    expect_ok("/echo");
    const auto in_flight = send("/hang");
    ASSERT_TRUE(site.wait_until_held(1));
    client.reset();
    server.reset();
    EXPECT_TRUE(result_of(in_flight).error().request_written);
    EXPECT_EQ(in_flight->done, 1);

    start_client();  // nobody listens any more
    const auto waiting = send("/echo");
    client.reset();
    EXPECT_FALSE(result_of(waiting).error().request_written);
    EXPECT_EQ(waiting->done, 1);
    EXPECT_EQ(waiting->written, 0);
}

TEST_F(Http2Test, RefusesAnotherOrigin) {
    start();
    const auto sent = std::make_shared<Sent>();
    HttpRequest request;
    request.url = "https://example.test/echo";
    client->send(std::move(request),
                 {{}, [sent](HttpResult result) { sent->promise.set_value(std::move(result)); }});
    EXPECT_FALSE(result_of(sent).error().request_written);
}

TEST_F(Http2Test, AnswersTooLargeABodyWith413) {
    start();
    const auto result = fetch("/echo", std::string(300'000, 'x'));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->status, 413);
    EXPECT_EQ(site.arrived("/echo"), 0);
    expect_ok("/echo");
}

TEST_F(Http2Test, ServesOnSeveralThreads) {
    server_options.threads = 3;
    start();
    std::vector<std::unique_ptr<HttpClient>> clients;
    std::vector<std::shared_ptr<Sent>> all;
    for (int i = 0; i < 6; ++i) {
        for (int j = 0; j < 20; ++j) all.push_back(send("/echo"));
        clients.push_back(std::exchange(client, make_http2_client(client_options)));
    }
    for (const auto& sent : all) EXPECT_TRUE(result_of(sent));
}

TEST_F(Http2Test, StopLetsOpenExchangesAnswer) {
    start();
    const auto sent = send("/hold");
    ASSERT_TRUE(site.wait_until_held(1));
    auto stopping = std::async(std::launch::async, [&] { server->stop(10s); });
    site.release();
    const auto result = result_of(sent);
    EXPECT_TRUE(result) << result.error().detail;
    stopping.get();
}

TEST_F(Http2Test, TellsWhetherAnAnswerWasWritten) {
    start();
    const auto kept = send("/hold");
    ASSERT_TRUE(site.wait_until_held(1));
    std::promise<bool> first;
    site.held().front()->respond({200, {}, "answer"}, [&](bool complete) { first.set_value(complete); });
    EXPECT_TRUE(first.get_future().get());
    EXPECT_TRUE(result_of(kept));

    const auto late = send("/hold");
    ASSERT_TRUE(site.wait_until_held(2));
    client.reset();
    EXPECT_FALSE(result_of(late));
    server->stop(0ms);
    std::promise<bool> second;
    site.held().back()->respond({200, {}, "answer"}, [&](bool complete) { second.set_value(complete); });
    EXPECT_FALSE(second.get_future().get());
}

}  // namespace
}  // namespace herald::net
