#include "net/http_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>

namespace herald::net {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr auto kPatience = 10s;  // how long a test waits for what must happen

/// Does what a test tells it to; answers with the request's body otherwise.
class ScriptedHandler : public RequestHandler {
public:
    using Step = std::function<void(const std::shared_ptr<Exchange>&)>;
    Step head = [](const auto&) {};
    Step request = [](const auto& exchange) { exchange->respond({200, {}, exchange->request().body}); };
    std::atomic<int> heads = 0;
    std::atomic<int> requests = 0;

    void on_head(const std::shared_ptr<Exchange>& exchange) override {
        ++heads;
        head(exchange);
    }
    void on_request(std::shared_ptr<Exchange> exchange) override {
        ++requests;
        request(exchange);
    }
};

/// A client that sends exactly what it is told.
class RawClient {
public:
    RawClient() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
    explicit RawClient(std::uint16_t port) : RawClient() { EXPECT_TRUE(connect(port)); }
    ~RawClient() { close(); }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    bool connect(std::uint16_t port) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
    }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    void finish_sending() { ::shutdown(fd_, SHUT_WR); }

    void send(std::string_view text) {
        while (!text.empty()) {
            const auto n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (n <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(n));
        }
    }

    /// Everything up to and including `end`, or what came until the connection ended.
    std::string read_until(std::string_view end) {
        while (unread_.find(end) == std::string::npos && receive()) {
        }
        const auto at = unread_.find(end);
        const auto size = at == std::string::npos ? unread_.size() : at + end.size();
        auto out = unread_.substr(0, size);
        unread_.erase(0, size);
        return out;
    }

    std::string read_to_end() {
        while (receive()) {
        }
        return std::exchange(unread_, {});
    }

    bool was_reset() const { return error_ == ECONNRESET; }
    bool was_closed() const { return ended_ && error_ == 0; }

private:
    bool receive() {
        pollfd fd{fd_, POLLIN, 0};
        if (::poll(&fd, 1, static_cast<int>(Millis(kPatience).count())) != 1) {
            ADD_FAILURE() << "nothing came";
            return false;
        }
        char bytes[4096];
        const auto n = ::recv(fd_, bytes, sizeof(bytes), 0);
        if (n > 0) unread_.append(bytes, static_cast<std::size_t>(n));
        if (n < 0) error_ = errno;
        if (n == 0) ended_ = true;
        return n > 0;
    }

    int fd_;
    std::string unread_;
    bool ended_ = false;
    int error_ = 0;
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

class HttpServerTest : public testing::Test {
protected:
    ServerOptions options;
    ScriptedHandler handler;

    /// The handler must be scripted before the first call, and the options set.
    HttpServer& server() {
        if (!server_) {
            auto started = HttpServer::start(options, handler);
            EXPECT_TRUE(started) << started.error().message;
            server_ = std::move(*started);
        }
        return *server_;
    }

    std::string whole_answer(std::string_view text) {
        RawClient client(server().port());
        client.send(text);
        client.finish_sending();
        return client.read_to_end();
    }

