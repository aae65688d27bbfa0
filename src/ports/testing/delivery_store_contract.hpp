#pragma once

#include <atomic>

#include "ports/testing/store_contract.hpp"

namespace herald {

class DeliveryStoreContract : public StoreContract {
protected:
    void SetUp() override { store_plan(1); }

    /// The delivery waits for attempt `n` afterwards.
    void retry_until(int n) {
        for (int attempt = 1; attempt < n; ++attempt) {
            ASSERT_EQ(claim(id_, attempt).verdict, ClaimVerdict::claimed);
            ASSERT_TRUE(settle_retry(id_, attempt).raised);
        }
    }

    ClaimVerdict verdict(int attempt, ClaimToken token = kToken) {
        return claim(id_, attempt, token).verdict;
    }

    std::vector<Device> devices() { return must(store_.get_user(default_tenant(), UserId("ada")))->devices; }

    std::vector<Suppression> suppressions() {
        const UserRef refs[] = {{default_tenant(), UserId("ada")}};
        return must(store_.load_recipients(refs)).at(0).suppressions;
    }

    const DeliveryId id_ = make_delivery_id(1);
};

TEST_P(DeliveryStoreContract, TheFirstClaimBeginsTheDelivery) {
    const auto claimed = claim(id_);
    EXPECT_EQ(claimed.verdict, ClaimVerdict::claimed);
    EXPECT_EQ(claimed.lease_until, now() + make_claim(id_).lease);
    ASSERT_TRUE(claimed.notification);
    EXPECT_EQ(*claimed.notification, make_notification(1));
    EXPECT_EQ(claimed.entry, make_entry(1));
    EXPECT_EQ(claimed.tries, 0);
    EXPECT_FALSE(claimed.was_unknown);
}

TEST_P(DeliveryStoreContract, ARowThatCannotBeReadRefusesItsBatchAndNoOther) {
    store_plan(2);
    spoil(2);
    const ClaimRequest both[] = {make_claim(id_), make_claim(make_delivery_id(2))};
    const auto refused = store_.claim(both, kToken);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::refused_content);
    EXPECT_EQ(state_of(1), DeliveryState::planned);
    EXPECT_EQ(claim(id_).verdict, ClaimVerdict::claimed);
}

TEST_P(DeliveryStoreContract, ABegunAttemptIsInTheStory) {
    claim(id_);
    const auto view = delivery(1);
    EXPECT_EQ(view.state, DeliveryState::sending);
    ASSERT_EQ(view.attempts.size(), 1u);
    EXPECT_EQ(view.attempts[0].n, 1);
    EXPECT_EQ(view.attempts[0].account, "twilio");
    EXPECT_EQ(view.attempts[0].state, AttemptState::begun);
    EXPECT_EQ(view.attempts[0].begun_at, now());
    EXPECT_FALSE(view.attempts[0].ended_at);
}

TEST_P(DeliveryStoreContract, TheOwnTokenGetsItsClaimAgain) {
    const auto first = claim(id_);
    clock_.advance(seconds(1));
    const auto again = claim(id_);
    EXPECT_EQ(again.verdict, ClaimVerdict::claimed);
    EXPECT_EQ(again.lease_until, first.lease_until);
    EXPECT_EQ(*again.notification, make_notification(1));
    EXPECT_EQ(again.entry, make_entry(1));
    EXPECT_EQ(delivery(1).attempts.size(), 1u);
}

/// Every look at it takes a millisecond.
class ClockThatGoesOn final : public Clock {
public:
    TimePoint now() const override { return kTestStart + look(); }
    Millis uptime() const override { return look(); }
    static Millis uptime_at(TimePoint time) { return time - kTestStart; }

private:
    Millis look() const { return Millis{++looks_}; }

    mutable std::atomic<int> looks_{0};
};

TEST_P(DeliveryStoreContract, ALeaseBeginsNoEarlierThanItWasAskedFor) {
    const ClockThatGoesOn clock;
    auto under_test = GetParam().open(clock);
    const NewPlan plans[] = {{make_notification(1, clock.now()), make_plan(clock.now())}};
    must(under_test.store->store_plans(plans));
    const auto begin = clock.uptime();
    const ClaimRequest requests[] = {make_claim(id_)};
    const auto claimed = must(under_test.store->claim(requests, kToken)).at(0);
    const auto standing = must(under_test.store->claim(requests, kOtherToken)).at(0);
    const auto lease_began = ClockThatGoesOn::uptime_at(standing.lease_until - make_claim(id_).lease);
    EXPECT_GT(claimed.asked_at, begin);
    EXPECT_GE(lease_began, claimed.asked_at);
}

