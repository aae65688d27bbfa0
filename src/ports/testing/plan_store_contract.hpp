#pragma once

#include "ports/testing/store_contract.hpp"

namespace herald {

class PlanStoreContract : public StoreContract {
protected:
    OpenDeliveries find_open(std::optional<int> after = std::nullopt, std::size_t limit = 1000) {
        const auto from = after ? std::optional(make_id(*after)) : std::nullopt;
        return must(store_.find_open(from, now(), limit));
    }

    std::vector<DeliveryId> ids_of(const OpenDeliveries& open) {
        std::vector<DeliveryId> ids;
        for (const auto& one : open.found) ids.push_back(one.delivery);
        return ids;
    }

    Result<std::vector<StoredPlan>> store_refused() {
        const NewPlan batch[] = {{make_notification(1), make_plan()},
                                 {make_notification(2, now(), under_test_.refused_user), make_plan()}};
        return store_.store_plans(batch);
    }

    /// Of the number `n`, drawn at `at`.
    NewPlan planned_at(int n, TimePoint at) {
        auto notification = make_notification(n, at);
        const auto drawn = Uuid::v7(at);
        std::copy_n(drawn.bytes.begin(), 6, notification.id.uuid.bytes.begin());
        return {notification, make_plan(at)};
    }
    bool is_known(const NotificationId& id) {
        return must(store_.load_story(default_tenant(), id)).has_value();
    }

    /// A plan by the key of a producer that is not Herald; `body` is what its record said.
    NewPlan bound_plan(int n, const std::string& key, const std::string& body = "the record") {
        auto row = make_idempotency_row(key, n, now());
        row.body_hash = sha256(body);
        return {make_notification(n, now()), make_plan(now()), row};
    }
    StoredPlan store_bound(const NewPlan& plan) { return must(store_.store_plans({&plan, 1})).at(0); }
    std::optional<IdempotencyRow> row_of(const std::string& key) {
        return must(store_.find(default_tenant(), key));
    }

