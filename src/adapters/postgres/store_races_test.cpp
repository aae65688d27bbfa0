#include <future>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/postgres/testing/other_transaction.hpp"
#include "ports/testing/builders.hpp"

namespace herald {
namespace {

using postgres::OtherTransaction;
using std::chrono::seconds;

/// Two processes at once, about people, keys and timers: one is the store, the other a transaction in its
/// way.
class StoreRacesTest : public ::testing::Test {
protected:
    std::unique_ptr<PostgresStore> open() {
        PostgresOptions options;
        options.url = schema_->url();
        options.test_clock = &clock_;
        return PostgresStore::open(options).value();
    }

    OtherTransaction begin() { return OtherTransaction(schema_->url()); }

    Remembered remember(const IdempotencyRow& row) {
        const IdempotencyRow batch[] = {row};
        return store_->remember(batch).value().at(0);
    }
    /// Somebody else's row under the key, with the id of `n`.
    std::string insert_key(const std::string& key, int n) {
        const auto row = make_idempotency_row(key, n);
        return "INSERT INTO idempotency VALUES ('default', '" + key + "', '" + to_string(row.id) + "', " +
               std::to_string(to_millis(row.accepted_at)) + ", " +
               std::to_string(to_millis(row.deadline_at)) + ", " +
               std::to_string(to_millis(row.in_flight_until)) + ", 1, 'normal', '\\x" +
               to_hex(row.body_hash) + "')";
    }

    StoredPlan store_plan(PostgresStore& store, const Notification& notification) {
        const NewPlan batch[] = {{notification, make_plan()}};
        return store.store_plans(batch).value().at(0);
    }
    DeliveryView delivery(int n) {
        return store_->load_story(default_tenant(), make_id(n)).value().value().deliveries.at(0);
    }

