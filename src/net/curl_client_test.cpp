#include "net/curl_client.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "net/certificates.hpp"
#include "net/http_server.hpp"

namespace herald::net {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr auto kPatience = 20s;  // how long a test waits for what must happen

/// What happened to one call, in order.
struct Call {
    std::promise<HttpResult> promise;
    std::future<HttpResult> result = promise.get_future();
    std::atomic<int> written = 0;
    std::atomic<int> done = 0;
    std::atomic<bool> written_before_done = false;

    HttpResult get() {
        if (result.wait_for(kPatience) != std::future_status::ready) {
            ADD_FAILURE() << "the call was never completed";
            return tl::unexpected<HttpFailure>(HttpFailure{});
        }
        return result.get();
    }
};

class Server : public RequestHandler {
public:
    using Step = std::function<void(const std::shared_ptr<Exchange>&)>;
    Step head = [](const auto&) {};
    Step request = [](const auto& exchange) { exchange->respond({200, {}, exchange->request().body}); };
    std::atomic<int> heads = 0;
    std::atomic<int> requests = 0;
    ServerOptions options;

    void on_head(const std::shared_ptr<Exchange>& exchange) override {
        ++heads;
        head(exchange);
    }
    void on_request(std::shared_ptr<Exchange> exchange) override {
        ++requests;
        request(exchange);
    }

    HttpServer& server() {
        if (!server_) {
            auto started = HttpServer::start(options, *this);
            EXPECT_TRUE(started) << started.error().message;
            server_ = std::move(*started);
        }
        return *server_;
    }

private:
    std::unique_ptr<HttpServer> server_;
};

template <class Condition>
bool eventually(Condition condition) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

class CurlClientTest : public testing::Test {
protected:
    Server peer;
    CurlClientOptions options;

    std::shared_ptr<Call> send(HttpRequest request) {
        if (!client_) client_ = make_curl_client(options);
        auto call = std::make_shared<Call>();
        HttpClient::Callbacks callbacks;
        callbacks.written = [call] { ++call->written; };
        callbacks.done = [call](HttpResult result) {
            call->written_before_done = call->written > 0;
            if (++call->done == 1) call->promise.set_value(std::move(result));
        };
        client_->send(std::move(request), std::move(callbacks));
        return call;
    }

    HttpRequest post(std::string body, Millis deadline = kPatience) {
        HttpRequest request;
        request.url = fmt::format("http://127.0.0.1:{}/path?q=1", peer.server().port());
        request.body = std::move(body);
        request.deadline = deadline;
        return request;
    }

    void destroy_client() { client_.reset(); }

private:
    std::unique_ptr<HttpClient> client_;
};

/// For servers that HttpServer is too well-behaved to be.
class Listener {
public:
    Listener() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
        EXPECT_EQ(::listen(fd_, 8), 0);
        port_ = ntohs(address.sin_port);
    }
    ~Listener() { ::close(fd_); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    std::uint16_t port() const { return port_; }
    int accept() const { return ::accept(fd_, nullptr, nullptr); }
    void stop_blocking() const { ::fcntl(fd_, F_SETFL, O_NONBLOCK); }
    void end() const { ::shutdown(fd_, SHUT_RDWR); }

private:
    const int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    std::uint16_t port_ = 0;
};

/// A port on which nobody listens.
std::uint16_t closed_port() { return Listener().port(); }

TEST_F(CurlClientTest, BringsTheWholeAnswer) {
    ServerRequest seen;
    peer.request = [&](const auto& exchange) {
        seen = exchange->request();
        exchange->respond({201, {{"X-One", "1"}, {"x-empty", ""}}, "created"});
    };
    auto request = post("to=me");
    request.headers = {{"Authorization", "Basic abc"}, {"Content-Type", "text/x"}, {"X-Empty", ""}};
    auto call = send(std::move(request));
    const auto result = call->get();
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->status, 201);
    EXPECT_EQ(find_header(result->headers, "x-one"), "1");
    EXPECT_EQ(find_header(result->headers, "X-Empty"), "");
    EXPECT_EQ(result->body, "created");
    EXPECT_EQ(call->written, 1);
    EXPECT_TRUE(call->written_before_done);

    EXPECT_EQ(seen.method, "POST");
    EXPECT_EQ(seen.path, "/path");
    EXPECT_EQ(seen.query, "q=1");
    EXPECT_EQ(seen.body, "to=me");
    EXPECT_EQ(find_header(seen.headers, "authorization"), "Basic abc");
    EXPECT_EQ(find_header(seen.headers, "content-type"), "text/x");
    EXPECT_EQ(find_header(seen.headers, "x-empty"), "");
    EXPECT_EQ(find_header(seen.headers, "content-length"), "5");
}

