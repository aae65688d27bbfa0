#include "adapters/sqlite/event_log.hpp"

#include <cstdlib>
#include <filesystem>

#include "adapters/sqlite/database.hpp"
#include "base/crash_point.hpp"
#include "ports/testing/bytes_bound_log_contract.hpp"

namespace herald {
namespace {

class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "herald-log-XXXXXX").string();
        CHECK(mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::filesystem::path file(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

class SqliteLogUnderTest final : public EventLogUnderTest {
public:
    explicit SqliteLogUnderTest(const EventLogSetup& setup, std::int64_t tail_bytes = 1024 * 1024) {
        options_.path = folder_.file("log.db");
        options_.clock = &clock_;
        options_.partitions = setup.partitions;
        options_.max_bytes = setup.max_bytes;
        options_.retention = setup.retention;
        options_.tail_bytes = tail_bytes;
        options_.sweep_every = Millis{2};
        for (const auto& reading : setup.groups) options_.groups.push_back({reading.group, reading.topic});
        reopen();
    }
    EventLog& log() override { return *log_; }
    ManualClock& clock() override { return clock_; }
    void reopen() override {
        log_.reset();
        auto opened = SqliteEventLog::open(options_);
        CHECK(opened);
        log_ = std::move(*opened);
    }

    SqliteEventLog& sqlite() { return *log_; }
    SqliteLogOptions& options() { return options_; }
    int rows() const {
        auto database = sqlite::Database::open({.path = options_.path, .query_only = true});
        CHECK(database);
        auto counted = sqlite::guard("count", [&] {
            return (*database)->connection().execAndGet("SELECT count(*) FROM records").getInt();
        });
        return counted.value_or(-1);
    }
    /// What an operator's hand could do to the file.
    void execute(const std::string& sql) {
        auto database = sqlite::Database::open({.path = options_.path});
        CHECK(database);
        CHECK(sqlite::guard(sql, [&] { (*database)->connection().exec(sql); }));
    }

private:
    TemporaryFolder folder_;
    ManualClock clock_;
    SqliteLogOptions options_;
    std::unique_ptr<SqliteEventLog> log_;
};

std::unique_ptr<EventLogUnderTest> open_sqlite_log(const EventLogSetup& setup) {
    return std::make_unique<SqliteLogUnderTest>(setup);
}
/// Remembers nothing, so that every read and every look-up goes to the file.
std::unique_ptr<EventLogUnderTest> open_sqlite_log_without_memory(const EventLogSetup& setup) {
    return std::make_unique<SqliteLogUnderTest>(setup, 0);
}

INSTANTIATE_TEST_SUITE_P(Sqlite, EventLogContract, testing::Values(open_sqlite_log));
INSTANTIATE_TEST_SUITE_P(SqliteFromDisk, EventLogContract, testing::Values(open_sqlite_log_without_memory));
INSTANTIATE_TEST_SUITE_P(Sqlite, BytesBoundLogContract, testing::Values(open_sqlite_log));
INSTANTIATE_TEST_SUITE_P(SqliteFromDisk, BytesBoundLogContract,
                         testing::Values(open_sqlite_log_without_memory));

class SqliteEventLogTest : public testing::Test {
protected:
    static constexpr Millis kNoWait{0};

    SqliteEventLog& log() { return under_test_.sqlite(); }
    void reopen() { under_test_.reopen(); }

    Status append(const std::string& key, const std::string& value) {
        return log().append_and_wait({NewRecord{"requests.normal", key, value, ""}});
    }
    void append_many(int count, std::size_t size = 10) {
        std::vector<NewRecord> records;
        for (int i = 0; i < count; ++i)
            records.push_back({"requests.normal", "a", std::string(size, 'x'), ""});
        ASSERT_TRUE(log().append_and_wait(std::move(records)));
    }
    std::unique_ptr<LogConsumer> subscribe() {
        auto consumer = log().subscribe("planner", "requests.normal");
        CHECK(consumer);
        return std::move(*consumer);
    }
    /// Reads `count` records and says that they are finished.
    void finish(int count) {
        const auto consumer = subscribe();
        FinishedPrefix prefix;
        while (count > 0) {
            const auto polled = consumer->poll(static_cast<std::size_t>(std::min(count, 1000)), kNoWait);
            ASSERT_TRUE(polled && !polled->empty());
            for (const auto& record : *polled) prefix.polled(record);
            for (const auto& record : *polled) prefix.finished(record.partition, record.offset);
            count -= static_cast<int>(polled->size());
        }
        ASSERT_TRUE(consumer->commit(prefix.take_positions()));
    }
    bool eventually(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::sleep_for(Millis{1});
        }
        return true;
    }

    SqliteLogUnderTest under_test_{EventLogSetup{}};
};

/// Keeps the writer's thread busy, so that what is appended meanwhile has to wait.
class StalledWriter {
public:
    explicit StalledWriter(EventLog& log) {
        std::promise<void> reached;
        log.append({}, [&, released = released_.get_future().share()](const Status&) {
            reached.set_value();
            released.wait();
        });
        reached.get_future().wait();
    }
    void release() { released_.set_value(); }

private:
    std::promise<void> released_;
};

TEST_F(SqliteEventLogTest, WritesAllThatWaitedInOneTransaction) {
    StalledWriter stalled(log());
    std::promise<void> all;
    std::atomic<int> answered = 0;
    for (int i = 0; i < 1000; ++i) {
        log().append({NewRecord{"requests.normal", "a", "1", ""}}, [&](const Status& status) {
            EXPECT_TRUE(status);
            if (++answered == 1000) all.set_value();
        });
    }
    const auto before = log().counts();
    stalled.release();
    all.get_future().wait();
    EXPECT_EQ(log().counts().transactions - before.transactions, 1);
    EXPECT_EQ(log().counts().records - before.records, 1000);
}

TEST_F(SqliteEventLogTest, RefusesWithBusyWhatTheQueueCannotHold) {
    under_test_.options().queue_max_records = 10;
    reopen();
    StalledWriter stalled(log());
    std::promise<Status> fits;
    std::promise<Status> too_much;
    const std::vector<NewRecord> ten(10, NewRecord{"requests.normal", "a", "1", ""});
    log().append(ten, [&](Status status) { fits.set_value(std::move(status)); });
    log().append({ten[0]}, [&](Status status) { too_much.set_value(std::move(status)); });
    stalled.release();
    EXPECT_TRUE(fits.get_future().get());
    const auto refused = too_much.get_future().get();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::busy);
    EXPECT_EQ(log().counts().records, 10);
}

TEST_F(SqliteEventLogTest, RefusesWhatItsQueueCanNeverHold) {
    under_test_.options().queue_max_records = 10;
    reopen();
    const auto status = log().append_and_wait(std::vector<NewRecord>(11, NewRecord{"events", "a", "1", ""}));
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::too_large);
}

