#pragma once

#include "ports/testing/store_contract.hpp"

namespace herald {

class TimerStoreContract : public StoreContract {
protected:
    void put(std::vector<Timer> timers) { must(store_.put_timers(timers)); }

    Timer timer(int n, Millis in) { return make_timer(make_delivery_id(n), now() + in); }

    std::int64_t waiting(Lane lane) {
        for (const auto& level : must(store_.timer_levels())) {
            if (level.lane == lane) return level.waiting;
        }
        return -1;
    }
};

TEST_P(TimerStoreContract, GivesATimerOnceItIsDue) {
    auto one = timer(1, seconds(5));
    one.route = Route::push_fcm;
    one.tenant = other_tenant_;
    put({one});
    clock_.advance(seconds(5) - Millis{1});
    EXPECT_TRUE(due().empty());
    clock_.advance(Millis{1});
    EXPECT_EQ(due(), std::vector{one});
}

TEST_P(TimerStoreContract, OnlyReads) {
    put({timer(1, seconds(0))});
    EXPECT_EQ(due(), due());
    EXPECT_EQ(due().size(), 1u);
}

TEST_P(TimerStoreContract, GivesTheEarliestFirstAcrossHours) {
    const std::vector ordered{timer(3, seconds(1)), timer(1, minutes(90)), timer(2, hours(30))};
    put({ordered[1], ordered[2], ordered[0]});
    clock_.advance(hours(48));
    EXPECT_EQ(due(), ordered);
}

TEST_P(TimerStoreContract, GivesAtMostAsManyAsAsked) {
    put({timer(1, seconds(1)), timer(2, hours(2)), timer(3, hours(4))});
    clock_.advance(hours(5));
    EXPECT_EQ(must(store_.take_due(Lane::normal, 2)).size(), 2u);
}

TEST_P(TimerStoreContract, PassesOverWhatIsHeldBack) {
    const auto sms = timer(1, seconds(1));
    auto email = timer(2, seconds(2));
    email.route = Route::email;
    auto step = timer(3, seconds(3));
    step.kind = TimerKind::step;
    put({sms, email, step});
    clock_.advance(seconds(5));
    const auto given = [&](const TimerStore::HeldBack& held_back) {
        return must(store_.take_due(Lane::normal, 2, held_back));
    };
    EXPECT_EQ(given({{Route::sms}, false}), (std::vector{email, step}));
    EXPECT_EQ(given({{Route::sms, Route::email}, true}), std::vector<Timer>{});
    EXPECT_EQ(given({{}, true}), (std::vector{sms, email}));
}

TEST_P(TimerStoreContract, PassesOverTheShardsOfOthers) {
    const std::vector timers{timer(1, seconds(1)), timer(2, seconds(2))};
    ASSERT_NE(shard_of(timers[0].delivery.notification), shard_of(timers[1].delivery.notification));
    put(timers);
    clock_.advance(seconds(5));
    TimerStore::HeldBack others;
    others.shards.set(shard_of(timers[0].delivery.notification));
    EXPECT_EQ(must(store_.take_due(Lane::normal, 1, others)), std::vector{timers[1]});
    others.shards.set();
    EXPECT_TRUE(must(store_.take_due(Lane::normal, 1, others)).empty());
}

TEST_P(TimerStoreContract, OneSchedulerHoldsAllShards) {
    EXPECT_TRUE(must(store_.lease_shards("a", seconds(5))).all());
    EXPECT_TRUE(must(store_.lease_shards("a", seconds(5))).all());
}

TEST_P(TimerStoreContract, SchedulersShareTheShardsAndHoldNoneTogether) {
    must(store_.lease_shards("a", seconds(5)));
    EXPECT_TRUE(must(store_.lease_shards("b", seconds(5))).none()) << "the first has not let go yet";
    const auto first = must(store_.lease_shards("a", seconds(5)));
    const auto second = must(store_.lease_shards("b", seconds(5)));
    EXPECT_EQ(first.count(), kTimerShards / 2);
    EXPECT_EQ(second, ~first);
}

TEST_P(TimerStoreContract, TheShardsOfASchedulerThatDiedAreFreeAfterItsLease) {
    must(store_.lease_shards("a", seconds(5)));
    clock_.advance(seconds(5) - Millis{1});
    EXPECT_TRUE(must(store_.lease_shards("b", seconds(5))).none());
    clock_.advance(Millis{1});
    EXPECT_TRUE(must(store_.lease_shards("b", seconds(5))).all());
}

TEST_P(TimerStoreContract, KeepsLanesApart) {
    auto critical = timer(1, seconds(0));
    critical.lane = Lane::critical;
    put({critical, timer(2, seconds(0))});
    EXPECT_EQ(due(Lane::critical), std::vector{critical});
    EXPECT_TRUE(due(Lane::bulk).empty());
}

TEST_P(TimerStoreContract, IsNeverDueBeforeNow) {
    put({timer(1, -minutes(90))});
    EXPECT_EQ(due().at(0).due, now());
}

TEST_P(TimerStoreContract, TheSameTimerTwiceIsOne) {
    put({timer(1, seconds(5)), timer(1, seconds(5))});
    put({timer(1, seconds(5))});
    clock_.advance(seconds(5));
    EXPECT_EQ(due().size(), 1u);
}

TEST_P(TimerStoreContract, TimersOfDifferentKindsAreTwo) {
    put({timer(1, seconds(5)), make_timer(make_delivery_id(1), now() + seconds(5), 2, TimerKind::lease)});
    clock_.advance(seconds(5));
    EXPECT_EQ(due().size(), 2u);
}

TEST_P(TimerStoreContract, EveryKindComesBackAsItself) {
    std::vector<Timer> timers;
    for (const auto kind : {TimerKind::retry, TimerKind::step, TimerKind::lease, TimerKind::parked}) {
        timers.push_back(make_timer(make_delivery_id(1), now() + seconds(timers.size()), 1, kind));
    }
    put(timers);
    clock_.advance(seconds(5));
    EXPECT_EQ(due(), timers);
}

TEST_P(TimerStoreContract, DeletesExactlyTheseTimers) {
    put({timer(1, seconds(1)), timer(2, seconds(2)), timer(3, hours(3))});
    clock_.advance(hours(4));
    const auto all = due();
    must(store_.delete_timers(std::span(all).subspan(1, 1)));
    EXPECT_EQ(due(), (std::vector{all[0], all[2]}));
}

TEST_P(TimerStoreContract, DeletingWhatIsGoneIsNothing) {
    put({timer(1, seconds(0))});
    const auto all = due();
    must(store_.delete_timers(all));
    must(store_.delete_timers(all));
    EXPECT_TRUE(due().empty());
}

TEST_P(TimerStoreContract, CountsWhatWaitsInEachLane) {
    auto bulk = timer(3, hours(3));
    bulk.lane = Lane::bulk;
    put({timer(1, seconds(0)), timer(2, hours(2)), bulk});
    EXPECT_EQ(waiting(Lane::critical), 0);
    EXPECT_EQ(waiting(Lane::normal), 2);
    EXPECT_EQ(waiting(Lane::bulk), 1);
}

}  // namespace herald
