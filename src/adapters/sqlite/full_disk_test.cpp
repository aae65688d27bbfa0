#include "adapters/sqlite/event_log.hpp"
#include "adapters/sqlite/store.hpp"
#include "adapters/sqlite/testing/power_loss_vfs.hpp"
#include "ports/testing/builders.hpp"

namespace herald {
namespace {

constexpr const char* kTopic = "requests.normal";

class FullDiskTest : public testing::Test {
protected:
    FullDiskTest() {
        SqliteLogOptions log;
        log.path = "log.db";
        log.clock = &clock_;
        log.groups = {{"planner", kTopic}};
        log.commit_every = Millis{1};
        log.vfs = disk_.name();
        log_ = SqliteEventLog::open(log).value();
        SqliteStoreOptions store;
        store.path = "store.db";
        store.clock = &clock_;
        store.vfs = disk_.name();
        store_ = SqliteStore::open(store).value();
    }

    Status append(int n) {
        return log_->append_and_wait(
            {NewRecord{kTopic, "key", fmt::format("{} {}", n, std::string(20'000, 'x')), ""}});
    }
    Status store_plan(int n) {
        const NewPlan batch[] = {{make_notification(n), make_plan()}};
        const auto stored = store_->store_plans(batch);
        return stored ? Status{} : fail(stored.error());
    }
    std::string check(const std::string& file) {
        auto database =
            sqlite::Database::open({.path = file, .query_only = true, .vfs = disk_.name()}).value();
        auto& connection = database->connection();
        return sqlite::guard("check",
                             [&] { return connection.execAndGet("PRAGMA integrity_check").getString(); })
            .value_or("cannot be checked");
    }
    /// The numbers that a new consumer reads, by offset.
    std::map<std::int64_t, int> appended() {
        std::map<std::int64_t, int> numbers;
        const auto consumer = log_->subscribe("planner", kTopic).value();
        for (;;) {
            const auto polled = consumer->poll(100, Millis{0}).value();
            if (polled.empty()) return numbers;
            for (const auto& record : polled) numbers[record.offset] = std::stoi(record.value);
        }
    }

    sqlite::PowerLossVfs disk_{1};
    ManualClock clock_;
    std::unique_ptr<SqliteEventLog> log_;
    std::unique_ptr<SqliteStore> store_;
};

TEST_F(FullDiskTest, TheLogRefusesWhatItCannotWriteAndGoesOnWhenThereIsRoom) {
    ASSERT_TRUE(append(1));
    const auto level = log_->level();
    disk_.leave_room(10'000);
    for (int n = 2; n <= 4; ++n) {
        const auto refused = append(n);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    }
    EXPECT_EQ(log_->level(), level);
    disk_.make_room();
    ASSERT_TRUE(append(5));
    EXPECT_DOUBLE_EQ(log_->level(), 2 * level);
    EXPECT_THAT(appended(), testing::ElementsAre(testing::Pair(0, 1), testing::Pair(1, 5)));
    EXPECT_EQ(check("log.db"), "ok");
}

TEST_F(FullDiskTest, PositionsThatFoundNoRoomAreWrittenLater) {
    ASSERT_TRUE(append(1));
    const auto consumer = log_->subscribe("planner", kTopic).value();
    const auto polled = consumer->poll(1, Millis{0}).value();
    disk_.leave_room(0);
    ASSERT_TRUE(
        consumer->commit({LogPosition{polled.at(0).partition, polled.at(0).offset + 1, std::nullopt}}));
    ASSERT_FALSE(append(2));
    disk_.make_room();
    log_->close();
    auto database =
        sqlite::Database::open({.path = "log.db", .query_only = true, .vfs = disk_.name()}).value();
    const auto written = database->connection().execAndGet("SELECT max(next_offset) FROM positions").getInt();
    EXPECT_EQ(written, 1);
}

TEST_F(FullDiskTest, TheStoreIsUnavailableAndGoesOnWhenThereIsRoom) {
    ASSERT_TRUE(store_plan(1));
    disk_.leave_room(3'000);
    for (int n = 2; n <= 4; ++n) {
        const auto refused = store_plan(n);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    }
    EXPECT_TRUE(store_->load_story(default_tenant(), make_id(1)).value()) << "it can still be read";
    disk_.make_room();
    ASSERT_TRUE(store_plan(3));
    EXPECT_FALSE(store_->load_story(default_tenant(), make_id(2)).value());
    EXPECT_TRUE(store_->load_story(default_tenant(), make_id(3)).value());
    EXPECT_EQ(check("store.db"), "ok");
}

}  // namespace
}  // namespace herald
