#include "pipeline/scheduler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/records.hpp"
#include "pipeline/testing/doubles.hpp"
#include "pipeline/topics.hpp"
#include "ports/testing/builders.hpp"
#include "ports/testing/fake_event_log.hpp"
#include "ports/testing/fake_store.hpp"

namespace herald {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

/// Writes down where each append went.
class WatchedLog final : public EventLog {
public:
    explicit WatchedLog(EventLog& log) : log_(log) {}

    void append(std::vector<NewRecord> records, std::function<void(Status)> done) override {
        for (const auto& record : records) topics.push_back(record.topic);
        log_.append(std::move(records), std::move(done));
    }
    Result<std::unique_ptr<LogConsumer>> subscribe(const std::string& group,
                                                   const std::string& topic) override {
        return log_.subscribe(group, topic);
    }
    Result<std::optional<TimePoint>> oldest_unfinished(const std::string& group,
                                                       const std::string& topic) override {
        return log_.oldest_unfinished(group, topic);
    }
    Result<std::vector<Lag>> lag() override { return log_.lag(); }
    double level() const override { return log_.level(); }
    Status ping() override { return log_.ping(); }

    std::vector<std::string> topics;

private:
    EventLog& log_;
};

class SchedulerTest : public ::testing::Test {
protected:
    SchedulerTest() : log(options(clock)), watched(log), scheduler(clock, watched, store, lease, metrics) {}

    static FakeLogOptions options(const Clock& clock) {
        FakeLogOptions options;
        options.clock = &clock;
        options.groups = topics::consumed();
        return options;
    }
    void put(Timer timer) { ASSERT_TRUE(store.put_timers({&timer, 1})); }
    void put(int n, seconds due, Lane lane = Lane::normal, TimerKind kind = TimerKind::retry) {
        auto timer = make_timer(make_delivery_id(n), kTestStart + due, 2, kind);
        timer.lane = lane;
        put(timer);
    }
    void pass() { ASSERT_TRUE(scheduler.pass(Millis{0})); }
    void append(const std::string& topic) { ASSERT_TRUE(log.append_and_wait({{topic, "key", "{}", ""}})); }
    /// Reads and finishes all that is in the topic.
    void finish(const std::string& group, const std::string& topic) {
        auto consumer = log.subscribe(group, topic).value();
        std::vector<LogPosition> positions;
        const auto records = consumer->poll(100, Millis{0}).value();
        for (const auto& record : records) {
            positions.push_back({record.partition, record.offset + 1, std::nullopt});
        }
        ASSERT_TRUE(consumer->commit(positions));
    }