TEST_F(CurlClientTest, SendsOnlyTheHeadersItWasGiven) {
    Headers seen;
    peer.request = [&](const auto& exchange) {
        seen = exchange->request().headers;
        exchange->respond({});
    };
    ASSERT_TRUE(send(post("body"))->get());
    EXPECT_EQ(find_header(seen, "content-type"), std::nullopt);
    EXPECT_EQ(find_header(seen, "accept"), std::nullopt);
    EXPECT_EQ(find_header(seen, "expect"), std::nullopt);
    EXPECT_EQ(seen.size(), 2u);  // Host and Content-Length
}

TEST_F(CurlClientTest, SpeaksEveryMethod) {
    peer.request = [](const auto& exchange) {
        exchange->respond({200, {{"m", exchange->request().method}}, "body"});
    };
    for (const char* const method : {"GET", "HEAD", "DELETE", "PUT", "PATCH", "POST"}) {
        for (const char* const body : {"", "x"}) {
            if (std::string_view(method) == "HEAD" && *body != '\0') continue;
            auto request = post(body);
            request.method = method;
            auto call = send(std::move(request));
            const auto result = call->get();
            ASSERT_TRUE(result) << method << ": " << result.error().detail;
            EXPECT_EQ(find_header(result->headers, "m"), method);
            EXPECT_EQ(result->body, std::string_view(method) == "HEAD" ? "" : "body");
            EXPECT_EQ(call->written, 1);
        }
    }
}

TEST_F(CurlClientTest, AnErrorStatusIsAnAnswer) {
    peer.request = [](const auto& exchange) { exchange->respond({503, {{"Retry-After", "7"}}, "later"}); };
    const auto result = send(post("x"))->get();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, 503);
    EXPECT_EQ(find_header(result->headers, "retry-after"), "7");
}

TEST_F(CurlClientTest, DoesNotFollowRedirects) {
    peer.request = [](const auto& exchange) { exchange->respond({302, {{"Location", "/elsewhere"}}, ""}); };
    const auto result = send(post("x"))->get();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, 302);
    EXPECT_EQ(peer.requests, 1);
}

TEST_F(CurlClientTest, IgnoresTheProxyOfTheEnvironment) {
    ::setenv("http_proxy", fmt::format("http://127.0.0.1:{}", closed_port()).c_str(), 1);
    const auto result = send(post("x"))->get();
    ::unsetenv("http_proxy");
    EXPECT_TRUE(result);
}

TEST_F(CurlClientTest, UsesAConnectionAgain) {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(send(post("x"))->get());
    EXPECT_EQ(peer.server().levels().connections, 1u);
}

TEST_F(CurlClientTest, AConnectionThatThePeerClosedWhileIdleIsNotUsed) {
    peer.options.idle_timeout = 20ms;
    ASSERT_TRUE(send(post("x"))->get());
    ASSERT_TRUE(eventually([&] { return peer.server().levels().connections == 0; }));
    const auto result = send(post("x"))->get();
    EXPECT_TRUE(result) << result.error().detail;
    EXPECT_EQ(peer.requests, 2);
}

TEST_F(CurlClientTest, ARefusedConnectionIsNotWritten) {
    auto request = post("x");
    request.url = fmt::format("http://127.0.0.1:{}/", closed_port());
    auto call = send(std::move(request));
    const auto result = call->get();
    ASSERT_FALSE(result);
    EXPECT_FALSE(result.error().request_written);
    EXPECT_FALSE(result.error().not_processed);
    EXPECT_NE(result.error().detail, "");
    EXPECT_EQ(call->written, 0);
}

TEST_F(CurlClientTest, WhatCannotBeSentIsNotWritten) {
    for (const char* const url :
         {"", "nonsense", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "file:///etc/passwd"}) {
        auto request = post("x");
        request.url = url;
        const auto result = send(std::move(request))->get();
        ASSERT_FALSE(result) << url;
        EXPECT_FALSE(result.error().request_written) << url;
    }
}

TEST_F(CurlClientTest, ALineBreakBeginsNoHeader) {
    auto request = post("x");
    request.headers = {{"X", "a\r\nY: b"}};
    const auto result = send(std::move(request))->get();
    ASSERT_FALSE(result);
    EXPECT_FALSE(result.error().request_written);
    EXPECT_EQ(peer.heads, 0);
}

TEST_F(CurlClientTest, AResetAfterTheWholeRequestIsWrittenAndSeenOnce) {
    peer.request = [](const auto& exchange) { exchange->reset(true); };
    auto call = send(post("x"));
    const auto result = call->get();
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().request_written);
    EXPECT_EQ(call->written, 1);
    EXPECT_EQ(peer.requests, 1);
}

