// First plans, claims, permits, outcomes, ranks.

#include "pipeline/testing/ledger_fixture.hpp"

namespace herald {
namespace {

// 1. The first stored plan wins, per step.

TEST_F(Ledger, Ledger01_TheFirstStoredPlanWins) {
    const auto id = world.accept();
    world.log->fail_next_append({ErrorCode::unavailable, "the disk is slow"});
    ASSERT_FALSE(world.plan());
    world.move_phone("+14155550199");
    world.run();
    EXPECT_THAT(world.numbers_called(), ElementsAre("+14155550123"));
    EXPECT_EQ(world.story(id).plans.at(0).entries.at(0).address, "+14155550123");
}

TEST_F(Ledger, Ledger01_ARepeatedRequestChangesNothing) {
    const auto id = world.accept();
    world.run();
    world.repeat_request();
    world.run();
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 accepted"));
    EXPECT_THAT(world.delivery_records(), SizeIs(1));
}

TEST_F(Ledger, Ledger01_ARePlannedRecordChangesNothing) {
    const auto id = world.accept();
    world.run();
    const auto before = world.story(id).plans;
    world.kill();
    for (auto& position : world.disk->positions[{topics::kPlannerGroup, topics::requests(Lane::normal)}])
        position = 0;
    world.start();
    world.advance(seconds(5));
    EXPECT_EQ(world.unfinished_requests(), 0u);
    EXPECT_EQ(world.story(id).plans, before);
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(Ledger, Ledger01_ACrashBetweenStoringAndAppendingChangesNothing) {
    const auto id = world.accept();
    world.log->fail_next_append({ErrorCode::unavailable, "the process dies"});
    ASSERT_FALSE(world.plan());
    ASSERT_TRUE(world.is_known(id));
    ASSERT_THAT(world.delivery_records(), IsEmpty());
    world.restart();
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 accepted"));
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(Ledger, Ledger01_AppendsOnlyWhatIsStored) {
    const auto id = world.accept({Channel::push});
    ASSERT_TRUE(world.plan());
    auto user = make_user("ada");
    user.devices.push_back({Platform::ios, "ios-new", kTestStart});
    world.put_user(user);
    world.repeat_request();
    ASSERT_TRUE(world.plan());
    world.run();
    EXPECT_EQ(world.story(id).deliveries.size(), 2u);
    EXPECT_EQ(world.calls(Route::push_apns), 1u);
    for (const auto& record : world.delivery_records(Route::push_apns)) {
        EXPECT_EQ(decode_delivery(record.value)->delivery.ordinal, 1) << "what nothing stores was appended";
    }
}

TEST_F(Ledger, Ledger01_ALaterStepIsPlannedFromCurrentData) {
    world.accept(world.later(minutes(10)));
    world.run();
    world.move_phone("+14155550199");
    world.run_for(minutes(11), minutes(1));
    EXPECT_THAT(world.numbers_called(), ElementsAre("+14155550199"));
}

TEST_F(Ledger, Ledger01_ALaterStepHasItsOwnFirstPlan) {
    const auto id = world.accept(world.later(minutes(10)));
    world.run();
    world.clock.advance(minutes(10));
    ASSERT_TRUE(world.scheduler->pass(Millis{0}));
    ASSERT_TRUE(world.plan());
    world.move_phone("+14155550199");
    world.repeat(world.log->records(topics::requests(Lane::normal)).at(1));
    world.run();
    EXPECT_THAT(world.numbers_called(), ElementsAre("+14155550123"));
    EXPECT_EQ(world.story(id).plans.size(), 2u);
}

TEST_F(Ledger, Ledger01_AStepThatNobodyWaitsForIsNotPlanned) {
    const auto id = world.accept();
    world.run();
    world.append(
        {topics::requests(Lane::normal), "key", encode(ContinueRecord{default_tenant(), id, 1}), ""});
    world.run();
    EXPECT_EQ(world.unfinished_requests(), 0u);
    EXPECT_EQ(world.story(id).plans.size(), 1u);
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(Ledger, Ledger01_AFailedWriteLeavesNothing) {
    const auto id = world.accept();
    world.store.fail_next();
    ASSERT_FALSE(world.plan());
    EXPECT_FALSE(world.is_known(id));
    EXPECT_THAT(world.delivery_records(), IsEmpty());
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::sent);
}

// 2. A claim is one compare-and-set.

TEST_F(Ledger, Ledger02_TwoRecordsOfOneDeliveryAreOneCall) {
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    world.repeat_delivery();
    world.run();
    world.sms().resume();
    world.run();
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_EQ(world.state(id), DeliveryState::sent);
    EXPECT_EQ(world.unfinished_deliveries(), 0u);
}

TEST_F(Ledger, Ledger02_TwoSendersOfOneDeliveryAreOneCall) {
    world.accept();
    ASSERT_TRUE(world.plan());
    const auto other = world.make_sender();
    const auto record = world.delivery_records().front();
    for (std::size_t partition = 0; partition < 4; ++partition) {
        world.append({record.topic, world.key_in_partition(partition), record.value, ""});
    }
    world.sms().hold();
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(other->pass(Millis{0}));
        ASSERT_TRUE(world.send());
    }
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(Ledger, Ledger02_APlannedDeliveryHasNoAttemptUntilItsClaim) {
    const auto id = world.accept();
    ASSERT_TRUE(world.plan());
    EXPECT_EQ(world.state(id), DeliveryState::planned);
    EXPECT_THAT(world.attempts(id), IsEmpty());
    world.sms().hold();
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::sending);
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 begun"));
}

TEST_F(Ledger, Ledger02_TheFirstAttemptStartsOnlyWhatIsNew) {
    world.sms().will(defer(hours(1)));
    world.put_template("patient", "at_least_once", 4 * 3600);
    const auto id = world.accept(world.request({Channel::sms}, "patient"));
    world.run();
    world.repeat_delivery();
    world.run();
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 deferred"));
}

TEST_F(Ledger, Ledger02_ALaterAttemptDoesNotStartWhatIsNew) {
    world.limiter.left = 0;
    const auto id = world.accept();
    ASSERT_TRUE(world.plan());
    world.kill();
    world.disk->topics.erase(topics::deliveries(Route::sms, Lane::normal));
    world.disk->positions.erase({topics::kSenderGroup, topics::deliveries(Route::sms, Lane::normal)});
    world.limiter.left = 100;
    world.start();
    world.append_attempt(id, 2);
    world.run();
    EXPECT_EQ(world.unfinished_deliveries(), 0u);
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(world.state(id), DeliveryState::planned);
}

TEST_F(Ledger, Ledger02_AttemptNStartsOnlyWhatWaitsAtNMinusOne) {
    world.sms().will(defer(minutes(10)));
    const auto id = world.accept();
    world.run();
    world.append_attempt(id, 3);
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 deferred"));
    world.append_attempt(id, 2);
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 deferred", "#2 accepted"));
}

TEST_F(Ledger, Ledger02_ATokenIsDrawnForEachBatch) {
    const auto id = world.accept();
    ASSERT_TRUE(world.plan());
    const auto claim = claim_call(world.store, world.clock);
    const std::vector<ClaimRequest> wanted{make_claim({id, 0, 1})};
    EXPECT_EQ(claim(wanted)->front().verdict, ClaimVerdict::claimed);
    EXPECT_EQ(claim(wanted)->front().verdict, ClaimVerdict::busy);
}

TEST_F(Ledger, Ledger02_ALostAnswerGivesItsOwnRowsBack) {
    const auto id = world.accept();
    ASSERT_TRUE(world.plan());
    world.store.lose_next_answer();
    world.run();
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 accepted"));
}

/// A store of which every claim takes four seconds, before and after it begins the leases.
class SlowDeliveries final : public DeliveryStore {
public:
    SlowDeliveries(DeliveryStore& store, WallClock& clock) : store_(store), clock_(clock) {}

    Result<std::vector<ClaimResult>> claim(std::span<const ClaimRequest> requests,
                                           ClaimToken token) override {
        clock_.advance(seconds(4));
        auto claims = store_.claim(requests, token);
        clock_.advance(seconds(4));
        return claims;
    }
    Result<std::vector<SettleResult>> settle(std::span<const Settlement> settlements) override {
        return store_.settle(settlements);
    }
    Result<std::vector<SettleResult>> close_deliveries(std::span<const Closure> closures) override {
        return store_.close_deliveries(closures);
    }
    Result<std::vector<SettleResult>> apply_receipts(std::span<const ReceiptRecord> receipts) override {
        return store_.apply_receipts(receipts);
    }
    Status declare_claims_dead() override { return store_.declare_claims_dead(); }

private:
    DeliveryStore& store_;
    WallClock& clock_;
};

TEST_F(Ledger, Ledger02_TheTimeBeforeTheLeaseBeginsIsNotTakenFromIt) {
    const auto id = world.accept();
    ASSERT_TRUE(world.plan());
    SlowDeliveries slow(world.store, world.clock);
    const auto claims = claim_call(slow, world.clock)({make_claim({id, 0, 1})});
    EXPECT_EQ(claims->front().verdict, ClaimVerdict::claimed);
    EXPECT_EQ(world.clock.uptime() - claims->front().asked_at, seconds(4));
}

TEST_F(Ledger, Ledger02_TheLeaseOfARepeatedClaimCountsFromTheFirst) {
    const auto id = world.accept();
    ASSERT_TRUE(world.plan());
    SlowDeliveries slow(world.store, world.clock);
    world.store.lose_next_answer();
    const auto claims = claim_call(slow, world.clock)({make_claim({id, 0, 1})});
    EXPECT_EQ(claims->front().verdict, ClaimVerdict::claimed);
    EXPECT_EQ(world.clock.uptime() - claims->front().asked_at, seconds(16));
}

TEST_F(Ledger, Ledger02_IdsAreUniqueInsideABatch) {
    world.accept();
    ASSERT_TRUE(world.plan());
    world.repeat_delivery();
    world.repeat_delivery();
    world.run();
    EXPECT_EQ(world.claims_made(), 3u);
    for (const auto& batch : world.claim_batches) {
        std::set<DeliveryId> ids;
        for (const auto& claim : batch) EXPECT_TRUE(ids.insert(claim.delivery).second);
    }
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(Ledger, Ledger02_TheLeaseIsTheCallDeadlineAndFiveSeconds) {
    world.sms().hold();
    world.accept();
    world.run();
    world.kill();
    world.clock.advance(seconds(2));
    world.start();
    world.run();
    ASSERT_THAT(world.store.timers(), SizeIs(1));
    EXPECT_EQ(world.store.timers()[0].due, kTestStart + seconds(15));
}

TEST_F(Ledger, Ledger02_ALiveClaimGoesToTheTimersAtItsLease) {
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    world.kill();
    world.start();
    world.run();
    ASSERT_THAT(world.store.timers(), SizeIs(1));
    EXPECT_EQ(world.store.timers()[0].kind, TimerKind::lease);
    EXPECT_EQ(world.unfinished_deliveries(), 0u) << "the timer has taken the record over";
    EXPECT_EQ(world.calls(), 1u);
    world.sms().resume();
    world.run_for(minutes(1), seconds(5));
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 unknown", "#2 accepted"));
    EXPECT_EQ(world.calls(), 2u);
}

TEST_F(Ledger, Ledger02_OnlyAClaimPastItsLeaseIsInDoubt) {
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    world.kill();
    world.start();
    world.run();
    world.clock.advance(Millis{14'999});
    world.repeat_delivery();
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 begun"));
    world.advance(Millis{1});
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 unknown"));
}

TEST_F(Ledger, Ledger02_ACallStartsWhileAFullDeadlineIsLeftOfTheLease) {
    world.before_claim = [this](const auto&) { world.clock.advance(seconds(5)); };
    const auto id = world.accept();
    world.run();
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 accepted"));
}

TEST_F(Ledger, Ledger02_NoCallStartsWithLessThanAFullDeadlineLeftOfTheLease) {
    world.after_claim = [this] { world.clock.advance(Millis{5'001}); };
    const auto id = world.accept();
    ASSERT_TRUE(world.plan());
    ASSERT_TRUE(world.send());
    ASSERT_TRUE(world.send());
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 deferred"));
    world.after_claim = nullptr;
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 deferred", "#2 accepted"));
}

TEST_F(Ledger, Ledger02_TheTimeInFrontOfTheStoreIsNotTakenFromTheLease) {
    world.before_claim = [this](const auto&) { world.clock.advance(Millis{5'001}); };
    const auto id = world.accept();
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 accepted"));
}

TEST_F(Ledger, Ledger02_AWallClockThatIsSetBackDoesNotProlongTheLease) {
    world.after_claim = [this] {
        world.clock.advance(seconds(6));
        world.clock.set_wall(-seconds(6));
    };
    world.accept();
    ASSERT_TRUE(world.plan());
    ASSERT_TRUE(world.send());
    EXPECT_EQ(world.calls(), 0u);
}

// 3. Claim last.

TEST_F(Ledger, Ledger03_TheBreakerComesBeforeTheClaim) {
    world.account().breaker.unusable();
    const auto id = world.accept();
    world.run();
    EXPECT_THAT(world.claim_batches, IsEmpty());
    EXPECT_EQ(world.state(id), DeliveryState::planned);
    EXPECT_EQ(world.unfinished_deliveries(), 1u);
    world.advance(seconds(2));
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 accepted")) << "the wait costs no attempt";
}

TEST_F(Ledger, Ledger03_TheRateTokenComesBeforeTheClaim) {
    world.limiter.left = 2;
    for (int i = 0; i < 5; ++i) world.accept();
    world.run();
    EXPECT_EQ(world.claims_made(), 2u);
    world.limiter.left = 1;
    world.run();
    EXPECT_EQ(world.claims_made(), 3u);
}

TEST_F(Ledger, Ledger03_TheCallSlotComesBeforeTheClaim) {
    world.max_in_flight = 3;
    world.restart();
    world.sms().hold();
    std::vector<int> slots_in_use;
    world.before_claim = [&](const auto&) { slots_in_use.push_back(world.account().slots.in_use()); };
    for (int i = 0; i < 5; ++i) world.accept();
    world.run();
    EXPECT_EQ(world.claims_made(), 3u);
    EXPECT_THAT(slots_in_use, ElementsAre(3));
}

TEST_F(Ledger, Ledger03_WhatIsClaimedIsCalledAtOnce) {
    world.limiter.left = 3;
    world.sms().hold();
    for (int i = 0; i < 5; ++i) world.accept();
    ASSERT_TRUE(world.plan());
    ASSERT_TRUE(world.send());
    EXPECT_EQ(world.claims_made(), 3u);
    EXPECT_EQ(world.calls(), 3u);
}

TEST_F(Ledger, Ledger03_PermitsThatAreNotUsedForACallGoBack) {
    world.accept();
    world.run();
    const int before = world.limiter.left;
    world.repeat_delivery();
    world.run();
    EXPECT_EQ(world.limiter.left, before);
    EXPECT_EQ(world.account().slots.in_use(), 0);
}

TEST_F(Ledger, Ledger03_AKilledProcessLeavesAtMostItsCallsInDoubt) {
    world.limiter.left = 2;
    world.sms().hold();
    std::vector<NotificationId> ids;
    for (int i = 0; i < 5; ++i) ids.push_back(world.accept());
    world.run();
    ASSERT_EQ(world.sms().open_calls(), 2u);
    world.restart();
    world.limiter.left = 100;
    world.sms().resume();
    world.run();
    int in_doubt = 0;
    for (const auto& id : ids) in_doubt += world.attempts(id).front() == "#1 unknown" ? 1 : 0;
    EXPECT_EQ(in_doubt, 2);
    EXPECT_EQ(world.calls(), 2u + 3u) << "what was not claimed is simply called";
}

// 4. Outcomes are always written.

TEST_F(Ledger, Ledger04_AnOutcomeIsWrittenAfterThePartitionIsLost) {
    world.sms().hold();
    std::vector<NotificationId> ids;
    for (int i = 0; i < 8; ++i) {
        const auto user = fmt::format("user{}", i);
        world.put_user(make_user(user));
        ids.push_back(world.accept_for(user));
    }
    world.run();
    ASSERT_EQ(world.calls(), 8u);
    const auto other = world.make_sender();
    world.sms().resume();
    ASSERT_TRUE(world.send());
    for (const auto& id : ids) EXPECT_THAT(world.attempts(id), ElementsAre("#1 accepted"));
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(other->pass(Millis{0}));
    EXPECT_EQ(world.calls(), 8u);
    EXPECT_EQ(world.unfinished_deliveries(), 0u);
}

TEST_F(Ledger, Ledger04_TheOffsetOfALostPartitionIsNotMoved) {
    world.sms().hold();
    world.accept();
    ASSERT_TRUE(world.plan());
    const auto record = world.delivery_records().front();
    const auto key = world.key_in_partition(1);  // the one that the second of two members holds
    world.append({record.topic, key, record.value, ""});
    ASSERT_TRUE(world.send());
    const auto other = world.make_sender();
    world.sms().resume();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.send());
    EXPECT_GE(world.unfinished_deliveries(), 1u) << "only its new holder may say that the record is finished";
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(other->pass(Millis{0}));
    EXPECT_EQ(world.unfinished_deliveries(), 0u);
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(Ledger, Ledger04_AnOutcomeIsWrittenAfterTheLeaseIsLost) {
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    const auto other = world.make_sender();
    const auto record = world.delivery_records().front();
    world.append({record.topic, world.key_in_partition(1), record.value, ""});
    world.clock.advance(seconds(16));
    ASSERT_TRUE(other->pass(Millis{0}));
    ASSERT_TRUE(other->pass(Millis{0}));
    ASSERT_THAT(world.attempts(id), ElementsAre("#1 unknown")) << "the other one found it past its lease";
    world.sms().resume();
    ASSERT_TRUE(world.send());
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 accepted"));
    EXPECT_EQ(world.state(id), DeliveryState::sent);
}

TEST_F(Ledger, Ledger04_ALateOutcomeMakesTheResendVoid) {
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    const auto other = world.make_sender();
    const auto record = world.delivery_records().front();
    world.append({record.topic, world.key_in_partition(1), record.value, ""});
    world.clock.advance(seconds(16));
    ASSERT_TRUE(other->pass(Millis{0}));
    ASSERT_TRUE(other->pass(Millis{0}));
    world.sms().resume();
    world.run_for(minutes(2), seconds(5));
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(other->pass(Millis{0}));
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_EQ(world.state(id), DeliveryState::sent);
}

TEST_F(Ledger, Ledger04_AnOutcomeThatCannotBeWrittenNowIsWrittenLater) {
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    world.sms().resume();
    world.store.fail_next(ErrorCode::unavailable, 3);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(world.send());
    EXPECT_EQ(world.state(id), DeliveryState::sending);
    ASSERT_TRUE(world.send());
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 accepted"));
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(Ledger, Ledger04_AnOutcomeIsWrittenWhileTheLogDoesNotAnswer) {
    world.accept();
    world.run();
    world.repeat_delivery();  // its event is to be appended again
    world.sms().hold();
    const auto id = world.accept();
    ASSERT_TRUE(world.plan());
    world.log->hold_appends();
    ASSERT_TRUE(world.send());
    ASSERT_TRUE(world.send()) << "the log keeps it waiting";
    world.sms().resume();
    ASSERT_TRUE(world.send());
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 accepted"));
    EXPECT_GE(world.unfinished_deliveries(), 1u) << "without its event nothing is forgotten";
    world.log->release_appends();
    world.run();
    EXPECT_EQ(world.unfinished_deliveries(), 0u);
    EXPECT_EQ(world.calls(), 2u);
}

TEST_F(Ledger, Ledger04_TheRecordIsNotForgottenBeforeTheOutcomeIsWritten) {
    world.sms().hold();
    world.accept();
    world.run();
    world.sms().resume();
    world.store.fail_next();
    EXPECT_FALSE(world.send());
    EXPECT_EQ(world.unfinished_deliveries(), 1u);
}

TEST_F(Ledger, Ledger04_AnOutcomeAndItsRetryTimerAreOneWrite) {
    world.sms().will(defer(minutes(5)));
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    world.sms().resume();
    world.store.fail_next();
    EXPECT_FALSE(world.send());
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 begun"));
    EXPECT_THAT(world.store.timers(), IsEmpty());
    ASSERT_TRUE(world.send());
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 deferred"));
    EXPECT_THAT(world.store.timers(), SizeIs(1));
}

TEST_F(Ledger, Ledger04_AnOutcomeAndItsDeviceRemovalAreOneWrite) {
    world.provider(Route::push_apns).will(dead_address());
    world.provider(Route::push_apns).hold();
    const auto id = world.accept({Channel::push});
    world.run();
    world.provider(Route::push_apns).resume();
    const auto devices = [&] {
        return world.store.get_user(default_tenant(), UserId("ada")).value()->devices.size();
    };
    world.store.fail_next();
    EXPECT_FALSE(world.send());
    EXPECT_EQ(devices(), 2u);
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 begun"));
    ASSERT_TRUE(world.send());
    EXPECT_EQ(devices(), 1u);
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 rejected"));
}

TEST_F(Ledger, Ledger04_AnOutcomeAndItsSuppressionAreOneWrite) {
    world.sms().will(opted_out());
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    world.sms().resume();
    world.store.fail_next();
    EXPECT_FALSE(world.send());
    EXPECT_THAT(world.store.suppressions(), IsEmpty());
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 begun"));
    ASSERT_TRUE(world.send());
    EXPECT_THAT(world.store.suppressions(), SizeIs(1));
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 rejected"));
}

TEST_F(Ledger, Ledger04_ALostAnswerOfTheWriteRepeatsNothing) {
    world.sms().will(defer(minutes(5)));
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    world.sms().resume();
    world.store.lose_next_answer();
    EXPECT_FALSE(world.send());
    world.clock.advance(seconds(1));
    ASSERT_TRUE(world.send());
    EXPECT_THAT(world.store.timers(), SizeIs(1));
    world.run_for(minutes(6), seconds(30));
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 deferred", "#2 accepted"));
    EXPECT_EQ(world.calls(), 2u);
}

// 5. Rank belongs to the attempt.

TEST_F(Ledger, Ledger05_AnAttemptOnlyRises) {
    const auto id = world.accept();
    world.run();
    world.receipt(id, 1, AttemptState::delivered);
    world.run();
    world.receipt(id, 1, AttemptState::accepted);
    world.receipt(id, 1, AttemptState::undelivered);
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 delivered"));
    EXPECT_EQ(world.state(id), DeliveryState::delivered);
}

TEST_F(Ledger, Ledger05_AReceiptMayRaiseWhatWasSent) {
    const auto id = world.accept();
    world.run();
    ASSERT_EQ(world.state(id), DeliveryState::sent);
    world.receipt(id, 1, AttemptState::bounced);
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::bounced);
}

TEST_F(Ledger, Ledger05_AReceiptRaisesTheAttemptThatItNames) {
    world.sms().will(no_answer());
    const auto id = world.accept();
    world.run();
    world.advance(seconds(30));
    ASSERT_THAT(world.attempts(id), ElementsAre("#1 unknown", "#2 accepted"));
    world.receipt(id, 1, AttemptState::delivered);
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 delivered", "#2 accepted"));
}

TEST_F(Ledger, Ledger05_TheDeliveryIsAFoldOverItsAttempts) {
    world.sms().will(no_answer(), reject(RejectReason::invalid_address));
    const auto id = world.accept();
    world.run();
    world.advance(seconds(30));
    ASSERT_THAT(world.attempts(id), ElementsAre("#1 unknown", "#2 rejected"));
    EXPECT_EQ(world.state(id), DeliveryState::unknown) << "the first may have arrived";
    world.receipt(id, 1, AttemptState::delivered);
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::delivered);
}

TEST_F(Ledger, Ledger05_TheNotificationIsAFoldOverItsDeliveries) {
    world.sms().will(reject(RejectReason::invalid_address));
    world.provider(Route::email).hold();
    const auto id = world.accept({Channel::sms, Channel::email});
    world.run();
    EXPECT_EQ(world.state(id, 0), DeliveryState::failed);
    EXPECT_EQ(world.story(id).state(), NotificationState::in_progress);
    world.provider(Route::email).resume();
    world.run();
    EXPECT_EQ(world.story(id).state(), NotificationState::sent);
}

TEST_F(Ledger, Ledger05_AReceiptMakesThePendingRetryVoid) {
    world.sms().will(no_answer());
    const auto id = world.accept();
    world.run();
    ASSERT_EQ(world.state(id), DeliveryState::retrying);
    world.receipt(id, 1, AttemptState::delivered);
    world.run_for(minutes(2), seconds(10));
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 delivered"));
}

TEST_F(Ledger, Ledger05_AReceiptMayComeBeforeTheOutcome) {
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    world.receipt(id, 1, AttemptState::delivered);
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::delivered);
    world.sms().resume();
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 delivered"));
    EXPECT_EQ(world.state(id), DeliveryState::delivered);
}

TEST_F(Ledger, Ledger05_AReceiptBeforeADoubtfulOutcomeLeavesNothingToRepeat) {
    world.sms().will(no_answer());
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    world.receipt(id, 1, AttemptState::delivered);
    world.run();
    world.sms().resume();
    world.run_for(minutes(2), seconds(10));
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_EQ(world.state(id), DeliveryState::delivered);
}

}  // namespace
}  // namespace herald
