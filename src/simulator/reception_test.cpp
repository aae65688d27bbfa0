#include "simulator/reception.hpp"

namespace herald::simulator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Accepts everything; the recipient is the body.
class Yes final : public SimulatedProvider {
public:
    Judgement judge(const net::ServerRequest& request) override {
        return {
            merge(subject_of_head(request), {"", 0, request.body}), {200, {{"from", "provider"}}, "yes"}, ""};
    }
    net::HttpResponse failure(int status, const net::ServerRequest&) const override {
        return {status, {{"retry-after", "9"}}, "no"};
    }
    bool is_beside(const net::ServerRequest& request) const override { return request.path == "/token"; }
    net::HttpResponse serve_beside(const net::ServerRequest&) override { return {200, {}, "token"}; }
};

class FakeExchange final : public net::Exchange {
public:
    explicit FakeExchange(net::ServerRequest request) : request_(std::move(request)) {}

    const net::ServerRequest& request() const override { return request_; }
    void respond(net::HttpResponse given, std::function<void(bool)> written) override {
        happened.push_back("answered " + std::to_string(given.status));
        response = std::move(given);
        if (written) written(written_whole);
    }
    void reset(bool whole) override { happened.emplace_back(whole ? "dropped" : "reset"); }
    void go_away(std::string_view debug) override { happened.push_back("goaway " + std::string(debug)); }
    void refuse() override { happened.emplace_back("refused"); }

    std::vector<std::string> happened;
    net::HttpResponse response;
    bool written_whole = true;

private:
    net::ServerRequest request_;
};

class ReceptionTest : public testing::Test {
protected:
    ~ReceptionTest() override { delayed_.stop(); }

    std::shared_ptr<FakeExchange> exchange(std::string method, std::string path, std::string body = "",
                                           std::string query = "") {
        net::ServerRequest request;
        request.method = std::move(method);
        request.path = std::move(path);
        request.query = std::move(query);
        request.body = std::move(body);
        request.headers = {{"x-herald-delivery", "n.0.1"}};
        return std::make_shared<FakeExchange>(std::move(request));
    }
    std::shared_ptr<FakeExchange> run(std::shared_ptr<FakeExchange> made) {
        reception_.on_head(made);
        if (made->happened.empty()) reception_.on_request(made);
        return made;
    }
    std::shared_ptr<FakeExchange> send(std::string recipient = "r") {
        return run(exchange("POST", "/send", std::move(recipient)));
    }
    void put_faults(const std::string& rules) {
        const auto put = run(exchange("PUT", "/faults", R"({"rules":[)" + rules + "]}"));
        ASSERT_EQ(put->response.status, 200) << put->response.body;
    }
    Json messages(std::string query = "") {
        return Json::parse(run(exchange("GET", "/messages", "", std::move(query)))->response.body).value();
    }
    Json only_row() {
        const Json page = messages();
        EXPECT_EQ(page.integer("count"), 1);
        return page.find("data")->as_array()->at(0);
    }

    Yes provider_;
    Delayed delayed_;
    Reception reception_{provider_, {.http2 = true, .recipient_in_path = false}, delayed_};
};

TEST_F(ReceptionTest, AnswersWhatTheProviderSaysAndNotesIt) {
    EXPECT_EQ(send("tok")->response.body, "yes");
    const Json row = only_row();
    EXPECT_EQ(row.text("delivery"), "n.0.1");
    EXPECT_EQ(row.text("recipient"), "tok");
    EXPECT_EQ(row.text("verdict"), "200");
    EXPECT_EQ(*row.find("answer_written")->as_bool(), true);
    EXPECT_TRUE(row.find("fault")->is_null());
}

TEST_F(ReceptionTest, NotesAnAnswerThatWasNotFullyWritten) {
    auto cut_off = exchange("POST", "/send", "tok");
    cut_off->written_whole = false;
    run(cut_off);
    EXPECT_EQ(*only_row().find("answer_written")->as_bool(), false);
}

TEST_F(ReceptionTest, AStatusTakesThePlaceOfTheAnswer) {
    put_faults(R"({"fault":"status","status":429,"headers":{"Retry-After":"2","x":"y"}})");
    const auto sent = send();
    EXPECT_EQ(sent->response.status, 429);
    EXPECT_EQ(sent->response.body, "no");
    EXPECT_EQ(net::find_header(sent->response.headers, "retry-after"), "2");
    EXPECT_EQ(net::find_header(sent->response.headers, "x"), "y");
    EXPECT_EQ(only_row().text("verdict"), "429");
    EXPECT_EQ(only_row().text("fault"), "status");
}

TEST_F(ReceptionTest, AStatusMayHaveABodyOfItsOwn) {
    put_faults(R"({"fault":"status","body":"<html>"})");
    EXPECT_EQ(send()->response.body, "<html>");
}

TEST_F(ReceptionTest, ResetsBeforeTheBody) {
    put_faults(R"({"fault":"reset_before_body"})");
    const auto sent = exchange("POST", "/send", "tok");
    reception_.on_head(sent);
    EXPECT_THAT(sent->happened, ElementsAre("reset"));
    const Json row = only_row();
    EXPECT_EQ(row.text("delivery"), "n.0.1");
    EXPECT_EQ(row.text("verdict"), "reset_before_body");
    EXPECT_EQ(*row.find("body_complete")->as_bool(), false);
}

TEST_F(ReceptionTest, ABodyThatComesAfterAResetChangesNothing) {
    put_faults(R"({"fault":"reset_before_body"})");
    const auto sent = exchange("POST", "/send", "tok");
    reception_.on_head(sent);
    reception_.on_request(sent);
    EXPECT_THAT(sent->happened, ElementsAre("reset"));
    EXPECT_EQ(*only_row().find("body_complete")->as_bool(), false);
}

