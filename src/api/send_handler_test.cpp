#include "api/testing/api_fixture.hpp"
#include "model/records.hpp"
#include "pipeline/topics.hpp"

namespace herald::api {
namespace {

class SendTest : public ApiTest {
protected:
    void SetUp() override { post_welcome(); }

    net::HttpResponse send(std::string body, Extra headers = {}) {
        return call("POST", "/api/v1/notifications", std::move(body), std::move(headers));
    }
    /// kSend with further members.
    net::HttpResponse send_with(const std::string& members, Extra headers = {}) {
        const std::string body(kSend);
        return send(body.substr(0, body.size() - 1) + "," + members + "}", std::move(headers));
    }
    /// The only record of all requests topics.
    Notification appended() {
        std::vector<LogRecord> records;
        for (const auto lane : kLanes) {
            for (auto& record : log_.records(topics::requests(lane))) records.push_back(std::move(record));
        }
        EXPECT_EQ(records.size(), 1u);
        if (records.empty()) return {};
        return std::get<Notification>(*decode_request(records[0].value));
    }
};

TEST_F(SendTest, AnswersWithWhatWasAccepted) {
    const auto response = send(kSend);
    ASSERT_EQ(response.status, 202) << response.body;
    const auto body = json_of(response);
    const auto id = NotificationId::parse(body.text("id"));
    ASSERT_TRUE(id);
    EXPECT_TRUE(is_given_out(keys_, default_tenant(), *id));
    EXPECT_EQ(body.text("status"), "accepted");
    EXPECT_EQ(body.integer("template_version"), 1);
    EXPECT_EQ(body.text("accepted_at"), to_rfc3339(kTestStart));
    EXPECT_EQ(body.as_object()->size(), 4u);
    EXPECT_EQ(header(response, "Location"), "/api/v1/notifications/" + to_string(*id));
    EXPECT_EQ(header(response, "Idempotency-Replayed"), "<none>");
}

TEST_F(SendTest, AppendsWhatTheBodySays) {
    const auto response =
        send_with(R"("channels":["email","sms"],"template_version":1,"ttl_s":60,"lane":"critical",)"
                  R"("send_at":"2023-11-15T00:00:00+01:00","metadata":{"n":1.50})");
    ASSERT_EQ(response.status, 202) << response.body;
    const auto record = appended();
    const auto send_at = *parse_rfc3339("2023-11-14T23:00:00Z");
    EXPECT_EQ(to_string(record.id), json_of(response).text("id"));
    EXPECT_EQ(record.user_id, UserId("ada"));
    EXPECT_EQ(record.template_id, TemplateId("welcome"));
    EXPECT_EQ(record.channels, (std::vector{Channel::email, Channel::sms}));
    EXPECT_EQ(record.lane, Lane::critical);
    EXPECT_EQ(record.send_at, send_at);
    EXPECT_EQ(record.deadline_at, send_at + std::chrono::seconds(60));
    EXPECT_EQ(record.data.dump(), R"({"username":"Ada"})");
    EXPECT_EQ(record.metadata.dump(), R"({"n":1.50})");
}

TEST_F(SendTest, TakesAllChannelsOfTheTemplateWhenNoneIsNamed) {
    ASSERT_EQ(send(kSend).status, 202);
    EXPECT_EQ(appended().channels, (std::vector{Channel::sms, Channel::email}));
}

TEST_F(SendTest, TakesATimeThatHasPassedForNow) {
    ASSERT_EQ(send_with(R"("send_at":"2020-01-01T00:00:00Z","ttl_s":60)").status, 202);
    const auto record = appended();
    EXPECT_EQ(record.send_at, parse_rfc3339("2020-01-01T00:00:00Z"));
    EXPECT_EQ(record.deadline_at, kTestStart + std::chrono::seconds(60));
}

TEST_F(SendTest, TakesNullForAbsent) {
    EXPECT_EQ(send_with(R"("channels":null,"send_at":null,"ttl_s":null,"lane":null,"metadata":null)").status,
              202);
}

TEST_F(SendTest, PassesOnTheTrace) {
    const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    ASSERT_EQ(send(kSend, {{"traceparent", trace}}).status, 202);
    EXPECT_EQ(log_.records(topics::requests(Lane::normal)).at(0).traceparent, trace);
}

struct InvalidCase {
    const char* name;
    const char* body;
    const char* errors;
};

class InvalidSendTest : public SendTest, public testing::WithParamInterface<InvalidCase> {};

TEST_P(InvalidSendTest, NamesTheFieldThatIsWrong) {
    EXPECT_EQ(summary(send(GetParam().body)), std::string("422 invalid_request ") + GetParam().errors);
}

#define BODY(members) R"({"user_id":"ada","template_id":"welcome","data":{"username":"Ada"},)" members "}"

INSTANTIATE_TEST_SUITE_P(
    Fields, InvalidSendTest,
    testing::Values(
        InvalidCase{"nothing", "{}", "user_id:required template_id:required"},
        InvalidCase{"null_ids", R"({"user_id":null,"template_id":null})",
                    "user_id:required template_id:required"},
        InvalidCase{"empty_ids", R"({"user_id":"","template_id":""})", "user_id:length template_id:length"},
        InvalidCase{"numeric_ids", R"({"user_id":1,"template_id":2})", "user_id:type template_id:type"},
        InvalidCase{"control_in_id", R"({"user_id":"a\nb","template_id":"c\td"})",
                    "user_id:format template_id:format"},
        InvalidCase{"unknown_field", BODY(R"("to":"x")"), "to:unknown_field"},
        InvalidCase{"channels_no_array", BODY(R"("channels":"sms")"), "channels:type"},
        InvalidCase{"channels_empty", BODY(R"("channels":[])"), "channels:length"},
        InvalidCase{"channels_too_many", BODY(R"("channels":["sms","email","push","sms"])"),
                    "channels:length"},
        InvalidCase{"channels_unknown", BODY(R"("channels":["sms","fax"])"), "channels[1]:enum"},
        InvalidCase{"channels_mixed", BODY(R"("channels":[1,"SMS"])"), "channels[0]:type channels[1]:enum"},
        InvalidCase{"channels_twice", BODY(R"("channels":["sms","sms"])"), "channels[1]:duplicate"},
        InvalidCase{"channel_not_in_template", BODY(R"("channels":["push","sms"])"),
                    "channels[0]:template_lacks_channel"},
        InvalidCase{"data_no_object", R"({"user_id":"ada","template_id":"welcome","data":[]})", "data:type"},
        InvalidCase{"version_zero", BODY(R"("template_version":0)"), "template_version:range"},
        InvalidCase{"version_huge", BODY(R"("template_version":2147483648)"), "template_version:range"},
        InvalidCase{"version_fraction", BODY(R"("template_version":1.5)"), "template_version:type"},
        InvalidCase{"send_at_no_time", BODY(R"("send_at":"tomorrow")"), "send_at:format"},
        InvalidCase{"send_at_no_zone", BODY(R"("send_at":"2023-11-15T00:00:00")"), "send_at:format"},
        InvalidCase{"send_at_number", BODY(R"("send_at":1700000000)"), "send_at:type"},
        InvalidCase{"send_at_too_far", BODY(R"("send_at":"2023-12-14T22:13:21Z")"), "send_at:range"},
        InvalidCase{"ttl_zero", BODY(R"("ttl_s":0)"), "ttl_s:range"},
        InvalidCase{"ttl_too_long", BODY(R"("ttl_s":259201)"), "ttl_s:range"},
        InvalidCase{"ttl_text", BODY(R"("ttl_s":"60")"), "ttl_s:type"},
        InvalidCase{"lane_unknown", BODY(R"("lane":"fast")"), "lane:enum"},
        InvalidCase{"metadata_no_object", BODY(R"("metadata":"x")"), "metadata:type"}),
    [](const auto& param) { return param.param.name; });

TEST_F(SendTest, TakesTheLastMomentThatIsAllowed) {
    EXPECT_EQ(send_with(R"("send_at":"2023-12-14T22:13:20Z","ttl_s":259200)").status, 202);
}

TEST_F(SendTest, RefusesMetadataBeyond4096Bytes) {
    const auto metadata = [](std::size_t bytes) {
        return R"("metadata":{"m":")" + std::string(bytes - 8, 'x') + "\"}";
    };
    EXPECT_EQ(send_with(metadata(4096)).status, 202);
    EXPECT_EQ(summary(send_with(metadata(4097))), "422 invalid_request metadata:length");
}

TEST_F(SendTest, RefusesAnIdBeyond255Bytes) {
    const auto body = [](std::size_t bytes) {
        return R"({"template_id":"welcome","data":{"username":"A"},"user_id":")" + std::string(bytes, 'x') +
               "\"}";
    };
    EXPECT_EQ(send(body(255)).status, 202);
    EXPECT_EQ(summary(send(body(256))), "422 invalid_request user_id:length");
}

