// Sentences of the ledger that are properties of the engine: every write call of the Store is one
// transaction.

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/sqlite/store.hpp"
#include "ports/testing/builders.hpp"

namespace herald::sqlite {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class LedgerSqlite : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = std::filesystem::temp_directory_path() / "herald-ledger-XXXXXX";
        ASSERT_TRUE(mkdtemp(pattern.data()) != nullptr);
        folder_ = pattern;
        SqliteStoreOptions options;
        options.path = folder_ / "store.db";
        options.clock = &clock_;
        store_ = SqliteStore::open(options).value();
        const NewPlan plans[] = {{make_notification(1), make_plan_of({make_entry(1), make_entry(2)})}};
        ASSERT_TRUE(store_->store_plans(plans));
        ASSERT_TRUE(store_->put_user(default_tenant(), make_user(), clock_.now()));
    }
    void TearDown() override {
        store_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    /// From here on the statement fails, as it does on a disk that is full or ill.
    void fail_on(const std::string& statement, const std::string& when = "1") {
        execute("CREATE TRIGGER ill BEFORE " + statement + " WHEN " + when +
                " BEGIN SELECT RAISE(ABORT, 'the disk is ill'); END");
    }
    void mend() { execute("DROP TRIGGER ill"); }
    void execute(const std::string& sql) {
        SQLite::Database database(folder_ / "store.db", SQLite::OPEN_READWRITE);
        database.exec(sql);
    }

    void claim_both() {
        const ClaimRequest claims[] = {make_claim(first_), make_claim(second_)};
        ASSERT_TRUE(store_->claim(claims, 7));
    }
    AttemptState attempt_state(std::size_t index = 0) {
        const auto story = store_->load_story(default_tenant(), make_id(1)).value();
        const auto& attempts = story->deliveries.at(index).attempts;
        return attempts.empty() ? AttemptState::none : attempts.back().state;
    }
    std::vector<Timer> timers() {
        clock_.advance(std::chrono::hours(24));
        return store_->take_due(Lane::normal, 100).value();
    }
    std::vector<Device> devices() {
        return store_->get_user(default_tenant(), UserId("ada")).value()->devices;
    }
    std::vector<Suppression> suppressions() {
        const UserRef ada{default_tenant(), UserId("ada")};
        return store_->load_recipients({&ada, 1}).value().at(0).suppressions;
    }

    const DeliveryId first_ = make_delivery_id(1, 1);
    const DeliveryId second_ = make_delivery_id(1, 2);
    ManualClock clock_{kTestStart};
    std::filesystem::path folder_;
    std::unique_ptr<SqliteStore> store_;
};

TEST_F(LedgerSqlite, Ledger04_AnOutcomeAndItsRetryTimerAreOneTransaction) {
    claim_both();
    const Settlement settlements[] = {
        settle_retrying(first_, 1, AttemptState::deferred, kTestStart + Millis{10})};
    fail_on("INSERT ON timers");
    EXPECT_FALSE(store_->settle(settlements));
    EXPECT_EQ(attempt_state(), AttemptState::begun);
    mend();
    EXPECT_TRUE(store_->settle(settlements));
    EXPECT_EQ(attempt_state(), AttemptState::deferred);
    EXPECT_THAT(timers(), SizeIs(1));
}

TEST_F(LedgerSqlite, Ledger04_AnOutcomeAndItsDeviceRemovalAreOneTransaction) {
    claim_both();
    auto settlement = make_settlement(first_, 1, AttemptState::rejected, DeliveryState::failed);
    settlement.remove_device = {"ios-ada", clock_.now() + Millis{1}};
    fail_on("DELETE ON devices");
    EXPECT_FALSE(store_->settle({&settlement, 1}));
    EXPECT_EQ(attempt_state(), AttemptState::begun);
    EXPECT_THAT(devices(), SizeIs(2));
    mend();
    EXPECT_TRUE(store_->settle({&settlement, 1}));
    EXPECT_EQ(attempt_state(), AttemptState::rejected);
    EXPECT_THAT(devices(), SizeIs(1));
}

TEST_F(LedgerSqlite, Ledger04_AnOutcomeAndItsSuppressionAreOneTransaction) {
    claim_both();
    auto settlement = make_settlement(first_, 1, AttemptState::rejected, DeliveryState::failed);
    settlement.suppress = Suppression{Channel::sms, "+14155550123", "recipient_opted_out"};
    fail_on("INSERT ON suppressions");
    EXPECT_FALSE(store_->settle({&settlement, 1}));
    EXPECT_EQ(attempt_state(), AttemptState::begun);
    EXPECT_THAT(suppressions(), IsEmpty());
    mend();
    EXPECT_TRUE(store_->settle({&settlement, 1}));
    EXPECT_THAT(suppressions(), SizeIs(1));
}