    ManualClock clock_;
    std::shared_ptr<postgres::TestSchema> schema_ = postgres::TestSchemas::borrow();
    std::unique_ptr<PostgresStore> store_ = open();
};

TEST_F(StoreRacesTest, OfTwoThatBringAKeyTheSecondGetsTheFirstOnesRow) {
    auto other = begin();
    other.run(insert_key("k", 9));
    auto remembered = std::async([&] { return remember(make_idempotency_row("k", 1)); });
    other.wait_until_it_is_in_the_way();
    other.commit();
    const auto second = remembered.get();
    EXPECT_FALSE(second.first);
    EXPECT_EQ(second.row.id, make_id(9));
}

TEST_F(StoreRacesTest, AKeyIsFreeWhenTheFirstWhoBroughtItFails) {
    auto other = begin();
    other.run(insert_key("k", 9));
    auto remembered = std::async([&] { return remember(make_idempotency_row("k", 1)); });
    other.wait_until_it_is_in_the_way();
    other.rollback();
    EXPECT_TRUE(remembered.get().first);
}

TEST_F(StoreRacesTest, OfTwoThatFindTheSameFlightOverOnlyOneTakesItOver) {
    schema_->run(insert_key("k", 9));
    clock_.advance(seconds(5));
    const auto taken_until = clock_.now() + Millis{1500};
    auto other = begin();
    other.run("UPDATE idempotency SET in_flight_until = " + std::to_string(to_millis(taken_until)));
    auto remembered = std::async([&] { return remember(make_idempotency_row("k", 1, clock_.now())); });
    other.wait_until_it_is_in_the_way();
    other.commit();
    EXPECT_EQ(remembered.get().row.in_flight_until, taken_until);
}

TEST_F(StoreRacesTest, AKeyThatIsBeingForgottenIsFree) {
    schema_->run(insert_key("k", 9));
    auto other = begin();
    other.run("DELETE FROM idempotency");
    auto remembered = std::async([&] { return remember(make_idempotency_row("k", 1)); });
    other.wait_until_it_is_in_the_way();
    other.commit();
    EXPECT_TRUE(remembered.get().first);
}

TEST_F(StoreRacesTest, BatchesOfTheSameKeysInAnyOrderDoNotLockEachOtherOut) {
    constexpr int kRounds = 20, kKeys = 30;
    const auto other_store = open();
    std::atomic<int> firsts = 0;
    const auto bring = [&](PostgresStore& store, unsigned seed) {
        std::mt19937 random(seed);
        for (int round = 0; round < kRounds; ++round) {
            std::vector<IdempotencyRow> batch;
            for (int k = 0; k < kKeys; ++k) {
                batch.push_back(make_idempotency_row(std::to_string(round) + "-" + std::to_string(k)));
            }
            std::shuffle(batch.begin(), batch.end(), random);
            const auto remembered = store.remember(batch);
            ASSERT_TRUE(remembered) << remembered.error().message;
            for (const auto& one : *remembered) firsts += one.first ? 1 : 0;
        }
    };
    std::thread other([&] { bring(*other_store, 1); });
    bring(*store_, 2);
    other.join();
    EXPECT_EQ(firsts, kRounds * kKeys);
}

TEST_F(StoreRacesTest, TheSecondOfTwoFirstStartsTakesTheFirstOnesKey) {
    auto other = begin();
    other.run("LOCK TABLE id_keys IN SHARE ROW EXCLUSIVE MODE; INSERT INTO id_keys (key) VALUES ('theirs')");
    auto keys = std::async([&] { return store_->id_keys().value(); });
    other.wait_until_it_is_in_the_way();
    other.commit();
    EXPECT_THAT(keys.get(), ::testing::ElementsAre("theirs"));
}

TEST_F(StoreRacesTest, AnErasureWaitsForThePlanThatIsBeingStoredAndClosesIt) {
    ASSERT_TRUE(store_->put_user(default_tenant(), make_user(), clock_.now()));
    auto other = begin();
    other.run("INSERT INTO notifications (id, tenant, accepted_at) VALUES ('" + to_string(make_id(1)) +
              "', 'default', 0)");
    auto planned = std::async([&] { return store_plan(*store_, make_notification(1)); });
    other.wait_until_it_is_in_the_way();
    const auto second_store = open();
    auto erased =
        std::async([&] { return second_store->erase_user(default_tenant(), UserId("ada"), clock_.now()); });
    other.wait_until_it_is_in_the_way(2);
    other.rollback();
    EXPECT_FALSE(planned.get().cancelled);
    EXPECT_TRUE(erased.get().value());
    EXPECT_EQ(delivery(1).state, DeliveryState::cancelled);
    EXPECT_EQ(delivery(1).reason, "erased");
}

TEST_F(StoreRacesTest, APlanWaitsForTheErasureThatIsBeingMadeAndIsClosed) {
    ASSERT_TRUE(store_->put_user(default_tenant(), make_user(), clock_.now()));
    store_plan(*store_, make_notification(1));
    auto other = begin();
    other.run("SELECT 1 FROM notifications FOR UPDATE");
    auto erased = std::async(
        [&] { return store_->erase_user(default_tenant(), UserId("ada"), clock_.now() + seconds(1)); });
    other.wait_until_it_is_in_the_way();
    const auto second_store = open();
    auto planned = std::async([&] { return store_plan(*second_store, make_notification(2)); });
    other.wait_until_it_is_in_the_way(2);
    other.rollback();
    EXPECT_TRUE(erased.get().value());
    EXPECT_TRUE(planned.get().cancelled);
    EXPECT_EQ(delivery(2).reason, "erased");
}

TEST_F(StoreRacesTest, AnErasureWaitsForADeviceThatIsBeingPut) {
    ASSERT_TRUE(store_->put_user(default_tenant(), make_user(), clock_.now()));
    auto other = begin();
    other.run("UPDATE users SET email = 'new@example.org'");
    other.run("INSERT INTO devices VALUES ('default', 'web-ada', 'ada', 2, 'web', 0)");
    auto erased =
        std::async([&] { return store_->erase_user(default_tenant(), UserId("ada"), clock_.now()); });
    other.wait_until_it_is_in_the_way();
    other.commit();
    EXPECT_TRUE(erased.get().value());
    EXPECT_EQ(schema_->ask("SELECT count(*)::text FROM devices"), "0");
}

TEST_F(StoreRacesTest, PeopleWhoExchangeTheirDevicesDoNotLockEachOtherOut) {
    constexpr int kRounds = 30;
    const auto other_store = open();
    const auto put = [&](PostgresStore& store, const std::string& id, bool turned) {
        auto user = make_user(id);
        user.devices = make_user("shared").devices;
        if (turned) std::reverse(user.devices.begin(), user.devices.end());
        for (int round = 0; round < kRounds; ++round) {
            const auto done = store.put_user(default_tenant(), user, clock_.now());
            EXPECT_TRUE(done) << done.error().message;
        }
    };
    std::thread other([&] { put(*other_store, "bob", true); });
    put(*store_, "ada", false);
    other.join();
    EXPECT_EQ(schema_->ask("SELECT count(*)::text FROM devices"), "2");
}

TEST_F(StoreRacesTest, TwoSchedulersDeleteTheSameTimersInAnyOrder) {
    constexpr int kTimers = 300;
    std::vector<Timer> timers;
    for (int n = 0; n < kTimers; ++n) timers.push_back(make_timer(make_delivery_id(n), clock_.now()));
    ASSERT_TRUE(store_->put_timers(timers));
    const auto other_store = open();
    const auto remove = [&](PostgresStore& store, unsigned seed) {
        auto shuffled = timers;
        std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(seed));
        const auto done = store.delete_timers(shuffled);
        EXPECT_TRUE(done) << done.error().message;
    };
    std::thread other([&] { remove(*other_store, 1); });
    remove(*store_, 2);
    other.join();
    EXPECT_EQ(schema_->ask("SELECT count(*)::text FROM timers"), "0");
}

TEST_F(StoreRacesTest, OfTwoSchedulersThatAskForShardsTheSecondSeesWhatTheFirstTook) {
    const auto other_store = open();
    ASSERT_TRUE(store_->lease_shards("a", seconds(5)));
    const auto ask = [&](PostgresStore& store, const std::string& owner) {
        TimerShards shards;
        for (int round = 0; round < 10; ++round) shards = store.lease_shards(owner, seconds(5)).value();
        return shards;
    };
    auto theirs = std::async([&] { return ask(*other_store, "b"); });
    ask(*store_, "a");
    theirs.get();
    const auto ours = store_->lease_shards("a", seconds(5)).value();
    EXPECT_EQ(store_->lease_shards("b", seconds(5)).value(), ~ours);
}

}  // namespace
}  // namespace herald