TEST_F(SendTest, RefusesATemplateThatDoesNotExist) {
    EXPECT_EQ(summary(send(R"({"user_id":"ada","template_id":"nope"})")), "422 unknown_template");
    EXPECT_EQ(summary(send_with(R"("template_version":2)")), "422 unknown_template");
}

TEST_F(SendTest, NamesTheDataThatTheTemplateLacks) {
    EXPECT_EQ(summary(send(R"({"user_id":"ada","template_id":"welcome"})")),
              "422 missing_data data.username:missing_data");
}

TEST_F(SendTest, ReplaysWhatAKeyWasUsedFor) {
    const auto first = send(kSend, {{"Idempotency-Key", "k1"}});
    ASSERT_EQ(first.status, 202) << first.body;
    clock_.advance(Millis{1500});
    const auto second = send(kSend, {{"idempotency-key", "k1"}});
    EXPECT_EQ(second.status, 202) << second.body;
    EXPECT_EQ(second.body, first.body);
    EXPECT_EQ(header(first, "Idempotency-Replayed"), "<none>");
    EXPECT_EQ(header(second, "Idempotency-Replayed"), "true");
}

TEST_F(SendTest, RefusesAKeyThatWasUsedForAnotherBody) {
    ASSERT_EQ(send(kSend, {{"Idempotency-Key", "k1"}}).status, 202);
    EXPECT_EQ(summary(send(std::string(kSend) + " ", {{"Idempotency-Key", "k1"}})),
              "422 idempotency_mismatch");
}

