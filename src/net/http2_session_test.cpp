#include "net/http2_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Headers post(const std::string& path = "/3/device/ab") {
    return {{":method", "POST"}, {":scheme", "https"}, {":authority", "example.test"}, {":path", path}};
}
Headers status(int code) { return {{":status", std::to_string(code)}}; }

struct Describe {
    std::string operator()(const http2::SettingsArrived&) const { return "settings"; }
    std::string operator()(const http2::HeadArrived& e) const { return of(e.stream, "head"); }
    std::string operator()(const http2::MessageArrived& e) const { return of(e.stream, "message " + e.body); }
    std::string operator()(const http2::MessageRefused& e) const {
        return of(e.stream, "refused " + std::to_string(e.status));
    }
    std::string operator()(const http2::MessageWritten& e) const { return of(e.stream, "written"); }
    std::string operator()(const http2::StreamClosed& e) const {
        return of(e.stream, "closed " + std::string(http2::error_name(e.code)));
    }
    std::string operator()(const http2::GoAwayArrived& e) const {
        return of(e.last_stream, "goaway " + e.debug_data);
    }
    static std::string of(StreamId stream, const std::string& what) {
        return std::to_string(stream) + " " + what;
    }
};

std::vector<std::string> told(Http2Session& session) {
    std::vector<std::string> lines;
    for (const auto& event : session.take_events()) lines.push_back(std::visit(Describe{}, event));
    return lines;
}

/// Moves everything that `from` has to say, at most `most` bytes of it.
std::size_t move_output(Http2Session& from, Http2Session& to, std::size_t most = SIZE_MAX) {
    std::size_t moved = 0;
    while (moved < most) {
        const std::string bytes(from.output().substr(0, most - moved));
        if (bytes.empty()) break;
        EXPECT_TRUE(to.receive(bytes));
        from.written(bytes.size());
        moved += bytes.size();
    }
    return moved;
}

