#include "adapters/postgres/migrations.hpp"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/postgres/schema.hpp"
#include "adapters/postgres/testing/test_schema.hpp"

namespace herald::postgres {
namespace {

class MigrationsTest : public ::testing::Test {
protected:
    PostgresOptions options() const {
        PostgresOptions options;
        options.url = schema_.url();
        return options;
    }
    Status open() const {
        auto store = PostgresStore::open(options());
        return store ? Status{} : Status(fail(store.error()));
    }

    TestSchema schema_{false};
};

TEST_F(MigrationsTest, AStoreIsNotOpenedBeforeTheMigration) {
    const auto opened = open();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::conflict);
    EXPECT_THAT(opened.error().message, ::testing::HasSubstr("herald migrate"));
}

TEST_F(MigrationsTest, AMigratedStoreIsOpened) {
    ASSERT_TRUE(migrate_postgres(schema_.url()));
    EXPECT_TRUE(open());
}

TEST_F(MigrationsTest, MigratingAgainChangesNothing) {
    ASSERT_TRUE(migrate_postgres(schema_.url()));
    const auto store = PostgresStore::open(options()).value();
    ASSERT_TRUE(store->put_note("a", "b"));
    ASSERT_TRUE(migrate_postgres(schema_.url()));
    EXPECT_EQ(store->get_note("a").value(), "b");
}

TEST_F(MigrationsTest, RunnersAtOnceDoNotDisturbEachOther) {
    std::vector<std::future<Status>> runners;
    for (int i = 0; i < 4; ++i) {
        runners.push_back(std::async(std::launch::async, [&] { return migrate_postgres(schema_.url()); }));
    }
    for (auto& runner : runners) {
        const auto done = runner.get();
        EXPECT_TRUE(done) << done.error().message;
    }
    EXPECT_TRUE(open());
}

TEST_F(MigrationsTest, ASchemaOfANewerProgramIsAConflict) {
    ASSERT_TRUE(migrate_postgres(schema_.url()));
    schema_.run("INSERT INTO schema_version VALUES (1000000)");
    EXPECT_EQ(open().error().code, ErrorCode::conflict);
    EXPECT_EQ(migrate_postgres(schema_.url()).error().code, ErrorCode::conflict);
}

TEST_F(MigrationsTest, AMigrationThatFailsLeavesNothing) {
    Connection connection(connection_options(schema_.url()));
    std::vector<std::string_view> migrations(store_migrations().begin(), store_migrations().end());
    migrations.push_back("CREATE TABLE half (a int); SELECT 1 / 0");
    EXPECT_FALSE(migrate(connection, migrations));
    EXPECT_EQ(schema_.ask("SELECT count(*)::text FROM pg_class WHERE relnamespace = '" + schema_.name() +
                          "'::regnamespace"),
              "0");
    EXPECT_TRUE(migrate(connection, store_migrations()));
}

}  // namespace
}  // namespace herald::postgres
