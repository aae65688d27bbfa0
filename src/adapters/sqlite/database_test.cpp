#include "adapters/sqlite/database.hpp"

#include <cstdlib>

namespace herald::sqlite {
namespace {

constexpr std::string_view kFirst = "CREATE TABLE one (id INTEGER PRIMARY KEY, name TEXT NOT NULL)";
constexpr std::string_view kSecond = "CREATE TABLE two (id INTEGER); INSERT INTO two VALUES (7)";
constexpr std::string_view kBroken = "CREATE TABLE three (id INTEGER); INSERT INTO nowhere VALUES (1)";

class DatabaseTest : public testing::Test {
protected:
    DatabaseTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "herald-database-XXXXXX").string();
        CHECK(mkdtemp(pattern.data()) != nullptr);
        folder_ = pattern;
        database_ = open();
    }
    ~DatabaseTest() override {
        database_.reset();
        std::filesystem::remove_all(folder_);
    }

    std::unique_ptr<Database> open() {
        auto opened = Database::open({.path = folder_ / "test.db"});
        CHECK(opened);
        return std::move(*opened);
    }
    int number(const std::string& sql) {
        return guard(sql, [&] { return database_->connection().execAndGet(sql).getInt(); }).value_or(-1);
    }
    Status insert(int id) {
        return guard("insert", [&] {
            auto query = database_->query("INSERT INTO one VALUES (?, 'x')");
            query->bind(1, id);
            query->exec();
        });
    }

    std::filesystem::path folder_;
    std::unique_ptr<Database> database_;
};

TEST_F(DatabaseTest, IsDurableAtEachCommit) {
    EXPECT_EQ(number("PRAGMA synchronous"), 2);
    auto mode =
        guard("mode", [&] { return database_->connection().execAndGet("PRAGMA journal_mode").getString(); });
    ASSERT_TRUE(mode);
    EXPECT_EQ(*mode, "wal");
}

TEST_F(DatabaseTest, MigratesOnce) {
    const std::string_view both[] = {kFirst, kSecond};
    ASSERT_TRUE(database_->migrate(std::span(both, 1)));
    ASSERT_TRUE(database_->migrate(both));
    ASSERT_TRUE(database_->migrate(both));
    EXPECT_EQ(number("SELECT count(*) FROM two"), 1);
    EXPECT_EQ(number("SELECT max(version) FROM schema_version"), 2);
}

TEST_F(DatabaseTest, AFailedMigrationLeavesNothingBehind) {
    const std::string_view list[] = {kFirst, kBroken};
    EXPECT_FALSE(database_->migrate(list));
    EXPECT_EQ(number("SELECT max(version) FROM schema_version"), 1);
    EXPECT_EQ(number("SELECT count(*) FROM sqlite_schema WHERE name = 'three'"), 0);
}

TEST_F(DatabaseTest, RefusesASchemaThatIsNewerThanTheProgram) {
    const std::string_view both[] = {kFirst, kSecond};
    ASSERT_TRUE(database_->migrate(both));
    const auto status = database_->migrate(std::span(both, 1));
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::conflict);
}

TEST_F(DatabaseTest, RollsBackWhatFails) {
    const std::string_view list[] = {kFirst};
    ASSERT_TRUE(database_->migrate(list));
    const auto refused = database_->transaction("insert twice", [&]() -> Status {
        if (auto once = insert(1); !once) return once;
        return insert(1);
    });
    EXPECT_FALSE(refused);
    EXPECT_EQ(number("SELECT count(*) FROM one"), 0);
    ASSERT_TRUE(database_->transaction("insert", [&] { return insert(1); }));
    EXPECT_EQ(number("SELECT count(*) FROM one"), 1);
}

TEST_F(DatabaseTest, SaysWhatItWasDoing) {
    const std::string_view list[] = {kFirst};
    ASSERT_TRUE(database_->migrate(list));
    ASSERT_TRUE(insert(1));
    const auto status = insert(1);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::refused_content);
    EXPECT_THAT(status.error().message, testing::StartsWith("insert: "));
}

TEST_F(DatabaseTest, AFullDiskIsUnavailable) {
    const std::string_view list[] = {kFirst};
    ASSERT_TRUE(database_->migrate(list));
    ASSERT_EQ(number("PRAGMA max_page_count = 10"), 10);
    const auto status = guard(
        "fill", [&] { database_->connection().exec("INSERT INTO one VALUES (1, hex(zeroblob(100000)))"); });
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::unavailable);
}

TEST_F(DatabaseTest, ALockedDatabaseIsUnavailable) {
    const std::string_view list[] = {kFirst};
    ASSERT_TRUE(database_->migrate(list));
    auto other = open();
    database_->connection().setBusyTimeout(0);
    const auto status = other->transaction("hold the lock", [&] { return insert(1); });
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::unavailable);
}

TEST_F(DatabaseTest, ALentQueryComesBackFresh) {
    const std::string_view list[] = {kFirst};
    ASSERT_TRUE(database_->migrate(list));
    for (int id : {1, 2}) {
        ASSERT_TRUE(insert(id));
        const auto found = guard("select", [&] {
            auto query = database_->query("SELECT id FROM one ORDER BY id DESC");
            return query->executeStep() ? query->getColumn(0).getInt() : 0;
        });
        EXPECT_EQ(found, id);
    }
}

TEST_F(DatabaseTest, AReaderWritesNothing) {
    const std::string_view list[] = {kFirst};
    ASSERT_TRUE(database_->migrate(list));
    auto reader = Database::open({.path = folder_ / "test.db", .query_only = true});
    ASSERT_TRUE(reader);
    EXPECT_FALSE((*reader)->transaction(
        "write", [&] { (*reader)->connection().exec("INSERT INTO one VALUES (1, 'x')"); }));
}

}  // namespace
}  // namespace herald::sqlite