TEST_P(DeliveryStoreContract, EveryCallTellsWhenItWasAsked) {
    retry_until(2);
    clock_.advance(seconds(3));
    EXPECT_EQ(claim(id_, 2).asked_at, clock_.uptime());
}

TEST_P(DeliveryStoreContract, SomebodyElsesLiveClaimIsBusyUntilItsLease) {
    const auto first = claim(id_);
    clock_.advance(seconds(14));
    const auto other = claim(id_, 1, kOtherToken);
    EXPECT_EQ(other.verdict, ClaimVerdict::busy);
    EXPECT_EQ(other.lease_until, first.lease_until);
}

TEST_P(DeliveryStoreContract, AClaimPastItsLeaseIsInDoubt) {
    retry_until(2);
    claim(id_, 2);
    clock_.advance(make_claim(id_).lease);
    const auto other = claim(id_, 2, kOtherToken);
    EXPECT_EQ(other.verdict, ClaimVerdict::in_doubt);
    EXPECT_EQ(other.attempt, 2);
    EXPECT_EQ(other.tries, 1);
    EXPECT_EQ(*other.notification, make_notification(1));
    EXPECT_EQ(other.entry, make_entry(1));
    EXPECT_EQ(state_of(1), DeliveryState::sending);
}

TEST_P(DeliveryStoreContract, DeclaredDeadIsInDoubtAtOnce) {
    claim(id_);
    must(store_.declare_claims_dead());
    EXPECT_EQ(verdict(1, kOtherToken), ClaimVerdict::in_doubt);
    EXPECT_EQ(verdict(1), ClaimVerdict::in_doubt);
}

TEST_P(DeliveryStoreContract, ClaimsAfterTheDeclarationLive) {
    must(store_.declare_claims_dead());
    claim(id_);
    EXPECT_EQ(verdict(1, kOtherToken), ClaimVerdict::busy);
    EXPECT_EQ(verdict(1), ClaimVerdict::claimed);
}

TEST_P(DeliveryStoreContract, DoubtIsSettledAsUnknownAndClaimedNext) {
    claim(id_);
    must(store_.declare_claims_dead());
    EXPECT_EQ(settle_retry(id_, 1, AttemptState::unknown).state, DeliveryState::retrying);
    const auto next = claim(id_, 2, kOtherToken);
    EXPECT_EQ(next.verdict, ClaimVerdict::claimed);
    EXPECT_EQ(next.tries, 1);
    EXPECT_TRUE(next.was_unknown);
}

TEST_P(DeliveryStoreContract, ANextAttemptMovesTheOlderOneAside) {
    retry_until(2);
    clock_.advance(seconds(5));
    EXPECT_EQ(verdict(2), ClaimVerdict::claimed);
    const auto view = delivery(1);
    EXPECT_EQ(view.state, DeliveryState::sending);
    EXPECT_EQ(view.reason, "");
    ASSERT_EQ(view.attempts.size(), 2u);
    EXPECT_EQ(view.attempts[0].state, AttemptState::deferred);
    EXPECT_EQ(view.attempts[0].reason, "deferred");
    EXPECT_EQ(view.attempts[0].ended_at, kTestStart);
    EXPECT_EQ(view.attempts[1].n, 2);
    EXPECT_EQ(view.attempts[1].state, AttemptState::begun);
    EXPECT_EQ(view.attempts[1].begun_at, kTestStart + seconds(5));
    EXPECT_EQ(view.attempts[1].reason, "");
}

TEST_P(DeliveryStoreContract, ANextAttemptKnowsTheTriesBeforeIt) {
    retry_until(4);
    EXPECT_EQ(claim(id_, 4).tries, 3);
}

TEST_P(DeliveryStoreContract, RemembersDoubtAcrossLaterAttempts) {
    claim(id_, 1);
    settle_retry(id_, 1, AttemptState::unknown);
    claim(id_, 2);
    settle_retry(id_, 2, AttemptState::deferred);
    EXPECT_TRUE(claim(id_, 3).was_unknown);
}

TEST_P(DeliveryStoreContract, WithoutDoubtThereIsNone) {
    retry_until(3);
    EXPECT_FALSE(claim(id_, 3).was_unknown);
}

TEST_P(DeliveryStoreContract, ALaterAttemptCannotBeginWithoutTheFirst) {
    EXPECT_EQ(verdict(2), ClaimVerdict::superseded);
}

TEST_P(DeliveryStoreContract, ALaterAttemptCannotBeginWhileOneIsOpen) {
    claim(id_);
    EXPECT_EQ(verdict(2), ClaimVerdict::superseded);
    must(store_.declare_claims_dead());
    EXPECT_EQ(verdict(2), ClaimVerdict::superseded);
}

