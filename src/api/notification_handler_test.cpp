#include "api/testing/api_fixture.hpp"
#include "pipeline/topics.hpp"

namespace herald::api {
namespace {

class NotificationTest : public ApiTest {
protected:
    Notification given_out() {
        auto notification = make_notification(1, clock_.now());
        notification.id = make_notification_id(keys_, default_tenant(), clock_.now());
        return notification;
    }
    void store(const Notification& notification, const Plan& plan) {
        const NewPlan plans[]{{notification, plan}};
        ASSERT_TRUE(store_.store_plans(plans));
    }
    net::HttpResponse get(const NotificationId& id) {
        return call("GET", "/api/v1/notifications/" + to_string(id));
    }

    void append_request(Lane lane) {
        ASSERT_TRUE(log_.append_and_wait({{topics::requests(lane), "key", "{}", ""}}));
    }
};

TEST_F(NotificationTest, IsNotFoundWhenNobodyWasGivenTheId) {
    auto other = given_out().id;
    other.uuid.bytes[15] ^= 1;
    EXPECT_EQ(summary(get(other)), "404 not_found");
    const auto upper = [](std::string id) {
        for (auto& c : id) c = static_cast<char>(std::toupper(c));
        return id;
    };
    for (const auto& id :
         {std::string("x"), std::string("42"), upper(to_string(given_out().id)),
          std::string("00000000-0000-0000-0000-000000000000"), to_string(given_out().id) + ".0.1"}) {
        EXPECT_EQ(summary(call("GET", "/api/v1/notifications/" + id)), "404 not_found") << id;
    }
}

TEST_F(NotificationTest, IsNotFoundByAnotherTenant) {
    const auto id = make_notification_id(keys_, TenantId("acme"), clock_.now());
    EXPECT_EQ(summary(get(id)), "404 not_found");
}

TEST_F(NotificationTest, IsAcceptedBeforeItIsPlanned) {
    const auto id = given_out().id;
    const auto response = get(id);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body,
              R"({"id":")" + to_string(id) + R"(","status":"accepted","reason":null,"accepted_at":")" +
                  to_rfc3339(id.uuid.time()) +
                  R"(","deadline_at":null,"user_id":null,"template":null,"steps":[],"deliveries":[]})");
}

TEST_F(NotificationTest, IsAcceptedUntilItCannotBeOnItsWayAnyMore) {
    const auto id = given_out().id;
    clock_.advance(Millis{310'000});
    EXPECT_EQ(get(id).status, 200);
    clock_.advance(Millis{1});
    EXPECT_EQ(summary(get(id)), "404 not_accepted_or_purged");
}

TEST_F(NotificationTest, IsAcceptedWhileThePlannerOfAnyLaneIsNotPastIt) {
    for (const auto lane : kLanes) {
        const auto id = given_out().id;
        clock_.advance(Millis{310'000});
        append_request(lane);
        clock_.advance(std::chrono::hours(1));
        EXPECT_EQ(get(id).status, 200) << to_string(lane);
        auto consumer = *log_.subscribe(topics::kPlannerGroup, topics::requests(lane));
        const auto polled = *consumer->poll(10, Millis{0});
        ASSERT_EQ(polled.size(), 1u);
        ASSERT_TRUE(consumer->commit({{polled[0].partition, polled[0].offset + 1, std::nullopt}}));
        EXPECT_EQ(summary(get(id)), "404 not_accepted_or_purged") << to_string(lane);
    }
}

TEST_F(NotificationTest, IsPurgedThoughThePlannerHasLaterRequestsToDo) {
    const auto id = given_out().id;
    clock_.advance(Millis{310'001});
    append_request(Lane::normal);
    EXPECT_EQ(summary(get(id)), "404 not_accepted_or_purged");
}

TEST_F(NotificationTest, IsAcceptedWhileTheLogCannotSayHowFarThePlannerIs) {
    const auto id = given_out().id;
    clock_.advance(std::chrono::hours(1));
    log_.close();
    EXPECT_EQ(get(id).status, 200);
}

TEST_F(NotificationTest, SaysWhenTheStoreDoesNotAnswer) {
    const auto id = given_out().id;
    store_.fail_next(ErrorCode::timeout);
    const auto response = get(id);
    EXPECT_EQ(summary(response), "503 store_unavailable");
    EXPECT_EQ(header(response, "Retry-After"), "1");
}

TEST_F(NotificationTest, TellsItsWholeStory) {
    const auto notification = given_out();
    auto plan = make_plan_of({make_entry(1), make_skipped_entry(2)}, clock_.now());
    plan.trace = {"sms:default_on", "email:no_email"};
    store(notification, plan);
    const DeliveryId delivery{notification.id, 0, 1};
    const ClaimRequest claims[]{make_claim(delivery)};
    ASSERT_EQ(store_.claim(claims, 7)->at(0).verdict, ClaimVerdict::claimed);
    clock_.advance(Millis{100});
    const Settlement settlements[]{settle_accepted(delivery, 1, clock_.now())};
    ASSERT_TRUE(store_.settle(settlements)->at(0).raised);

    const auto id = to_string(notification.id);
    EXPECT_EQ(
        get(notification.id).body,
        R"({"id":")" + id +
            R"(","status":"sent","reason":null,"accepted_at":"2023-11-14T22:13:20.000Z",)"
            R"("deadline_at":"2023-11-14T23:13:20.000Z","user_id":"ada",)"
            R"("template":{"id":"welcome","version":1},)"
            R"("steps":[{"step":0,"action":"send","until":null,"reasons":[)"
            R"({"code":"sms:default_on","text":"sms: the person never said anything about it, so it is on"},)"
            R"({"code":"email:no_email","text":"email: the person has no email address"}]}],)"
            R"("deliveries":[{"id":")" +
            id +
            R"(.0.1","channel":"sms","route":"sms","state":"sent","reason":null,)"
            R"("attempts":[{"n":1,"account":"twilio","state":"accepted","reason":null,"reference":"ref-1",)"
            R"("begun_at":"2023-11-14T22:13:20.000Z","ended_at":"2023-11-14T22:13:20.100Z"}]},)"
            R"({"id":")" +
            id +
            R"(.0.2","channel":"email","route":null,"state":"skipped","reason":"no_email",)"
            R"("attempts":[]}]})");
}

