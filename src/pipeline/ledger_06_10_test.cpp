// Doubt, deadlines and gates, cancel, the sweeper, idempotency.

#include "pipeline/testing/ledger_fixture.hpp"

namespace herald {
namespace {

// 6. In doubt waits before it repeats.

TEST_F(Ledger, Ledger06_SmsInDoubtWaitsHalfAMinute) {
    world.sms().will(no_answer());
    world.accept();
    world.run();
    world.advance(Millis{29'999});
    EXPECT_EQ(world.calls(), 1u);
    world.advance(Millis{1});
    EXPECT_EQ(world.calls(), 2u);
}

TEST_F(Ledger, Ledger06_EmailInDoubtWaitsHalfAMinute) {
    world.provider(Route::email).will(no_answer());
    world.accept({Channel::email});
    world.run();
    world.advance(Millis{29'999});
    EXPECT_EQ(world.calls(Route::email), 1u);
    world.advance(Millis{1});
    EXPECT_EQ(world.calls(Route::email), 2u);
}

TEST_F(Ledger, Ledger06_PushInDoubtDoesNotWait) {
    world.provider(Route::push_apns).will(no_answer());
    const auto id = world.accept({Channel::push});
    world.run();
    EXPECT_EQ(world.calls(Route::push_apns), 2u);
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 unknown", "#2 accepted"));
}

TEST_F(Ledger, Ledger06_TheWaitIsAtMostHalfOfWhatIsLeft) {
    world.put_template("code", "at_least_once", 20);
    world.sms().will(no_answer());
    world.accept(world.request({Channel::sms}, "code"));
    world.run();
    world.advance(Millis{9'999});
    EXPECT_EQ(world.calls(), 1u);
    world.advance(Millis{1});
    EXPECT_EQ(world.calls(), 2u);
}

TEST_F(Ledger, Ledger06_AReceiptDuringTheWaitEndsTheDoubt) {
    world.sms().will(no_answer());
    const auto id = world.accept();
    world.run();
    world.advance(seconds(20));
    world.receipt(id, 1, AttemptState::accepted);
    world.run_for(minutes(2), seconds(10));
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_EQ(world.state(id), DeliveryState::sent);
}

TEST_F(Ledger, Ledger06_WhatAKilledProcessLeftInDoubtWaitsToo) {
    world.sms().hold();
    world.accept();
    world.run();
    world.restart();
    world.sms().resume();
    world.advance(Millis{29'999});
    EXPECT_EQ(world.calls(), 1u);
    // The doubt was found when the clock had not moved yet, or at the latest a pass later.
    world.advance(seconds(31));
    EXPECT_EQ(world.calls(), 2u);
}

TEST_F(Ledger, Ledger06_AResendCarriesTheSameDeliveryAndMessage) {
    world.sms().will(no_answer());
    world.accept();
    world.run();
    world.advance(seconds(30));
    const auto calls = world.sms().submitted();
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0].call.delivery, calls[1].call.delivery)
        << "apns-id, collapse-id, tag and Message-ID come from it";
    EXPECT_EQ(delivery_uuid(calls[0].call.delivery), delivery_uuid(calls[1].call.delivery));
    EXPECT_EQ(std::get<SmsMessage>(calls[0].call.message).body,
              std::get<SmsMessage>(calls[1].call.message).body);
}

TEST_F(Ledger, Ledger06_AtMostOnceIsNeverSentAgain) {
    world.put_template("bill", "at_most_once");
    world.sms().will(no_answer());
    const auto id = world.accept(world.request({Channel::sms}, "bill"));
    world.run_for(minutes(2), seconds(10));
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_EQ(world.state(id), DeliveryState::unknown);
}

TEST_F(Ledger, Ledger06_AtMostOnceIsNotSentAgainAfterAKillEither) {
    world.put_template("bill", "at_most_once");
    world.sms().hold();
    const auto id = world.accept(world.request({Channel::sms}, "bill"));
    world.run();
    world.restart();
    world.sms().resume();
    world.run_for(minutes(2), seconds(10));
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_EQ(world.state(id), DeliveryState::unknown);
}

TEST_F(Ledger, Ledger06_AtMostOnceIsNotForgottenWhileItsTemplateCannotBeRead) {
    world.put_template("bill", "at_most_once");
    world.sms().hold();
    const auto id = world.accept(world.request({Channel::sms}, "bill"));
    world.run();
    world.restart();
    world.sms().resume();
    // The first read of the cold cache is the template's, when the lost call is settled.
    for (int i = 0; i < 20 && world.attempts(id) == std::vector<std::string>{"#1 begun"}; ++i) {
        world.store.fail_next();
        world.run();
    }
    world.run_for(minutes(2), seconds(10));
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_EQ(world.state(id), DeliveryState::unknown);
}

TEST_F(Ledger, Ledger06_AtMostOnceIsRepeatedWhenNothingWasSent) {
    world.put_template("bill", "at_most_once");
    world.sms().will(defer(seconds(5)));
    const auto id = world.accept(world.request({Channel::sms}, "bill"));
    world.run();
    world.advance(seconds(5));
    EXPECT_EQ(world.state(id), DeliveryState::sent);
}

// 7. Deadlines, and gates once more.

TEST_F(Ledger, Ledger07_TheDeadlineIsTheTtlAfterTheAcceptance) {
    auto asked = world.request();
    asked.ttl_s = 600;
    const auto id = world.accept(asked);
    world.run();
    EXPECT_EQ(world.story(id).notification.deadline_at, kTestStart + minutes(10));
}

TEST_F(Ledger, Ledger07_TheDeadlineIsTheTtlAfterSendAtWhenThatIsLater) {
    auto asked = world.later(hours(2));
    asked.ttl_s = 600;
    const auto id = world.accept(asked);
    world.run();
    EXPECT_EQ(world.story(id).notification.deadline_at, kTestStart + hours(2) + minutes(10));
}

TEST_F(Ledger, Ledger07_ASendAtThatHasPassedDoesNotShortenTheTtl) {
    auto asked = world.later(-hours(2));
    asked.ttl_s = 600;
    const auto id = world.accept(asked);
    world.run();
    EXPECT_EQ(world.story(id).notification.deadline_at, kTestStart + minutes(10));
    EXPECT_EQ(world.state(id), DeliveryState::sent);
}

TEST_F(Ledger, Ledger07_WhatIsPlannedPastTheDeadlineIsADecisionAndNoCall) {
    const auto id = world.accept(world.later(minutes(10)));
    world.run();
    world.clock.advance(hours(2));
    world.run();
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(world.state(id), DeliveryState::expired);
    EXPECT_EQ(world.reason(id), "deadline_passed");
    EXPECT_EQ(world.story(id).plans.at(1).entries.at(0).state, DeliveryState::expired);
}

TEST_F(Ledger, Ledger07_AFirstAttemptPastTheDeadlineIsExpired) {
    world.limiter.left = 0;
    const auto id = world.accept();
    world.run();
    world.clock.advance(hours(1));
    world.limiter.left = 100;
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::expired);
    EXPECT_EQ(world.reason(id), "deadline_passed");
    EXPECT_THAT(world.attempts(id), IsEmpty());
    EXPECT_EQ(world.calls(), 0u);
}

TEST_F(Ledger, Ledger07_ARetryPastTheDeadlineIsExpired) {
    world.sms().will(defer(minutes(50)));
    const auto id = world.accept();
    world.run();
    world.limiter.left = 0;
    world.clock.advance(hours(1));
    world.run();
    world.limiter.left = 100;
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::expired);
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(Ledger, Ledger07_ARetryThatWouldComeTooLateExpiresAtOnce) {
    world.sms().will(defer(hours(2)));
    const auto id = world.accept();
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::expired);
    EXPECT_THAT(world.store.timers(), IsEmpty());
}

TEST_F(Ledger, Ledger07_DoubtThatOutlivesTheDeadlineStaysDoubt) {
    world.sms().will(no_answer(), defer(hours(2)));
    const auto id = world.accept();
    world.run();
    world.advance(seconds(30));
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 unknown", "#2 deferred"));
    EXPECT_EQ(world.state(id), DeliveryState::unknown);
}

/// Planned, and claimed only after more than a minute.
class LedgerGates : public Ledger {
protected:
    NotificationId plan_and_wait(Millis wait) {
        world.limiter.left = 0;
        const auto id = world.accept();
        world.run();
        world.clock.advance(wait);
        return id;
    }
    void go_on() {
        world.limiter.left = 100;
        world.run();
    }
};

TEST_F(LedgerGates, Ledger07_LaterThanAMinuteASuppressionIsSeen) {
    world.sms().will(opted_out());
    world.sms().hold();
    const auto first = world.accept();
    world.run();
    const auto second = plan_and_wait(Millis{60'001});
    world.sms().resume();
    world.run();
    ASSERT_EQ(world.state(first), DeliveryState::failed);
    go_on();
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_EQ(world.state(second), DeliveryState::skipped);
    EXPECT_EQ(world.reason(second), "suppressed");
}

TEST_F(LedgerGates, Ledger07_LaterThanAMinuteThePreferencesAreReadAgain) {
    const auto id = plan_and_wait(Millis{60'001});
    world.switch_off(Channel::sms);
    go_on();
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(world.state(id), DeliveryState::skipped);
    EXPECT_EQ(world.reason(id), "channel_off");
    EXPECT_THAT(world.attempts(id), IsEmpty());
}

TEST_F(LedgerGates, Ledger07_WithinAMinuteThePlanHolds) {
    const auto id = plan_and_wait(Millis{60'000});
    world.switch_off(Channel::sms);
    go_on();
    EXPECT_EQ(world.state(id), DeliveryState::sent);
}

TEST_F(LedgerGates, Ledger07_OpenGatesLetItThrough) {
    const auto id = plan_and_wait(minutes(5));
    go_on();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 accepted"));
}

TEST_F(LedgerGates, Ledger07_AnErasedPersonIsNotCalled) {
    const auto id = plan_and_wait(minutes(5));
    ASSERT_TRUE(world.store.erase_user(default_tenant(), UserId("ada"), world.clock.now()).value());
    go_on();
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(world.state(id), DeliveryState::cancelled);
    EXPECT_EQ(world.reason(id), "erased");
}

TEST_F(LedgerGates, Ledger07_WhatWasCancelledMeanwhileIsNotCalled) {
    const auto id = plan_and_wait(minutes(5));
    ASSERT_EQ(world.cancel(id), CancelResult::cancelled);
    go_on();
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(world.state(id), DeliveryState::cancelled);
}

TEST_F(LedgerGates, Ledger07_ARetryPassesTheGatesToo) {
    world.sms().will(defer(minutes(5)));
    const auto id = world.accept();
    world.run();
    world.switch_off(Channel::sms);
    world.advance(minutes(5));
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_EQ(world.state(id), DeliveryState::skipped);
}

TEST_F(LedgerGates, Ledger07_GatesThatCannotBeReadAreNotOpen) {
    const auto id = plan_and_wait(minutes(5));
    world.switch_off(Channel::sms);
    world.limiter.left = 100;
    bool is_first = true;
    world.after_claim = [&] {
        if (std::exchange(is_first, false)) world.store.fail_next();
    };
    world.run();
    EXPECT_FALSE(is_first);
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(world.state(id), DeliveryState::skipped);
}

TEST_F(LedgerGates, Ledger07_GatesThatWerePassedLongAgoArePassedAgain) {
    const auto id = plan_and_wait(minutes(5));
    world.before_claim = [this](const auto&) { world.account().breaker.unusable(); };
    go_on();  // the gates are open, and the breaker is not
    world.before_claim = nullptr;
    ASSERT_EQ(world.state(id), DeliveryState::planned);
    world.switch_off(Channel::sms);
    world.advance(minutes(5));
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(world.state(id), DeliveryState::skipped);
}

// 8. Cancel has an arbiter.

TEST_F(Ledger, Ledger08_ACancelBeforePlanningLeavesAMark) {
    const auto id = world.accept();
    EXPECT_EQ(world.cancel(id), CancelResult::cancelled);
    world.run();
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(world.state(id), DeliveryState::cancelled);
    EXPECT_EQ(world.story(id).state(), NotificationState::cancelled);
}

TEST_F(Ledger, Ledger08_AnUnknownNotificationCanBeMarked) {
    const auto id = make_notification_id(world.intake->id_keys(), default_tenant(), world.clock.now());
    EXPECT_EQ(world.cancel(id), CancelResult::cancelled);
    EXPECT_TRUE(world.is_known(id));
}

TEST_F(Ledger, Ledger08_ACancelAfterPlanningIsFirst) {
    world.limiter.left = 0;
    const auto id = world.accept();
    world.run();
    EXPECT_EQ(world.cancel(id), CancelResult::cancelled);
    world.limiter.left = 100;
    world.run();
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(world.state(id), DeliveryState::cancelled);
    EXPECT_THAT(world.attempts(id), IsEmpty());
}

TEST_F(Ledger, Ledger08_TheFirstWriterWins) {
    const auto id = world.accept();
    world.before_claim = [&](const auto&) { EXPECT_EQ(world.cancel(id), CancelResult::cancelled); };
    world.run();
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(world.state(id), DeliveryState::cancelled);
}

TEST_F(Ledger, Ledger08_WhileItIsSendingACancelIsTooLate) {
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    EXPECT_EQ(world.cancel(id), CancelResult::too_late);
    world.sms().resume();
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::sent);
}

TEST_F(Ledger, Ledger08_AfterwardsACancelIsTooLate) {
    const auto id = world.accept();
    world.run();
    EXPECT_EQ(world.cancel(id), CancelResult::too_late);
    EXPECT_EQ(world.state(id), DeliveryState::sent);
}

TEST_F(Ledger, Ledger08_WhatWaitsForARetryCanBeCancelled) {
    world.sms().will(defer(minutes(5)));
    const auto id = world.accept();
    world.run();
    EXPECT_EQ(world.cancel(id), CancelResult::cancelled);
    world.run_for(minutes(6), minutes(1));
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_EQ(world.state(id), DeliveryState::cancelled);
    EXPECT_THAT(world.store.timers(), IsEmpty()) << "the timer falls to the claim";
}

TEST_F(Ledger, Ledger08_WhatWaitsForItsTimeCanBeCancelled) {
    const auto id = world.accept(world.later(minutes(10)));
    world.run();
    EXPECT_EQ(world.cancel(id), CancelResult::cancelled);
    world.run_for(minutes(12), minutes(1));
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(world.story(id).state(), NotificationState::cancelled);
}

TEST_F(Ledger, Ledger08_WhatWasCancelledStaysCancelledWhenItWouldHaveBeenSkipped) {
    const auto id = world.accept_for("nobody");
    EXPECT_EQ(world.cancel(id), CancelResult::cancelled);
    EXPECT_EQ(world.story(id).state(), NotificationState::cancelled);
    world.run();
    EXPECT_EQ(world.story(id).state(), NotificationState::cancelled);
}

TEST_F(Ledger, Ledger08_AMarkDoesNotUndoWhatWasSent) {
    world.sms().will(defer(minutes(5)));
    const auto id = world.accept({Channel::sms, Channel::email});
    world.run();
    EXPECT_EQ(world.cancel(id), CancelResult::cancelled);
    world.repeat_request();
    world.run();
    EXPECT_EQ(world.state(id, 0), DeliveryState::cancelled);
    EXPECT_EQ(world.state(id, 1), DeliveryState::sent);
    EXPECT_THAT(world.events(id), Not(Contains("0.2 #0 cancelled")));
}

// 9. The obligation is the store's once planned.

TEST_F(Ledger, Ledger09_WhatTheLogLostIsAppendedAgain) {
    const auto id = world.accept();
    ASSERT_TRUE(world.plan());
    world.lose_log();
    world.clock.advance(minutes(1));
    world.sweep();
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::sent);
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(Ledger, Ledger09_ALostRetryIsAppendedAgain) {
    world.sms().will(defer(seconds(10)));
    const auto id = world.accept();
    world.run();
    world.clock.advance(seconds(10));
    ASSERT_TRUE(world.scheduler->pass(Millis{0}));
    world.lose_log();
    world.clock.advance(minutes(1));
    world.sweep();
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 deferred", "#2 accepted"));
}

TEST_F(Ledger, Ledger09_ALostCallInFlightIsSettledAsDoubt) {
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    world.lose_log();
    world.clock.advance(minutes(2));
    world.sweep();
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 unknown"));
}

TEST_F(Ledger, Ledger09_WhatIsPastItsDeadlineExpires) {
    const auto id = world.accept();
    ASSERT_TRUE(world.plan());
    world.lose_log();
    world.clock.advance(hours(2));
    world.sweep();
    EXPECT_EQ(world.state(id), DeliveryState::expired);
    EXPECT_THAT(world.events(id), ElementsAre("0.1 #0 expired"));
    world.run();
    EXPECT_EQ(world.calls(), 0u);
}

TEST_F(Ledger, Ledger09_WhatIsFinalIsLeftAlone) {
    world.accept();
    world.run();
    world.lose_log();
    world.clock.advance(minutes(2));
    world.sweep();
    EXPECT_THAT(world.delivery_records(), IsEmpty());
}

TEST_F(Ledger, Ledger09_WhatHasATimerIsLeftAlone) {
    world.sms().will(defer(minutes(50)));
    world.accept();
    world.run();
    world.lose_log();
    world.clock.advance(minutes(2));
    world.sweep();
    EXPECT_THAT(world.delivery_records(), IsEmpty());
}

TEST_F(Ledger, Ledger09_WhatIsYoungerThanTheLagIsLeftAlone) {
    world.limiter.left = 0;
    world.accept();
    world.run();
    world.clock.advance(minutes(20));
    world.sweep();
    EXPECT_THAT(world.delivery_records(), SizeIs(1)) << "its record still stands in the log";
}

TEST_F(Ledger, Ledger09_WithAnUnknownLagNothingIsSwept) {
    const auto id = world.accept();
    ASSERT_TRUE(world.plan());
    world.lose_log();
    BlindLog blind(*world.log);
    Sweeper sweeper(world.clock, blind, world.store, *world.closures, world.metrics);
    world.clock.advance(hours(2));
    ASSERT_TRUE(sweeper.pass(Millis{0}));
    EXPECT_THAT(world.delivery_records(), IsEmpty());
    EXPECT_EQ(world.state(id), DeliveryState::planned);
}

TEST_F(Ledger, Ledger09_WithAnUnknownLagNoTimerMoves) {
    world.sms().will(defer(seconds(10)));
    world.accept();
    world.run();
    BlindLog blind(*world.log);
    Scheduler scheduler(world.clock, blind, world.store, *world.lease, world.metrics);
    world.clock.advance(minutes(1));
    ASSERT_TRUE(scheduler.pass(Millis{0}));
    EXPECT_THAT(world.store.timers(), SizeIs(1));
    EXPECT_THAT(world.delivery_records(), SizeIs(1));
}

TEST_F(Ledger, Ledger09_TheWatermarkDoesNotPassWhatIsOpen) {
    const auto open = world.accept();
    world.clock.advance(seconds(1));
    const auto closed = world.accept({Channel::email});
    ASSERT_TRUE(world.plan());
    auto& email = *world.senders.at({Route::email, Lane::normal});
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(email.pass(Millis{0}));
    ASSERT_EQ(world.state(closed), DeliveryState::sent);
    world.clock.advance(minutes(2));
    world.sweep();  // the record of the open one still stands in the log
    ASSERT_THAT(world.delivery_records(), SizeIs(1));
    world.forget_deliveries();
    world.clock.advance(minutes(2));
    world.sweep();
    world.run();
    EXPECT_EQ(world.state(open), DeliveryState::sent);
}

TEST_F(Ledger, Ledger09_AWalkGoesOnBehindWhatIsOpen) {
    world.limiter.left = 0;
    const auto open = world.accept();
    for (int i = 0; i < 600; ++i) {
        world.clock.advance(Millis{1});
        world.accept({Channel::email});
    }
    ASSERT_TRUE(world.plan());
    world.limiter.left = 1'000;
    world.lose_log();
    world.clock.advance(minutes(2));
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.sweeper->pass(Millis{0}));
    EXPECT_THAT(world.delivery_records(Route::email), SizeIs(600));
    EXPECT_THAT(world.delivery_records(), SizeIs(1));
    world.run();
    EXPECT_EQ(world.state(open), DeliveryState::sent);
}

TEST_F(Ledger, Ledger09_WhatWasAppendedAgainIsReadBeforeItIsAppendedOnceMore) {
    const auto id = world.accept();
    ASSERT_TRUE(world.plan());
    world.lose_log();
    world.limiter.left = 0;
    world.clock.advance(minutes(1));
    for (int i = 0; i < 5; ++i) {
        world.sweep();
        world.run();
    }
    EXPECT_THAT(world.delivery_records(), SizeIs(1));
    world.limiter.left = 1;
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::sent);
}

TEST_F(Ledger, Ledger09_ARecordOlderThanTheRetentionIsNotSent) {
    world.put_template("slow", "at_least_once", static_cast<int>(kMaxTtlSeconds));
    world.limiter.left = 0;
    const auto id = world.accept(world.request({Channel::sms}, "slow"));
    world.run();
    world.clock.advance(hours(24 * 7));
    world.limiter.left = 100;
    world.run();
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(world.state(id), DeliveryState::expired);
}

TEST_F(Ledger, Ledger09_ARequestOlderThanTheRetentionIsNotSent) {
    world.put_template("slow", "at_least_once", static_cast<int>(kMaxTtlSeconds));
    const auto id = world.accept(world.request({Channel::sms}, "slow"));
    world.clock.advance(hours(24 * 7));
    world.run();
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(world.state(id), DeliveryState::expired);
}

// 10. The idempotency row comes before the append.

TEST_F(Ledger, Ledger10_TheRowIsCommittedBeforeTheAppend) {
    world.ask(world.request());  // the template is known from here on
    world.store.fail_next();
    const auto answer = world.ask(world.keyed("k"));
    EXPECT_EQ(std::get<RefusedRequest>(answer).refusal, Refusal::store_unavailable);
    EXPECT_THAT(world.log->records(topics::requests(Lane::normal)), SizeIs(1));
}

TEST_F(Ledger, Ledger10_TheRowStandsWhileTheAppendHangs) {
    world.log->hold_appends();
    auto first = world.ask_and_go(world.keyed("k"));
    auto second = world.ask_and_go(world.keyed("k"));
    world.log->release_appends();
    EXPECT_TRUE(std::holds_alternative<AcceptedRequest>(first.get()));
    EXPECT_EQ(std::get<RefusedRequest>(second.get()).refusal, Refusal::idempotency_in_flight);
}

TEST_F(Ledger, Ledger10_ARepeatGetsTheSame202) {
    const auto first = std::get<AcceptedRequest>(world.ask(world.keyed("k")));
    world.clock.advance(minutes(5));
    const auto second = std::get<AcceptedRequest>(world.ask(world.keyed("k")));
    EXPECT_FALSE(first.replayed);
    EXPECT_TRUE(second.replayed);
    EXPECT_EQ(second.id, first.id);
    EXPECT_EQ(second.template_version, first.template_version);
    EXPECT_EQ(second.accepted_at, first.accepted_at);
}

TEST_F(Ledger, Ledger10_ARepeatAppendsTheSameRecordAgain) {
    world.ask(world.keyed("k"));
    world.clock.advance(minutes(5));
    world.put_template("welcome", "at_most_once", 60);  // a newer version
    world.ask(world.keyed("k"));
    const auto records = world.log->records(topics::requests(Lane::normal));
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[0].value, records[1].value);
}

TEST_F(Ledger, Ledger10_ARepeatMeansTheChannelsOfTheFirst) {
    auto asked = world.keyed("k");
    asked.channels.clear();
    world.ask(asked);
    world.clock.advance(minutes(5));
    world.put_channels(R"("sms":{"body":"Hi {{ username }}"})");
    world.ask(asked);
    const auto records = world.log->records(topics::requests(Lane::normal));
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[0].value, records[1].value);
}

TEST_F(Ledger, Ledger10_ARepeatNeedNotFitTheNewestTemplate) {
    const auto first = std::get<AcceptedRequest>(world.ask(world.keyed("k")));
    for (const auto* newest :
         {R"("sms":{"body":"Hi {{ surname }}"})", R"("email":{"subject":"Hi","text":"Hi"})"}) {
        world.clock.advance(minutes(5));
        world.put_channels(newest);
        EXPECT_EQ(std::get<RefusedRequest>(world.ask(world.request())).detail,
                  "the request does not fit its template");
        const auto repeated = std::get<AcceptedRequest>(world.ask(world.keyed("k")));
        EXPECT_TRUE(repeated.replayed);
        EXPECT_EQ(repeated.id, first.id);
        EXPECT_EQ(repeated.template_version, first.template_version);
        EXPECT_EQ(repeated.accepted_at, first.accepted_at);
    }
    const auto records = world.log->records(topics::requests(Lane::normal));
    ASSERT_EQ(records.size(), 3u);
    EXPECT_EQ(records[1].value, records[0].value);
    EXPECT_EQ(records[2].value, records[0].value);
}

TEST_F(Ledger, Ledger10_ARepeatInFlightIsRefusedWhateverTheNewestTemplate) {
    world.ask(world.keyed("k"));
    world.put_channels(R"("sms":{"body":"Hi {{ surname }}"})");
    EXPECT_EQ(std::get<RefusedRequest>(world.ask(world.keyed("k"))).refusal, Refusal::idempotency_in_flight);
}

TEST_F(Ledger, Ledger10_AnotherBodyIsRefusedForItsKeyWhateverTheNewestTemplate) {
    world.ask(world.keyed("k"));
    world.clock.advance(minutes(5));
    world.put_channels(R"("sms":{"body":"Hi {{ surname }}"})");
    EXPECT_EQ(std::get<RefusedRequest>(world.ask(world.keyed("k", "another body"))).refusal,
              Refusal::idempotency_mismatch);
}

TEST_F(Ledger, Ledger10_ARepeatIsOneSend) {
    const auto id = std::get<AcceptedRequest>(world.ask(world.keyed("k"))).id;
    world.run();
    world.advance(seconds(2));
    world.ask(world.keyed("k"));
    world.run();
    EXPECT_EQ(world.unfinished_requests(), 0u);
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 accepted"));
}

TEST_F(Ledger, Ledger10_ARepeatMendsAnAppendThatFailed) {
    world.log->fail_next_append({ErrorCode::unavailable, "the disk is gone"});
    const auto first = std::get<RefusedRequest>(world.ask(world.keyed("k")));
    EXPECT_EQ(first.refusal, Refusal::acceptance_unknown);
    world.clock.advance(seconds(2));
    const auto second = std::get<AcceptedRequest>(world.ask(world.keyed("k")));
    EXPECT_EQ(second.id, first.id);
    world.run();
    EXPECT_EQ(world.state(second.id), DeliveryState::sent);
}

TEST_F(Ledger, Ledger10_ARepeatSurvivesAKill) {
    const auto first = std::get<AcceptedRequest>(world.ask(world.keyed("k")));
    world.restart();
    world.clock.advance(seconds(2));
    EXPECT_EQ(std::get<AcceptedRequest>(world.ask(world.keyed("k"))).id, first.id);
}

TEST_F(Ledger, Ledger10_AnotherBodyUnderTheSameKeyIsRefused) {
    world.ask(world.keyed("k"));
    world.clock.advance(minutes(5));
    const auto answer = world.ask(world.keyed("k", "another body"));
    EXPECT_EQ(std::get<RefusedRequest>(answer).refusal, Refusal::idempotency_mismatch);
    EXPECT_THAT(world.log->records(topics::requests(Lane::normal)), SizeIs(1));
}

TEST_F(Ledger, Ledger10_ARefusedRequestLeavesNoRow) {
    auto incomplete = world.keyed("k");
    incomplete.data = Json(Json::Object{});
    EXPECT_EQ(std::get<RefusedRequest>(world.ask(incomplete)).refusal, Refusal::missing_data);
    EXPECT_TRUE(std::holds_alternative<AcceptedRequest>(world.ask(world.keyed("k", "the mended body"))));
}

}  // namespace
}  // namespace herald