TEST_F(SqliteEventLogTest, RefusesAWholeAppendForOneRecordThatIsTooLarge) {
    under_test_.options().max_record_bytes = 1000;
    reopen();
    const auto status =
        log().append_and_wait({NewRecord{"requests.normal", "a", "small", ""},
                               NewRecord{"requests.normal", "a", std::string(2000, 'x'), ""}});
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::refused_content);
    EXPECT_EQ(log().counts().records, 0);
    EXPECT_TRUE(append("a", "small"));
}

TEST_F(SqliteEventLogTest, AnswersClosedAfterClosing) {
    auto consumer = subscribe();
    ASSERT_TRUE(append("a", "1"));
    log().close();
    const auto status = append("a", "2");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::closed);
    const auto polled = consumer->poll(10, kNoWait);
    ASSERT_FALSE(polled);
    EXPECT_EQ(polled.error().code, ErrorCode::closed);
    EXPECT_FALSE(log().subscribe("planner", "requests.normal"));
}

TEST_F(SqliteEventLogTest, ClosingWakesAWaitingConsumer) {
    const auto consumer = subscribe();
    auto polled = std::async(std::launch::async, [&] { return consumer->poll(10, std::chrono::minutes(1)); });
    log().close();
    const auto result = polled.get();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::closed);
}

TEST_F(SqliteEventLogTest, AConsumerMayOutliveTheLog) {
    const auto consumer = subscribe();
    reopen();
    EXPECT_FALSE(consumer->poll(10, kNoWait));
}