    bool is_step_of(const TenantId& tenant, int n, int step) {
        const PlanStore::StepRef refs[] = {{tenant, make_id(n), step}};
        return must(store_.load_steps(refs)).at(0).has_value();
    }
};

TEST_P(PlanStoreContract, GivesBackThePlanItStored) {
    const auto plan = make_plan_of({make_entry(1), make_skipped_entry(2)});
    const auto stored = store_plan(make_notification(1), plan);
    EXPECT_EQ(stored.plan, plan);
    EXPECT_FALSE(stored.cancelled);
    EXPECT_TRUE(stored.begun.empty());
}

TEST_P(PlanStoreContract, TheFirstStoredPlanOfAStepWins) {
    const auto first = make_plan_of({make_entry(1, Route::email, "first@example.org")});
    store_plan(make_notification(1), first);
    const auto second = make_plan_of({make_entry(1, Route::email, "second@example.org"), make_entry(2)});
    EXPECT_EQ(store_plan(make_notification(1), second).plan, first);
    EXPECT_EQ(story(1).plans, std::vector{first});
}

TEST_P(PlanStoreContract, TheFirstPlanWinsInsideOneBatchToo) {
    const auto first = make_plan_of({make_entry(1, Route::email, "first@example.org")});
    const NewPlan batch[] = {{make_notification(1), first}, {make_notification(1), make_plan()}};
    const auto stored = must(store_.store_plans(batch));
    EXPECT_EQ(stored.at(0).plan, first);
    EXPECT_EQ(stored.at(1).plan, first);
}

TEST_P(PlanStoreContract, TheFirstStoredNotificationWins) {
    store_plan(1);
    auto other = make_notification(1);
    other.data = Json(Json::Object{{"username", Json("Eve")}});
    store_plan(other, make_plan());
    EXPECT_EQ(story(1).notification, make_notification(1));
}

TEST_P(PlanStoreContract, KeepsEveryFieldOfTheNotification) {
    auto notification = make_notification(1);
    notification.lane = Lane::critical;
    notification.send_at = now() + minutes(5);
    notification.user_id = UserId("Zoë\xF0\x9F\x98\x80");
    notification.channels = {Channel::email, Channel::push, Channel::sms};
    notification.data =
        Json(Json::Object{{"price", Json(Json::Number{"1.10"})}, {"a", Json(Json::Array{Json(true)})}});
    notification.metadata = Json(Json::Object{{"order", Json("42")}});
    notification.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    store_plan(notification, make_plan());
    EXPECT_EQ(story(1).notification, notification);
}

TEST_P(PlanStoreContract, AnswersInTheOrderAsked) {
    std::vector<NewPlan> batch;
    for (const int n : {3, 1, 2}) {
        batch.push_back({make_notification(n), make_plan_of({make_entry(1, Route::sms, std::to_string(n))})});
    }
    const auto stored = must(store_.store_plans(batch));
    ASSERT_EQ(stored.size(), 3u);
    for (std::size_t i = 0; i < batch.size(); ++i) EXPECT_EQ(stored[i].plan, batch[i].plan);
}

TEST_P(PlanStoreContract, AnEmptyBatchIsNothing) { EXPECT_TRUE(must(store_.store_plans({})).empty()); }

TEST_P(PlanStoreContract, NamesTheDeliveriesThatHaveARow) {
    const auto plan = make_plan_of({make_entry(1), make_entry(2), make_entry(3)});
    store_plan(make_notification(1), plan);
    claim(make_delivery_id(1, 3));
    close(make_closure(make_delivery_id(1, 1), 1, DeliveryState::skipped, "suppressed"));
    EXPECT_THAT(store_plan(make_notification(1), plan).begun, ::testing::ElementsAre(1, 3));
}

TEST_P(PlanStoreContract, RefusesABatchForItsContent) {
    const auto stored = store_refused();
    ASSERT_FALSE(stored);
    EXPECT_EQ(stored.error().code, ErrorCode::refused_content);
}

TEST_P(PlanStoreContract, StoresNothingOfARefusedBatch) {
    ASSERT_FALSE(store_refused());
    EXPECT_FALSE(must(store_.load_story(default_tenant(), make_id(1))));
}

TEST_P(PlanStoreContract, WorksOnAfterARefusedBatch) {
    ASSERT_FALSE(store_refused());
    EXPECT_EQ(store_plan(1).plan, make_plan());
}

TEST_P(PlanStoreContract, RefusesAnIdThatBelongsToAnotherTenant) {
    store_plan(1);
    auto foreign = make_notification(1);
    foreign.tenant = other_tenant_;
    const NewPlan batch[] = {{foreign, make_plan()}};
    const auto stored = store_.store_plans(batch);
    ASSERT_FALSE(stored);
    EXPECT_EQ(stored.error().code, ErrorCode::refused_content);
}

// Keys of producers that are not Herald.

TEST_P(PlanStoreContract, APlanStandsUnderItsOwnId) {
    EXPECT_EQ(store_plan(1).id, make_id(1));
    EXPECT_EQ(store_plan(1).id, make_id(1));
    EXPECT_FALSE(store_plan(1).key_reused);
}

TEST_P(PlanStoreContract, BindsTheKeyToTheNotificationOfThePlan) {
    const auto plan = bound_plan(1, "k");
    const auto stored = store_bound(plan);
    EXPECT_EQ(stored.id, make_id(1));
    EXPECT_EQ(stored.plan, plan.plan);
    EXPECT_FALSE(stored.key_reused);
    EXPECT_EQ(row_of("k"), plan.binding);
    EXPECT_EQ(story(1).notification, plan.notification);
}

TEST_P(PlanStoreContract, TheSameKeyAndBodyAreTheFirstNotification) {
    const auto first = bound_plan(1, "k");
    store_bound(first);
    claim(make_delivery_id(1));
    clock_.advance(seconds(1));
    auto again = bound_plan(2, "k");
    again.plan = make_plan_of({make_entry(1), make_entry(2)});
    const auto stored = store_bound(again);
    EXPECT_EQ(stored.id, make_id(1));
    EXPECT_EQ(stored.plan, first.plan);
    EXPECT_THAT(stored.begun, ::testing::ElementsAre(1));
    EXPECT_EQ(row_of("k"), first.binding);
    EXPECT_EQ(story(1).notification, first.notification);
    EXPECT_FALSE(is_known(make_id(2)));
}

TEST_P(PlanStoreContract, AKeyWithAnotherBodyStoresNothing) {
    const auto first = bound_plan(1, "k");
    store_bound(first);
    auto other = bound_plan(2, "k", "another record");
    other.plan = make_wait(now() + minutes(5), now());
    EXPECT_TRUE(store_bound(other).key_reused);
    EXPECT_EQ(row_of("k"), first.binding);
    EXPECT_FALSE(is_known(make_id(2)));
    EXPECT_EQ(story(1).plans, std::vector{first.plan});
    clock_.advance(minutes(5));
    EXPECT_TRUE(due().empty());
}

TEST_P(PlanStoreContract, AKeyIsBoundOnceInsideOneBatchToo) {
    const NewPlan batch[] = {bound_plan(3, "k"),
                             {make_notification(4), make_plan()},
                             bound_plan(1, "k"),
                             bound_plan(2, "k", "another record"),
                             bound_plan(5, "another key")};
    const auto stored = must(store_.store_plans(batch));
    EXPECT_EQ(stored.at(0).id, make_id(3));
    EXPECT_EQ(stored.at(1).id, make_id(4));
    EXPECT_EQ(stored.at(2).id, make_id(3));
    EXPECT_TRUE(stored.at(3).key_reused);
    EXPECT_EQ(stored.at(4).id, make_id(5));
    EXPECT_FALSE(is_known(make_id(1)));
    EXPECT_FALSE(is_known(make_id(2)));
}

TEST_P(PlanStoreContract, ARefusedBatchBindsNoKey) {
    const NewPlan batch[] = {bound_plan(1, "k"),
                             {make_notification(2, now(), under_test_.refused_user), make_plan()}};
    ASSERT_FALSE(store_.store_plans(batch));
    EXPECT_EQ(row_of("k"), std::nullopt);
    EXPECT_FALSE(is_known(make_id(1)));
}

TEST_P(PlanStoreContract, TenantsBindKeysOfTheirOwn) {
    store_bound(bound_plan(1, "k"));
    auto other = bound_plan(2, "k", "another record");
    other.notification.tenant = other.binding->tenant = other_tenant_;
    EXPECT_EQ(store_bound(other).id, make_id(2));
}

TEST_P(PlanStoreContract, AKeyOfTheApiIsTakenToo) {
    const IdempotencyRow rows[] = {make_idempotency_row("k", 1, now())};
    must(store_.remember(rows));
    EXPECT_TRUE(store_bound(bound_plan(2, "k")).key_reused);
}

TEST_P(PlanStoreContract, AWaitBringsItsTimer) {
    const auto until = now() + minutes(5);
    store_plan(make_notification(1), make_wait(until));
    EXPECT_TRUE(due().empty());
    clock_.advance(minutes(5));
    auto expected = make_timer({make_id(1), 1, 0}, until, 0, TimerKind::step);
    expected.route = due().at(0).route;  // unused with this kind
    EXPECT_EQ(due(), std::vector{expected});
}

TEST_P(PlanStoreContract, ARepeatedPlanDoesNotWindUpItsTimerAgain) {
    const auto wait = make_wait(now() + minutes(5));
    store_plan(make_notification(1), wait);
    clock_.advance(minutes(5));
    must(store_.delete_timers(due()));
    store_plan(make_notification(1), wait);
    EXPECT_TRUE(due().empty());
}

TEST_P(PlanStoreContract, KnowsTheStepThatAWaitLeadsTo) {
    store_plan(make_notification(1), make_wait(now() + minutes(5)));
    EXPECT_TRUE(is_step_of(default_tenant(), 1, 1));
    EXPECT_FALSE(is_step_of(default_tenant(), 1, 0));
    EXPECT_FALSE(is_step_of(default_tenant(), 1, 2));
    EXPECT_FALSE(is_step_of(other_tenant_, 1, 1));
    EXPECT_FALSE(is_step_of(default_tenant(), 2, 1));
}

TEST_P(PlanStoreContract, APlanWithoutAWaitLeadsToNoStep) {
    store_plan(1);
    EXPECT_FALSE(is_step_of(default_tenant(), 1, 1));
}

TEST_P(PlanStoreContract, ALoadedStepHasTheWholeNotification) {
    store_plan(make_notification(1), make_wait(now() + minutes(5)));
    const PlanStore::StepRef refs[] = {{default_tenant(), make_id(1), 1}};
    EXPECT_EQ(must(store_.load_steps(refs)).at(0), make_notification(1));
}

TEST_P(PlanStoreContract, AStepThatIsPlannedAlreadyIsStillLoaded) {
    store_plan(make_notification(1), make_wait(now() + minutes(5)));
    store_plan(make_notification(1), make_plan(now(), 1));
    EXPECT_TRUE(is_step_of(default_tenant(), 1, 1));
}

TEST_P(PlanStoreContract, NobodyKnowsAStoryThatWasNotStored) {
    EXPECT_FALSE(must(store_.load_story(default_tenant(), make_id(1))));
}

TEST_P(PlanStoreContract, HidesStoriesFromOtherTenants) {
    store_plan(1);
    EXPECT_FALSE(must(store_.load_story(other_tenant_, make_id(1))));
}

TEST_P(PlanStoreContract, AStoryIsScheduledWhileItOnlyWaits) {
    store_plan(make_notification(1), make_wait(now() + minutes(5)));
    EXPECT_EQ(story(1).state(), NotificationState::scheduled);
}

TEST_P(PlanStoreContract, AStoryIsInProgressWhileADeliveryIsOpen) {
    store_plan(make_notification(1), make_plan_of({make_entry(1), make_skipped_entry(2)}));
    EXPECT_EQ(story(1).state(), NotificationState::in_progress);
}

TEST_P(PlanStoreContract, AStoryOfSkipsIsSkippedWithItsReason) {
    store_plan(make_notification(1), make_plan_of({make_skipped_entry(1, "no_email")}));
    EXPECT_EQ(story(1).state(), NotificationState::skipped);
    EXPECT_EQ(story(1).reason(), "no_email");
}

TEST_P(PlanStoreContract, AStoryHasTheDeliveriesOfAllSteps) {
    store_plan(make_notification(1), make_wait(now() + minutes(5)));
    store_plan(make_notification(1), make_plan_of({make_entry(1), make_skipped_entry(2)}, now(), 1));
    const auto told = story(1);
    ASSERT_EQ(told.deliveries.size(), 2u);
    EXPECT_EQ(told.deliveries[0].id, make_delivery_id(1, 1, 1));
    EXPECT_EQ(told.deliveries[0].state, DeliveryState::planned);
    EXPECT_EQ(told.deliveries[1].id, make_delivery_id(1, 2, 1));
    EXPECT_EQ(told.deliveries[1].state, DeliveryState::skipped);
}

// A record that was refused.

TEST_P(PlanStoreContract, ADeadRecordFailsItsNotification) {
    must(store_.store_dead(default_tenant(), make_id(1), "data: too long", now()));
    EXPECT_EQ(story(1).state(), NotificationState::failed);
    EXPECT_EQ(story(1).reason(), "data: too long");
    EXPECT_EQ(story(1).notification.accepted_at, make_id(1).uuid.time());
}

TEST_P(PlanStoreContract, TheFirstReasonOfADeadRecordStands) {
    must(store_.store_dead(default_tenant(), make_id(1), "first", now()));
    must(store_.store_dead(default_tenant(), make_id(1), "second", now()));
    EXPECT_EQ(story(1).failed_reason, "first");
}

TEST_P(PlanStoreContract, ADeadRecordCannotFailWhatIsPlanned) {
    store_plan(1);
    must(store_.store_dead(default_tenant(), make_id(1), "a bad copy", now()));
    EXPECT_EQ(story(1).state(), NotificationState::in_progress);
}

TEST_P(PlanStoreContract, ADeadRecordCannotFailAnotherTenantsNotification) {
    must(store_.cancel(default_tenant(), make_id(1), now()));
    must(store_.store_dead(other_tenant_, make_id(1), "not theirs", now()));
    EXPECT_EQ(story(1).state(), NotificationState::cancelled);
}

TEST_P(PlanStoreContract, WhatFailedStaysFailedWhenItIsPlannedLater) {
    must(store_.store_dead(default_tenant(), make_id(1), "data: too long", now()));
    const auto stored = store_plan(1);
    EXPECT_TRUE(stored.cancelled);
    EXPECT_THAT(stored.begun, ::testing::ElementsAre(1));
    EXPECT_EQ(state_of(1), DeliveryState::failed);
    EXPECT_EQ(story(1).state(), NotificationState::failed);
}

// Cancel.

TEST_P(PlanStoreContract, ACancelThatComesFirstClosesThePlan) {
    EXPECT_EQ(cancel(1), CancelResult::cancelled);
    const auto stored =
        store_plan(make_notification(1), make_plan_of({make_entry(1), make_skipped_entry(2), make_entry(3)}));
    EXPECT_TRUE(stored.cancelled);
    EXPECT_THAT(stored.begun, ::testing::ElementsAre(1, 3));
    EXPECT_EQ(delivery(1, 0).state, DeliveryState::cancelled);
    EXPECT_EQ(delivery(1, 0).reason, "cancelled");
    EXPECT_EQ(delivery(1, 1).state, DeliveryState::skipped);
    EXPECT_EQ(story(1).notification, make_notification(1));
}

TEST_P(PlanStoreContract, ACancelThatComesFirstIsTheReasonWhenNothingWouldBegin) {
    EXPECT_EQ(cancel(1), CancelResult::cancelled);
    const auto plan = make_plan_of({make_skipped_entry(1), make_skipped_entry(2)});
    const auto stored = store_plan(make_notification(1), plan);
    EXPECT_TRUE(stored.cancelled);
    EXPECT_EQ(delivery(1, 1).state, DeliveryState::cancelled);
    EXPECT_EQ(story(1).state(), NotificationState::cancelled);
    EXPECT_EQ(story(1).reason(), "cancelled");
    EXPECT_EQ(story(1).plans, std::vector{stored.plan});
    EXPECT_EQ(store_plan(make_notification(1), plan).plan, stored.plan);
}

TEST_P(PlanStoreContract, AStepThatWasDueWhenAnErasureEndedItStaysCancelled) {
    store_plan(make_notification(1), make_wait(now() + minutes(5)));
    ASSERT_TRUE(store_.put_user(default_tenant(), make_user(), now()));
    ASSERT_TRUE(store_.erase_user(default_tenant(), UserId("ada"), now()));
    store_plan(make_notification(1), make_plan_of({make_skipped_entry(1)}, now(), 1));
    EXPECT_EQ(story(1).state(), NotificationState::cancelled);
    EXPECT_EQ(story(1).reason(), "erased");
}

TEST_P(PlanStoreContract, AnUnknownNotificationCanBeCancelled) {
    EXPECT_EQ(cancel(1), CancelResult::cancelled);
    EXPECT_EQ(story(1).state(), NotificationState::cancelled);
    EXPECT_EQ(story(1).cancelled_at, now());
    EXPECT_EQ(story(1).reason(), "cancelled");
}

TEST_P(PlanStoreContract, AWaitThatAnErasureEndedSaysSo) {
    store_plan(make_notification(1), make_wait(now() + std::chrono::hours(1)));
    ASSERT_TRUE(store_.put_user(default_tenant(), make_user(), now()));
    ASSERT_TRUE(store_.erase_user(default_tenant(), UserId("ada"), now()));
    EXPECT_EQ(story(1).state(), NotificationState::cancelled);
    EXPECT_EQ(story(1).reason(), "erased");
}

TEST_P(PlanStoreContract, ACancelledWaitGetsNoTimer) {
    cancel(1);
    EXPECT_TRUE(store_plan(make_notification(1), make_wait(now() + minutes(5))).cancelled);
    clock_.advance(minutes(10));
    EXPECT_TRUE(due().empty());
    EXPECT_EQ(story(1).state(), NotificationState::cancelled);
}

TEST_P(PlanStoreContract, CancelClosesWhatIsPlanned) {
    store_plan(1);
    EXPECT_EQ(cancel(1), CancelResult::cancelled);
    EXPECT_EQ(state_of(1), DeliveryState::cancelled);
    EXPECT_EQ(story(1).state(), NotificationState::cancelled);
    EXPECT_EQ(story(1).reason(), "cancelled");
}

TEST_P(PlanStoreContract, CancelClosesWhatWaitsForARetry) {
    store_plan(1);
    claim(make_delivery_id(1));
    settle_retry(make_delivery_id(1), 1);
    EXPECT_EQ(cancel(1), CancelResult::cancelled);
    EXPECT_EQ(state_of(1), DeliveryState::cancelled);
    EXPECT_EQ(delivery(1).attempts.at(0).state, AttemptState::deferred);
}

TEST_P(PlanStoreContract, CancelOfAWaitKeepsItsNextStepFromBeginning) {
    store_plan(make_notification(1), make_wait(now() + minutes(5)));
    EXPECT_EQ(cancel(1), CancelResult::cancelled);
    EXPECT_EQ(story(1).state(), NotificationState::cancelled);
    EXPECT_TRUE(store_plan(make_notification(1), make_plan(now(), 1)).cancelled);
    EXPECT_EQ(state_of(1), DeliveryState::cancelled);
}

TEST_P(PlanStoreContract, CancelIsTooLateOnceTheOnlyDeliveryIsSending) {
    store_plan(1);
    claim(make_delivery_id(1));
    EXPECT_EQ(cancel(1), CancelResult::too_late);
    EXPECT_EQ(state_of(1), DeliveryState::sending);
    EXPECT_FALSE(story(1).cancelled_at);
}

TEST_P(PlanStoreContract, CancelIsTooLateForWhatIsFinal) {
    store_plan(make_notification(1), make_plan_of({make_skipped_entry(1)}));
    EXPECT_EQ(cancel(1), CancelResult::too_late);
    must(store_.store_dead(default_tenant(), make_id(2), "refused", now()));
    EXPECT_EQ(cancel(2), CancelResult::too_late);
}

TEST_P(PlanStoreContract, CancelClosesTheRestOfWhatIsPartlySending) {
    store_plan(make_notification(1), make_plan_of({make_entry(1), make_entry(2)}));
    claim(make_delivery_id(1, 1));
    EXPECT_EQ(cancel(1), CancelResult::cancelled);
    EXPECT_EQ(delivery(1, 0).state, DeliveryState::sending);
    EXPECT_EQ(delivery(1, 1).state, DeliveryState::cancelled);
}

TEST_P(PlanStoreContract, WhatWasSendingAtTheCancelIsNotRetried) {
    store_plan(make_notification(1), make_plan_of({make_entry(1), make_entry(2)}));
    claim(make_delivery_id(1, 1));
    cancel(1);
    settle_retry(make_delivery_id(1, 1), 1);
    const auto again = claim(make_delivery_id(1, 1), 2);
    EXPECT_EQ(again.verdict, ClaimVerdict::settled);
    EXPECT_EQ(again.state, DeliveryState::cancelled);
    EXPECT_EQ(state_of(1), DeliveryState::cancelled);
}

TEST_P(PlanStoreContract, ARepeatedCancelGivesTheSameAnswer) {
    store_plan(1);
    cancel(1);
    const auto first = story(1).cancelled_at;
    clock_.advance(seconds(1));
    EXPECT_EQ(cancel(1), CancelResult::cancelled);
    EXPECT_EQ(story(1).cancelled_at, first);
}

TEST_P(PlanStoreContract, OnlyTheTenantCanCancel) {
    store_plan(1);
    const auto cancelled = store_.cancel(other_tenant_, make_id(1), now());
    ASSERT_FALSE(cancelled);
    EXPECT_EQ(cancelled.error().code, ErrorCode::not_found);
    EXPECT_EQ(state_of(1), DeliveryState::planned);
}

// The sweeper's walk.

TEST_P(PlanStoreContract, FindsWhatWasPlannedAndNeverClaimed) {
    auto notification = make_notification(1);
    notification.lane = Lane::bulk;
    store_plan(notification, make_plan_of({make_skipped_entry(1), make_entry(2, Route::push_fcm, "token")}));
    clock_.advance(minutes(1));
    const auto open = find_open();
    ASSERT_EQ(open.found.size(), 1u);
    const auto& found = open.found[0];
    EXPECT_EQ(found.tenant, default_tenant());
    EXPECT_EQ(found.delivery, make_delivery_id(1, 2));
    EXPECT_EQ(found.route, Route::push_fcm);
    EXPECT_EQ(found.lane, Lane::bulk);
    EXPECT_EQ(found.key, record_key(default_tenant(), UserId("ada")));
    EXPECT_EQ(found.next_attempt, 1);
    EXPECT_EQ(found.deadline_at, notification.deadline_at);
    EXPECT_EQ(found.since, kTestStart);
    EXPECT_TRUE(open.reached_end);
}

TEST_P(PlanStoreContract, LeavesToTheLogWhatWasPlannedLater) {
    store_plan(1);
    EXPECT_TRUE(find_open().found.empty());
}

TEST_P(PlanStoreContract, WalksInTheOrderOfIds) {
    for (const int n : {2, 3, 1}) store_plan(n);
    clock_.advance(minutes(1));
    EXPECT_THAT(ids_of(find_open()),
                ::testing::ElementsAre(make_delivery_id(1), make_delivery_id(2), make_delivery_id(3)));
    EXPECT_THAT(ids_of(find_open(1)), ::testing::ElementsAre(make_delivery_id(2), make_delivery_id(3)));
}

TEST_P(PlanStoreContract, WalksAtMostAsManyAsAsked) {
    for (const int n : {1, 2, 3}) store_plan(n);
    clock_.advance(minutes(1));
    const auto open = find_open(std::nullopt, 2);
    EXPECT_THAT(ids_of(open), ::testing::ElementsAre(make_delivery_id(1), make_delivery_id(2)));
    EXPECT_FALSE(open.reached_end);
}

TEST_P(PlanStoreContract, DoesNotFindWhatIsFinal) {
    store_plan(1);
    claim(make_delivery_id(1));
    settle(settle_accepted(make_delivery_id(1)));
    clock_.advance(minutes(1));
    EXPECT_TRUE(find_open().found.empty());
}

TEST_P(PlanStoreContract, DoesNotFindWhatATimerWillMove) {
    store_plan(1);
    claim(make_delivery_id(1));
    settle_retry(make_delivery_id(1), 1);
    clock_.advance(minutes(1));
    EXPECT_TRUE(find_open().found.empty());
}

TEST_P(PlanStoreContract, FindsARetryWhoseTimerIsGone) {
    store_plan(1);
    claim(make_delivery_id(1));
    settle_retry(make_delivery_id(1), 1);
    clock_.advance(minutes(1));
    must(store_.delete_timers(due()));
    const auto open = find_open();
    ASSERT_EQ(open.found.size(), 1u);
    EXPECT_EQ(open.found[0].next_attempt, 2);
}

TEST_P(PlanStoreContract, FindsAClaimTenSecondsAfterItsLease) {
    store_plan(1);
    const auto lease = claim(make_delivery_id(1)).lease_until - now();
    clock_.advance(lease + seconds(9));
    EXPECT_TRUE(find_open().found.empty());
    clock_.advance(seconds(1));
    ASSERT_EQ(find_open().found.size(), 1u);
    EXPECT_EQ(find_open().found[0].next_attempt, 1);
}

TEST_P(PlanStoreContract, FindsAClaimThatWasDeclaredDeadAtOnce) {
    store_plan(1);
    claim(make_delivery_id(1));
    clock_.advance(Millis{1});
    must(store_.declare_claims_dead());
    EXPECT_THAT(ids_of(find_open()), ::testing::ElementsAre(make_delivery_id(1)));
}

TEST_P(PlanStoreContract, DoesNotFindMarksWithoutAPlan) {
    cancel(1);
    must(store_.store_dead(default_tenant(), make_id(2), "refused", now()));
    clock_.advance(minutes(1));
    const auto open = find_open();
    EXPECT_TRUE(open.found.empty());
    EXPECT_TRUE(open.reached_end);
}

TEST_P(PlanStoreContract, TheNextWalkMayStartBehindWhatIsClosed) {
    for (const int n : {1, 2, 3}) store_plan(n);
    claim(make_delivery_id(1));
    settle(settle_accepted(make_delivery_id(1)));
    claim(make_delivery_id(3));
    settle(settle_accepted(make_delivery_id(3)));
    clock_.advance(minutes(1));
    EXPECT_EQ(find_open().resume_after, make_id(1));
    EXPECT_EQ(find_open(1).resume_after, make_id(1));
}

TEST_P(PlanStoreContract, TheNextWalkStartsBeforeWhatTheLogStillMoves) {
    store_plan(1);
    EXPECT_TRUE(find_open().found.empty());
    EXPECT_EQ(find_open().resume_after, std::nullopt);
}

TEST_P(PlanStoreContract, TheNextWalkMayStartBehindAllWhenAllIsClosed) {
    store_plan(make_notification(1), make_plan_of({make_skipped_entry(1)}));
    store_plan(2);
    claim(make_delivery_id(2));
    settle_retry(make_delivery_id(2), 1);
    clock_.advance(Millis{1});
    EXPECT_EQ(find_open().resume_after, make_id(2));
}

TEST_P(PlanStoreContract, AWalkEndsAtWhatWasDrawnLater) {
    const NewPlan batch[] = {planned_at(1, now()), planned_at(2, now() + seconds(1)),
                             planned_at(3, now() + seconds(2))};
    must(store_.store_plans(batch));
    const auto open = must(store_.find_open(std::nullopt, now() + seconds(1), 1000));
    EXPECT_THAT(ids_of(open), ::testing::ElementsAre(DeliveryId{batch[0].notification.id, 0, 1}));
    EXPECT_EQ(open.walked_to, batch[0].notification.id);
    EXPECT_TRUE(open.reached_end);
}

TEST_P(PlanStoreContract, FindsAWaitWhoseEndNobodyPlanned) {
    auto notification = make_notification(1);
    notification.lane = Lane::bulk;
    store_plan(notification, make_wait(now() + minutes(5)));
    clock_.advance(minutes(5));
    must(store_.delete_timers(due(Lane::bulk)));
    EXPECT_TRUE(find_open().found.empty());
    EXPECT_EQ(find_open().resume_after, std::nullopt);
    clock_.advance(Millis{1});
    const auto open = find_open();
    ASSERT_EQ(open.found.size(), 1u);
    EXPECT_EQ(open.found[0].delivery, (DeliveryId{make_id(1), 1, 0}));
    EXPECT_EQ(open.found[0].lane, Lane::bulk);
    EXPECT_EQ(open.found[0].key, record_key(default_tenant(), UserId("ada")));
    EXPECT_EQ(open.found[0].since, kTestStart + minutes(5));
    EXPECT_EQ(open.resume_after, std::nullopt);
}

TEST_P(PlanStoreContract, DoesNotFindAWaitThatItsTimerWillEnd) {
    store_plan(make_notification(1), make_wait(now() + minutes(5)));
    clock_.advance(minutes(6));
    EXPECT_TRUE(find_open().found.empty());
    EXPECT_EQ(find_open().resume_after, make_id(1));
}

TEST_P(PlanStoreContract, DoesNotFindAWaitThatWentOnOrWasCancelled) {
    for (const int n : {1, 2}) store_plan(make_notification(n), make_wait(now() + minutes(5)));
    store_plan(make_notification(1), make_plan_of({make_skipped_entry(1)}, now(), 1));
    cancel(2);
    clock_.advance(minutes(6));
    must(store_.delete_timers(due()));
    EXPECT_TRUE(find_open().found.empty());
    EXPECT_EQ(find_open().resume_after, make_id(2));
}

TEST_P(PlanStoreContract, AWalkPassesOverWhatCannotBeRead) {
    for (const int n : {1, 2}) store_plan(n);
    spoil(1);
    clock_.advance(minutes(1));
    const auto open = find_open();
    EXPECT_THAT(ids_of(open), ::testing::ElementsAre(make_delivery_id(2)));
    EXPECT_EQ(open.resume_after, make_id(1));
}

// Retention.

TEST_P(PlanStoreContract, DropsANotificationWithAllThatBelongsToIt) {
    store_plan(1);
    claim(make_delivery_id(1));
    settle_retry(make_delivery_id(1), 1);
    claim(make_delivery_id(1), 2);
    EXPECT_EQ(must(store_.drop_notifications(now() + Millis{1}, 10)), 1u);
    EXPECT_FALSE(is_known(make_id(1)));
    EXPECT_TRUE(store_plan(1).begun.empty());
    claim(make_delivery_id(1));
    EXPECT_EQ(delivery(1).attempts.size(), 1u);
}

TEST_P(PlanStoreContract, KeepsWhatIsNotOldEnoughToDrop) {
    const NewPlan batch[] = {planned_at(1, now() - Millis{1}), planned_at(2, now())};
    must(store_.store_plans(batch));
    EXPECT_EQ(must(store_.drop_notifications(now(), 10)), 1u);
    EXPECT_FALSE(is_known(batch[0].notification.id));
    EXPECT_TRUE(is_known(batch[1].notification.id));
    EXPECT_EQ(delivery(2).state, DeliveryState::planned);
    EXPECT_EQ(must(store_.drop_notifications(now(), 10)), 0u);
}

TEST_P(PlanStoreContract, DropsTheOldestFirstAndAtMostAsManyAsAsked) {
    const NewPlan batch[] = {planned_at(1, now() - seconds(1)), planned_at(2, now() - seconds(3)),
                             planned_at(3, now() - seconds(2))};
    must(store_.store_plans(batch));
    EXPECT_EQ(must(store_.drop_notifications(now(), 2)), 2u);
    EXPECT_TRUE(is_known(batch[0].notification.id));
    EXPECT_FALSE(is_known(batch[1].notification.id));
    EXPECT_FALSE(is_known(batch[2].notification.id));
    EXPECT_EQ(must(store_.drop_notifications(now(), 2)), 1u);
}

TEST_P(PlanStoreContract, DropsMarksWithoutAPlanToo) {
    cancel(1);
    must(store_.store_dead(default_tenant(), make_id(2), "refused", now()));
    EXPECT_EQ(must(store_.drop_notifications(now() + Millis{1}, 10)), 2u);
    EXPECT_FALSE(is_known(make_id(1)));
    EXPECT_FALSE(is_known(make_id(2)));
}

TEST_P(PlanStoreContract, ATimerOfWhatWasDroppedFindsNothingPlanned) {
    store_plan(1);
    claim(make_delivery_id(1));
    settle_retry(make_delivery_id(1), 1);
    must(store_.drop_notifications(now() + Millis{1}, 10));
    clock_.advance(minutes(1));
    ASSERT_EQ(due().size(), 1u);
    EXPECT_EQ(claim(due()[0].delivery, due()[0].attempt).verdict, ClaimVerdict::not_planned);
}

TEST_P(PlanStoreContract, AnErasureOutlivesWhatIsDropped) {
    must(store_.put_user(default_tenant(), make_user(), now()));
    store_plan(1);
    must(store_.erase_user(default_tenant(), UserId("ada"), now()));
    must(store_.drop_notifications(now() + Millis{1}, 10));
    EXPECT_TRUE(store_plan(1).cancelled);
    EXPECT_EQ(story(1).reason(), "erased");
}

}  // namespace herald