TEST_F(LedgerSqlite, Ledger04_TheEffectsAreInTheTransactionOfTheOutcome) {
    claim_both();
    auto settlement = settle_retrying(first_, 1, AttemptState::deferred, kTestStart + Millis{10});
    settlement.suppress = Suppression{Channel::sms, "+14155550123", "recipient_opted_out"};
    fail_on("INSERT ON deliveries");
    EXPECT_FALSE(store_->settle({&settlement, 1}));
    EXPECT_THAT(suppressions(), IsEmpty());
    EXPECT_THAT(timers(), IsEmpty());
}

TEST_F(LedgerSqlite, Ledger01_StoringPlansIsOneTransaction) {
    const NewPlan plans[] = {{make_notification(2), make_plan()},
                             {make_notification(3), make_plan(kTestStart, 5)}};
    fail_on("INSERT ON plans", "NEW.step = 5");
    EXPECT_FALSE(store_->store_plans(plans));
    EXPECT_FALSE(store_->load_story(default_tenant(), make_id(2)).value());
    EXPECT_FALSE(store_->load_story(default_tenant(), make_id(3)).value());
}

TEST_F(LedgerSqlite, Ledger01_APlanAndTheTimerOfItsWaitAreOneTransaction) {
    const NewPlan plans[] = {{make_notification(2), make_wait(kTestStart + Millis{10})}};
    fail_on("INSERT ON timers");
    EXPECT_FALSE(store_->store_plans(plans));
    EXPECT_FALSE(store_->load_story(default_tenant(), make_id(2)).value());
}

TEST_F(LedgerSqlite, Ledger01_AClaimIsOneTransaction) {
    const ClaimRequest claims[] = {make_claim(first_), make_claim(second_)};
    fail_on("INSERT ON deliveries", "NEW.ordinal = 2");
    EXPECT_FALSE(store_->claim(claims, 7));
    EXPECT_EQ(attempt_state(0), AttemptState::none);
    mend();
    EXPECT_EQ(store_->claim(claims, 8)->at(0).verdict, ClaimVerdict::claimed);
}

TEST_F(LedgerSqlite, Ledger01_ANextAttemptAndTheOlderOneAreOneTransaction) {
    claim_both();
    const Settlement settlements[] = {settle_retrying(first_, 1, AttemptState::deferred, kTestStart)};
    ASSERT_TRUE(store_->settle(settlements));
    fail_on("INSERT ON attempts");
    const ClaimRequest claims[] = {make_claim(first_, 2)};
    EXPECT_FALSE(store_->claim(claims, 9));
    EXPECT_EQ(attempt_state(), AttemptState::deferred);
}

TEST_F(LedgerSqlite, Ledger01_SettlingIsOneTransaction) {
    claim_both();
    const Settlement settlements[] = {settle_accepted(first_), settle_accepted(second_)};
    fail_on("INSERT ON deliveries", "NEW.ordinal = 2");
    EXPECT_FALSE(store_->settle(settlements));
    EXPECT_EQ(attempt_state(0), AttemptState::begun);
}

TEST_F(LedgerSqlite, Ledger01_ApplyingReceiptsIsOneTransaction) {
    claim_both();
    const ReceiptRecord receipts[] = {make_receipt(first_, 1, AttemptState::delivered),
                                      make_receipt(second_, 1, AttemptState::delivered)};
    fail_on("INSERT ON deliveries", "NEW.ordinal = 2");
    EXPECT_FALSE(store_->apply_receipts(receipts));
    EXPECT_EQ(attempt_state(0), AttemptState::begun);
}

TEST_F(LedgerSqlite, Ledger08_ACancelAndWhatItClosesAreOneTransaction) {
    fail_on("INSERT ON deliveries", "NEW.ordinal = 2");
    EXPECT_FALSE(store_->cancel(default_tenant(), make_id(1), clock_.now()));
    const auto story = store_->load_story(default_tenant(), make_id(1)).value();
    EXPECT_FALSE(story->cancelled_at);
    EXPECT_EQ(story->deliveries.at(0).state, DeliveryState::planned);
}

TEST_F(LedgerSqlite, Ledger01_PuttingTimersIsOneTransaction) {
    const std::vector put{make_timer(first_, kTestStart), make_timer(second_, kTestStart, 9)};
    fail_on("INSERT ON timers", "NEW.attempt = 9");
    EXPECT_FALSE(store_->put_timers(put));
    EXPECT_THAT(timers(), IsEmpty());
}

}  // namespace
}  // namespace herald::sqlite
