#include "pipeline/housekeeper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ports/testing/builders.hpp"
#include "ports/testing/fake_store.hpp"

namespace herald {
namespace {

using std::chrono::days;
using std::chrono::hours;

class HousekeeperTest : public testing::Test {
protected:
    void store_notifications(int first, int count) {
        std::vector<NewPlan> plans;
        for (int n = first; n < first + count; ++n) plans.push_back({make_notification(n), make_plan()});
        ASSERT_TRUE(store_.store_plans(plans));
    }
    void remember(int count) {
        std::vector<IdempotencyRow> rows;
        for (int n = 0; n < count; ++n) rows.push_back(make_idempotency_row(std::to_string(n)));
        ASSERT_TRUE(store_.remember(rows));
    }
    void pass() { ASSERT_TRUE(housekeeper_.pass(Millis{0})); }
    bool is_known(int n) { return store_.load_story(default_tenant(), make_id(n)).value().has_value(); }
    bool is_remembered(int n) {
        const IdempotencyRow batch[] = {make_idempotency_row(std::to_string(n))};
        return !store_.remember(batch).value().at(0).first;
    }

    ManualClock clock_;
    FakeStore store_{clock_};
    Housekeeper housekeeper_{clock_, store_, store_, days(40)};
};

TEST_F(HousekeeperTest, ForgetsIdempotencyKeysAfterADay) {
    remember(1);
    clock_.advance(hours(24));
    pass();
    EXPECT_TRUE(is_remembered(0));
    clock_.advance(std::chrono::minutes(1));
    pass();
    EXPECT_FALSE(is_remembered(0));
}

TEST_F(HousekeeperTest, DropsNotificationsAfterTheirRetention) {
    store_notifications(1, 1);
    clock_.advance(days(40));
    pass();
    EXPECT_TRUE(is_known(1));
    clock_.advance(std::chrono::minutes(1));
    pass();
    EXPECT_FALSE(is_known(1));
}

TEST_F(HousekeeperTest, DropsNotificationsInBatchesWithABreathBetween) {
    store_notifications(1, 501);
    clock_.advance(days(41));
    pass();
    EXPECT_FALSE(is_known(500));
    pass();
    EXPECT_TRUE(is_known(501));
    clock_.advance(Millis{100});
    pass();
    EXPECT_FALSE(is_known(501));
}

TEST_F(HousekeeperTest, DropsNotificationsOnlyWhenNothingElseIsDue) {
    store_notifications(1, 1);
    remember(1001);
    clock_.advance(days(41));
    pass();
    EXPECT_TRUE(is_known(1));
    pass();
    EXPECT_FALSE(is_known(1));
}

TEST_F(HousekeeperTest, TriesAgainAfterAFailure) {
    store_notifications(1, 1);
    clock_.advance(days(41));
    store_.fail_next(ErrorCode::unavailable, 1);
    EXPECT_FALSE(housekeeper_.pass(Millis{0}));
    pass();
    EXPECT_FALSE(is_known(1));
}

}  // namespace
}  // namespace herald
