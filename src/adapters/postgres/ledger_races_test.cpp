#include <future>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/postgres/testing/other_transaction.hpp"
#include "ports/testing/builders.hpp"

namespace herald {
namespace {

using postgres::OtherTransaction;
using std::chrono::seconds;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

/// Two processes at once, about plans and deliveries. `other` stands in the way until both have come to the
/// same point, or is itself the one that comes first.
class LedgerRacesTest : public ::testing::Test {
protected:
    void SetUp() override { store_plan(a_, make_plan()); }

    std::unique_ptr<PostgresStore> open() {
        PostgresOptions options;
        options.url = schema_->url();
        options.test_clock = &clock_;
        return PostgresStore::open(options).value();
    }

    StoredPlan store_plan(PostgresStore& store, const Plan& plan, int n = 1) {
        const NewPlan batch[] = {{make_notification(n), plan}};
        return store.store_plans(batch).value().at(0);
    }
    StoredPlan store_plan(std::unique_ptr<PostgresStore>& store, const Plan& plan, int n = 1) {
        return store_plan(*store, plan, n);
    }
    static ClaimResult claim(PostgresStore& store, ClaimToken token, int attempt = 1) {
        const ClaimRequest batch[] = {make_claim(make_delivery_id(1), attempt)};
        return store.claim(batch, token).value().at(0);
    }
    static SettleResult settle(PostgresStore& store, const Settlement& settlement) {
        return store.settle({&settlement, 1}).value().at(0);
    }
    CancelResult cancel(PostgresStore& store, int n = 1) {
        return store.cancel(default_tenant(), make_id(n), clock_.now()).value();
    }
    Story story(int n = 1) { return a_->load_story(default_tenant(), make_id(n)).value().value(); }
    DeliveryState state() { return story().deliveries.at(0).state; }

    /// Inserts the row of the first delivery as somebody else's claim, or what became of it, would.
    std::string insert_row(const std::string& state, const std::string& attempt_state) {
        return fmt::format(
            "INSERT INTO deliveries (id, step, ordinal, token, lease_until, begun_at, epoch, attempt, tries,"
            " tenant, state, verdict, best, attempt_state, account)"
            " VALUES ('{}', 0, 1, 99, {}, 0, 0, {}, 0, 'default', '{}', '{}', '{}', '{}', 'twilio')",
            to_string(make_id(1)), to_millis(clock_.now() + seconds(15)), attempt_state == "none" ? 0 : 1,
            state, state == "sending" ? "retrying" : state, attempt_state, attempt_state);
    }

