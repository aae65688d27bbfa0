#include "pipeline/newer_records.hpp"

#include "pipeline/testing/ledger_fixture.hpp"

namespace herald {
namespace {

/// Two binaries side by side: what the newer one writes, and this one cannot read.
class NewerRecordsTest : public ::testing::Test {
protected:
    static constexpr const char* kNewer = R"({"schema":2,"type":"of the future"})";

    void allow(int schema) { ASSERT_TRUE(world.store.put_note(kRecordSchemaNote, std::to_string(schema))); }
    void append_newer(const std::string& topic = topics::requests(Lane::normal)) {
        world.append({topic, world.key_in_partition(0), kNewer, ""});
    }
    NotificationId append_request(std::size_t partition) {
        const auto n = world.given_out();
        world.append({topics::requests(Lane::normal), world.key_in_partition(partition), encode(n), ""});
        return n.id;
    }
    std::string ill() {
        const auto parts = world.readiness.ill_parts();
        return parts.empty() ? "" : parts.begin()->first + ": " + parts.begin()->second;
    }

    World world;
};

TEST_F(NewerRecordsTest, WhatTheStoreDoesNotAllowGoesToDead) {
    append_newer();
    const auto id = append_request(0);
    world.run();
    EXPECT_THAT(world.buried(), ElementsAre("the record has schema 2, known is 1"));
    EXPECT_EQ(world.state(id), DeliveryState::sent);
    EXPECT_EQ(world.unfinished_requests(), 0u);
    EXPECT_EQ(ill(), "");
}

TEST_F(NewerRecordsTest, WhatTheStoreAllowsHoldsItsPartitionAlone) {
    allow(2);
    const auto before = append_request(0);
    append_newer();
    const auto behind = append_request(0);
    const auto beside = append_request(1);
    world.run();
    EXPECT_THAT(world.buried(), IsEmpty());
    for (const auto& id : {before, behind, beside}) EXPECT_EQ(world.state(id), DeliveryState::sent);
    EXPECT_EQ(world.unfinished_requests(), 2u) << "itself and what is behind it";
}

TEST_F(NewerRecordsTest, ItsPartOfTheProcessIsIllMeanwhile) {
    allow(2);
    append_newer();
    world.run();
    EXPECT_EQ(ill(), "planner.normal.records: a record of schema 2 waits for a newer binary");
}

TEST_F(NewerRecordsTest, ANewerProcessFindsItAndAllThatIsBehindIt) {
    allow(2);
    append_newer();
    append_request(0);
    world.run();
    world.restart();
    auto consumer = world.log->subscribe(topics::kPlannerGroup, topics::requests(Lane::normal)).value();
    world.planners.clear();
    const auto records = consumer->poll(10, Millis{0}).value();
    ASSERT_THAT(records, SizeIs(2));
    EXPECT_EQ(records[0].value, kNewer);
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(NewerRecordsTest, EveryFewSecondsItIsLookedAtAgain) {
    allow(2);
    append_newer();
    world.run();
    allow(1);
    world.advance(Millis{2'999});
    EXPECT_THAT(world.buried(), IsEmpty());
    world.advance(Millis{1});
    EXPECT_THAT(world.buried(), SizeIs(1));
    EXPECT_EQ(world.unfinished_requests(), 0u);
    EXPECT_EQ(ill(), "");
}

TEST_F(NewerRecordsTest, ItStaysAsLongAsItIsAllowed) {
    allow(2);
    append_newer();
    world.run_for(minutes(1), seconds(10));
    EXPECT_THAT(world.buried(), IsEmpty());
    EXPECT_EQ(world.unfinished_requests(), 1u);
    EXPECT_NE(ill(), "");
}

TEST_F(NewerRecordsTest, WhileTheStoreCannotSayItIsKept) {
    append_newer();
    world.store.fail_next();
    ASSERT_TRUE(world.plan());
    EXPECT_THAT(world.buried(), IsEmpty());
    EXPECT_EQ(world.unfinished_requests(), 1u);
    world.advance(seconds(3));
    EXPECT_THAT(world.buried(), SizeIs(1));
}

TEST_F(NewerRecordsTest, DeliveriesAreHeldToo) {
    allow(2);
    append_newer(topics::deliveries(Route::sms, Lane::normal));
    const auto id = world.accept();
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::sent);
    EXPECT_THAT(world.buried(), IsEmpty());
    EXPECT_GE(world.unfinished_deliveries(), 1u);
    EXPECT_EQ(ill(), "sender.sms.normal.records: a record of schema 2 waits for a newer binary");
    allow(1);
    world.advance(seconds(3));
    EXPECT_THAT(world.buried(), SizeIs(1));
    EXPECT_EQ(world.unfinished_deliveries(), 0u);
}

TEST_F(NewerRecordsTest, ReceiptsAreHeldToo) {
    allow(2);
    const auto id = world.accept();
    world.run();
    append_newer(topics::kReceipts);
    world.receipt(id, 1, AttemptState::delivered);
    world.run();
    EXPECT_EQ(world.state(id), DeliveryState::delivered);
    EXPECT_THAT(world.buried(), IsEmpty());
    EXPECT_GE(world.unfinished(topics::kReceipts), 1u);
    allow(1);
    world.advance(seconds(3));
    EXPECT_THAT(world.buried(), SizeIs(1));
    EXPECT_EQ(world.unfinished(topics::kReceipts), 0u);
}

TEST_F(NewerRecordsTest, ALostPartitionTakesItsRecordsAlong) {
    allow(2);
    NewerRecords newer(world.store, world.clock, world.readiness, "stage");
    LogRecord record;
    record.partition = 3;
    record.value = kNewer;
    ASSERT_TRUE(newer.keep(record));
    newer.drop(3);
    world.clock.advance(seconds(3));
    EXPECT_THAT(newer.take_due(10), IsEmpty());
    EXPECT_EQ(ill(), "");
}

TEST_F(NewerRecordsTest, WhenTooMuchIsKeptNothingMoreIsPolled) {
    allow(2);
    NewerRecords newer(world.store, world.clock, world.readiness, "stage");
    LogRecord record;
    record.value = kNewer;
    for (int i = 0; i < 999; ++i) ASSERT_TRUE(newer.keep(record));
    EXPECT_FALSE(newer.is_in_the_way(FinishedPrefix{}));
    ASSERT_TRUE(newer.keep(record));
    EXPECT_TRUE(newer.is_in_the_way(FinishedPrefix{}));
}

TEST_F(NewerRecordsTest, WhenTooMuchIsBehindItNothingMoreIsPolled) {
    allow(2);
    NewerRecords newer(world.store, world.clock, world.readiness, "stage");
    FinishedPrefix prefix;
    LogRecord record;
    record.value = kNewer;
    for (record.offset = 0; record.offset < 100'000; ++record.offset) prefix.polled(record);
    EXPECT_FALSE(newer.is_in_the_way(prefix)) << "nothing is kept";
    ASSERT_TRUE(newer.keep(record));
    EXPECT_TRUE(newer.is_in_the_way(prefix));
}

TEST(RecordSchemaNoteTest, IsOneUntilItIsRaised) {
    ManualClock clock;
    FakeStore store(clock);
    EXPECT_EQ(record_schema(store).value(), 1);
    ASSERT_TRUE(store.put_note(kRecordSchemaNote, "2"));
    EXPECT_EQ(record_schema(store).value(), 2);
    ASSERT_TRUE(store.put_note(kRecordSchemaNote, "two"));
    EXPECT_FALSE(record_schema(store));
}

TEST(RecordSchemaNoteTest, IsNeverLowered) {
    ManualClock clock;
    FakeStore store(clock);
    ASSERT_TRUE(raise_record_schema(store, 2));
    ASSERT_TRUE(raise_record_schema(store, 2));
    EXPECT_EQ(raise_record_schema(store, 1).error().code, ErrorCode::conflict);
    EXPECT_EQ(record_schema(store).value(), 2);
}

}  // namespace
}  // namespace herald