TEST_F(SqliteEventLogTest, AConsumerThatKeepsUpNeverReadsTheFile) {
    const auto consumer = subscribe();
    for (int i = 0; i < 20; ++i) {
        append_many(10);
        const auto polled = consumer->poll(10, kNoWait);
        ASSERT_TRUE(polled);
        ASSERT_EQ(polled->size(), 10u);
        ASSERT_TRUE(consumer->commit(
            {LogPosition{polled->back().partition, polled->back().offset + 1, std::nullopt}}));
    }
    EXPECT_EQ(log().counts().disk_reads, 0);
}

TEST_F(SqliteEventLogTest, GoesOnInMemoryAfterReadingFromTheFileWhatWasTooMuchToKeep) {
    under_test_.options().tail_bytes = 20'000;
    reopen();
    append_many(100, 1000);
    const auto consumer = subscribe();
    std::vector<std::int64_t> offsets;
    for (;;) {
        const auto polled = consumer->poll(7, kNoWait);
        ASSERT_TRUE(polled);
        if (polled->empty()) break;
        for (const auto& record : *polled) offsets.push_back(record.offset);
    }
    std::vector<std::int64_t> expected(100);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(offsets, expected);
    const auto reads = log().counts().disk_reads;
    EXPECT_GT(reads, 0);
    append_many(1);
    ASSERT_TRUE(consumer->poll(7, kNoWait));
    EXPECT_EQ(log().counts().disk_reads, reads);
}

TEST_F(SqliteEventLogTest, DeletesWhatIsFinishedAndNothingElse) {
    append_many(2500);
    finish(2400);
    ASSERT_TRUE(eventually([&] { return log().counts().removed == 2400; }));
    EXPECT_EQ(under_test_.rows(), 100);
    reopen();
    const auto polled = subscribe()->poll(1000, kNoWait);
    ASSERT_TRUE(polled);
    ASSERT_EQ(polled->size(), 100u);
    EXPECT_EQ(polled->front().offset, 2400);
}

TEST_F(SqliteEventLogTest, DeletesNothingThatOneGroupHasNotFinished) {
    ASSERT_TRUE(log().append_and_wait({NewRecord{"requests.bulk", "a", "1", ""}}));
    append_many(1);
    finish(1);
    auto planner = log().subscribe("planner", "requests.bulk");
    ASSERT_TRUE(planner);
    const auto polled = (*planner)->poll(10, kNoWait);
    ASSERT_TRUE(polled && polled->size() == 1);
    ASSERT_TRUE((*planner)->commit({LogPosition{polled->front().partition, 1, std::nullopt}}));
    planner->reset();
    reopen();
    ASSERT_TRUE(eventually([&] { return under_test_.rows() == 1; }));
    EXPECT_TRUE(log().oldest_unfinished("auditor", "requests.bulk").value().has_value());
}

TEST_F(SqliteEventLogTest, OffsetsGoOnAfterEverythingWasDeleted) {
    append_many(3);
    finish(3);
    ASSERT_TRUE(eventually([&] { return under_test_.rows() == 0; }));
    reopen();
    append_many(1);
    const auto polled = subscribe()->poll(10, kNoWait);
    ASSERT_TRUE(polled);
    ASSERT_EQ(polled->size(), 1u);
    EXPECT_EQ(polled->front().offset, 3);
}

TEST_F(SqliteEventLogTest, DeletesOldEventsFromTheFile) {
    ASSERT_TRUE(log().append_and_wait(std::vector<NewRecord>(1500, NewRecord{"events", "a", "1", ""})));
    under_test_.clock().advance(std::chrono::days(8));
    ASSERT_TRUE(eventually([&] { return log().counts().removed == 1500; }));
    EXPECT_EQ(under_test_.rows(), 0);
}

TEST_F(SqliteEventLogTest, OpeningWithoutAGroupDeletesNothingOfWhatItReads) {
    append_many(1500);
    ASSERT_TRUE(log().append_and_wait({NewRecord{"events", "a", "1", ""}}));
    const auto groups = std::exchange(under_test_.options().groups, {});
    reopen();
    under_test_.clock().advance(std::chrono::days(30));
    ASSERT_TRUE(eventually([&] { return log().counts().removed == 1; }));
    under_test_.options().groups = groups;
    reopen();
    EXPECT_EQ(under_test_.rows(), 1500);
    finish(1500);
}