    ManualClock clock{kTestStart};
    Metrics metrics;
    FakeStore store{clock};
    FakeEventLog log;
    WatchedLog watched;
    ShardLease lease{store, clock};
    Scheduler scheduler;
};

TEST_F(SchedulerTest, MovesARetryToItsDeliveries) {
    put(1, seconds(10));
    clock.advance(seconds(10));
    pass();
    const auto records = log.records(topics::deliveries(Route::sms, Lane::normal));
    ASSERT_THAT(records, SizeIs(1));
    const auto moved = decode_delivery(records[0].value).value();
    EXPECT_EQ(moved.delivery, make_delivery_id(1));
    EXPECT_EQ(moved.attempt, 2);
    EXPECT_EQ(records[0].key, record_key(default_tenant(), UserId("ada")));
    EXPECT_THAT(store.timers(), IsEmpty());
}

TEST_F(SchedulerTest, LeavesTheTimersOfOthersToThem) {
    ShardLease other{store, clock};
    for (int i = 0; i < 3; ++i) {
        pass();
        ASSERT_TRUE(other.held());
        clock.advance(seconds(1));
    }
    std::vector<Timer> timers;
    for (int n = 1; n <= 60; ++n) timers.push_back(make_timer(make_delivery_id(n), clock.now()));
    ASSERT_TRUE(store.put_timers(timers));
    pass();
    const auto theirs = other.held().value();
    const auto left = store.timers();
    EXPECT_THAT(left, Not(IsEmpty()));
    EXPECT_LT(left.size(), 60u);
    for (const auto& timer : left) EXPECT_TRUE(theirs.test(shard_of(timer.delivery.notification)));
}

TEST_F(SchedulerTest, MovesAStepToTheRequests) {
    auto timer = make_timer({make_id(1), 1, 0}, kTestStart, 0, TimerKind::step);
    put(timer);
    pass();
    const auto records = log.records(topics::requests(Lane::normal));
    ASSERT_THAT(records, SizeIs(1));
    const auto due = std::get<ContinueRecord>(decode_request(records[0].value).value());
    EXPECT_EQ(due.id, make_id(1));
    EXPECT_EQ(due.step, 1);
}

TEST_F(SchedulerTest, MovesLeasesAndParkedRecordsToTheirDeliveries) {
    put(1, seconds(0), Lane::normal, TimerKind::lease);
    put(2, seconds(0), Lane::normal, TimerKind::parked);
    pass();
    EXPECT_THAT(log.records(topics::deliveries(Route::sms, Lane::normal)), SizeIs(2));
}

TEST_F(SchedulerTest, LeavesWhatIsNotDue) {
    put(1, seconds(10));
    clock.advance(Millis{9'999});
    pass();
    EXPECT_THAT(store.timers(), SizeIs(1));
    EXPECT_THAT(watched.topics, IsEmpty());
}

TEST_F(SchedulerTest, CriticalGoesFirst) {
    put(1, seconds(0), Lane::bulk);
    put(2, seconds(0), Lane::normal);
    put(3, seconds(0), Lane::critical);
    pass();
    EXPECT_THAT(watched.topics,
                ElementsAre("deliveries.sms.critical", "deliveries.sms.normal", "deliveries.sms.bulk"));
}

TEST_F(SchedulerTest, HoldsBackWhileTheLaneIsBehind) {
    const auto topic = topics::deliveries(Route::sms, Lane::normal);
    append(topic);
    put(1, seconds(0));
    clock.advance(Millis{2'001});
    pass();
    EXPECT_THAT(store.timers(), SizeIs(1));
    finish(topics::kSenderGroup, topic);
    pass();
    EXPECT_THAT(store.timers(), IsEmpty());
}

TEST_F(SchedulerTest, AShortLagDoesNotHoldBack) {
    append(topics::deliveries(Route::sms, Lane::normal));
    put(1, seconds(0));
    clock.advance(Millis{2'000});
    pass();
    EXPECT_THAT(store.timers(), IsEmpty());
}

TEST_F(SchedulerTest, OneLaneThatIsBehindDoesNotHoldTheOthers) {
    append(topics::deliveries(Route::sms, Lane::bulk));
    put(1, seconds(0), Lane::bulk);
    put(2, seconds(0), Lane::normal);
    clock.advance(seconds(5));
    pass();
    EXPECT_THAT(watched.topics, ElementsAre("deliveries.sms.normal"));
}

TEST_F(SchedulerTest, ACallThatHangsDoesNotHoldTheRetriesOfItsLane) {
    Scheduler patient(clock, watched, store, lease, metrics, {{Route::sms, seconds(10)}});
    append(topics::deliveries(Route::sms, Lane::normal));
    put(1, seconds(0));
    clock.advance(seconds(12));
    ASSERT_TRUE(patient.pass(Millis{0}));
    EXPECT_THAT(store.timers(), IsEmpty());
}

TEST_F(SchedulerTest, OneRouteThatIsBehindDoesNotStandBeforeTheOthers) {
    append(topics::deliveries(Route::sms, Lane::normal));
    std::vector<Timer> timers;
    for (int n = 1; n <= 1'500; ++n) timers.push_back(make_timer(make_delivery_id(n), kTestStart));
    auto email = make_timer(make_delivery_id(2'000), kTestStart + seconds(1));
    email.route = Route::email;
    timers.push_back(email);
    ASSERT_TRUE(store.put_timers(timers));
    clock.advance(seconds(5));
    pass();
    EXPECT_THAT(watched.topics, ElementsAre("deliveries.email.normal"));
}

TEST_F(SchedulerTest, DeletesOnlyAfterTheAcknowledgement) {
    put(1, seconds(0));
    log.fail_next_append({ErrorCode::unavailable, "the disk is slow"});
    EXPECT_FALSE(scheduler.pass(Millis{0}));
    EXPECT_THAT(store.timers(), SizeIs(1));
    pass();
    EXPECT_THAT(store.timers(), IsEmpty());
}

TEST_F(SchedulerTest, ACrashBeforeTheDeletionRepeatsTheRecord) {
    put(1, seconds(0));
    log.fail_next_append_after_storing({ErrorCode::timeout, "no answer"});
    EXPECT_FALSE(scheduler.pass(Millis{0}));
    pass();
    EXPECT_THAT(log.records(topics::deliveries(Route::sms, Lane::normal)), SizeIs(2));
    EXPECT_THAT(store.timers(), IsEmpty());
}

TEST_F(SchedulerTest, MovesAtMostABatchAtATime) {
    std::vector<Timer> timers;
    for (int n = 1; n <= 1'500; ++n) timers.push_back(make_timer(make_delivery_id(n), kTestStart));
    ASSERT_TRUE(store.put_timers(timers));
    pass();
    EXPECT_THAT(watched.topics, SizeIs(1'000));
    pass();
    EXPECT_THAT(watched.topics, SizeIs(1'500));
}

TEST_F(SchedulerTest, AnIllStoreIsAnError) {
    store.fail_next();
    EXPECT_FALSE(scheduler.pass(Millis{0}));
}

}  // namespace
}  // namespace herald
