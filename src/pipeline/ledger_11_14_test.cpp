// True answers, bad records, events, bounds.

#include "pipeline/testing/ledger_fixture.hpp"

namespace herald {
namespace {

Refusal refusal_of(const IntakeAnswer& answer) { return std::get<RefusedRequest>(answer).refusal; }

// 11. An answer is true.

TEST_F(Ledger, Ledger11_A202MeansThatTheLogHasIt) {
    world.log->hold_appends();
    auto answer = world.ask_and_go(world.request());
    EXPECT_EQ(answer.wait_for(Millis{0}), std::future_status::timeout);
    world.log->release_appends();
    const auto id = std::get<AcceptedRequest>(answer.get()).id;
    EXPECT_THAT(world.log->records(topics::requests(Lane::normal)), SizeIs(1));
    world.restart();
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::sent);
}

TEST_F(Ledger, Ledger11_NothingIsEnqueuedBehindAStall) {
    world.log->hold_appends();
    auto first = world.ask_and_go(world.request());
    world.clock.advance(Millis{501});
    auto second = world.ask_and_go(world.request());
    world.log->release_appends();
    EXPECT_EQ(refusal_of(second.get()), Refusal::not_accepted);
    EXPECT_TRUE(std::holds_alternative<AcceptedRequest>(first.get()));
    EXPECT_THAT(world.log->records(topics::requests(Lane::normal)), SizeIs(1));
    world.run();
    EXPECT_EQ(world.calls(), 1u) << "what was not accepted is not sent";
}

TEST_F(Ledger, Ledger11_AShortStallIsNotRefused) {
    world.log->hold_appends();
    auto first = world.ask_and_go(world.request());
    world.clock.advance(Millis{500});
    auto second = world.ask_and_go(world.request());
    world.log->release_appends();
    EXPECT_TRUE(std::holds_alternative<AcceptedRequest>(first.get()));
    EXPECT_TRUE(std::holds_alternative<AcceptedRequest>(second.get()));
}

TEST_F(Ledger, Ledger11_AStallThatHasEndedIsForgotten) {
    world.log->hold_appends();
    auto first = world.ask_and_go(world.request());
    world.clock.advance(Millis{501});
    world.log->release_appends();
    first.get();
    EXPECT_TRUE(std::holds_alternative<AcceptedRequest>(world.ask(world.request())));
}

TEST_F(Ledger, Ledger11_ADeadlineMissedAfterEnqueuingIsUnknownWithTheId) {
    world.log->hold_appends();
    auto answer = world.ask_and_go(world.request());
    world.clock.advance(Millis{1'500});
    const auto refused = std::get<RefusedRequest>(answer.get());
    EXPECT_EQ(refused.refusal, Refusal::acceptance_unknown);
    ASSERT_TRUE(refused.id);
    EXPECT_TRUE(is_given_out(world.intake->id_keys(), default_tenant(), *refused.id));
    world.log->release_appends();
    ASSERT_TRUE(world.log->append_and_wait({{"events", "key", "{}", ""}}));  // behind it
    world.run();
    EXPECT_EQ(world.state(*refused.id), DeliveryState::sent) << "the id tells later what became of it";
}

TEST_F(Ledger, Ledger11_AnAnswerThatWasLostIsUnknownWithTheId) {
    world.log->fail_next_append_after_storing({ErrorCode::timeout, "no answer"});
    const auto refused = std::get<RefusedRequest>(world.ask(world.request()));
    EXPECT_EQ(refused.refusal, Refusal::acceptance_unknown);
    ASSERT_TRUE(refused.id);
    world.run();
    EXPECT_EQ(world.state(*refused.id), DeliveryState::sent);
}

TEST_F(Ledger, Ledger11_AFullLogSaysSoAndHasNothing) {
    world.log->fail_next_append({ErrorCode::busy, "full"});
    const auto refused = std::get<RefusedRequest>(world.ask(world.request()));
    EXPECT_EQ(refused.refusal, Refusal::log_full);
    EXPECT_FALSE(refused.id);
    EXPECT_THAT(world.log->records(topics::requests(Lane::normal)), IsEmpty());
}

TEST_F(Ledger, Ledger11_WhoeverAskedIsAnsweredWhenTheProcessEnds) {
    world.log->hold_appends();
    auto answer = world.ask_and_go(world.request());
    world.kill();
    EXPECT_EQ(refusal_of(answer.get()), Refusal::acceptance_unknown);
}

// 12. One bad record stops nobody.

TEST_F(Ledger, Ledger12_ARefusedBatchIsHalvedUntilTheCulpritIsAlone) {
    std::vector<NotificationId> good;
    for (int i = 0; i < 4; ++i) good.push_back(world.accept());
    world.put_user(make_user(std::string(FakeStore::kRefusedUser)));
    const auto bad = world.accept_for(std::string(FakeStore::kRefusedUser));
    for (int i = 0; i < 4; ++i) good.push_back(world.accept());
    world.run();
    for (const auto& id : good) EXPECT_EQ(world.state(id), DeliveryState::sent);
    EXPECT_THAT(world.buried(), SizeIs(1));
    EXPECT_EQ(world.story(bad).state(), NotificationState::failed);
    EXPECT_EQ(world.unfinished_requests(), 0u);
}

TEST_F(Ledger, Ledger12_ABuriedRecordHasItsReason) {
    world.append({topics::requests(Lane::normal), "key", "not JSON", ""});
    world.run();
    ASSERT_THAT(world.buried(), SizeIs(1));
    EXPECT_THAT(world.buried()[0], Not(IsEmpty()));
    const auto dead = Json::parse(world.log->records(topics::kDead)[0].value).value();
    EXPECT_EQ(dead.text("record"), "not JSON");
    EXPECT_EQ(dead.text("topic"), "requests.normal");
}

TEST_F(Ledger, Ledger12_ItIsBuriedBeforeItCountsAsFinished) {
    world.append({topics::requests(Lane::normal), "key", "not JSON", ""});
    world.log->fail_next_append({ErrorCode::unavailable, "the disk is slow"});
    EXPECT_FALSE(world.plan());
    EXPECT_EQ(world.unfinished_requests(), 1u);
    ASSERT_TRUE(world.plan());
    EXPECT_THAT(world.buried(), SizeIs(1));
    EXPECT_EQ(world.unfinished_requests(), 0u);
}

TEST_F(Ledger, Ledger12_ItsNotificationFailsWithTheReason) {
    auto n = world.given_out();
    n.template_id = TemplateId("nobody-knows-it");
    world.append({topics::requests(Lane::normal), "key", encode(n), ""});
    world.run();
    EXPECT_EQ(world.story(n.id).state(), NotificationState::failed);
    EXPECT_EQ(world.story(n.id).reason(), "unknown_template");
}

TEST_F(Ledger, Ledger12_AnIdThatNobodyGaveOutIsRefused) {
    const auto n = make_notification(1);
    world.append({topics::requests(Lane::normal), "key", encode(n), ""});
    world.run();
    EXPECT_THAT(world.buried(), ElementsAre("unknown_id"));
    EXPECT_FALSE(world.is_known(n.id));
    EXPECT_EQ(world.calls(), 0u);
}

TEST_F(Ledger, Ledger12_AnIdOfAnotherTenantIsRefused) {
    auto n = world.given_out();
    n.tenant = TenantId("other");
    world.append({topics::requests(Lane::normal), "key", encode(n), ""});
    world.run();
    EXPECT_THAT(world.buried(), ElementsAre("unknown_id"));
}

TEST_F(Ledger, Ledger12_ABadRecordFailsNoNotificationThatNobodyAskedFor) {
    auto n = make_notification(1);
    n.channels.clear();
    world.append({topics::requests(Lane::normal), "key", encode(n), ""});
    world.run();
    EXPECT_THAT(world.buried(), SizeIs(1));
    EXPECT_FALSE(world.is_known(n.id));
}

TEST_F(Ledger, Ledger12_BesideABadRecordTheOthersArePlanned) {
    world.append({topics::requests(Lane::normal), "key", "not JSON", ""});
    const auto id = world.accept();
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::sent);
}

TEST_F(Ledger, Ledger12_ABadDeliveryRecordStopsNobody) {
    world.append({topics::deliveries(Route::sms, Lane::normal), "key", "{}", ""});
    const auto id = world.accept();
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::sent);
    EXPECT_THAT(world.buried(), SizeIs(1));
    EXPECT_EQ(world.unfinished_deliveries(), 0u);
}

TEST_F(Ledger, Ledger12_ABadDeliveryRecordIsBuriedBeforeItCountsAsFinished) {
    world.append({topics::deliveries(Route::sms, Lane::normal), "key", "{}", ""});
    ASSERT_TRUE(world.send());  // it is read
    world.log->fail_next_append({ErrorCode::unavailable, "the disk is slow"});
    EXPECT_FALSE(world.send());
    EXPECT_EQ(world.unfinished_deliveries(), 1u);
    ASSERT_TRUE(world.send());
    EXPECT_THAT(world.buried(), SizeIs(1));
    EXPECT_EQ(world.unfinished_deliveries(), 0u);
}

TEST_F(Ledger, Ledger12_ARefusedClaimIsHalvedUntilTheCulpritIsAlone) {
    std::vector<NotificationId> good;
    for (int i = 0; i < 4; ++i) good.push_back(world.accept());
    world.unreadable = world.accept();
    for (int i = 0; i < 4; ++i) good.push_back(world.accept());
    world.run();
    for (const auto& id : good) EXPECT_EQ(world.state(id), DeliveryState::sent);
    EXPECT_THAT(world.buried(), ElementsAre("a row cannot be read"));
    EXPECT_EQ(world.unfinished_deliveries(), 0u);
    EXPECT_EQ(world.account().slots.in_use(), 0);
}

TEST_F(Ledger, Ledger12_APersonWhoCannotBeReadAtTheGatesStopsNobody) {
    std::vector<NotificationId> ids;
    world.limiter.left = 0;
    for (int i = 0; i < 3; ++i) ids.push_back(world.accept());
    world.run();
    world.clock.advance(std::chrono::minutes(2));
    world.limiter.left = 100;
    bool is_first = true;
    world.after_claim = [&] {
        if (std::exchange(is_first, false)) world.store.fail_next(ErrorCode::refused_content, 2);
    };
    world.run();
    EXPECT_EQ(world.reason(ids[0]), "recipient_unreadable") << "alone in the first half";
    EXPECT_EQ(world.state(ids[1]), DeliveryState::sent);
    EXPECT_EQ(world.state(ids[2]), DeliveryState::sent);
}

TEST_F(Ledger, Ledger12_ADueStepThatCannotBeReadStopsNobody) {
    std::vector<NotificationId> waiting;
    for (int i = 0; i < 5; ++i) {
        auto request = world.request();
        request.send_at = world.clock.now() + std::chrono::minutes(1);
        waiting.push_back(world.accept(std::move(request)));
    }
    world.run();
    world.store.spoil(waiting[2]);
    world.run_for(std::chrono::minutes(1));
    EXPECT_EQ(world.calls(), 4u);
    EXPECT_THAT(world.buried(), SizeIs(1));
}

TEST_F(Ledger, Ledger12_ABadReceiptStopsNobody) {
    world.append({topics::kReceipts, "key", "{}", ""});
    const auto id = world.accept();
    world.run();
    world.receipt(id, 1, AttemptState::delivered);
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::delivered);
    EXPECT_THAT(world.buried(), SizeIs(1));
}