TEST_P(DeliveryStoreContract, NoAttemptIsLeftOut) {
    retry_until(2);
    EXPECT_EQ(verdict(3), ClaimVerdict::superseded);
}

TEST_P(DeliveryStoreContract, AnOlderAttemptIsSupersededByANewerOne) {
    retry_until(2);
    claim(id_, 2);
    EXPECT_EQ(verdict(1, kOtherToken), ClaimVerdict::superseded);
}

TEST_P(DeliveryStoreContract, AnEndedAttemptIsSettledWithAllThatItsEventSays) {
    retry_until(2);
    clock_.advance(minutes(1));
    const auto repeated = claim(id_, 1, kOtherToken);
    EXPECT_EQ(repeated.verdict, ClaimVerdict::settled);
    EXPECT_EQ(repeated.state, DeliveryState::retrying);
    EXPECT_EQ(repeated.attempt, 1);
    EXPECT_EQ(repeated.attempt_state, AttemptState::deferred);
    EXPECT_EQ(repeated.reason, "deferred");
    EXPECT_EQ(repeated.ended_at, kTestStart);
}

TEST_P(DeliveryStoreContract, AFinalDeliveryIsSettledWhateverAttemptIsAskedFor) {
    retry_until(2);
    claim(id_, 2);
    settle(settle_accepted(id_, 2));
    for (const int attempt : {1, 2, 3}) {
        const auto repeated = claim(id_, attempt, kOtherToken);
        EXPECT_EQ(repeated.verdict, ClaimVerdict::settled);
        EXPECT_EQ(repeated.state, DeliveryState::sent);
        EXPECT_EQ(repeated.attempt, 2);
        EXPECT_EQ(repeated.attempt_state, AttemptState::accepted);
    }
}

TEST_P(DeliveryStoreContract, AReceiptMakesThePendingRetryVoid) {
    claim(id_);
    settle_retry(id_, 1, AttemptState::unknown);
    receive(make_receipt(id_, 1, AttemptState::accepted));
    const auto retry = claim(id_, 2);
    EXPECT_EQ(retry.verdict, ClaimVerdict::settled);
    EXPECT_EQ(retry.state, DeliveryState::sent);
}

TEST_P(DeliveryStoreContract, ACancelledDeliveryIsSettled) {
    cancel(1);
    clock_.advance(seconds(1));
    const auto late = claim(id_);
    EXPECT_EQ(late.verdict, ClaimVerdict::settled);
    EXPECT_EQ(late.state, DeliveryState::cancelled);
    EXPECT_EQ(late.attempt, 0);
    EXPECT_EQ(late.reason, "cancelled");
    EXPECT_EQ(late.ended_at, kTestStart);
}

TEST_P(DeliveryStoreContract, ASkippedEntryIsSettledByItsPlan) {
    store_plan(make_notification(2), make_plan_of({make_skipped_entry(1, "no_email")}));
    const auto skipped = claim(make_delivery_id(2));
    EXPECT_EQ(skipped.verdict, ClaimVerdict::settled);
    EXPECT_EQ(skipped.state, DeliveryState::skipped);
    EXPECT_EQ(skipped.reason, "no_email");
    EXPECT_EQ(skipped.ended_at, kTestStart);
}

TEST_P(DeliveryStoreContract, WhatNoPlanHasIsNotPlanned) {
    EXPECT_EQ(claim(make_delivery_id(1, 2)).verdict, ClaimVerdict::not_planned);
    EXPECT_EQ(claim(make_delivery_id(1, 1, 1)).verdict, ClaimVerdict::not_planned);
    EXPECT_EQ(claim(make_delivery_id(2)).verdict, ClaimVerdict::not_planned);
}

TEST_P(DeliveryStoreContract, AnotherTenantsDeliveryIsNotPlanned) {
    auto foreign = make_claim(id_);
    foreign.tenant = other_tenant_;
    EXPECT_EQ(claim(foreign).verdict, ClaimVerdict::not_planned);
    EXPECT_EQ(state_of(1), DeliveryState::planned);
}

TEST_P(DeliveryStoreContract, NothingBeginsPastTheDeadline) {
    clock_.advance(hours(1));
    auto request = make_claim(id_);
    request.gates_passed = true;
    const auto late = claim(request);
    EXPECT_EQ(late.verdict, ClaimVerdict::past_deadline);
    EXPECT_EQ(*late.notification, make_notification(1));
    EXPECT_EQ(state_of(1), DeliveryState::planned);
}

TEST_P(DeliveryStoreContract, NoRetryBeginsPastTheDeadline) {
    retry_until(2);
    clock_.advance(hours(1));
    const auto late = claim(id_, 2);
    EXPECT_EQ(late.verdict, ClaimVerdict::past_deadline);
    EXPECT_EQ(late.tries, 1);
    EXPECT_EQ(state_of(1), DeliveryState::retrying);
}