class ResetOnAReusedConnection : public CurlClientTest,
                                 public testing::WithParamInterface<std::pair<const char*, const char*>> {};

TEST_P(ResetOnAReusedConnection, IsWrittenAndSeenOnce) {
    ASSERT_TRUE(send(post("first"))->get());
    peer.request = [](const auto& exchange) { exchange->reset(true); };
    auto request = post(GetParam().second);
    request.method = GetParam().first;
    auto call = send(std::move(request));
    const auto result = call->get();
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().request_written);
    EXPECT_EQ(call->written, 1);
    EXPECT_EQ(peer.requests, 2);
    EXPECT_EQ(peer.heads, 2);
}

INSTANTIATE_TEST_SUITE_P(Requests, ResetOnAReusedConnection,
                         testing::Values(std::pair("POST", "x"), std::pair("POST", ""), std::pair("GET", ""),
                                         std::pair("DELETE", ""), std::pair("PUT", "x")),
                         [](const auto& info) {
                             return std::string(info.param.first) +
                                    (*info.param.second ? "WithBody" : "Bodiless");
                         });

TEST_F(CurlClientTest, ACloseOnAReusedConnectionIsWrittenAndSeenOnce) {
    // Answers the first request and closes at the second, without a word.
    const Listener listener;
    std::thread server([&] {
        const int socket = listener.accept();
        const auto read_until = [socket](std::string_view end) {
            std::string text;
            char byte = 0;
            while (!text.ends_with(end) && ::recv(socket, &byte, 1, 0) == 1) text.push_back(byte);
        };
        read_until("first");
        constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        EXPECT_EQ(::send(socket, answer.data(), answer.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(answer.size()));
        read_until("second");
        ::close(socket);
    });
    auto request = post("first");
    request.url = fmt::format("http://127.0.0.1:{}/", listener.port());
    ASSERT_TRUE(send(request)->get());
    request.body = "second";
    auto call = send(request);
    const auto result = call->get();
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().request_written);
    server.join();
    destroy_client();
    // libcurl may have connected once more before it was told not to repeat; nothing may have been sent.
    listener.stop_blocking();
    for (int again = listener.accept(); again >= 0; again = listener.accept()) {
        char bytes[16];
        EXPECT_EQ(::recv(again, bytes, sizeof(bytes), 0), 0);
        ::close(again);
    }
}

TEST_F(CurlClientTest, AResetBeforeTheBodyWasReadIsNotWritten) {
    peer.options.max_body_bytes = 200'000'000;
    peer.head = [](const auto& exchange) { exchange->reset(true); };
    auto call = send(post(std::string(100'000'000, 'x')));  // more than any socket buffer holds
    const auto result = call->get();
    ASSERT_FALSE(result);
    EXPECT_FALSE(result.error().request_written);
    EXPECT_EQ(call->written, 0);
    EXPECT_EQ(peer.heads, 1);
    EXPECT_EQ(peer.requests, 0);
}

TEST_F(CurlClientTest, AHangIsWrittenAndEndsAtTheDeadline) {
    std::vector<std::shared_ptr<Exchange>> held;
    peer.request = [&](const auto& exchange) { held.push_back(exchange); };
    const auto began = std::chrono::steady_clock::now();
    auto call = send(post("x", 300ms));
    const auto result = call->get();
    const auto took = std::chrono::steady_clock::now() - began;
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().request_written);
    EXPECT_GE(took, 300ms);
    EXPECT_EQ(peer.requests, 1);
    peer.server().stop(0ms);
}

TEST_F(CurlClientTest, ALateAnswerIsNotTakenForTheNextOnes) {
    std::promise<std::shared_ptr<Exchange>> held;
    peer.request = [&](const auto& exchange) {
        if (exchange->request().body == "slow") return held.set_value(exchange);
        exchange->respond({200, {}, exchange->request().body});
    };
    ASSERT_TRUE(send(post("first"))->get());
    ASSERT_FALSE(send(post("slow", 300ms))->get());
    held.get_future().get()->respond({200, {}, "late"});
    const auto result = send(post("next"))->get();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->body, "next");
}

TEST_F(CurlClientTest, TheLongestDeadlineIsNoneInThePast) {
    EXPECT_TRUE(send(post("x", Millis::max()))->get());
}