struct Http2SessionTest : testing::Test {
    Http2Session client{{.role = Http2Session::Role::client}};
    Http2Session server{
        {.role = Http2Session::Role::server, .max_concurrent_streams = 3, .max_body_bytes = 100'000}};

    void exchange() {
        while (move_output(client, server) + move_output(server, client) > 0) {
        }
    }
    void greet() {
        exchange();
        told(client);
        told(server);
    }
    StreamId open(std::string body = "hello", Headers head = post()) {
        const auto stream = client.open(head, std::move(body));
        EXPECT_TRUE(stream);
        return *stream;
    }
};

TEST_F(Http2SessionTest, CarriesARequestAndItsAnswer) {
    greet();
    open("hello");
    exchange();
    EXPECT_THAT(told(client), ElementsAre("1 written"));
    EXPECT_THAT(told(server), ElementsAre("1 head", "1 message hello"));
    ASSERT_TRUE(server.answer(1, status(200), "world"));
    exchange();
    EXPECT_THAT(told(server), ElementsAre("1 written", "1 closed NO_ERROR"));
    EXPECT_THAT(told(client), ElementsAre("1 head", "1 message world", "1 closed NO_ERROR"));
}

TEST_F(Http2SessionTest, OpensOneStreamUntilTheSettingsAreKnown) {
    EXPECT_EQ(client.room(), 1U);
    open();
    EXPECT_EQ(client.room(), 0U);
    exchange();
    EXPECT_EQ(client.room(), 2U);
}

TEST_F(Http2SessionTest, TellsThatAMessageIsWrittenOnlyWhenItsLastByteWasHandedOver) {
    greet();
    open();
    const auto size = client.output().size();
    client.written(size - 1);
    EXPECT_THAT(told(client), IsEmpty());
    client.written(1);
    EXPECT_THAT(told(client), ElementsAre("1 written"));
}

TEST_F(Http2SessionTest, TellsEachOfManyMessagesAtItsOwnLastByte) {
    greet();
    for (int i = 0; i < 3; ++i) open("body");
    const std::string bytes(client.output());
    std::vector<std::size_t> offsets;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        ASSERT_TRUE(server.receive(std::string_view(bytes).substr(i, 1)));
        client.written(1);
        const auto written = told(client).size();
        std::size_t arrived = 0;
        for (const auto& line : told(server)) arrived += line.find("message") != std::string::npos ? 1U : 0U;
        EXPECT_EQ(written, arrived) << "at byte " << i;
    }
}

TEST_F(Http2SessionTest, WaitsForTheWindowWithALargeBody) {
    greet();
    open(std::string(90'000, 'x'));
    exchange();
    EXPECT_THAT(told(client), ElementsAre("1 written"));
    EXPECT_THAT(told(server), ElementsAre("1 head", "1 message " + std::string(90'000, 'x')));
}

TEST_F(Http2SessionTest, ResetBeforeTheLastByteHoldsTheMessageBack) {
    greet();
    open(std::string(90'000, 'x'));
    ASSERT_GT(move_output(client, server, 20'000), 0U);
    EXPECT_FALSE(client.reset(1, http2::kCancel));
    exchange();
    EXPECT_THAT(told(server), ElementsAre("1 head", "1 closed CANCEL"));
    EXPECT_THAT(told(client), ElementsAre("1 closed CANCEL"));
    EXPECT_EQ(client.open_streams(), 0U);
}

TEST_F(Http2SessionTest, ResetOfARequestThatIsNotYetOutSendsNothingOfIt) {
    greet();
    open();
    EXPECT_FALSE(client.reset(1, http2::kCancel));
    exchange();
    EXPECT_THAT(told(server), IsEmpty());
    EXPECT_THAT(told(client), ElementsAre("1 closed CANCEL"));
}

TEST_F(Http2SessionTest, ResetAfterTheLastByteSaysThatItCannotBeHeldBack) {
    greet();
    open();
    ASSERT_FALSE(client.output().empty());
    EXPECT_TRUE(client.reset(1, http2::kCancel));
}

TEST_F(Http2SessionTest, RefusesTheOneStreamAboveTheLimit) {
    // Unaware of the limit, which a peer that ignores it is too.
    Http2Session careless({.role = Http2Session::Role::client});
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(careless.open(post(), "x"));
    move_output(careless, server);
    move_output(server, careless);
    EXPECT_THAT(told(server), testing::Not(testing::Contains("7 head")));
    EXPECT_THAT(told(careless),
                testing::IsSupersetOf({"7 closed REFUSED_STREAM", "9 closed REFUSED_STREAM"}));
    ASSERT_TRUE(server.answer(5, status(200), ""));
    move_output(server, careless);
    EXPECT_THAT(told(careless), ElementsAre("5 head", "5 message ", "5 closed NO_ERROR"));
}

TEST_F(Http2SessionTest, GoAwayEndsTheStreamsThatItDoesNotCover) {
    greet();
    for (int i = 0; i < 3; ++i) open();
    exchange();
    told(client);
    server.go_away(1, http2::kNoError, R"({"reason":"Shutdown"})");
    exchange();
    EXPECT_THAT(told(client),
                testing::UnorderedElementsAre(R"(1 goaway {"reason":"Shutdown"})", "3 closed REFUSED_STREAM",
                                              "5 closed REFUSED_STREAM"));
    EXPECT_EQ(client.room(), 0U);
    EXPECT_FALSE(client.may_open());
    EXPECT_FALSE(client.finished());
    ASSERT_TRUE(server.answer(1, status(200), "still here"));
    exchange();
    EXPECT_THAT(told(client), ElementsAre("1 head", "1 message still here", "1 closed NO_ERROR"));
    EXPECT_TRUE(client.finished());
    EXPECT_TRUE(server.finished());
}

TEST_F(Http2SessionTest, RefusesABodyAboveTheLimitAndStillAnswers) {
    greet();
    open(std::string(150'000, 'x'));
    exchange();
    EXPECT_THAT(told(server), ElementsAre("1 head", "1 refused 413"));
    ASSERT_TRUE(server.answer(1, status(413), "too large"));
    exchange();
    EXPECT_THAT(told(client), testing::IsSupersetOf({"1 head", "1 message too large"}));
    EXPECT_EQ(server.open_streams(), 0U);
}

TEST_F(Http2SessionTest, RefusesAnAnnouncedBodyAboveTheLimitAtItsHead) {
    greet();
    auto head = post();
    head.push_back({"content-length", "150000"});
    open(std::string(150'000, 'x'), head);
    move_output(client, server, 1000);
    EXPECT_THAT(told(server), ElementsAre("1 refused 413"));
}

TEST_F(Http2SessionTest, StopsABodyThatTheAnswerDidNotNeed) {
    greet();
    open(std::string(90'000, 'x'));
    move_output(client, server, 20'000);
    ASSERT_TRUE(server.answer(1, status(403), "no"));
    move_output(server, client);
    exchange();
    EXPECT_THAT(told(client), ElementsAre("1 head", "1 message no", "1 closed NO_ERROR"));
}

TEST_F(Http2SessionTest, RefusesAHeadAboveTheLimit) {
    greet();
    auto head = post();
    head.push_back({"x-long", std::string(20'000, 'x')});
    open("hello", head);
    exchange();
    EXPECT_THAT(told(server), ElementsAre("1 refused 431"));
}

TEST_F(Http2SessionTest, DoesNotSendAHeadThatNoPeerWouldTake) {
    greet();
    auto head = post();
    head.push_back({"x-long", std::string(100'000, 'x')});
    const auto stream = client.open(head, "hello");
    ASSERT_FALSE(stream);
    EXPECT_EQ(stream.error().code, ErrorCode::too_large);
    EXPECT_EQ(client.open_streams(), 0U);
}

TEST_F(Http2SessionTest, TakesTheSchemeOfNodesFirebaseSdk) {
    greet();
    open("{}", {{":method", "POST"}, {":scheme", "https:"}, {":path", "/v1/x"}, {"host", "example.test"}});
    exchange();
    EXPECT_THAT(told(server), ElementsAre("1 head", "1 message {}"));
}

TEST_F(Http2SessionTest, RefusesAHeadWithoutAPath) {
    greet();
    open("", {{":method", "GET"}, {":scheme", "https"}});
    exchange();
    EXPECT_THAT(told(server), ElementsAre("1 refused 400"));
}

TEST_F(Http2SessionTest, RefusesABodyOfAnotherLengthThanAnnounced) {
    greet();
    auto head = post();
    head.push_back({"content-length", "7"});
    open("hello", head);
    exchange();
    EXPECT_THAT(told(server), ElementsAre("1 head", "1 refused 400"));
}

TEST_F(Http2SessionTest, TellsAResetOfThePeer) {
    greet();
    open();
    exchange();
    server.reset(1, http2::kInternalError);
    exchange();
    EXPECT_THAT(told(client), ElementsAre("1 written", "1 closed INTERNAL_ERROR"));
    EXPECT_THAT(told(server), testing::Contains("1 closed INTERNAL_ERROR"));
}

TEST_F(Http2SessionTest, AnswersAStreamOnce) {
    greet();
    open();
    exchange();
    ASSERT_TRUE(server.answer(1, status(200), "one"));
    EXPECT_FALSE(server.answer(1, status(200), "two"));
}

TEST_F(Http2SessionTest, FailsWhenThePeerDoesNotSpeakHttp2) {
    EXPECT_FALSE(server.receive("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n"));
    EXPECT_TRUE(server.finished());
}

TEST_F(Http2SessionTest, AnswersAPing) {
    greet();
    client.ping();
    EXPECT_GT(move_output(client, server), 0U);
    EXPECT_GT(move_output(server, client), 0U);
}

/// SETTINGS as a server sends them, with one entry: the stream limit.
std::string settings_with_limit(char limit) {
    return std::string("\0\0\6\4\0\0\0\0\0\0\3\0\0\0", 14) + limit;
}

TEST(Http2SessionSettings, FollowsAStreamLimitThatRisesAndFalls) {
    Http2Session client({.role = Http2Session::Role::client});
    ASSERT_TRUE(client.receive(settings_with_limit(1)));
    EXPECT_EQ(client.room(), 1U);
    ASSERT_TRUE(client.open(post(), "x"));
    EXPECT_EQ(client.room(), 0U);
    ASSERT_TRUE(client.receive(settings_with_limit(50)));
    EXPECT_EQ(client.room(), 49U);
    ASSERT_TRUE(client.receive(settings_with_limit(1)));
    EXPECT_EQ(client.room(), 0U);
}

}  // namespace
}  // namespace herald::net
