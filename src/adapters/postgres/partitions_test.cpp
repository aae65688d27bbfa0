#include "adapters/postgres/partitions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/postgres/testing/test_schema.hpp"
#include "ports/testing/builders.hpp"

namespace herald::postgres {
namespace {

using std::chrono::days;

/// Of a store whose server's day is today; ids may be of any.
class PartitionsTest : public ::testing::Test {
protected:
    std::unique_ptr<PostgresStore> open() {
        PostgresOptions options;
        options.url = schema_.url();
        return PostgresStore::open(options).value();
    }
    NotificationId store_plan(int n, TimePoint drawn) {
        auto notification = make_notification(n, drawn);
        const auto uuid = Uuid::v7(drawn);
        std::copy_n(uuid.bytes.begin(), 6, notification.id.uuid.bytes.begin());
        notification.deadline_at = today_ + days(365);
        const NewPlan batch[] = {{notification, make_plan(drawn)}};
        EXPECT_TRUE(store_->store_plans(batch));
        ClaimRequest claim = make_claim({notification.id, 0, 1});
        claim.gates_passed = true;
        EXPECT_TRUE(store_->claim({&claim, 1}, 1));
        return notification.id;
    }
    std::string table_of(const std::string& parent, const NotificationId& id) {
        return schema_.ask("SELECT tableoid::regclass::text FROM " + parent + " WHERE id = '" +
                           to_string(id) + "'");
    }
    std::string count_days(const std::string& parent) {
        return schema_.ask("SELECT count(*)::text FROM pg_inherits WHERE inhparent = '" + parent +
                           "'::regclass");
    }
    bool is_known(const NotificationId& id) {
        return store_->load_story(default_tenant(), id).value().has_value();
    }

    TestSchema schema_;
    std::unique_ptr<PostgresStore> store_ = open();
    const TimePoint today_ = SystemClock().now();
};

TEST_F(PartitionsTest, AMigrationMakesTheDaysAhead) {
    for (const auto table : kDailyTables) EXPECT_EQ(count_days(std::string(table)), "11") << table;
}

TEST_F(PartitionsTest, WhatIsDrawnTodayGoesToItsDayAndTheRestToTheRest) {
    const auto today = store_plan(1, today_);
    EXPECT_THAT(table_of("notifications", today), ::testing::MatchesRegex("notifications_20[0-9]+"));
    EXPECT_THAT(table_of("deliveries", today), ::testing::MatchesRegex("deliveries_20[0-9]+"));
    const auto long_ago = store_plan(2, kTestStart);
    EXPECT_EQ(table_of("notifications", long_ago), "notifications_rest");
    EXPECT_EQ(table_of("deliveries", long_ago), "deliveries_rest");
    EXPECT_TRUE(is_known(today));
    EXPECT_TRUE(is_known(long_ago));
}

TEST_F(PartitionsTest, ABatchMayTouchManyDays) {
    std::vector<NotificationId> ids{store_plan(1, kTestStart), store_plan(2, today_),
                                    store_plan(3, today_ + days(3)), store_plan(4, today_ + days(30))};
    std::vector<Settlement> settlements;
    for (const auto& id : ids) settlements.push_back(settle_accepted({id, 0, 1}));
    const auto results = store_->settle(settlements).value();
    for (const auto& result : results) EXPECT_EQ(result.state, DeliveryState::sent);
}

TEST_F(PartitionsTest, DropsADayWholeOnceAllOfItIsOld) {
    const auto id = store_plan(1, today_);
    const auto midnight = std::chrono::floor<days>(today_) + days(1);
    ASSERT_TRUE(store_->drop_notifications(midnight - Millis{1}, 10));
    EXPECT_TRUE(is_known(id));
    ASSERT_TRUE(store_->drop_notifications(midnight, 10));
    EXPECT_FALSE(is_known(id));
    EXPECT_EQ(count_days("notifications"), count_days("attempts"));
}

TEST_F(PartitionsTest, HousekeepingMakesTheDaysThatAreMissing) {
    for (const auto table : kDailyTables) {
        schema_.run(
            "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT inhrelid FROM pg_inherits WHERE inhparent = '" +
            std::string(table) + "'::regclass AND inhrelid::regclass::text LIKE '%\\_20%'" +
            " LOOP EXECUTE 'DROP TABLE ' || t; END LOOP; END $$");
    }
    EXPECT_EQ(count_days("deliveries"), "1");
    ASSERT_TRUE(store_->drop_notifications(kTestStart, 10));
    EXPECT_EQ(count_days("deliveries"), "11");
}

TEST_F(PartitionsTest, ADayWhoseRowsAreInTheRestStaysThere) {
    schema_.run("DROP TABLE notifications_" +
                schema_.ask("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')"));
    const auto id = store_plan(1, today_);
    EXPECT_EQ(table_of("notifications", id), "notifications_rest");
    ASSERT_TRUE(store_->drop_notifications(kTestStart, 10));
    EXPECT_EQ(table_of("notifications", id), "notifications_rest");
    EXPECT_TRUE(is_known(id));
}

TEST_F(PartitionsTest, ADayThatSomebodyReadsIsLeftToTheNextCall) {
    const auto id = store_plan(1, today_);
    Connection reader(connection_options(schema_.url()));
    reader.run_script("BEGIN; SELECT count(*) FROM notifications");
    EXPECT_TRUE(store_->drop_notifications(today_ + days(2), 10));
    EXPECT_TRUE(is_known(id));
    reader.run_script("COMMIT");
    EXPECT_TRUE(store_->drop_notifications(today_ + days(2), 10));
    EXPECT_FALSE(is_known(id));
}

}  // namespace
}  // namespace herald::postgres