TEST_P(DeliveryStoreContract, WhatIsBegunJustBeforeTheDeadlineIsClaimed) {
    clock_.advance(hours(1) - Millis{1});
    auto request = make_claim(id_);
    request.gates_passed = true;
    EXPECT_EQ(claim(request).verdict, ClaimVerdict::claimed);
}

TEST_P(DeliveryStoreContract, MoreThanAMinuteAfterPlanningTheGatesComeFirst) {
    clock_.advance(minutes(1) + Millis{1});
    const auto asked = claim(id_);
    EXPECT_EQ(asked.verdict, ClaimVerdict::needs_gates);
    EXPECT_EQ(asked.entry, make_entry(1));
    EXPECT_EQ(*asked.notification, make_notification(1));
    EXPECT_EQ(state_of(1), DeliveryState::planned);
}

TEST_P(DeliveryStoreContract, AMinuteAfterPlanningTheGatesStillHold) {
    clock_.advance(minutes(1));
    EXPECT_EQ(verdict(1), ClaimVerdict::claimed);
}

TEST_P(DeliveryStoreContract, WhoHasPassedTheGatesMayClaim) {
    clock_.advance(minutes(2));
    auto request = make_claim(id_);
    request.gates_passed = true;
    EXPECT_EQ(claim(request).verdict, ClaimVerdict::claimed);
}

TEST_P(DeliveryStoreContract, ARetryPassesTheGatesToo) {
    retry_until(2);
    clock_.advance(minutes(2));
    EXPECT_EQ(verdict(2), ClaimVerdict::needs_gates);
}

TEST_P(DeliveryStoreContract, ClaimsAnswerInTheOrderAskedAndShareTheNotification) {
    store_plan(make_notification(2), make_plan_of({make_entry(1), make_entry(2)}));
    const ClaimRequest batch[] = {make_claim(make_delivery_id(2, 2)), make_claim(make_delivery_id(3)),
                                  make_claim(make_delivery_id(2, 1)), make_claim(id_)};
    const auto results = must(store_.claim(batch, kToken));
    ASSERT_EQ(results.size(), 4u);
    EXPECT_EQ(results[0].entry.ordinal, 2);
    EXPECT_EQ(results[1].verdict, ClaimVerdict::not_planned);
    EXPECT_EQ(results[2].entry.ordinal, 1);
    EXPECT_EQ(*results[3].notification, make_notification(1));
    EXPECT_EQ(*results[0].notification, *results[2].notification);
}

// Settle.

TEST_P(DeliveryStoreContract, AnAcceptedAttemptIsSent) {
    claim(id_);
    clock_.advance(seconds(1));
    const auto settled = settle(settle_accepted(id_, 1, now()));
    EXPECT_TRUE(settled.raised);
    EXPECT_EQ(settled.state, DeliveryState::sent);
    const auto view = delivery(1);
    EXPECT_EQ(view.state, DeliveryState::sent);
    EXPECT_EQ(view.attempts.at(0).state, AttemptState::accepted);
    EXPECT_EQ(view.attempts[0].reference, "ref-1");
    EXPECT_EQ(view.attempts[0].begun_at, kTestStart);
    EXPECT_EQ(view.attempts[0].ended_at, kTestStart + seconds(1));
    EXPECT_EQ(story(1).state(), NotificationState::sent);
}

TEST_P(DeliveryStoreContract, ARejectedAttemptFailsWithItsReason) {
    claim(id_);
    auto settlement = make_settlement(id_, 1, AttemptState::rejected, DeliveryState::failed);
    settlement.reason = "rejected: invalid_address";
    EXPECT_EQ(settle(settlement).state, DeliveryState::failed);
    EXPECT_EQ(delivery(1).reason, "rejected: invalid_address");
    EXPECT_EQ(story(1).reason(), "rejected: invalid_address");
}

TEST_P(DeliveryStoreContract, ADeferredAttemptWaitsForItsTimer) {
    claim(id_);
    EXPECT_EQ(settle_retry(id_, 1).state, DeliveryState::retrying);
    clock_.advance(seconds(5));
    EXPECT_EQ(due(), std::vector{make_timer(id_, now(), 2)});
}

TEST_P(DeliveryStoreContract, ARetryWaitsAsLongAsItsSenderReckonedWhateverItsClock) {
    for (const int attempt : {1, 2}) {
        const auto off = attempt == 1 ? seconds(-3) : seconds(3);
        claim(id_, attempt);
        auto retry = settle_retrying(id_, attempt, AttemptState::deferred, now() + off + seconds(5), now());
        retry.reckoned_at = now() + off;
        settle(retry);
        clock_.advance(seconds(5));
        EXPECT_EQ(due(), std::vector{make_timer(id_, now(), attempt + 1)});
        must(store_.delete_timers(due()));
    }
}