TEST_F(SendTest, RefusesAKeyWhoseRequestIsStillBeingAccepted) {
    ASSERT_EQ(send(kSend, {{"Idempotency-Key", "k1"}}).status, 202);
    const auto response = send(kSend, {{"Idempotency-Key", "k1"}});
    EXPECT_EQ(summary(response), "409 idempotency_in_flight");
    EXPECT_EQ(header(response, "Retry-After"), "1");
}

TEST_F(SendTest, RefusesAKeyThatIsNone) {
    for (const auto& key : {std::string(), std::string(256, 'k'), std::string("k\x7f"), std::string("é")}) {
        EXPECT_EQ(summary(send(kSend, {{"Idempotency-Key", key}})),
                  "422 invalid_request Idempotency-Key:format")
            << key;
    }
    EXPECT_EQ(send(kSend, {{"Idempotency-Key", std::string(255, '~')}}).status, 202);
}

TEST_F(SendTest, SaysWhenTheStoreDoesNotAnswer) {
    clock_.advance(std::chrono::seconds(2));  // beyond what the cache remembers
    store_.fail_next(ErrorCode::unavailable);
    const auto response = send(kSend);
    EXPECT_EQ(summary(response), "503 store_unavailable");
    EXPECT_EQ(header(response, "Retry-After"), "1");
}

TEST_F(SendTest, SaysWhenTheLogIsFull) {
    log_.fail_next_append({ErrorCode::busy, "full"});
    const auto response = send(kSend);
    EXPECT_EQ(summary(response), "503 log_full");
    EXPECT_EQ(header(response, "Retry-After"), "1");
}

TEST_F(SendTest, NamesTheIdWhenItCannotSayWhetherItAccepted) {
    log_.fail_next_append_after_storing({ErrorCode::timeout, "lost"});
    const auto response = send(kSend);
    EXPECT_EQ(summary(response), "503 acceptance_unknown");
    EXPECT_EQ(json_of(response).text("id"), to_string(appended().id));
}

TEST_F(SendTest, DoesNotWaitForALogThatHangs) {
    ASSERT_EQ(send(kSend).status, 202);  // the template is cached from here on
    log_.hold_appends();
    const auto first = begin("POST", "/api/v1/notifications", kSend);
    clock_.advance(Millis{501});
    const auto second = send(kSend);
    EXPECT_FALSE(first->is_answered());
    clock_.advance(Millis{1500});
    EXPECT_EQ(summary(first->wait()), "503 acceptance_unknown");
    EXPECT_EQ(summary(second), "503 not_accepted");
    log_.release_appends();
}

TEST_F(SendTest, SendsNothingThatIsRefused) {
    ASSERT_EQ(send(R"({"user_id":"ada","template_id":"welcome"})").status, 422);
    ASSERT_EQ(send_with(R"("lane":"fast")").status, 422);
    ASSERT_EQ(send(kSend).status, 202);
    appended();  // expects one
}

}  // namespace
}  // namespace herald::api
