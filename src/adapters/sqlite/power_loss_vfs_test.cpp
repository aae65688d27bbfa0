#include "adapters/sqlite/testing/power_loss_vfs.hpp"

#include <set>

#include "adapters/sqlite/database.hpp"

namespace herald::sqlite {
namespace {

constexpr std::uint64_t kSeeds = 200;

/// What a file can be found to hold after a loss of power.
std::set<std::string> ends_of(const DiskFile& file) {
    std::set<std::string> ends;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        Fate fate(seed);
        ends.insert(file.after_power_loss(fate));
    }
    return ends;
}

/// The same of a name; nothing when it is gone.
std::set<std::optional<std::string>> ends_of(const PowerLossDisk& disk, const std::string& name) {
    std::set<std::optional<std::string>> ends;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        Fate fate(seed);
        const auto found = disk.after_power_loss(fate).find(name);
        ends.insert(found ? std::optional(found->bytes()) : std::nullopt);
    }
    return ends;
}

TEST(PowerLossDiskTest, KeepsWhatWasSynced) {
    DiskFile file;
    file.write(0, "safe");
    file.sync();
    EXPECT_THAT(ends_of(file), testing::ElementsAre("safe"));
}

TEST(PowerLossDiskTest, EachUnsyncedWriteIsKeptOrDropped) {
    DiskFile file("....");
    file.write(0, "a");
    file.write(2, "b");
    EXPECT_EQ(file.bytes(), "a.b.");
    EXPECT_THAT(ends_of(file), testing::UnorderedElementsAre("....", "a...", "..b.", "a.b."));
}

TEST(PowerLossDiskTest, AnUnsyncedWriteMayBeTornBetweenSectors) {
    DiskFile file;
    file.write(0, std::string(DiskFile::kSector, 'a') + "b");
    const auto ends = ends_of(file);
    EXPECT_TRUE(ends.contains(std::string(DiskFile::kSector, 'a')));
    EXPECT_TRUE(ends.contains(std::string(DiskFile::kSector, '\0') + "b"));
}

TEST(PowerLossDiskTest, AnUnsyncedTruncationMayNotHaveHappened) {
    DiskFile file("long");
    file.resize(2);
    EXPECT_THAT(ends_of(file), testing::UnorderedElementsAre("long", "lo"));
}

TEST(PowerLossDiskTest, ANewFileMayVanishUntilItsFolderIsSynced) {
    PowerLossDisk disk;
    auto file = disk.create("new");
    file->write(0, "x");
    file->sync();
    EXPECT_THAT(ends_of(disk, "new"), testing::UnorderedElementsAre("x", std::nullopt));
    disk.sync_folder();
    EXPECT_THAT(ends_of(disk, "new"), testing::ElementsAre("x"));
}

TEST(PowerLossDiskTest, ADeletedFileMayComeBackUntilItsFolderIsSynced) {
    PowerLossDisk disk;
    disk.create("old")->sync();
    disk.sync_folder();
    disk.remove("old");
    EXPECT_FALSE(disk.find("old"));
    EXPECT_THAT(ends_of(disk, "old"), testing::UnorderedElementsAre("", std::nullopt));
    disk.sync_folder();
    EXPECT_THAT(ends_of(disk, "old"), testing::ElementsAre(std::nullopt));
}

/// A database with one table of numbers, on a disk of its own.
class NumbersOnDisk {
public:
    NumbersOnDisk(std::uint64_t seed, std::string synchronous)
        : vfs_(std::make_unique<PowerLossVfs>(seed)), synchronous_(std::move(synchronous)) {}

    PowerLossVfs& vfs() { return *vfs_; }
    Status open() {
        DatabaseOptions options{.path = "numbers.db", .checkpoint_pages = 6, .vfs = vfs_->name()};
        auto opened = Database::open(options);
        if (!opened) return fail(opened.error());
        database_ = *std::move(opened);
        return guard("create", [&] {
            database_->connection().exec("PRAGMA synchronous=" + synchronous_);
            database_->connection().exec(
                "CREATE TABLE IF NOT EXISTS numbers (n INTEGER PRIMARY KEY, text TEXT)");
        });
    }
    void close() { database_.reset(); }
    /// Inserts the numbers that follow the last until the power is lost; how many were committed.
    int insert_until_power_is_lost(int at_most = 100'000) {
        int committed = 0;
        while (committed < at_most && insert(++last_)) ++committed;
        return committed;
    }
    void mount_again() {
        close();
        vfs_ = vfs_->mount_again();
    }
    std::string text(const std::string& sql) {
        return guard(sql, [&] { return database_->connection().execAndGet(sql).getString(); }).value_or("");
    }

private:
    Status insert(int n) {
        return database_->transaction("insert", [&] {
            auto query = database_->query("INSERT INTO numbers VALUES (?, hex(randomblob(700)))");
            query->bind(1, n);
            query->exec();
        });
    }