TEST_P(DeliveryStoreContract, ARetryTimerIsNeverDueBeforeNow) {
    claim(id_);
    clock_.advance(seconds(10));
    settle(settle_retrying(id_, 1, AttemptState::deferred, kTestStart, now()));
    EXPECT_EQ(due().at(0).due, now());
}

TEST_P(DeliveryStoreContract, RepeatingASettlementChangesNothing) {
    claim(id_);
    settle_retry(id_, 1);
    clock_.advance(seconds(5));
    must(store_.delete_timers(due()));
    const auto before = delivery(1);
    const auto repeated = settle_retry(id_, 1);
    EXPECT_FALSE(repeated.raised);
    EXPECT_EQ(repeated.state, DeliveryState::retrying);
    clock_.advance(seconds(5));
    EXPECT_TRUE(due().empty());
    EXPECT_EQ(delivery(1).attempts.at(0).ended_at, before.attempts.at(0).ended_at);
}

TEST_P(DeliveryStoreContract, AnAttemptOnlyRises) {
    claim(id_);
    settle(settle_accepted(id_));
    const auto lower = settle_retry(id_, 1, AttemptState::unknown);
    EXPECT_FALSE(lower.raised);
    EXPECT_EQ(lower.state, DeliveryState::sent);
    EXPECT_EQ(delivery(1).attempts.at(0).state, AttemptState::accepted);
    clock_.advance(minutes(1));
    EXPECT_TRUE(due().empty());
}

TEST_P(DeliveryStoreContract, AmongEqualRanksTheFirstStands) {
    claim(id_);
    settle_retry(id_, 1, AttemptState::deferred);
    EXPECT_FALSE(settle(make_settlement(id_, 1, AttemptState::rejected, DeliveryState::failed)).raised);
    EXPECT_EQ(state_of(1), DeliveryState::retrying);
}

TEST_P(DeliveryStoreContract, ALateAnswerRaisesTheDoubt) {
    claim(id_);
    settle_retry(id_, 1, AttemptState::unknown);
    const auto late = settle(settle_accepted(id_));
    EXPECT_TRUE(late.raised);
    EXPECT_EQ(late.state, DeliveryState::sent);
    EXPECT_EQ(delivery(1).reason, "");
}

TEST_P(DeliveryStoreContract, AnAnswerWithoutAReferenceKeepsTheOneThatIsKnown) {
    claim(id_);
    auto doubt = settle_retrying(id_, 1, AttemptState::unknown, now());
    doubt.reference = "SM42";
    settle(doubt);
    auto answer = settle_accepted(id_);
    answer.reference.clear();
    settle(answer);
    EXPECT_EQ(delivery(1).attempts.at(0).reference, "SM42");
}

TEST_P(DeliveryStoreContract, AnOlderAttemptRaisesTheDelivery) {
    claim(id_);
    settle_retry(id_, 1, AttemptState::unknown);
    claim(id_, 2);
    const auto late = settle(settle_accepted(id_, 1));
    EXPECT_TRUE(late.raised);
    EXPECT_EQ(late.state, DeliveryState::sent);
    const auto view = delivery(1);
    EXPECT_EQ(view.attempts.at(0).state, AttemptState::accepted);
    EXPECT_EQ(view.attempts.at(0).reference, "ref-1");
    EXPECT_EQ(view.attempts.at(1).state, AttemptState::begun);
}

TEST_P(DeliveryStoreContract, NothingBeginsAfterAnOlderAttemptWasRaised) {
    claim(id_);
    settle_retry(id_, 1, AttemptState::unknown);
    claim(id_, 2);
    settle_retry(id_, 2);
    settle(settle_accepted(id_, 1));
    EXPECT_EQ(verdict(3), ClaimVerdict::settled);
    EXPECT_EQ(state_of(1), DeliveryState::sent);
}

TEST_P(DeliveryStoreContract, ALaterRejectionDoesNotUndoAnOlderAcceptance) {
    claim(id_);
    settle_retry(id_, 1, AttemptState::unknown);
    claim(id_, 2);
    settle(settle_accepted(id_, 1));
    const auto rejected = settle(make_settlement(id_, 2, AttemptState::rejected, DeliveryState::failed));
    EXPECT_TRUE(rejected.raised);
    EXPECT_EQ(rejected.state, DeliveryState::sent);
}