TEST_F(NotificationTest, ShowsAnAttemptThatHasNotEnded) {
    const auto notification = given_out();
    store(notification, make_plan(clock_.now()));
    const ClaimRequest claims[]{make_claim({notification.id, 0, 1})};
    ASSERT_TRUE(store_.claim(claims, 7));
    const auto body = json_of(get(notification.id));
    EXPECT_EQ(body.text("status"), "in_progress");
    const auto& attempt = body.find("deliveries")->as_array()->at(0).find("attempts")->as_array()->at(0);
    EXPECT_EQ(attempt.text("state"), "begun");
    EXPECT_TRUE(attempt.find("ended_at")->is_null());
}

TEST_F(NotificationTest, ShowsUntilWhenItWaits) {
    const auto notification = given_out();
    store(notification, make_wait(clock_.now() + std::chrono::hours(1), clock_.now()));
    const auto body = json_of(get(notification.id));
    EXPECT_EQ(body.text("status"), "scheduled");
    const auto& step = body.find("steps")->as_array()->at(0);
    EXPECT_EQ(step.text("action"), "wait");
    EXPECT_EQ(step.text("until"), "2023-11-14T23:13:20.000Z");
}

TEST_F(NotificationTest, ShowsWhyNothingIsSent) {
    const auto notification = given_out();
    store(notification, make_plan_of({make_skipped_entry(1, "unknown_recipient")}, clock_.now()));
    const auto body = json_of(get(notification.id));
    EXPECT_EQ(body.text("status"), "skipped");
    EXPECT_EQ(body.text("reason"), "unknown_recipient");
    EXPECT_EQ(body.find("steps")->as_array()->at(0).text("action"), "skip");
}

TEST_F(NotificationTest, ShowsNothingButTheReasonWhenItsRecordWasRefused) {
    const auto id = given_out().id;
    ASSERT_TRUE(store_.store_dead(default_tenant(), id, "not a record", clock_.now()));
    const auto body = json_of(get(id));
    EXPECT_EQ(body.text("status"), "failed");
    EXPECT_EQ(body.text("reason"), "not a record");
    EXPECT_TRUE(body.find("template")->is_null());
    EXPECT_TRUE(body.find("user_id")->is_null());
    EXPECT_TRUE(body.find("deadline_at")->is_null());
}

TEST_F(NotificationTest, ShowsNoAddress) {
    const auto notification = given_out();
    store(notification, make_plan(clock_.now()));
    EXPECT_EQ(get(notification.id).body.find("+1415"), std::string::npos);
}

}  // namespace
}  // namespace herald::api
