#include "pipeline/testing/ledger_fixture.hpp"

namespace herald {
namespace {

/// Requests of producers that are not Herald: a key instead of an id.
class RequestPlannerTest : public ::testing::Test {
protected:
    static std::string record(const std::string& key, const std::string& more = R"(,"channels":["sms"])",
                              const std::string& data = R"({"username":"Ada"})") {
        return R"({"schema":1,"type":"request","tenant":"default","user_id":"ada","template_id":"welcome",)"
               R"("idempotency_key":")" +
               key + R"(","data":)" + data + more + "}";
    }
    void produce(const std::string& value, Lane lane = Lane::normal) {
        world.append({topics::requests(lane), "any key", value, ""});
    }
    /// The ids that deliveries were appended for, one for each append.
    std::vector<NotificationId> planned(Route route = Route::sms) {
        std::vector<NotificationId> ids;
        for (const auto& delivery : world.delivery_records(route)) {
            ids.push_back(decode_delivery(delivery.value).value().delivery.notification);
        }
        return ids;
    }

    World world;
};

TEST_F(RequestPlannerTest, DrawsAnIdForARequestWithAKey) {
    produce(record("k"));
    world.run();
    ASSERT_THAT(planned(), SizeIs(1));
    EXPECT_TRUE(is_given_out(world.store.id_keys().value(), default_tenant(), planned()[0]));
    EXPECT_EQ(world.state(planned()[0]), DeliveryState::sent);
    EXPECT_THAT(world.events(planned()[0]), Contains("0.0 #0 planned"));
}

TEST_F(RequestPlannerTest, WhatTheProducerLeftOutIsTheTopicsTheAppendsAndTheTemplates) {
    world.put_template("welcome", "at_least_once", 60);
    const auto appended_at = world.clock.now();
    produce(record("k", ""), Lane::bulk);
    world.clock.advance(seconds(5));
    world.run();
    const auto records = world.log->records(topics::deliveries(Route::sms, Lane::bulk));
    ASSERT_THAT(records, SizeIs(1));
    const auto n = world.story(decode_delivery(records[0].value).value().delivery.notification).notification;
    EXPECT_EQ(n.lane, Lane::bulk);
    EXPECT_EQ(n.accepted_at, appended_at);
    EXPECT_EQ(n.deadline_at, appended_at + seconds(60));
    EXPECT_EQ(n.template_version, 2);
    EXPECT_THAT(n.channels, SizeIs(3));
}

TEST_F(RequestPlannerTest, TheSameRecordAgainIsOneSend) {
    produce(record("k"));
    world.run();
    world.advance(minutes(1));
    produce(record("k"));
    world.run();
    EXPECT_THAT(planned(), SizeIs(1)) << "what has begun is not appended again";
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_THAT(world.buried(), IsEmpty());
    EXPECT_EQ(world.unfinished_requests(), 0u);
}

TEST_F(RequestPlannerTest, TheSameRecordAgainAppendsWhatIsStored) {
    produce(record("k"));
    produce(record("k"));
    ASSERT_TRUE(world.plan());
    world.move_phone("+14155550199");
    produce(record("k"));
    ASSERT_TRUE(world.plan());
    ASSERT_THAT(planned(), SizeIs(3));
    EXPECT_THAT(planned(), Each(planned()[0]));
    world.run();
    EXPECT_THAT(world.numbers_called(), ElementsAre("+14155550123"));
}

TEST_F(RequestPlannerTest, ACrashBetweenStoringAndAppendingDrawsNoSecondId) {
    produce(record("k"));
    world.log->fail_next_append({ErrorCode::unavailable, "the disk is gone"});
    ASSERT_FALSE(world.plan());
    const auto bound = world.store.find(default_tenant(), "k").value().value().id;
    world.restart();
    world.run();
    EXPECT_THAT(planned(), ElementsAre(bound));
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(RequestPlannerTest, AnotherRecordUnderTheSameKeyIsRefused) {
    produce(record("k"));
    world.run();
    produce(record("k", R"(,"channels":["email"])"));
    const auto id = world.accept();
    world.run();
    EXPECT_THAT(world.buried(), ElementsAre("idempotency_mismatch"));
    EXPECT_EQ(world.calls(Route::email), 0u);
    EXPECT_EQ(world.state(id), DeliveryState::sent);
    EXPECT_EQ(world.unfinished_requests(), 0u);
}

TEST_F(RequestPlannerTest, ARefusedKeyIsBuriedBeforeItCountsAsFinished) {
    produce(record("k"));
    world.run();
    produce(record("k", R"(,"channels":["email"])"));
    world.log->fail_next_append({ErrorCode::unavailable, "the disk is slow"});
    EXPECT_FALSE(world.plan());
    EXPECT_EQ(world.unfinished_requests(), 1u);
    ASSERT_TRUE(world.plan());
    EXPECT_THAT(world.buried(), ElementsAre("idempotency_mismatch"));
}

TEST_F(RequestPlannerTest, WhatCouldNotBeForgottenIsForgottenLaterThoughNothingComes) {
    world.accept();
    world.log->fail_next_commit({ErrorCode::unavailable, "the disk is slow"});
    EXPECT_FALSE(world.plan());
    EXPECT_EQ(world.unfinished_requests(), 1u);
    ASSERT_TRUE(world.plan());
    EXPECT_EQ(world.unfinished_requests(), 0u);
}

TEST_F(RequestPlannerTest, ARepeatNeedNotFitTheNewestTemplate) {
    produce(record("k"));
    ASSERT_TRUE(world.plan());
    world.put_channels(R"("sms":{"body":"Hi {{ surname }}"})");
    produce(record("k"));
    produce(record("new"));
    ASSERT_TRUE(world.plan());
    EXPECT_THAT(planned(), SizeIs(2));
    EXPECT_THAT(planned(), Each(planned()[0]));
    EXPECT_THAT(world.buried(), ElementsAre("missing_data: data.surname"));
}

TEST_F(RequestPlannerTest, ARefusedRequestLeavesItsKeyFree) {
    produce(record("k", "", "{}"));
    world.run();
    EXPECT_THAT(world.buried(), ElementsAre("missing_data: data.username"));
    EXPECT_EQ(world.store.find(default_tenant(), "k").value(), std::nullopt);
    produce(record("k"));
    world.run();
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(RequestPlannerTest, AKeyIsKeptFromThePlanningOn) {
    produce(record("k"));
    world.clock.advance(minutes(50));
    world.run();
    EXPECT_EQ(world.store.find(default_tenant(), "k").value().value().accepted_at, world.clock.now());
}

TEST_F(RequestPlannerTest, ABadRequestWithAKeyGoesToDeadWithItsReason) {
    produce(record("k", R"(,"lane":"bulk")"));
    produce(record("k", R"(,"template_version":9)"));
    produce(record("k", R"(,"to":{"sms":"+14155550123"})"));
    produce(record("k", R"(,"color":"red")"));
    world.run();
    EXPECT_THAT(world.buried(), ElementsAre("lane: is not the topic's", "unknown_template",
                                            "to: is not supported yet: name a user_id",
                                            "color: is not a field of this object"));
    EXPECT_EQ(world.calls(), 0u);
}

TEST_F(RequestPlannerTest, WithoutTheStoreNothingIsJudged) {
    produce(record("k"));
    world.store.fail_next(ErrorCode::unavailable, 2);
    EXPECT_FALSE(world.plan());
    EXPECT_THAT(world.buried(), IsEmpty());
    world.run();
    EXPECT_EQ(world.calls(), 1u);
}

}  // namespace
}  // namespace herald