TEST_P(DeliveryStoreContract, AnOlderAttemptThatIsNoLongerInDoubtLeavesTheNewestItsSay) {
    claim(id_);
    settle_retry(id_, 1, AttemptState::unknown);
    claim(id_, 2);
    settle_retry(id_, 2);
    const auto late = settle(make_settlement(id_, 1, AttemptState::rejected, DeliveryState::failed));
    EXPECT_TRUE(late.raised);
    EXPECT_EQ(late.state, DeliveryState::retrying);
}

TEST_P(DeliveryStoreContract, AnOlderAttemptBringsNoRetry) {
    claim(id_);
    settle_retry(id_, 1, AttemptState::unknown);
    clock_.advance(seconds(5));
    must(store_.delete_timers(due()));
    claim(id_, 2);
    EXPECT_TRUE(settle_retry(id_, 1, AttemptState::deferred).raised);
    clock_.advance(seconds(5));
    EXPECT_TRUE(due().empty());
}

TEST_P(DeliveryStoreContract, LateNewsDoesNotReopenWhatIsFinal) {
    claim(id_);
    settle_retry(id_, 1, AttemptState::unknown);
    cancel(1);
    clock_.advance(seconds(5));
    must(store_.delete_timers(due()));
    const auto late = settle_retry(id_, 1, AttemptState::deferred);
    EXPECT_TRUE(late.raised);
    EXPECT_EQ(late.state, DeliveryState::cancelled);
    clock_.advance(seconds(5));
    EXPECT_TRUE(due().empty());
}

TEST_P(DeliveryStoreContract, LateNewsMayResolveAFinalDoubt) {
    claim(id_);
    settle(make_settlement(id_, 1, AttemptState::unknown, DeliveryState::unknown));
    EXPECT_EQ(state_of(1), DeliveryState::unknown);
    EXPECT_EQ(settle(make_settlement(id_, 1, AttemptState::rejected, DeliveryState::failed)).state,
              DeliveryState::failed);
}

TEST_P(DeliveryStoreContract, SettlingWhatNeverBeganHasNoEffect) {
    EXPECT_FALSE(settle(settle_accepted(id_)).raised);
    EXPECT_EQ(state_of(1), DeliveryState::planned);
    claim(id_);
    EXPECT_FALSE(settle(settle_accepted(id_, 2)).raised);
    EXPECT_FALSE(settle(settle_accepted(id_, 0)).raised);
    EXPECT_EQ(state_of(1), DeliveryState::sending);
}

TEST_P(DeliveryStoreContract, SettlingForAnotherTenantHasNoEffect) {
    claim(id_);
    auto foreign = settle_accepted(id_);
    foreign.tenant = other_tenant_;
    EXPECT_FALSE(settle(foreign).raised);
    EXPECT_EQ(state_of(1), DeliveryState::sending);
}

TEST_P(DeliveryStoreContract, SettlementsAnswerInTheOrderAsked) {
    store_plan(2);
    claim(id_);
    claim(make_delivery_id(2));
    const Settlement batch[] = {settle_accepted(make_delivery_id(2)), settle_accepted(make_delivery_id(3)),
                                settle_retrying(id_, 1, AttemptState::deferred, now())};
    const auto results = must(store_.settle(batch));
    ASSERT_EQ(results.size(), 3u);
    EXPECT_EQ(results[0].state, DeliveryState::sent);
    EXPECT_FALSE(results[1].raised);
    EXPECT_EQ(results[2].state, DeliveryState::retrying);
}

TEST_P(DeliveryStoreContract, ADeadTokenLeavesWithTheSettlement) {
    must(store_.put_user(default_tenant(), make_user(), now()));
    claim(id_);
    auto settlement = make_settlement(id_, 1, AttemptState::rejected, DeliveryState::failed);
    settlement.remove_device = {"ios-ada", now()};
    settle(settlement);
    ASSERT_EQ(devices().size(), 1u);
    EXPECT_EQ(devices()[0].token, "android-ada");
}

TEST_P(DeliveryStoreContract, ATokenThatWasRegisteredSinceStays) {
    clock_.advance(seconds(1));
    must(store_.put_user(default_tenant(), make_user(), now()));
    claim(id_);
    auto settlement = make_settlement(id_, 1, AttemptState::rejected, DeliveryState::failed);
    settlement.remove_device = {"ios-ada", now() - Millis{1}};
    settle(settlement);
    EXPECT_EQ(devices().size(), 2u);
}

TEST_P(DeliveryStoreContract, ASuppressionComesWithTheSettlement) {
    must(store_.put_user(default_tenant(), make_user(), now()));
    claim(id_);
    auto settlement = make_settlement(id_, 1, AttemptState::rejected, DeliveryState::failed);
    const Suppression suppression{Channel::sms, make_user().phone, "recipient_opted_out"};
    settlement.suppress = suppression;
    settle(settlement);
    EXPECT_EQ(suppressions(), std::vector{suppression});
}

