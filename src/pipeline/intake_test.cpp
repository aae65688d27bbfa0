#include "pipeline/testing/ledger_fixture.hpp"

namespace herald {
namespace {

class IntakeTest : public ::testing::Test {
protected:
    RefusedRequest refuse(SendRequest request) {
        return std::get<RefusedRequest>(world.ask(std::move(request)));
    }
    Notification record(std::size_t index = 0, Lane lane = Lane::normal) {
        return std::get<Notification>(
            decode_request(world.log->records(topics::requests(lane)).at(index).value).value());
    }
    std::size_t records() { return world.log->records(topics::requests(Lane::normal)).size(); }
    void put_sms_template(const std::string& rest) {
        const auto body = R"({"id":"short","channels":{"sms":{"body":"Hi {{ name }}"}})" + rest + "}";
        ASSERT_TRUE(world.store.put_template(default_tenant(), TemplateId("short"), body, world.clock.now()));
    }
    SendRequest short_request() {
        auto request = world.request({}, "short");
        request.data = Json(Json::Object{{"name", Json("Ada")}});
        return request;
    }

    World world;
};

TEST_F(IntakeTest, TheRecordSaysWhatThe202Says) {
    const auto accepted = std::get<AcceptedRequest>(world.ask(world.request()));
    EXPECT_EQ(record().id, accepted.id);
    EXPECT_EQ(record().template_version, accepted.template_version);
    EXPECT_EQ(record().accepted_at, accepted.accepted_at);
    EXPECT_FALSE(accepted.replayed);
}

TEST_F(IntakeTest, TheIdIsOneThatWeGiveOut) {
    const auto accepted = std::get<AcceptedRequest>(world.ask(world.request()));
    EXPECT_TRUE(is_given_out(world.intake->id_keys(), default_tenant(), accepted.id));
    EXPECT_FALSE(is_given_out(world.intake->id_keys(), TenantId("other"), accepted.id));
}

TEST_F(IntakeTest, WithoutChannelsAllOfTheTemplateAreMeant) {
    world.ask(world.request({}));
    EXPECT_THAT(record().channels,
                ::testing::UnorderedElementsAre(Channel::push, Channel::sms, Channel::email));
}

TEST_F(IntakeTest, LaneAndTtlAreTheTemplatesUnlessTheRequestSays) {
    put_sms_template(R"(,"lane":"critical","ttl_s":60)");
    world.ask(short_request());
    EXPECT_EQ(record(0, Lane::critical).deadline_at, kTestStart + seconds(60));
    auto asked = short_request();
    asked.lane = Lane::bulk;
    asked.ttl_s = 30;
    world.ask(asked);
    EXPECT_EQ(record(0, Lane::bulk).deadline_at, kTestStart + seconds(30));
}

TEST_F(IntakeTest, PinsTheNewestVersionUnlessTheRequestNamesOne) {
    world.put_template("welcome");
    world.ask(world.request());
    EXPECT_EQ(record(0).template_version, 2);
    auto asked = world.request();
    asked.template_version = 1;
    world.ask(asked);
    EXPECT_EQ(record(1).template_version, 1);
}

TEST_F(IntakeTest, CarriesDataAndMetadata) {
    auto asked = world.request();
    asked.metadata = Json(Json::Object{{"order", Json(42)}});
    world.ask(asked);
    EXPECT_EQ(record().data, asked.data);
    EXPECT_EQ(record().metadata, asked.metadata);
}

TEST_F(IntakeTest, RecordsOfOnePersonHaveOneKey) {
    world.ask(world.request());
    world.ask(world.request());
    const auto all = world.log->records(topics::requests(Lane::normal));
    EXPECT_EQ(all.at(0).key, all.at(1).key);
}

TEST_F(IntakeTest, AnUnknownTemplateIsRefusedAtOnce) {
    const auto refused = refuse(world.request({Channel::sms}, "nobody-knows-it"));
    EXPECT_EQ(refused.refusal, Refusal::unknown_template);
    EXPECT_EQ(records(), 0u);
}

TEST_F(IntakeTest, AnUnknownVersionIsRefused) {
    auto asked = world.request();
    asked.template_version = 9;
    EXPECT_EQ(refuse(asked).refusal, Refusal::unknown_template);
}

TEST_F(IntakeTest, MissingDataIsRefusedByName) {
    auto asked = world.request();
    asked.data = Json(Json::Object{});
    const auto refused = refuse(asked);
    EXPECT_EQ(refused.refusal, Refusal::missing_data);
    ASSERT_THAT(refused.errors, SizeIs(1));
    EXPECT_EQ(refused.errors[0].path, "data.username");
}

TEST_F(IntakeTest, AChannelThatTheTemplateLacksIsRefusedByName) {
    put_sms_template("");
    auto asked = short_request();
    asked.channels = {Channel::sms, Channel::email};
    const auto refused = refuse(asked);
    EXPECT_EQ(refused.refusal, Refusal::invalid_request);
    ASSERT_THAT(refused.errors, SizeIs(1));
    EXPECT_EQ(refused.errors[0].path, "channels[1]");
}

TEST_F(IntakeTest, AStoreThatCannotBeReadIsNotAnUnknownTemplate) {
    world.store.fail_next(ErrorCode::unavailable, 10);
    EXPECT_EQ(refuse(world.request()).refusal, Refusal::store_unavailable);
}

TEST_F(IntakeTest, AKnownTemplateNeedsNoStore) {
    world.ask(world.request());
    world.store.fail_next(ErrorCode::unavailable, 10);
    EXPECT_TRUE(std::holds_alternative<AcceptedRequest>(world.ask(world.request())));
}

TEST_F(IntakeTest, AMisfitThatCannotBeARepeatNeedsNoStore) {
    world.ask(world.request());
    world.store.fail_next(ErrorCode::unavailable, 10);
    auto misfit = world.request();
    misfit.data = Json(Json::Object{});
    EXPECT_EQ(refuse(misfit).refusal, Refusal::missing_data);
    misfit = world.keyed("k");
    misfit.data = Json(Json::Object{});
    misfit.template_version = 1;
    EXPECT_EQ(refuse(misfit).refusal, Refusal::missing_data);
}

TEST_F(IntakeTest, AMisfitWhoseKeyCannotBeLookedUpIsNotJudged) {
    world.ask(world.request());
    world.store.fail_next(ErrorCode::unavailable, 10);
    auto misfit = world.keyed("k");
    misfit.data = Json(Json::Object{});
    EXPECT_EQ(refuse(misfit).refusal, Refusal::store_unavailable);
}

TEST_F(IntakeTest, WhenTheReadersAreBusyItSaysSo) {
    world.kill();
    world.start();
    world.readers = std::make_unique<WorkerPool>("store.read", 1, 0);
    world.intake =
        std::make_unique<Intake>(world.intake_options, world.clock, *world.log, *world.templates, world.store,
                                 *world.readers, world.store.id_keys().value(), world.metrics);
    std::promise<IntakeAnswer> answer;
    world.intake->accept(world.request(), [&](IntakeAnswer a) { answer.set_value(std::move(a)); });
    EXPECT_EQ(std::get<RefusedRequest>(answer.get_future().get()).refusal, Refusal::store_busy);
}

TEST_F(IntakeTest, TakesNoMoreThanItMayHaveOutstanding) {
    world.intake_options.max_outstanding = 2;
    world.restart();
    world.log->hold_appends();
    auto first = world.ask_and_go(world.request());
    auto second = world.ask_and_go(world.request());
    EXPECT_EQ(refuse(world.request()).refusal, Refusal::not_accepted);
    world.log->release_appends();
    EXPECT_TRUE(std::holds_alternative<AcceptedRequest>(first.get()));
    EXPECT_TRUE(std::holds_alternative<AcceptedRequest>(second.get()));
}

TEST_F(IntakeTest, EveryRefusalHasANameOfItsOwn) {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(Refusal::store_unavailable); ++i) {
        EXPECT_TRUE(names.insert(to_string(static_cast<Refusal>(i))).second);
    }
}

}  // namespace
}  // namespace herald