TEST_F(SqliteEventLogTest, ATopicThatNobodyEverReadGoesByAge) {
    ASSERT_TRUE(log().append_and_wait({NewRecord{"deliveries.webhook.normal", "a", "1", ""}}));
    under_test_.clock().advance(std::chrono::days(8));
    EXPECT_TRUE(eventually([&] { return log().counts().removed == 1; }));
}

TEST_F(SqliteEventLogTest, AFinishedPositionReachesTheFileOnItsOwn) {
    append_many(1);
    const auto before = log().counts().transactions;
    finish(1);
    EXPECT_TRUE(eventually([&] { return log().counts().transactions > before; }));
}

TEST_F(SqliteEventLogTest, ATopicGrowsToMorePartitionsAndKeepsItsRecords) {
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(append("user" + std::to_string(i), "old"));
    under_test_.options().partitions = 6;
    reopen();
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(append("user" + std::to_string(i), "new"));
    const auto consumer = subscribe();
    std::map<std::string, int> seen;
    std::set<int> partitions;
    for (int i = 0; i < 10; ++i) {
        const auto polled = consumer->poll(1000, kNoWait);
        ASSERT_TRUE(polled);
        for (const auto& record : *polled) ++seen[record.value], partitions.insert(record.partition);
    }
    EXPECT_EQ(seen, (std::map<std::string, int>{{"new", 50}, {"old", 50}}));
    EXPECT_EQ(partitions.size(), 6u);
}

TEST_F(SqliteEventLogTest, AFailedTransactionLeavesNothingBehindAndTheNextGoesOn) {
    append_many(2);
    under_test_.execute("CREATE TRIGGER ill BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'ill'); END");
    EXPECT_FALSE(append("a", "lost"));
    under_test_.execute("DROP TRIGGER ill");
    ASSERT_TRUE(append("a", "kept"));
    const auto polled = subscribe()->poll(10, kNoWait);
    ASSERT_TRUE(polled);
    ASSERT_EQ(polled->size(), 3u);
    EXPECT_EQ(polled->back().offset, 2);
    EXPECT_EQ(polled->back().value, "kept");
}

TEST_F(SqliteEventLogTest, APositionThatCouldNotBeWrittenIsWrittenLater) {
    append_many(1);
    under_test_.execute(
        "CREATE TRIGGER ill BEFORE INSERT ON positions BEGIN SELECT RAISE(ABORT, 'ill'); END");
    finish(1);
    EXPECT_FALSE(append("a", "in one transaction with the position"));
    under_test_.execute("DROP TRIGGER ill");
    ASSERT_TRUE(eventually([&] { return under_test_.rows() == 0; }));
    reopen();
    const auto polled = subscribe()->poll(10, kNoWait);
    ASSERT_TRUE(polled);
    EXPECT_EQ(polled->size(), 0u);
}

std::atomic<int> crash_points = 0;

TEST_F(SqliteEventLogTest, PassesTheCrashPointBetweenTheCommitAndTheAnswer) {
    crash_points = 0;
    crash_hook = [](std::string_view point) { crash_points += point == "appended" ? 1 : 0; };
    std::promise<int> at_answer;
    log().append({NewRecord{"requests.normal", "a", "1", ""}},
                 [&](const Status&) { at_answer.set_value(crash_points); });
    EXPECT_EQ(at_answer.get_future().get(), 1);
    ASSERT_TRUE(log().append_and_wait({NewRecord{"events", "a", "1", ""}}));
    EXPECT_EQ(crash_points, 1);
    crash_hook = nullptr;
}

TEST(SqliteEventLogOpening, FailsInAFolderThatIsNotThere) {
    const TemporaryFolder folder;
    ManualClock clock;
    SqliteLogOptions options;
    options.path = folder.file("no/such/log.db");
    options.clock = &clock;
    const auto opened = SqliteEventLog::open(options);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace herald