TEST_F(ReceptionTest, RefusesTheStream) {
    put_faults(R"({"fault":"refused_stream"})");
    EXPECT_THAT(send()->happened, ElementsAre("refused"));
}

TEST_F(ReceptionTest, GoesAway) {
    put_faults(R"({"fault":"goaway"})");
    EXPECT_THAT(send()->happened, ElementsAre(R"(goaway {"reason":"Shutdown"})"));
}

TEST_F(ReceptionTest, BreaksOffAfterTheBody) {
    put_faults(R"({"fault":"reset_after_body","times":1},{"fault":"close_connection","times":1},
                  {"fault":"answer_lost","times":1})");
    EXPECT_THAT(send()->happened, ElementsAre("reset"));
    EXPECT_THAT(send()->happened, ElementsAre("dropped"));
    EXPECT_THAT(send()->happened, ElementsAre("reset"));
    const Json page = messages();
    const auto& rows = *page.find("data")->as_array();
    EXPECT_EQ(rows.at(0).text("verdict"), "reset_after_body");
    EXPECT_EQ(rows.at(1).text("verdict"), "close_connection");
    EXPECT_EQ(rows.at(2).text("verdict"), "answer_lost");
    EXPECT_EQ(rows.at(2).text("reason"), "200");
    for (const auto& row : rows) {
        EXPECT_EQ(*row.find("body_complete")->as_bool(), true);
        EXPECT_EQ(*row.find("answer_written")->as_bool(), false);
    }
}

TEST_F(ReceptionTest, HoldsWhatHangsUntilTheFaultsAreTakenAway) {
    put_faults(R"({"fault":"hang"})");
    const auto sent = send();
    EXPECT_THAT(sent->happened, IsEmpty());
    EXPECT_EQ(only_row().text("verdict"), "hang");
    EXPECT_EQ(run(exchange("DELETE", "/faults"))->response.status, 204);
    EXPECT_THAT(sent->happened, ElementsAre("reset"));
    EXPECT_THAT(send()->happened, ElementsAre("answered 200"));
}

TEST_F(ReceptionTest, LatencyDelaysTheAnswerAndNotTheServer) {
    put_faults(R"({"fault":"latency","ms":600000})");
    const auto sent = send();
    EXPECT_THAT(sent->happened, IsEmpty());
    EXPECT_EQ(only_row().text("verdict"), "200");
    EXPECT_EQ(only_row().text("fault"), "latency");
    delayed_.stop();
    EXPECT_THAT(sent->happened, ElementsAre("answered 200"));
}

TEST_F(ReceptionTest, TakingFaultsAwayDoesNotHurryLatency) {
    put_faults(R"({"fault":"latency","ms":600000})");
    const auto sent = send();
    run(exchange("DELETE", "/faults"));
    EXPECT_THAT(sent->happened, IsEmpty());
}

TEST_F(ReceptionTest, WhatIsNoMessageIsNeitherNotedNorFaulty) {
    put_faults(R"({"fault":"status"})");
    EXPECT_EQ(run(exchange("POST", "/token"))->response.body, "token");
    EXPECT_EQ(messages().integer("count"), 0);
}

TEST_F(ReceptionTest, EmptiesItsLedger) {
    send();
    EXPECT_EQ(run(exchange("DELETE", "/messages"))->response.status, 204);
    EXPECT_EQ(messages().integer("count"), 0);
}

TEST_F(ReceptionTest, FiltersAndCounts) {
    send("a");
    send("b");
    EXPECT_EQ(messages("recipient=b").integer("count"), 1);
    EXPECT_EQ(messages("since=1").find("data")->as_array()->at(0).text("recipient"), "b");
    EXPECT_EQ(messages("limit=1").find("data")->as_array()->size(), 1u);
    const Json counts = messages("count=1");
    EXPECT_EQ(counts.integer("count"), 2);
    EXPECT_EQ(counts.find("by_verdict")->integer("200"), 2);
    EXPECT_EQ(counts.find("data"), nullptr);
}

TEST_F(ReceptionTest, RefusesAQueryThatItDoesNotKnow) {
    EXPECT_EQ(run(exchange("GET", "/messages", "", "deliver=x"))->response.status, 400);
    EXPECT_EQ(run(exchange("GET", "/messages", "", "limit=many"))->response.status, 400);
}

TEST_F(ReceptionTest, RefusesFaultsThatItDoesNotUnderstand) {
    EXPECT_EQ(run(exchange("PUT", "/faults", "{"))->response.status, 400);
    EXPECT_EQ(run(exchange("PUT", "/faults", R"({"rules":[{"fault":"x"}]})"))->response.status, 400);
    const auto wrong_method = run(exchange("POST", "/faults", "{}"));
    EXPECT_EQ(wrong_method->response.status, 405);
    EXPECT_EQ(net::find_header(wrong_method->response.headers, "allow"), "GET, PUT, DELETE");
}

TEST_F(ReceptionTest, ThePlainPortTakesNoMessages) {
    const auto message = exchange("POST", "/send");
    reception_.beside_only().on_request(message);
    EXPECT_EQ(message->response.status, 404);
    const auto token = exchange("POST", "/token");
    reception_.beside_only().on_request(token);
    EXPECT_EQ(token->response.body, "token");
    const auto look = exchange("GET", "/messages");
    reception_.beside_only().on_request(look);
    EXPECT_EQ(look->response.status, 200);
}

}  // namespace
}  // namespace herald::simulator