TEST_P(DeliveryStoreContract, WhatDoesNotRaiseHasNoEffects) {
    must(store_.put_user(default_tenant(), make_user(), now()));
    claim(id_);
    settle(settle_accepted(id_));
    auto settlement = make_settlement(id_, 1, AttemptState::rejected, DeliveryState::failed);
    settlement.remove_device = {"ios-ada", now()};
    settlement.suppress = Suppression{Channel::sms, make_user().phone, "recipient_opted_out"};
    settle(settlement);
    EXPECT_EQ(devices().size(), 2u);
    EXPECT_TRUE(suppressions().empty());
}

// Close.

TEST_P(DeliveryStoreContract, ClosesWhatHasNotBegun) {
    const auto closed = close(make_closure(id_, 1, DeliveryState::skipped, "suppressed"));
    EXPECT_TRUE(closed.raised);
    EXPECT_EQ(closed.state, DeliveryState::skipped);
    const auto view = delivery(1);
    EXPECT_EQ(view.state, DeliveryState::skipped);
    EXPECT_EQ(view.reason, "suppressed");
    EXPECT_TRUE(view.attempts.empty());
}

TEST_P(DeliveryStoreContract, WhatIsClosedCannotBeClaimed) {
    close(make_closure(id_, 1, DeliveryState::expired, "deadline_passed"));
    const auto late = claim(id_);
    EXPECT_EQ(late.verdict, ClaimVerdict::settled);
    EXPECT_EQ(late.state, DeliveryState::expired);
    EXPECT_EQ(late.attempt, 0);
    EXPECT_EQ(late.attempt_state, AttemptState::none);
    EXPECT_EQ(late.reason, "deadline_passed");
    EXPECT_EQ(late.ended_at, now());
}

TEST_P(DeliveryStoreContract, ClosesWhatWaitsForItsNextAttempt) {
    retry_until(2);
    clock_.advance(seconds(1));
    EXPECT_TRUE(close(make_closure(id_, 2, DeliveryState::expired, "deadline_passed", now())).raised);
    const auto view = delivery(1);
    EXPECT_EQ(view.state, DeliveryState::expired);
    EXPECT_EQ(view.reason, "deadline_passed");
    EXPECT_EQ(view.attempts.at(0).reason, "deferred");
    EXPECT_EQ(view.attempts.at(0).ended_at, kTestStart);
    EXPECT_EQ(claim(id_, 2).ended_at, now());
}

TEST_P(DeliveryStoreContract, DoesNotCloseForAnotherAttempt) {
    EXPECT_FALSE(close(make_closure(id_, 2, DeliveryState::expired, "deadline_passed")).raised);
    EXPECT_EQ(state_of(1), DeliveryState::planned);
    retry_until(2);
    EXPECT_FALSE(close(make_closure(id_, 1, DeliveryState::expired, "deadline_passed")).raised);
    EXPECT_FALSE(close(make_closure(id_, 3, DeliveryState::expired, "deadline_passed")).raised);
    EXPECT_EQ(state_of(1), DeliveryState::retrying);
}

TEST_P(DeliveryStoreContract, DoesNotCloseWhatHasBegun) {
    claim(id_);
    const auto closed = close(make_closure(id_, 1, DeliveryState::skipped, "suppressed"));
    EXPECT_FALSE(closed.raised);
    EXPECT_EQ(closed.state, DeliveryState::sending);
}

TEST_P(DeliveryStoreContract, DoesNotCloseWhatIsFinal) {
    close(make_closure(id_, 1, DeliveryState::skipped, "first"));
    const auto again = close(make_closure(id_, 1, DeliveryState::expired, "second"));
    EXPECT_FALSE(again.raised);
    EXPECT_EQ(again.state, DeliveryState::skipped);
    EXPECT_EQ(delivery(1).reason, "first");
}

TEST_P(DeliveryStoreContract, DoesNotCloseWhatNoPlanHas) {
    EXPECT_FALSE(close(make_closure(make_delivery_id(1, 2), 1, DeliveryState::skipped, "suppressed")).raised);
    EXPECT_FALSE(close(make_closure(make_delivery_id(9), 1, DeliveryState::skipped, "suppressed")).raised);
    auto foreign = make_closure(id_, 1, DeliveryState::skipped, "suppressed");
    foreign.tenant = other_tenant_;
    EXPECT_FALSE(close(foreign).raised);
    EXPECT_EQ(state_of(1), DeliveryState::planned);
}