    static std::string post(std::string_view body, std::string_view more_headers = "") {
        return fmt::format("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n{}\r\n{}", body.size(),
                           more_headers, body);
    }

private:
    std::unique_ptr<HttpServer> server_;
};

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_F(HttpServerTest, ShowsTheWholeRequest) {
    std::promise<ServerRequest> seen;
    handler.request = [&](const auto& exchange) {
        seen.set_value(exchange->request());
        exchange->respond({201, {{"x-a", "b"}}, "done"});
    };
    RawClient client(server().port());
    client.send("PUT /a%20b?c=d&e HTTP/1.1\r\nHost: h\r\nX-Trace:  7 \r\nContent-Length: 5\r\n\r\nhello");
    const auto answer = client.read_until("done");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 201 Created\r\n"));
    EXPECT_THAT(answer, HasSubstr("\r\nx-a: b\r\n"));
    EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 4\r\n"));
    EXPECT_THAT(answer, HasSubstr("\r\nDate: "));
    EXPECT_THAT(answer, Not(HasSubstr("Connection:")));

    const auto request = seen.get_future().get();
    EXPECT_EQ(request.method, "PUT");
    EXPECT_EQ(request.path, "/a%20b");
    EXPECT_EQ(request.query, "c=d&e");
    EXPECT_EQ(find_header(request.headers, "x-trace"), "7");
    EXPECT_EQ(request.body, "hello");
    EXPECT_EQ(request.peer, "127.0.0.1");
}

TEST_F(HttpServerTest, TakesAnAddressAsTarget) {
    handler.request = [&](const auto& exchange) {
        exchange->respond({200, {}, exchange->request().path + "|" + exchange->request().query});
    };
    EXPECT_THAT(whole_answer("GET http://h:1/p?q HTTP/1.1\r\nHost: h\r\n\r\n"), EndsWith("/p|q"));
    EXPECT_THAT(whole_answer("GET HTTP://h?q HTTP/1.1\r\nHost: h\r\n\r\n"), EndsWith("/|q"));
}

TEST_F(HttpServerTest, AnswersManyRequestsOnOneConnection) {
    RawClient client(server().port());
    for (int i = 0; i < 3; ++i) {
        const auto body = fmt::format("<{}>", i);
        client.send(post(body));
        EXPECT_THAT(client.read_until(body), StartsWith("HTTP/1.1 200 OK"));
    }
    EXPECT_EQ(server().levels().connections, 1u);
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsOneAfterTheOther) {
    std::mutex mutex;
    std::vector<std::shared_ptr<Exchange>> open;
    handler.request = [&](const auto& exchange) {
        const std::lock_guard lock(mutex);
        open.push_back(exchange);
    };
    RawClient client(server().port());
    client.send(post("first") + post("second"));
    const auto take = [&] {
        EXPECT_TRUE(eventually([&] { return std::lock_guard(mutex), !open.empty(); }));
        const std::lock_guard lock(mutex);
        EXPECT_EQ(open.size(), 1u);
        auto exchange = open.back();
        open.pop_back();
        return exchange;
    };
    auto exchange = take();
    EXPECT_EQ(exchange->request().body, "first");
    EXPECT_EQ(handler.heads, 1);
    exchange->respond({200, {}, "one"});
    exchange = take();
    EXPECT_EQ(exchange->request().body, "second");
    exchange->respond({200, {}, "two"});
    EXPECT_THAT(client.read_until("one"), HasSubstr("200 OK"));
    EXPECT_THAT(client.read_until("two"), HasSubstr("200 OK"));
}

TEST_F(HttpServerTest, ReadsChunkedBodies) {
    const std::string head =
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    EXPECT_THAT(whole_answer(head + "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n"),
                EndsWith("\r\n\r\nabc0123456789"));
}

TEST_F(HttpServerTest, ReadsBodiesThatComeInPieces) {
    RawClient client(server().port());
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-");
    client.send("Length: 6\r\n\r\nabc");
    EXPECT_TRUE(eventually([&] { return handler.heads == 1; }));
    EXPECT_EQ(handler.requests, 0);
    client.send("def");
    EXPECT_THAT(client.read_until("abcdef"), EndsWith("abcdef"));
}

TEST_F(HttpServerTest, AsksForTheBodyThatWasAnnounced) {
    RawClient client(server().port());
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ok");
    EXPECT_THAT(client.read_until("ok"), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(HttpServerTest, DoesNotAskForABodyThatItWillRefuse) {
    options.max_body_bytes = 10;
    RawClient client(server().port());
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 413 "));
    EXPECT_EQ(handler.heads, 0);
}

TEST_F(HttpServerTest, TakesABodyOfExactlyTheLimit) {
    options.max_body_bytes = 10;
    EXPECT_THAT(whole_answer(post("0123456789")), EndsWith("0123456789"));
}

TEST_F(HttpServerTest, RefusesABodyOverTheLimitAndLetsTheClientReadWhy) {
    options.max_body_bytes = 1000;
    RawClient client(server().port());
    client.send(post(std::string(300'000, 'x')));
    const auto answer = client.read_to_end();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
    EXPECT_THAT(answer, HasSubstr("Connection: close"));
    EXPECT_TRUE(client.was_closed());
    EXPECT_EQ(handler.requests, 0);
}

TEST_F(HttpServerTest, RefusesAChunkedBodyOverTheLimit) {
    options.max_body_bytes = 10;
    const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    EXPECT_THAT(whole_answer(head + "6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
    EXPECT_EQ(handler.requests, 0);
}

TEST_F(HttpServerTest, RefusesAHeadOverTheLimit) {
    options.max_head_bytes = 1024;
    const auto fits = std::string(900, 'x');
    EXPECT_THAT(whole_answer(fmt::format("GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", fits)),
                HasSubstr("200 OK"));
    const auto large = std::string(1024, 'x');
    EXPECT_THAT(whole_answer(fmt::format("GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", large)),
                StartsWith("HTTP/1.1 431 "));
    EXPECT_THAT(whole_answer(fmt::format("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", large)),
                StartsWith("HTTP/1.1 431 "));
}

struct Malformed {
    const char* name;
    const char* text;
};

class MalformedRequest : public HttpServerTest, public testing::WithParamInterface<Malformed> {};

TEST_P(MalformedRequest, IsRefused) {
    EXPECT_THAT(whole_answer(GetParam().text), StartsWith("HTTP/1.1 400 "));
    EXPECT_EQ(handler.heads, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, MalformedRequest,
    testing::Values(
        Malformed{"NotHttp", "\x16\x03\x01\x02garbage\r\n\r\n"}, Malformed{"NoVersion", "GET /\r\n\r\n"},
        Malformed{"OtherVersion", "GET / HTTP/3.0\r\nHost: h\r\n\r\n"},
        Malformed{"NoHost", "GET / HTTP/1.1\r\n\r\n"},
        Malformed{"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
        Malformed{"SpaceInName", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
        Malformed{"ControlInValue", "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01z\r\n\r\n"},
        Malformed{"BareLineFeeds", "GET / HTTP/1.1\nHost: a\n\n"},
        Malformed{"StrangeTarget", "GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n"},
        Malformed{"NegativeLength", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"},
        Malformed{"TwoLengths",
                  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"},
        Malformed{
            "LengthAndChunks",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        Malformed{"OtherCoding",
                  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
        Malformed{"CodingOfAnOldClient", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        Malformed{"Identity", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"}),
    [](const auto& info) { return info.param.name; });

TEST_F(HttpServerTest, RefusesABrokenChunk) {
    EXPECT_THAT(whole_answer("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n"),
                StartsWith("HTTP/1.1 400 "));
    EXPECT_EQ(handler.requests, 0);
}

TEST_F(HttpServerTest, LetsTheHandlerWordProtocolErrors) {
    class Worded : public ScriptedHandler {
        HttpResponse on_protocol_error(int status, std::string_view) override {
            return {status, {{"Content-Type", "application/problem+json"}}, "{}"};
        }
    } worded;
    auto server = HttpServer::start(options, worded);
    ASSERT_TRUE(server);
    RawClient client((*server)->port());
    client.send("nonsense\r\n\r\n");
    const auto answer = client.read_to_end();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
    EXPECT_THAT(answer, HasSubstr("application/problem+json"));
    EXPECT_THAT(answer, EndsWith("\r\n\r\n{}"));
}

TEST_F(HttpServerTest, EndsAHeadThatComesTooSlowly) {
    options.head_timeout = 200ms;
    RawClient client(server().port());
    client.send("GET / HTTP/1.1\r\nHo");
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpServerTest, EndsABodyThatComesTooSlowly) {
    options.body_timeout = 50ms;
    RawClient client(server().port());
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab");
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 408 "));
    EXPECT_EQ(handler.requests, 0);
}

TEST_F(HttpServerTest, ClosesASilentConnectionWithoutAWord) {
    options.head_timeout = 50ms;
    RawClient client(server().port());
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_TRUE(client.was_closed());
}

TEST_F(HttpServerTest, ClosesAnIdleConnectionWithoutAWord) {
    options.idle_timeout = 50ms;
    RawClient client(server().port());
    client.send(post("a body"));
    client.read_until("a body");
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_TRUE(client.was_closed());
}

TEST_F(HttpServerTest, TheHeadTimeoutDoesNotCountWhileTheHandlerWorks) {
    options.head_timeout = 200ms;
    options.body_timeout = 200ms;
    std::thread later;
    handler.request = [&](const auto& exchange) {
        later = std::thread([exchange] {
            std::this_thread::sleep_for(300ms);
            exchange->respond({200, {}, "late"});
        });
    };
    RawClient client(server().port());
    client.send(kGet);
    EXPECT_THAT(client.read_until("late"), StartsWith("HTTP/1.1 200 OK"));
    later.join();
}

TEST_F(HttpServerTest, AnswersHeadWithoutABody) {
    handler.request = [](const auto& exchange) { exchange->respond({200, {}, "12345"}); };
    RawClient client(server().port());
    client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto head = client.read_until("\r\n\r\n");
    EXPECT_THAT(head, HasSubstr("Content-Length: 5\r\n"));
    EXPECT_THAT(client.read_until("12345"), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(HttpServerTest, SendsNoBodyAndNoLengthWith204) {
    handler.request = [](const auto& exchange) { exchange->respond({204, {}, "ignored"}); };
    const auto answer = whole_answer(kGet);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 204 No Content\r\n"));
    EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
    EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, ALineBreakInAValueBeginsNoHeader) {
    handler.request = [](const auto& exchange) {
        exchange->respond({200, {{"x", "a\r\nSet-Cookie: b"}}, ""});
    };
    EXPECT_THAT(whole_answer(kGet), HasSubstr("x: a  Set-Cookie: b\r\n"));
}

TEST_F(HttpServerTest, ClosesWhenTheClientWishes) {
    RawClient client(server().port());
    client.send(post("bye", "Connection: close\r\n"));
    const auto answer = client.read_to_end();
    EXPECT_THAT(answer, HasSubstr("Connection: close"));
    EXPECT_THAT(answer, EndsWith("bye"));
}

TEST_F(HttpServerTest, ClosesWhenTheHandlerWishes) {
    handler.request = [](const auto& exchange) {
        exchange->respond({200, {{"Connection", "close"}}, "bye"});
    };
    RawClient client(server().port());
    client.send(kGet);
    EXPECT_THAT(client.read_to_end(), EndsWith("bye"));
}

TEST_F(HttpServerTest, KeepsAnOldClientOnlyWhenItAsks) {
    EXPECT_THAT(whole_answer("GET / HTTP/1.0\r\n\r\n"), HasSubstr("Connection: close"));
    EXPECT_THAT(whole_answer("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
                HasSubstr("Connection: keep-alive"));
}

TEST_F(HttpServerTest, AnswersFromAnotherThreadAndTellsThatItWasWritten) {
    std::promise<std::shared_ptr<Exchange>> arrived;
    handler.request = [&](const auto& exchange) { arrived.set_value(exchange); };
    RawClient client(server().port());
    client.send(kGet);
    auto exchange = arrived.get_future().get();
    EXPECT_EQ(server().levels().open_exchanges, 1u);
    std::promise<bool> written;
    exchange->respond({200, {}, "over there"}, [&](bool complete) { written.set_value(complete); });
    EXPECT_TRUE(written.get_future().get());
    EXPECT_THAT(client.read_until("over there"), EndsWith("over there"));
    EXPECT_EQ(server().levels().open_exchanges, 0u);
}

TEST_F(HttpServerTest, OnlyTheFirstAnswerCounts) {
    handler.request = [&](const auto& exchange) {
        exchange->respond({200, {}, "first"});
        exchange->respond({500, {}, "second"});
        exchange->reset(true);
    };
    EXPECT_THAT(whole_answer(kGet), EndsWith("first"));
}

TEST_F(HttpServerTest, TellsThatAnAnswerWasNotWrittenWhenTheClientLeft) {
    std::promise<std::shared_ptr<Exchange>> arrived;
    handler.request = [&](const auto& exchange) { arrived.set_value(exchange); };
    RawClient client(server().port());
    client.send(kGet);
    auto exchange = arrived.get_future().get();
    client.close();
    ASSERT_TRUE(eventually([&] { return server().levels().connections == 0; }));
    std::promise<bool> written;
    exchange->respond({200, {}, "too late"}, [&](bool complete) { written.set_value(complete); });
    EXPECT_FALSE(written.get_future().get());
}

TEST_F(HttpServerTest, TellsThatAnAnswerWasNotWrittenWhenItIsNotRead) {
    options.body_timeout = 100ms;
    std::promise<bool> written;
    handler.request = [&](const auto& exchange) {
        exchange->respond({200, {}, std::string(64'000'000, 'x')},
                          [&](bool complete) { written.set_value(complete); });
    };
    RawClient client(server().port());
    client.send(kGet);
    EXPECT_FALSE(written.get_future().get());
}

TEST_F(HttpServerTest, ResetBreaksTheConnectionOff) {
    handler.request = [](const auto& exchange) { exchange->reset(true); };
    RawClient client(server().port());
    client.send(kGet);
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_TRUE(client.was_reset());
}

TEST_F(HttpServerTest, ResetFromAnotherThreadBreaksTheConnectionOff) {
    std::promise<std::shared_ptr<Exchange>> arrived;
    handler.request = [&](const auto& exchange) { arrived.set_value(exchange); };
    RawClient client(server().port());
    client.send(kGet);
    arrived.get_future().get()->reset(true);
    client.read_to_end();
    EXPECT_TRUE(client.was_reset());
}

TEST_F(HttpServerTest, AnExchangeThatIsLetGoResetsTheConnection) {
    handler.request = [](const auto&) {};
    RawClient client(server().port());
    client.send(kGet);
    client.read_to_end();
    EXPECT_TRUE(client.was_reset());
}

TEST_F(HttpServerTest, ResetAtTheHeadLeavesTheBodyUnread) {
    handler.head = [](const auto& exchange) { exchange->reset(true); };
    RawClient client(server().port());
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n");
    client.read_to_end();
    EXPECT_TRUE(client.was_reset());
    EXPECT_EQ(handler.requests, 0);
}

TEST_F(HttpServerTest, AnAnswerAtTheHeadEndsTheConnectionAfterIt) {
    handler.head = [](const auto& exchange) { exchange->respond({503, {}, "not now"}); };
    RawClient client(server().port());
    client.send(post("abc").substr(0, post("abc").size() - 1));
    const auto answer = client.read_to_end();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(answer, HasSubstr("Connection: close"));
    EXPECT_EQ(handler.requests, 0);
}

TEST_F(HttpServerTest, TheTagGoesFromHeadToRequest) {
    handler.head = [](const auto& exchange) { exchange->tag = 42; };
    handler.request = [](const auto& exchange) {
        exchange->respond({200, {}, std::to_string(exchange->tag)});
    };
    EXPECT_THAT(whole_answer(kGet), EndsWith("42"));
}

TEST_F(HttpServerTest, ServesManyConnectionsOnSeveralThreads) {
    options.threads = 2;
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 50; ++i) clients.push_back(std::make_unique<RawClient>(server().port()));
    for (int round = 0; round < 3; ++round) {
        for (std::size_t i = 0; i < clients.size(); ++i)
            clients[i]->send(post(fmt::format("<{}.{}>", round, i)));
        for (std::size_t i = 0; i < clients.size(); ++i) {
            const auto body = fmt::format("<{}.{}>", round, i);
            EXPECT_THAT(clients[i]->read_until(body), EndsWith(body));
        }
    }
    EXPECT_EQ(server().levels().connections, clients.size());
}

TEST_F(HttpServerTest, ConnectionsOverTheLimitWaitTheirTurn) {
    options.max_connections = 1;
    auto first = std::make_unique<RawClient>(server().port());
    ASSERT_TRUE(eventually([&] { return server().levels().connections == 1; }));
    RawClient second(server().port());
    second.send(post("two"));
    EXPECT_EQ(handler.requests, 0);
    first->send(post("one"));
    EXPECT_THAT(first->read_until("one"), EndsWith("one"));
    first.reset();
    EXPECT_THAT(second.read_until("two"), EndsWith("two"));
}

TEST_F(HttpServerTest, AFullServerClosesTheLongestIdleForANewcomer) {
    options.max_connections = 3;
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<RawClient>(server().port()));
    for (const int i : {1, 0, 2}) {
        clients[i]->send(post("hello"));
        EXPECT_THAT(clients[i]->read_until("hello"), EndsWith("hello"));
    }
    RawClient newcomer(server().port());
    newcomer.send(post("new"));
    EXPECT_THAT(newcomer.read_until("new"), EndsWith("new"));
    EXPECT_EQ(clients[1]->read_to_end(), "");
    EXPECT_TRUE(clients[1]->was_closed());
    for (const int i : {0, 2}) {
        clients[i]->send(post("again"));
        EXPECT_THAT(clients[i]->read_until("again"), EndsWith("again"));
    }
}

TEST_F(HttpServerTest, AFullServerClosesNobodyWhoWaitsForAnAnswer) {
    options.max_connections = 3;
    options.threads = 2;
    std::mutex mutex;
    std::vector<std::shared_ptr<Exchange>> open;
    handler.request = [&](const auto& exchange) {
        if (exchange->request().body != "slow") return exchange->respond({200, {}, exchange->request().body});
        const std::lock_guard lock(mutex);
        open.push_back(exchange);
    };
    RawClient waiting(server().port());
    waiting.send(post("slow"));
    RawClient waiting_too(server().port());
    waiting_too.send(post("slow"));
    ASSERT_TRUE(eventually([&] { return handler.requests == 2; }));
    RawClient idle(server().port());
    idle.send(post("quick"));
    EXPECT_THAT(idle.read_until("quick"), EndsWith("quick"));
    RawClient newcomer(server().port());
    newcomer.send(post("new"));
    EXPECT_THAT(newcomer.read_until("new"), EndsWith("new"));
    EXPECT_EQ(idle.read_to_end(), "");
    {
        const std::lock_guard lock(mutex);
        for (const auto& exchange : std::exchange(open, {})) exchange->respond({200, {}, "answer"});
    }
    EXPECT_THAT(waiting.read_until("answer"), EndsWith("answer"));
    EXPECT_THAT(waiting_too.read_until("answer"), EndsWith("answer"));
}

/// Takes every descriptor that the process may still open, under a low limit.
class NoDescriptors {
public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit low = before_;
        low.rlim_cur = 512;
        ::setrlimit(RLIMIT_NOFILE, &low);
        for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) taken_.push_back(fd);
        EXPECT_EQ(errno, EMFILE);
    }
    ~NoDescriptors() {
        for (const int fd : taken_) ::close(fd);
        ::setrlimit(RLIMIT_NOFILE, &before_);
    }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

private:
    rlimit before_{};
    std::vector<int> taken_;
};

TEST_F(HttpServerTest, RestsWhileNoDescriptorIsLeftAndRecovers) {
    RawClient early(server().port());
    early.send(post("early"));
    early.read_until("early");
    RawClient late;
    std::optional<NoDescriptors> exhausted(std::in_place);
    late.connect(server().port());
    late.send(post("late"));
    early.send(post("still served"));
    EXPECT_THAT(early.read_until("still served"), EndsWith("still served"));
    EXPECT_EQ(server().levels().connections, 1u);
    exhausted.reset();
    EXPECT_THAT(late.read_until("late"), EndsWith("late"));
}

TEST_F(HttpServerTest, StopLetsOpenExchangesAnswer) {
    std::promise<std::shared_ptr<Exchange>> arrived;
    handler.request = [&](const auto& exchange) { arrived.set_value(exchange); };
    RawClient busy(server().port());
    RawClient idle(server().port());
    busy.send(kGet);
    auto exchange = arrived.get_future().get();
    auto stopped = std::async(std::launch::async, [&] { server().stop(kPatience); });
    EXPECT_EQ(idle.read_to_end(), "");
    EXPECT_EQ(stopped.wait_for(0s), std::future_status::timeout);
    exchange->respond({200, {}, "last words"});
    const auto answer = busy.read_to_end();
    EXPECT_THAT(answer, HasSubstr("Connection: close"));
    EXPECT_THAT(answer, EndsWith("last words"));
    stopped.get();
    EXPECT_EQ(server().levels().connections, 0u);
}

TEST_F(HttpServerTest, StopClosesAtItsDeadlineAndLateAnswersAreNotWritten) {
    std::promise<std::shared_ptr<Exchange>> arrived;
    handler.request = [&](const auto& exchange) { arrived.set_value(exchange); };
    RawClient client(server().port());
    client.send(kGet);
    auto exchange = arrived.get_future().get();
    server().stop(20ms);
    EXPECT_EQ(client.read_to_end(), "");
    std::vector<bool> written;
    exchange->respond({200, {}, "too late"}, [&](bool complete) { written.push_back(complete); });
    EXPECT_EQ(written, std::vector<bool>{false});
}

TEST_F(HttpServerTest, AnExchangeMayOutliveItsServer) {
    std::promise<std::shared_ptr<Exchange>> arrived;
    auto server = HttpServer::start(options, handler);
    ASSERT_TRUE(server);
    handler.request = [&](const auto& exchange) { arrived.set_value(exchange); };
    RawClient client((*server)->port());
    client.send(kGet);
    auto exchange = arrived.get_future().get();
    server->reset();
    EXPECT_EQ(exchange->request().method, "GET");
    std::vector<bool> written;
    exchange->respond({}, [&](bool complete) { written.push_back(complete); });
    EXPECT_EQ(written, std::vector<bool>{false});
}

TEST_F(HttpServerTest, RefusesConnectionsOnceStopped) {
    const auto port = server().port();
    server().stop(0ms);
    server().stop(0ms);
    EXPECT_FALSE(RawClient().connect(port));
}

TEST_F(HttpServerTest, SaysWhenTheAddressIsTaken) {
    options.port = server().port();
    const auto second = HttpServer::start(options, handler);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::unavailable);
    EXPECT_THAT(second.error().message, HasSubstr(std::to_string(options.port)));
}

TEST_F(HttpServerTest, SaysWhenTheAddressIsNone) {
    options.host = "not an address";
    EXPECT_FALSE(HttpServer::start(options, handler));
}

}  // namespace
}  // namespace herald::net