TEST_F(Ledger, Ledger12_ADeliveryThatNoPlanHasIsNothing) {
    world.append_attempt(make_id(77), 1);
    world.run();
    EXPECT_EQ(world.unfinished_deliveries(), 0u);
    EXPECT_EQ(world.calls(), 0u);
}

struct ForeignRecord {
    const char* name;
    std::function<void(Notification&)> spoil;
};
void PrintTo(const ForeignRecord& record, std::ostream* out) { *out << record.name; }

class Ledger12 : public ::testing::TestWithParam<ForeignRecord> {
protected:
    World world;
};

/// Others may produce to `requests`: what the api would refuse, the planner refuses.
TEST_P(Ledger12, Ledger12_ThePlannerValidatesAsTheApiDoes) {
    auto n = world.given_out();
    GetParam().spoil(n);
    world.append({topics::requests(Lane::normal), "key", encode(n), ""});
    world.run();
    EXPECT_THAT(world.buried(), SizeIs(1));
    EXPECT_EQ(world.calls() + world.calls(Route::email), 0u);
    EXPECT_EQ(world.unfinished_requests(), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Records, Ledger12,
    ::testing::Values(ForeignRecord{"unknown_template", [](auto& n) { n.template_id = TemplateId("other"); }},
                      ForeignRecord{"unknown_version", [](auto& n) { n.template_version = 9; }},
                      ForeignRecord{"no_version", [](auto& n) { n.template_version = 0; }},
                      ForeignRecord{"missing_data", [](auto& n) { n.data = Json(Json::Object{}); }},
                      ForeignRecord{"no_channels", [](auto& n) { n.channels.clear(); }},
                      ForeignRecord{"channel_twice",
                                    [](auto& n) {
                                        n.channels = {Channel::sms, Channel::sms};
                                    }},
                      ForeignRecord{"no_user", [](auto& n) { n.user_id = UserId(""); }},
                      ForeignRecord{"control_character", [](auto& n) { n.user_id = UserId("a\nb"); }},
                      ForeignRecord{"data_is_a_list", [](auto& n) { n.data = Json(Json::Array{}); }},
                      ForeignRecord{"ttl_beyond_the_bound", [](auto& n) { n.deadline_at += hours(24 * 3); }},
                      ForeignRecord{"send_at_beyond_the_bound",
                                    [](auto& n) { n.send_at = n.accepted_at + hours(24 * 31); }}),
    [](const auto& tested) { return std::string(tested.param.name); });

// 13. Events repeat rather than vanish.

TEST_F(Ledger, Ledger13_ThePlannerAppendsWhatItCommits) {
    world.limiter.left = 0;
    world.switch_off(Channel::email);
    const auto id = world.accept({Channel::sms, Channel::email});
    world.run();
    EXPECT_THAT(world.events(id), ElementsAre("0.0 #0 planned", "0.2 #0 skipped"));
}

TEST_F(Ledger, Ledger13_TheSenderAppendsWhatItCommits) {
    world.sms().will(defer(seconds(5)));
    const auto id = world.accept();
    world.run();
    world.advance(seconds(5));
    EXPECT_THAT(world.events(id), ElementsAre("0.0 #0 planned", "0.1 #1 deferred", "0.1 #2 sent"));
}

TEST_F(Ledger, Ledger13_TheSenderAppendsWhatItCloses) {
    world.limiter.left = 0;
    const auto id = world.accept();
    world.run();
    world.clock.advance(hours(1));
    world.limiter.left = 100;
    world.run();
    EXPECT_THAT(world.events(id), ElementsAre("0.0 #0 planned", "0.1 #0 expired"));
}

TEST_F(Ledger, Ledger13_AReceiptAppendsWhatItRaises) {
    const auto id = world.accept();
    world.run();
    world.receipt(id, 1, AttemptState::delivered);
    world.run();
    EXPECT_THAT(world.events(id), ElementsAre("0.0 #0 planned", "0.1 #1 sent", "0.1 #1 delivered"));
}

TEST_F(Ledger, Ledger13_AReceiptForWhatNobodyKnowsHasNothingToTell) {
    world.receipt(make_id(77), 1, AttemptState::delivered);
    world.run();
    EXPECT_THAT(world.events(make_id(77)), IsEmpty());
}

TEST_F(Ledger, Ledger13_ACancelIsToldByWhoeverMeetsIt) {
    const auto id = world.accept();
    ASSERT_EQ(world.cancel(id), CancelResult::cancelled);
    world.run();
    EXPECT_THAT(world.events(id), ElementsAre("0.0 #0 cancelled", "0.1 #0 cancelled"));
}

TEST_F(Ledger, Ledger13_ACrashBetweenSettlingAndAppendingLosesNoEvent) {
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    world.sms().resume();
    world.log->fail_next_append({ErrorCode::unavailable, "the process dies"});
    ASSERT_FALSE(world.send());
    ASSERT_EQ(world.state(id), DeliveryState::sent);
    ASSERT_THAT(world.events(id), ElementsAre("0.0 #0 planned"));
    world.restart();
    world.run();
    EXPECT_THAT(world.events(id), Contains("0.1 #1 sent"));
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(Ledger, Ledger13_ACrashBetweenClosingAndAppendingLosesNoEvent) {
    world.sms().will(defer(minutes(5)));
    const auto id = world.accept();
    world.run();
    world.switch_off(Channel::sms);
    world.clock.advance(minutes(5));
    ASSERT_TRUE(world.scheduler->pass(Millis{0}));
    for (int i = 0; i < 5 && world.state(id) != DeliveryState::skipped; ++i) {
        world.log->fail_next_append({ErrorCode::unavailable, "the process dies"});
        (void)world.send().has_value();
    }
    ASSERT_EQ(world.state(id), DeliveryState::skipped);
    ASSERT_THAT(world.events(id), Not(Contains("0.1 #1 skipped")));
    world.restart();
    world.run();
    EXPECT_THAT(world.events(id), Contains("0.1 #1 skipped"));
}

TEST_F(Ledger, Ledger13_TheRecordIsNotForgottenBeforeItsEventIsAppended) {
    world.sms().hold();
    world.accept();
    world.run();
    world.sms().resume();
    world.log->fail_next_append({ErrorCode::unavailable, "the disk is slow"});
    EXPECT_FALSE(world.send());
    EXPECT_EQ(world.unfinished_deliveries(), 1u);
    ASSERT_TRUE(world.send());
    EXPECT_EQ(world.unfinished_deliveries(), 0u);
}

TEST_F(Ledger, Ledger13_ARepeatedRecordAppendsTheSameEventAgain) {
    const auto id = world.accept();
    world.run();
    world.repeat_delivery();
    world.run();
    EXPECT_THAT(world.events(id), ElementsAre("0.0 #0 planned", "0.1 #1 sent", "0.1 #1 sent"));
}

TEST_F(Ledger, Ledger13_ARepeatedRecordOfAClosedDeliveryHasTheSameEvent) {
    world.sms().will(defer(minutes(5)));
    const auto id = world.accept();
    world.run();
    world.switch_off(Channel::sms);
    world.advance(minutes(5));
    world.repeat_delivery();
    world.run();
    EXPECT_THAT(world.events(id),
                ElementsAre("0.0 #0 planned", "0.1 #1 deferred", "0.1 #1 skipped", "0.1 #1 skipped"));
}

TEST_F(Ledger, Ledger13_ARepeatedReceiptHasTheSameEvent) {
    const auto id = world.accept();
    world.run();
    world.receipt(id, 1, AttemptState::undelivered);
    world.receipt(id, 1, AttemptState::undelivered);
    world.run();
    world.repeat_delivery();
    world.run();
    EXPECT_THAT(world.events(id), ElementsAre("0.0 #0 planned", "0.1 #1 sent", "0.1 #1 failed",
                                              "0.1 #1 failed", "0.1 #1 failed"));
}

TEST_F(Ledger, Ledger13_ARepeatedRequestHasTheSameEvents) {
    world.switch_off(Channel::email);
    const auto id = world.accept({Channel::email});
    world.run();
    world.repeat_request();
    world.run();
    EXPECT_THAT(world.events(id),
                ElementsAre("0.0 #0 planned", "0.1 #0 skipped", "0.0 #0 planned", "0.1 #0 skipped"));
}

// 14. Bounds act at intake.

class LedgerBounds : public Ledger {
protected:
    LedgerBounds() {
        world.log_bytes = 20'000;
        world.restart();
        world.sms().hold();
    }
    /// Accepts until it is refused, and says how that was.
    Refusal fill() {
        for (;;) {
            const auto answer = world.ask(world.request());
            if (const auto* refused = std::get_if<RefusedRequest>(&answer)) return refused->refusal;
            ids.push_back(std::get<AcceptedRequest>(answer).id);
        }
    }

    std::vector<NotificationId> ids;
};

TEST_F(LedgerBounds, Ledger14_RequestsAreRefusedAtEightyPercent) {
    EXPECT_EQ(fill(), Refusal::log_full);
    EXPECT_GE(world.log->level(), 0.8);
    EXPECT_LT(world.log->level(), 0.85);
}

TEST_F(LedgerBounds, Ledger14_ARefusedRequestWithAKeyLeavesNoRow) {
    fill();
    EXPECT_EQ(refusal_of(world.ask(world.keyed("k"))), Refusal::log_full);
    world.sms().resume();
    world.run();
    EXPECT_FALSE(std::get<AcceptedRequest>(world.ask(world.keyed("k"))).replayed);
}

TEST_F(LedgerBounds, Ledger14_DeliveriesAndEventsMoveWhileRequestsAreRefused) {
    world.sms().resume();
    world.limiter.left = 0;
    std::vector<NotificationId> planned;
    for (int i = 0; i < 3; ++i) planned.push_back(world.accept());
    ASSERT_TRUE(world.plan());
    fill();
    world.limiter.left = 100;
    ASSERT_GE(world.log->level(), 0.8);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.send());
    for (const auto& id : planned) EXPECT_THAT(world.events(id), Contains("0.1 #1 sent"));
}

TEST_F(LedgerBounds, Ledger14_TimersMoveWhileRequestsAreRefused) {
    world.sms().will(defer(seconds(10)));
    const auto id = world.accept();
    world.sms().resume();
    world.run();
    fill();
    world.clock.advance(seconds(10));
    ASSERT_TRUE(world.scheduler->pass(Millis{0}));
    ASSERT_GE(world.log->level(), 0.8);
    ASSERT_TRUE(world.send());
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 deferred", "#2 begun"));
}

TEST_F(LedgerBounds, Ledger14_WhenThereIsRoomRequestsAreTakenAgain) {
    fill();
    world.sms().resume();
    world.run();
    EXPECT_TRUE(std::holds_alternative<AcceptedRequest>(world.ask(world.request())));
}

}  // namespace
}  // namespace herald