TEST_P(DeliveryStoreContract, AReceiptMayRaiseWhatWasClosedInDoubt) {
    claim(id_);
    settle_retry(id_, 1, AttemptState::unknown);
    close(make_closure(id_, 2, DeliveryState::expired, "deadline_passed", now() + seconds(1)));
    clock_.advance(seconds(1));
    EXPECT_EQ(receive(make_receipt(id_, 1, AttemptState::delivered, now())).state, DeliveryState::delivered);
    EXPECT_EQ(delivery(1).reason, "");
    EXPECT_EQ(claim(id_, 2).ended_at, kTestStart);
}

// Receipts.

TEST_P(DeliveryStoreContract, AReceiptRaisesWhatWasSent) {
    claim(id_);
    settle(settle_accepted(id_));
    clock_.advance(seconds(1));
    const auto raised = receive(make_receipt(id_, 1, AttemptState::delivered, now()));
    EXPECT_TRUE(raised.raised);
    EXPECT_EQ(raised.state, DeliveryState::delivered);
    EXPECT_EQ(delivery(1).attempts.at(0).state, AttemptState::delivered);
    EXPECT_EQ(delivery(1).attempts.at(0).ended_at, kTestStart);
}

TEST_P(DeliveryStoreContract, AReceiptKeepsTheReferenceOfTheAnswer) {
    claim(id_);
    settle(settle_accepted(id_));
    auto receipt = make_receipt(id_, 1, AttemptState::delivered);
    receipt.reference = "another";
    receive(receipt);
    EXPECT_EQ(delivery(1).attempts.at(0).reference, "ref-1");
}

TEST_P(DeliveryStoreContract, AReceiptBringsTheReferenceThatTheAnswerLacked) {
    claim(id_);
    settle_retry(id_, 1, AttemptState::unknown);
    auto receipt = make_receipt(id_, 1, AttemptState::accepted);
    receipt.reference = "SM42";
    receive(receipt);
    EXPECT_EQ(delivery(1).attempts.at(0).reference, "SM42");
}

TEST_P(DeliveryStoreContract, AReceiptMayComeBeforeTheAnswer) {
    claim(id_);
    clock_.advance(seconds(1));
    EXPECT_EQ(receive(make_receipt(id_, 1, AttemptState::delivered, now())).state, DeliveryState::delivered);
    EXPECT_EQ(delivery(1).attempts.at(0).ended_at, now());
    EXPECT_FALSE(settle(settle_accepted(id_)).raised);
    EXPECT_EQ(state_of(1), DeliveryState::delivered);
}

TEST_P(DeliveryStoreContract, ReceiptsInTheWrongOrderEndAtTheHighest) {
    claim(id_);
    settle(settle_accepted(id_));
    receive(make_receipt(id_, 1, AttemptState::bounced));
    const auto late = receive(make_receipt(id_, 1, AttemptState::delivered));
    EXPECT_FALSE(late.raised);
    EXPECT_EQ(late.state, DeliveryState::bounced);
    EXPECT_EQ(delivery(1).reason, "receipt: bounced");
}

TEST_P(DeliveryStoreContract, WhatWasNotDeliveredFails) {
    claim(id_);
    settle(settle_accepted(id_));
    EXPECT_EQ(receive(make_receipt(id_, 1, AttemptState::undelivered)).state, DeliveryState::failed);
    EXPECT_EQ(story(1).reason(), "receipt: undelivered");
}

TEST_P(DeliveryStoreContract, AReceiptFindsAnOlderAttempt) {
    claim(id_);
    settle_retry(id_, 1, AttemptState::unknown);
    claim(id_, 2);
    EXPECT_EQ(receive(make_receipt(id_, 1, AttemptState::delivered)).state, DeliveryState::delivered);
    EXPECT_EQ(delivery(1).attempts.at(0).state, AttemptState::delivered);
    EXPECT_EQ(delivery(1).attempts.at(1).state, AttemptState::begun);
}

TEST_P(DeliveryStoreContract, ReceiptsForWhatNobodyKnowsHaveNoEffect) {
    EXPECT_FALSE(receive(make_receipt(id_, 1, AttemptState::delivered)).raised);
    EXPECT_FALSE(receive(make_receipt(make_delivery_id(9), 1, AttemptState::delivered)).raised);
    claim(id_);
    EXPECT_FALSE(receive(make_receipt(id_, 2, AttemptState::delivered)).raised);
    auto foreign = make_receipt(id_, 1, AttemptState::delivered);
    foreign.tenant = other_tenant_;
    EXPECT_FALSE(receive(foreign).raised);
    EXPECT_EQ(state_of(1), DeliveryState::sending);
}

TEST_P(DeliveryStoreContract, AReceiptCannotRaiseWhatWasClosedWithoutAnAttempt) {
    cancel(1);
    EXPECT_FALSE(receive(make_receipt(id_, 0, AttemptState::delivered)).raised);
    EXPECT_EQ(state_of(1), DeliveryState::cancelled);
}

}  // namespace herald