TEST_F(CurlClientTest, HalfOfTheTimeIsLeftForTheAnswerOfWhatQueues) {
    options.max_in_flight = 1;
    std::promise<std::shared_ptr<Exchange>> held;
    peer.request = [&](const auto& exchange) { held.set_value(exchange); };
    auto first = send(post("first", 2s));
    auto exchange = held.get_future().get();
    auto second = send(post("second", 2s));
    const auto result = second->get();
    ASSERT_FALSE(result);
    EXPECT_FALSE(result.error().request_written);
    EXPECT_EQ(peer.requests, 1);
    exchange->respond({});
    EXPECT_TRUE(first->get()) << "its answer came within its deadline";
}

TEST_F(CurlClientTest, HalfOfTheTimeIsLeftForTheAnswerWhileNoConnectionIsFree) {
    options.max_connections = 1;
    std::promise<std::shared_ptr<Exchange>> held;
    peer.request = [&](const auto& exchange) { held.set_value(exchange); };
    auto first = send(post("first", 2s));
    auto exchange = held.get_future().get();
    auto second = send(post("second", 2s));
    const auto result = second->get();
    ASSERT_FALSE(result);
    EXPECT_FALSE(result.error().request_written);
    EXPECT_EQ(peer.heads, 1);
    exchange->respond({});
    EXPECT_TRUE(first->get()) << "its answer came within its deadline";
}

TEST_F(CurlClientTest, AnAnswerThatBreaksOffIsAFailure) {
    const Listener listener;
    std::thread server([&] {
        const int socket = listener.accept();
        constexpr std::string_view half = "HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\nhalf";
        EXPECT_EQ(::send(socket, half.data(), half.size(), MSG_NOSIGNAL), static_cast<ssize_t>(half.size()));
        char byte = 0;
        ::shutdown(socket, SHUT_WR);
        while (::recv(socket, &byte, 1, 0) == 1) {
        }
        ::close(socket);
    });
    auto request = post("x");
    request.url = fmt::format("http://127.0.0.1:{}/", listener.port());
    const auto result = send(std::move(request))->get();
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().request_written);
    server.join();
}

TEST_F(CurlClientTest, BigBodiesArriveWhole) {
    peer.options.max_body_bytes = 20'000'000;
    std::string body(10'000'000, '\0');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31 >> 3);
    bool same = false;
    peer.request = [&](const auto& exchange) {
        same = exchange->request().body == body;
        exchange->respond({});
    };
    auto call = send(post(body));
    ASSERT_TRUE(call->get());
    EXPECT_TRUE(same);
    EXPECT_EQ(call->written, 1);
}

TEST_F(CurlClientTest, AnAnswerOfOneMebibyteIsTakenAndALargerOneIsNot) {
    std::size_t size = 1024 * 1024;
    peer.request = [&](const auto& exchange) { exchange->respond({200, {}, std::string(size, 'x')}); };
    const auto fits = send(post("x"))->get();
    ASSERT_TRUE(fits) << fits.error().detail;
    EXPECT_EQ(fits->body.size(), size);
    ++size;
    const auto large = send(post("x"))->get();
    ASSERT_FALSE(large);
    EXPECT_TRUE(large.error().request_written);
    EXPECT_THAT(large.error().detail, HasSubstr("too large"));
}

TEST_F(CurlClientTest, ManyInFlightAllGetTheirOwnAnswer) {
    options.max_in_flight = 50;
    options.max_connections = 20;
    std::vector<std::shared_ptr<Call>> calls;
    for (int i = 0; i < 500; ++i) calls.push_back(send(post(std::to_string(i))));
    for (int i = 0; i < 500; ++i) {
        const auto result = calls[static_cast<std::size_t>(i)]->get();
        ASSERT_TRUE(result) << result.error().detail;
        EXPECT_EQ(result->body, std::to_string(i));
    }
    EXPECT_EQ(peer.requests, 500);
    EXPECT_LE(peer.server().levels().connections, 20u);
}

TEST_F(CurlClientTest, TakesRequestsFromManyThreads) {
    ASSERT_TRUE(send(post("warm"))->get());
    std::vector<std::thread> threads;
    std::atomic<int> good = 0;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 50; ++i) good += send(post("x"))->get().has_value() ? 1 : 0;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 200);
}