    std::unique_ptr<PowerLossVfs> vfs_;
    std::string synchronous_;
    std::unique_ptr<Database> database_;
    int last_ = 0;
};

constexpr std::uint64_t kRounds = 60;

struct Inserted {
    int committed = 0;
    int lost = 0;  ///< of these
};

Inserted lose_power_while_inserting(std::uint64_t seed, const std::string& synchronous) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    NumbersOnDisk numbers(seed, synchronous);
    EXPECT_TRUE(numbers.open());
    numbers.vfs().lose_power_at_change(1 + static_cast<int>(seed * 37 % 400));
    const int committed = numbers.insert_until_power_is_lost();
    numbers.mount_again();
    EXPECT_TRUE(numbers.open());
    EXPECT_EQ(numbers.text("PRAGMA integrity_check"), "ok");
    const auto kept = numbers.text(fmt::format("SELECT count(*) FROM numbers WHERE n <= {}", committed));
    return {committed, committed - std::stoi(kept)};
}

TEST(PowerLossVfsTest, FullSyncLosesNoCommittedTransaction) {
    int committed = 0;
    for (std::uint64_t seed = 1; seed <= kRounds; ++seed) {
        const auto inserted = lose_power_while_inserting(seed, "FULL");
        EXPECT_EQ(inserted.lost, 0) << "seed " << seed;
        committed += inserted.committed;
    }
    EXPECT_GT(committed, 0);
}

TEST(PowerLossVfsTest, NormalSyncLosesCommittedTransactions) {
    int lost = 0;
    for (std::uint64_t seed = 1; seed <= kRounds; ++seed)
        lost += lose_power_while_inserting(seed, "NORMAL").lost;
    EXPECT_GT(lost, 0);
}

TEST(PowerLossVfsTest, WithoutPowerEverythingFails) {
    NumbersOnDisk numbers(1, "FULL");
    ASSERT_TRUE(numbers.open());
    ASSERT_EQ(numbers.insert_until_power_is_lost(3), 3);
    numbers.vfs().lose_power();
    EXPECT_EQ(numbers.insert_until_power_is_lost(3), 0);
    numbers.close();
    const auto opened = numbers.open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::unavailable);
}

TEST(PowerLossVfsTest, ADatabaseOpensAfterALossWhileItWasOpening) {
    for (int change = 1; change <= 60; ++change) {
        SCOPED_TRACE(fmt::format("change {}", change));
        NumbersOnDisk numbers(static_cast<std::uint64_t>(change), "FULL");
        numbers.vfs().lose_power_at_change(change);
        if (numbers.open()) numbers.insert_until_power_is_lost();
        numbers.mount_again();
        EXPECT_TRUE(numbers.open());
        EXPECT_EQ(numbers.text("PRAGMA integrity_check"), "ok");
    }
}

TEST(PowerLossVfsTest, AClosedDatabaseIsWholeHoweverThePowerGoes) {
    for (int change = 1; change <= 30; ++change) {
        SCOPED_TRACE(fmt::format("change {}", change));
        NumbersOnDisk numbers(static_cast<std::uint64_t>(change), "FULL");
        ASSERT_TRUE(numbers.open());
        ASSERT_EQ(numbers.insert_until_power_is_lost(5), 5);
        numbers.vfs().lose_power_at_change(change);
        numbers.close();
        numbers.vfs().lose_power();
        numbers.mount_again();
        EXPECT_TRUE(numbers.open());
        EXPECT_EQ(numbers.text("SELECT count(*) FROM numbers"), "5");
    }
}

}  // namespace
}  // namespace herald::sqlite
