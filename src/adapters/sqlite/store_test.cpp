#include "adapters/sqlite/store.hpp"

#include <unistd.h>

#include "base/crypto.hpp"
#include "ports/testing/delivery_store_contract.hpp"
#include "ports/testing/directory_contract.hpp"
#include "ports/testing/idempotency_contract.hpp"
#include "ports/testing/plan_store_contract.hpp"
#include "ports/testing/service_contract.hpp"
#include "ports/testing/template_store_contract.hpp"
#include "ports/testing/timer_store_contract.hpp"

namespace herald {
namespace {

/// A folder that goes with the test.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string pattern = std::filesystem::temp_directory_path() / "herald-store-XXXXXX";
        CHECK(mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::filesystem::path file() const { return path_ / "store.db"; }

private:
    std::filesystem::path path_;
};

Result<std::unique_ptr<SqliteStore>> open_file(const std::filesystem::path& path, const Clock& clock) {
    SqliteStoreOptions options;
    options.path = path;
    options.clock = &clock;
    return SqliteStore::open(options);
}

StoreUnderTest open_sqlite(const Clock& clock) {
    auto folder = std::make_shared<TemporaryFolder>();
    auto store = open_file(folder->file(), clock);
    CHECK(store.has_value());
    return {folder, *std::move(store), std::string(5 * 1024 * 1024, 'x'),
            [file = folder->file()](Store&, const NotificationId& id) {
                SQLite::Database database(file.string(), SQLite::OPEN_READWRITE);
                database.exec("UPDATE plans SET plan = '{' WHERE id = x'" + to_hex(id.uuid.bytes) + "'");
            }};
}

const auto kSqlite = ::testing::Values(StoreEngine{"sqlite", open_sqlite});

}  // namespace

INSTANTIATE_TEST_SUITE_P(Sqlite, PlanStoreContract, kSqlite);
INSTANTIATE_TEST_SUITE_P(Sqlite, DeliveryStoreContract, kSqlite);
INSTANTIATE_TEST_SUITE_P(Sqlite, TimerStoreContract, kSqlite);
INSTANTIATE_TEST_SUITE_P(Sqlite, DirectoryContract, kSqlite);
INSTANTIATE_TEST_SUITE_P(Sqlite, TemplateStoreContract, kSqlite);
INSTANTIATE_TEST_SUITE_P(Sqlite, IdempotencyContract, kSqlite);
INSTANTIATE_TEST_SUITE_P(Sqlite, ServiceContract, kSqlite);

namespace {

class SqliteStoreTest : public ::testing::Test {
protected:
    void SetUp() override { open(); }

    void open() {
        auto opened = open_file(folder_.file(), clock_);
        ASSERT_TRUE(opened) << opened.error().message;
        store_ = *std::move(opened);
    }
    void reopen() {
        store_.reset();
        open();
    }

    void store_plan(int n, const Plan& plan = make_plan()) {
        const NewPlan batch[] = {{make_notification(n), plan}};
        ASSERT_TRUE(store_->store_plans(batch));
    }
    ClaimResult claim(const DeliveryId& id, int attempt, ClaimToken token) {
        const ClaimRequest batch[] = {make_claim(id, attempt)};
        return store_->claim(batch, token).value().at(0);
    }

    TemporaryFolder folder_;
    ManualClock clock_;
    std::unique_ptr<SqliteStore> store_;
};

TEST_F(SqliteStoreTest, KeepsStoriesWhenItIsOpenedAgain) {
    store_plan(1);
    claim(make_delivery_id(1), 1, 7);
    const Settlement settlements[] = {settle_accepted(make_delivery_id(1))};
    ASSERT_TRUE(store_->settle(settlements));
    reopen();
    const auto story = store_->load_story(default_tenant(), make_id(1)).value();
    ASSERT_TRUE(story);
    EXPECT_EQ(story->notification, make_notification(1));
    EXPECT_EQ(story->state(), NotificationState::sent);
}

TEST_F(SqliteStoreTest, KeepsTimersWhenItIsOpenedAgain) {
    const std::vector timers{make_timer(make_delivery_id(1), clock_.now())};
    ASSERT_TRUE(store_->put_timers(timers));
    reopen();
    EXPECT_EQ(store_->take_due(Lane::normal, 10).value(), timers);
}

TEST_F(SqliteStoreTest, KeepsPeopleAndKeysWhenItIsOpenedAgain) {
    const auto keys = store_->id_keys().value();
    ASSERT_TRUE(store_->put_user(default_tenant(), make_user(), clock_.now()));
    reopen();
    EXPECT_EQ(store_->id_keys().value(), keys);
    EXPECT_EQ(store_->get_user(default_tenant(), UserId("ada")).value(), make_user());
}

TEST_F(SqliteStoreTest, ClaimsOutliveTheProcessUntilTheyAreDeclaredDead) {
    store_plan(1);
    claim(make_delivery_id(1), 1, 7);
    reopen();
    EXPECT_EQ(claim(make_delivery_id(1), 1, 8).verdict, ClaimVerdict::busy);
    ASSERT_TRUE(store_->declare_claims_dead());
    reopen();
    EXPECT_EQ(claim(make_delivery_id(1), 1, 8).verdict, ClaimVerdict::in_doubt);
}

TEST_F(SqliteStoreTest, ReadsWhatAWriteHasJustDone) {
    for (int n = 1; n <= 20; ++n) {
        store_plan(n);
        EXPECT_TRUE(store_->load_story(default_tenant(), make_id(n)).value());
    }
}

TEST_F(SqliteStoreTest, ReadersWaitForOneAnother) {
    store_plan(1);
    std::atomic<int> read = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 20; ++k)
                read += store_->load_story(default_tenant(), make_id(1)).value() ? 1 : 0;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(read, 160);
}

TEST_F(SqliteStoreTest, OnlyOneOfManyThreadsGetsADelivery) {
    store_plan(1);
    std::atomic<int> claimed = 0;
    std::vector<std::thread> threads;
    for (ClaimToken token = 1; token <= 4; ++token) {
        threads.emplace_back([&, token] {
            if (claim(make_delivery_id(1), 1, token).verdict == ClaimVerdict::claimed) ++claimed;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(claimed, 1);
}

TEST_F(SqliteStoreTest, AFolderThatIsNotThereIsUnavailable) {
    const auto opened = open_file(folder_.file() / "nowhere" / "store.db", clock_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::unavailable);
}

TEST_F(SqliteStoreTest, RefusesAFileOfANewerProgram) {
    store_.reset();
    {
        SQLite::Database file(folder_.file().string(), SQLite::OPEN_READWRITE);
        file.exec("INSERT INTO schema_version VALUES (1000000)");
    }
    const auto opened = open_file(folder_.file(), clock_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::conflict);
}

}  // namespace
}  // namespace herald