TEST_F(CurlClientTest, DestroyingCompletesEverythingExactlyOnce) {
    options.max_in_flight = 10;
    options.max_connections = 5;
    std::mutex mutex;
    std::vector<std::shared_ptr<Exchange>> held;
    peer.request = [&](const auto& exchange) {
        const std::lock_guard lock(mutex);
        held.push_back(exchange);
    };
    std::vector<std::shared_ptr<Call>> calls;
    for (int i = 0; i < 30; ++i) calls.push_back(send(post("x")));
    ASSERT_TRUE(eventually([&] {
        const std::lock_guard lock(mutex);
        return held.size() == 5;
    }));
    destroy_client();
    int written = 0;
    for (const auto& call : calls) {
        ASSERT_EQ(call->done, 1);
        const auto result = call->get();
        ASSERT_FALSE(result);
        written += result.error().request_written ? 1 : 0;
        EXPECT_EQ(call->written, result.error().request_written ? 1 : 0);
    }
    EXPECT_EQ(written, 5);
    EXPECT_EQ(peer.requests, 5);
    const std::lock_guard lock(mutex);
    held.clear();
}

TEST_F(CurlClientTest, ACallbackMaySendAgainEvenWhileTheClientIsDestroyed) {
    auto client = make_curl_client(options);
    std::vector<std::shared_ptr<Exchange>> held;
    peer.request = [&](const auto& exchange) { held.push_back(exchange); };
    std::atomic<int> done = 0;
    HttpClient::Callbacks callbacks;
    callbacks.done = [&](HttpResult) {
        HttpClient::Callbacks again;
        again.done = [&](HttpResult result) {
            EXPECT_FALSE(result);
            ++done;
        };
        client->send(post("again"), std::move(again));
        ++done;
    };
    client->send(post("x"), std::move(callbacks));
    ASSERT_TRUE(eventually([&] { return peer.requests == 1; }));
    HttpClient* const raw = client.get();
    delete raw;
    static_cast<void>(client.release());
    EXPECT_EQ(done, 2);
    peer.server().stop(0ms);
}

/// Speaks TLS with one client after the other, answers each first request and closes.
class TlsServer {
public:
    explicit TlsServer(const CertificateAndKey& identity) : context_(SSL_CTX_new(TLS_server_method())) {
        BIO* bio = BIO_new_mem_buf(identity.certificate_pem.data(), -1);
        X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
        SSL_CTX_use_certificate(context_, certificate);
        X509_free(certificate);
        BIO_free(bio);
        bio = BIO_new_mem_buf(identity.key_pem.data(), -1);
        EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
        SSL_CTX_use_PrivateKey(context_, key);
        EVP_PKEY_free(key);
        BIO_free(bio);
        thread_ = std::thread([this] { serve(); });
    }
    ~TlsServer() {
        listener_.end();
        thread_.join();
        SSL_CTX_free(context_);
    }
    TlsServer(const TlsServer&) = delete;
    TlsServer& operator=(const TlsServer&) = delete;

    std::uint16_t port() const { return listener_.port(); }
    int requests() const { return requests_; }

private:
    void serve() {
        for (int socket = listener_.accept(); socket >= 0; socket = listener_.accept()) {
            SSL* ssl = SSL_new(context_);
            SSL_set_fd(ssl, socket);
            char bytes[4096];
            if (SSL_accept(ssl) == 1 && SSL_read(ssl, bytes, sizeof(bytes)) > 0) {
                ++requests_;
                constexpr std::string_view answer =
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
                SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
                SSL_shutdown(ssl);
            }
            ::shutdown(socket, SHUT_WR);
            while (::recv(socket, bytes, sizeof(bytes), 0) > 0) {
            }
            SSL_free(ssl);
            ::close(socket);
        }
    }

    SSL_CTX* context_;
    const Listener listener_;
    std::atomic<int> requests_ = 0;
    std::thread thread_;
};

TEST_F(CurlClientTest, TrustsTheAuthorityItWasGivenAndNoOther) {
    const auto authority = make_certificate_authority("Trusted");
    const auto stranger = make_certificate_authority("Stranger");
    ASSERT_TRUE(authority && stranger);
    const auto identity = make_server_certificate(*authority, {"127.0.0.1"});
    const auto strange = make_server_certificate(*stranger, {"127.0.0.1"});
    ASSERT_TRUE(identity && strange);
    TlsServer good(*identity);
    TlsServer bad(*strange);
    options.ca_file = testing::TempDir() + fmt::format("curl_client_test_{}.pem", ::getpid());
    std::ofstream(options.ca_file) << authority->certificate_pem;

    auto request = post("x");
    request.url = fmt::format("https://127.0.0.1:{}/", good.port());
    const auto result = send(request)->get();
    request.url = fmt::format("https://127.0.0.1:{}/", bad.port());
    const auto refused = send(request)->get();
    std::filesystem::remove(options.ca_file);

    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->body, "ok");
    ASSERT_FALSE(refused);
    EXPECT_FALSE(refused.error().request_written);
    EXPECT_EQ(bad.requests(), 0);
}

}  // namespace
}  // namespace herald::net