    ManualClock clock_;
    std::shared_ptr<postgres::TestSchema> schema_ = postgres::TestSchemas::borrow();
    std::unique_ptr<PostgresStore> a_ = open();
    std::unique_ptr<PostgresStore> b_ = open();
    OtherTransaction other_{schema_->url()};
};

TEST_F(LedgerRacesTest, OfTwoFirstClaimsOneGetsTheDelivery) {
    other_.run(insert_row("sending", "begun"));
    auto a = std::async([&] { return claim(*a_, 1); });
    auto b = std::async([&] { return claim(*b_, 2); });
    other_.wait_until_it_is_in_the_way(2);
    other_.rollback();
    EXPECT_THAT((std::vector{a.get().verdict, b.get().verdict}),
                UnorderedElementsAre(ClaimVerdict::claimed, ClaimVerdict::busy));
}

TEST_F(LedgerRacesTest, WhatAClaimWaitedForItsLockIsNotTakenFromItsLease) {
    claim(*a_, 1);
    ASSERT_TRUE(settle(*a_, settle_retrying(make_delivery_id(1), 1, AttemptState::deferred, clock_.now(),
                                            clock_.now()))
                    .raised);
    other_.run("SELECT FROM deliveries FOR UPDATE");
    auto waiting = std::async([&] { return claim(*a_, 2, 2); });
    other_.wait_until_it_is_in_the_way();
    clock_.advance(seconds(6));
    other_.rollback();
    const auto claimed = waiting.get();
    EXPECT_EQ(claimed.verdict, ClaimVerdict::claimed);
    EXPECT_EQ(claimed.asked_at, clock_.uptime());
    EXPECT_EQ(claim(*b_, 3, 2).lease_until, clock_.now() + seconds(15));
}

TEST_F(LedgerRacesTest, AFirstClaimThatComesSecondIsToldUntilWhenToWait) {
    other_.run(insert_row("sending", "begun"));
    auto claimed = std::async([&] { return claim(*a_, 1); });
    other_.wait_until_it_is_in_the_way();
    other_.commit();
    const auto second = claimed.get();
    EXPECT_EQ(second.verdict, ClaimVerdict::busy);
    EXPECT_EQ(second.lease_until, clock_.now() + seconds(15));
}

TEST_F(LedgerRacesTest, AClaimThatLosesOneDeliveryKeepsTheOthersOfItsBatch) {
    store_plan(a_, make_plan(), 2);
    other_.run(insert_row("sending", "begun"));
    auto claimed = std::async([&] {
        const ClaimRequest batch[] = {make_claim(make_delivery_id(2)), make_claim(make_delivery_id(1))};
        return a_->claim(batch, 1).value();
    });
    other_.wait_until_it_is_in_the_way();
    other_.commit();
    const auto results = claimed.get();
    EXPECT_EQ(results.at(0).verdict, ClaimVerdict::claimed);
    EXPECT_EQ(results.at(1).verdict, ClaimVerdict::busy);
    EXPECT_EQ(story(2).deliveries.at(0).state, DeliveryState::sending);
}

TEST_F(LedgerRacesTest, OfTwoClaimsOfARetryOneGetsIt) {
    claim(*a_, 1);
    settle(*a_, settle_retrying(make_delivery_id(1), 1, AttemptState::deferred, clock_.now()));
    other_.run("SELECT 1 FROM deliveries FOR UPDATE");
    auto a = std::async([&] { return claim(*a_, 2, 2); });
    auto b = std::async([&] { return claim(*b_, 3, 2); });
    other_.wait_until_it_is_in_the_way(2);
    other_.rollback();
    EXPECT_THAT((std::vector{a.get().verdict, b.get().verdict}),
                UnorderedElementsAre(ClaimVerdict::claimed, ClaimVerdict::busy));
    EXPECT_EQ(story().deliveries.at(0).attempts.size(), 2u);
}

TEST_F(LedgerRacesTest, AClaimThatACancelForestalledIsSettledAsCancelled) {
    other_.run(insert_row("cancelled", "none"));
    auto claimed = std::async([&] { return claim(*a_, 1); });
    other_.wait_until_it_is_in_the_way();
    other_.commit();
    const auto late = claimed.get();
    EXPECT_EQ(late.verdict, ClaimVerdict::settled);
    EXPECT_EQ(late.state, DeliveryState::cancelled);
}

TEST_F(LedgerRacesTest, ACancelThatAClaimForestalledIsTooLate) {
    other_.run(insert_row("sending", "begun"));
    auto cancelled = std::async([&] { return cancel(*a_); });
    other_.wait_until_it_is_in_the_way();
    other_.commit();
    EXPECT_EQ(cancelled.get(), CancelResult::too_late);
    EXPECT_EQ(state(), DeliveryState::sending);
    EXPECT_FALSE(story().cancelled_at);
}

TEST_F(LedgerRacesTest, ACancelFindsWhatWasClaimedAndDeferredMeanwhile) {
    other_.run(insert_row("retrying", "deferred"));
    auto cancelled = std::async([&] { return cancel(*a_); });
    other_.wait_until_it_is_in_the_way();
    other_.commit();
    EXPECT_EQ(cancelled.get(), CancelResult::cancelled);
    EXPECT_EQ(state(), DeliveryState::cancelled);
}

TEST_F(LedgerRacesTest, OfAClaimAndACancelOnlyOneSucceeds) {
    other_.run(insert_row("sending", "begun"));
    auto claimed = std::async([&] { return claim(*a_, 1); });
    auto cancelled = std::async([&] { return cancel(*b_); });
    other_.wait_until_it_is_in_the_way(2);
    other_.rollback();
    const bool sends = claimed.get().verdict == ClaimVerdict::claimed;
    EXPECT_EQ(cancelled.get(), sends ? CancelResult::too_late : CancelResult::cancelled);
    EXPECT_EQ(state(), sends ? DeliveryState::sending : DeliveryState::cancelled);
}

TEST_F(LedgerRacesTest, ARetryThatWaitsForACancelDoesNotBegin) {
    store_plan(a_, make_plan_of({make_entry(1), make_entry(2)}, kTestStart, 1));
    claim(*a_, 1);
    settle(*a_, settle_retrying(make_delivery_id(1), 1, AttemptState::deferred, clock_.now()));
    other_.run(
        fmt::format("SELECT 1 FROM deliveries FOR UPDATE;"
                    "UPDATE notifications SET cancelled_at = {}, cancel_reason = 'cancelled'",
                    to_millis(clock_.now())));
    auto claimed = std::async([&] { return claim(*a_, 2, 2); });
    other_.wait_until_it_is_in_the_way();
    other_.commit();
    EXPECT_EQ(claimed.get().state, DeliveryState::cancelled);
}

TEST_F(LedgerRacesTest, AClosureThatAClaimForestalledHasNoEffect) {
    other_.run(insert_row("sending", "begun"));
    auto closed = std::async([&] {
        const Closure batch[] = {make_closure(make_delivery_id(1), 1, DeliveryState::expired, "late")};
        return a_->close_deliveries(batch).value().at(0);
    });
    other_.wait_until_it_is_in_the_way();
    other_.commit();
    const auto result = closed.get();
    EXPECT_FALSE(result.raised);
    EXPECT_EQ(result.state, DeliveryState::sending);
    EXPECT_EQ(state(), DeliveryState::sending);
}

TEST_F(LedgerRacesTest, ASettlementAndAReceiptEndAtTheHigherInAnyOrder) {
    claim(*a_, 1);
    other_.run("SELECT 1 FROM deliveries FOR UPDATE");
    auto settled = std::async([&] { return settle(*a_, settle_accepted(make_delivery_id(1))); });
    auto received = std::async([&] {
        const ReceiptRecord batch[] = {make_receipt(make_delivery_id(1), 1, AttemptState::delivered)};
        return b_->apply_receipts(batch).value().at(0);
    });
    other_.wait_until_it_is_in_the_way(2);
    other_.rollback();
    EXPECT_THAT(settled.get().state, AnyOf(DeliveryState::sent, DeliveryState::delivered));
    EXPECT_TRUE(received.get().raised);
    EXPECT_EQ(state(), DeliveryState::delivered);
}

TEST_F(LedgerRacesTest, ADoubtAndAReceiptLeaveNothingToRetry) {
    claim(*a_, 1);
    other_.run("SELECT 1 FROM deliveries FOR UPDATE");
    auto received = std::async([&] {
        const ReceiptRecord batch[] = {make_receipt(make_delivery_id(1), 1, AttemptState::accepted)};
        return b_->apply_receipts(batch).value().at(0);
    });
    auto settled = std::async([&] {
        return settle(*a_, settle_retrying(make_delivery_id(1), 1, AttemptState::unknown, clock_.now()));
    });
    other_.wait_until_it_is_in_the_way(2);
    other_.rollback();
    received.get();
    settled.get();
    EXPECT_EQ(state(), DeliveryState::sent);
    EXPECT_EQ(claim(*a_, 2, 2).verdict, ClaimVerdict::settled);
}

TEST_F(LedgerRacesTest, OfTwoPlansOfOneStepTheFirstStandsForBoth) {
    other_.run(fmt::format("INSERT INTO notifications (id, tenant, accepted_at) VALUES ('{}', 'default', 0)",
                           to_string(make_id(2))));
    const auto one = make_plan_of({make_entry(1, Route::sms, "one")});
    const auto two = make_plan_of({make_entry(1, Route::sms, "two")});
    auto a = std::async([&] { return store_plan(a_, one, 2); });
    auto b = std::async([&] { return store_plan(b_, two, 2); });
    other_.wait_until_it_is_in_the_way(2);
    other_.rollback();
    const auto stored = a.get().plan;
    EXPECT_EQ(b.get().plan, stored);
    EXPECT_THAT(story(2).plans, ElementsAre(stored));
}

TEST_F(LedgerRacesTest, OfTwoPlansOfALaterStepTheFirstStandsForBoth) {
    store_plan(a_, make_wait(clock_.now() + seconds(1)), 2);
    const auto one = make_plan_of({make_entry(1, Route::sms, "one")}, kTestStart, 1);
    const auto two = make_plan_of({make_entry(1, Route::sms, "two")}, kTestStart, 1);
    other_.run(fmt::format("INSERT INTO plans VALUES ('{}', 1, 'default', '')", to_string(make_id(2))));
    auto a = std::async([&] { return store_plan(a_, one, 2); });
    auto b = std::async([&] { return store_plan(b_, two, 2); });
    other_.wait_until_it_is_in_the_way(2);
    other_.rollback();
    const auto stored = a.get().plan;
    EXPECT_EQ(b.get().plan, stored);
    EXPECT_EQ(story(2).plans.at(1), stored);
}

TEST_F(LedgerRacesTest, APlanAndACancelAtOnceLeaveNothingToSend) {
    other_.run(fmt::format("INSERT INTO notifications (id, tenant, accepted_at) VALUES ('{}', 'default', 0)",
                           to_string(make_id(2))));
    auto planned = std::async([&] { return store_plan(a_, make_plan(), 2); });
    auto cancelled = std::async([&] { return cancel(*b_, 2); });
    other_.wait_until_it_is_in_the_way(2);
    other_.rollback();
    planned.get();
    EXPECT_EQ(cancelled.get(), CancelResult::cancelled);
    EXPECT_EQ(story(2).deliveries.at(0).state, DeliveryState::cancelled);
}

TEST_F(LedgerRacesTest, APlanOfALaterStepAndACancelAtOnceLeaveNothingToSend) {
    store_plan(a_, make_wait(clock_.now() + seconds(1)), 2);
    other_.run("SELECT 1 FROM notifications FOR UPDATE");
    auto planned = std::async([&] { return store_plan(a_, make_plan(kTestStart, 1), 2); });
    auto cancelled = std::async([&] { return cancel(*b_, 2); });
    other_.wait_until_it_is_in_the_way(2);
    other_.rollback();
    planned.get();
    EXPECT_EQ(cancelled.get(), CancelResult::cancelled);
    EXPECT_EQ(story(2).deliveries.at(0).state, DeliveryState::cancelled);
}

TEST_F(LedgerRacesTest, OfTwoThatBindOneKeyBothGetTheFirstOnesNotification) {
    other_.run(fmt::format("INSERT INTO idempotency VALUES ('default', 'k', '{}', 0, 0, 0, 1, 'normal', '')",
                           to_string(make_id(9))));
    const auto bind = [&](PostgresStore& store, int n) {
        const NewPlan batch[] = {{make_notification(n), make_plan(), make_idempotency_row("k", n)}};
        return store.store_plans(batch).value().at(0).id;
    };
    auto a = std::async([&] { return bind(*a_, 2); });
    auto b = std::async([&] { return bind(*b_, 3); });
    other_.wait_until_it_is_in_the_way(2);
    other_.rollback();
    const auto id = a.get();
    EXPECT_EQ(b.get(), id);
    EXPECT_EQ(schema_->ask("SELECT string_agg(id::text, ' ') FROM notifications WHERE id <> '" +
                           to_string(make_id(1)) + "'"),
              to_string(id));
}

}  // namespace
}  // namespace herald
