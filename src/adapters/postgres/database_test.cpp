#include "adapters/postgres/database.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/postgres/testing/test_schema.hpp"

namespace herald::postgres {
namespace {

class DatabaseTest : public ::testing::Test {
protected:
    Database open(Metrics* metrics = nullptr) {
        DatabaseOptions options;
        options.connection = connection_options(schema_->url());
        options.metrics = metrics;
        return Database(options);
    }
    static void put(Transaction& transaction, const std::string& name) {
        transaction.queue("INSERT INTO notes (name, value) VALUES ($1, 'x')", name);
    }
    std::string notes() { return schema_->ask("SELECT coalesce(string_agg(name, ' '), '') FROM notes"); }

    std::shared_ptr<TestSchema> schema_ = TestSchemas::borrow();
    Database database_ = open();
};

/// Fails as the server does with whoever it picks out of a deadlock.
constexpr std::string_view kDeadlock = "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40P01'; END $$";

TEST_F(DatabaseTest, RepeatsATransactionThatWasLockedOut) {
    int calls = 0;
    const auto done = database_.write("test", [&](Transaction& transaction) {
        put(transaction, "call" + std::to_string(++calls));
        if (calls < 3) transaction.execute(kDeadlock);
    });
    EXPECT_TRUE(done);
    EXPECT_EQ(calls, 3);
    EXPECT_EQ(notes(), "call3");
}

TEST_F(DatabaseTest, GivesUpAfterFiveRepeats) {
    int calls = 0;
    const auto done = database_.write("test", [&](Transaction& transaction) {
        ++calls;
        transaction.execute(kDeadlock);
    });
    EXPECT_EQ(done.error().code, ErrorCode::unavailable);
    EXPECT_EQ(calls, 5);
}

TEST_F(DatabaseTest, DoesNotRepeatWhatWasRefused) {
    int calls = 0;
    const auto done = database_.write("test", [&](Transaction& transaction) {
        ++calls;
        put(transaction, "a");
        put(transaction, "a");
    });
    EXPECT_EQ(done.error().code, ErrorCode::refused_content);
    EXPECT_THAT(done.error().message, ::testing::StartsWith("test: "));
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(notes(), "");
}

TEST_F(DatabaseTest, RollsBackWhatReturnsAnError) {
    const auto done = database_.write("test", [&](Transaction& transaction) -> Status {
        put(transaction, "a");
        transaction.flush();
        return fail(ErrorCode::not_found, "no");
    });
    EXPECT_EQ(done.error().code, ErrorCode::not_found);
    EXPECT_EQ(notes(), "");
    EXPECT_TRUE(database_.write("test", [&](Transaction& transaction) { put(transaction, "b"); }));
    EXPECT_EQ(notes(), "b");
}

TEST_F(DatabaseTest, AStatementThatFailsFirstIsPreparedAgain) {
    const auto insert = [&](const std::string& before) {
        return database_.write("test", [&](Transaction& transaction) {
            if (!before.empty()) transaction.queue(before);
            put(transaction, "a");
        });
    };
    EXPECT_FALSE(insert("SELECT 1 / 0"));
    EXPECT_TRUE(insert(""));
}

TEST_F(DatabaseTest, ASnapshotSeesOneMomentAndCannotWrite) {
    const auto seen = database_.read("test", [&](Transaction& transaction) {
        transaction.now();
        schema_->run("INSERT INTO notes VALUES ('a', 'x')");
        return transaction.execute("SELECT count(*) FROM notes").front().integer();
    });
    EXPECT_EQ(seen.value(), 0);
    EXPECT_FALSE(database_.read("test", [&](Transaction& transaction) { put(transaction, "b"); }));
}

TEST_F(DatabaseTest, WhatIsQueuedTravelsTogether) {
    Metrics metrics;
    auto database = open(&metrics);
    ASSERT_TRUE(database.write("test", [&](Transaction& transaction) {
        for (int i = 0; i < 10; ++i) put(transaction, std::to_string(i));
    }));
    EXPECT_THAT(
        metrics.text(),
        ::testing::AllOf(::testing::HasSubstr("herald_postgres_round_trips_total{pool=\"stages\"} 1\n"),
                         ::testing::HasSubstr("herald_postgres_statements_total{pool=\"stages\"} 13\n")));
}

struct Meaning {
    std::string_view sqlstate;
    ErrorCode code;
};
void PrintTo(const Meaning& meaning, std::ostream* out) { *out << meaning.sqlstate; }

class SqlstateTest : public ::testing::TestWithParam<Meaning> {};

TEST_P(SqlstateTest, TellsTheCallerWhatToDo) { EXPECT_EQ(code_of(GetParam().sqlstate), GetParam().code); }

INSTANTIATE_TEST_SUITE_P(All, SqlstateTest,
                         ::testing::Values(Meaning{"22021", ErrorCode::refused_content},  // no UTF-8
                                           Meaning{"22001", ErrorCode::refused_content},  // too long
                                           Meaning{"23505", ErrorCode::refused_content},  // not unique
                                           Meaning{"23514", ErrorCode::refused_content},  // a broken check
                                           Meaning{"54000", ErrorCode::refused_content},  // beyond a limit
                                           Meaning{"08006", ErrorCode::unavailable},  // the connection failed
                                           Meaning{"25006",
                                                   ErrorCode::unavailable},  // a server that reads only
                                           Meaning{"40001", ErrorCode::unavailable},  // repeated in vain
                                           Meaning{"53100", ErrorCode::unavailable},  // the disk is full
                                           Meaning{"53300", ErrorCode::unavailable},  // too many connections
                                           Meaning{"55P03", ErrorCode::unavailable},  // a lock was not free
                                           Meaning{"57014", ErrorCode::unavailable},  // the statement's time
                                           Meaning{"57P01", ErrorCode::unavailable},  // shut down
                                           Meaning{"57P03", ErrorCode::unavailable},  // starting up
                                           Meaning{"58030", ErrorCode::unavailable},  // the disk is ill
                                           Meaning{"", ErrorCode::unavailable},       // no answer
                                           Meaning{"42601", ErrorCode::internal},     // our SQL is wrong
                                           Meaning{"XX000", ErrorCode::internal}));

}  // namespace
}  // namespace herald::postgres
