#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/postgres/testing/test_schema.hpp"
#include "adapters/postgres/testing/throwaway_server.hpp"

namespace herald {
namespace {

class PostgresTlsTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() { server_ = std::make_unique<postgres::ThrowawayServer>(); }
    static void TearDownTestSuite() { server_.reset(); }

    static std::string url(const std::string& host, const std::string& mode, const std::string& authority) {
        return server_->url(host) + "&sslmode=" + mode + "&sslrootcert=" + server_->file(authority);
    }
    static std::string code(const Status& status) {
        return status ? "fine" : std::string(to_string(status.error().code));
    }

    static inline std::unique_ptr<postgres::ThrowawayServer> server_;
};

TEST_F(PostgresTlsTest, SpeaksTlsWithAServerThatProvesItsName) {
    const auto proven = url("localhost", "verify-full", "ca.pem");
    EXPECT_EQ(postgres::ask(proven, "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()"),
              "true");
    ASSERT_EQ(code(migrate_postgres(proven)), "fine");
    PostgresOptions options;
    options.url = proven;
    const auto store = PostgresStore::open(options);
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_EQ(code((*store)->put_note("a", "b")), "fine");
}

TEST_F(PostgresTlsTest, RefusesAServerThatBearsAnotherName) {
    EXPECT_EQ(code(migrate_postgres(url("127.0.0.1", "verify-full", "ca.pem"))), "unavailable");
}

TEST_F(PostgresTlsTest, RefusesAServerWhoseSignerItDoesNotKnow) {
    EXPECT_EQ(code(migrate_postgres(url("localhost", "verify-full", "other-ca.pem"))), "unavailable");
}

TEST_F(PostgresTlsTest, TakesAnotherNameWhereOnlyTheSignerCounts) {
    EXPECT_EQ(postgres::ask(url("127.0.0.1", "verify-ca", "ca.pem"), "SELECT 'hello'"), "hello");
}

TEST_F(PostgresTlsTest, ReadsTheModeFromAUrlThatWasWrittenForPython) {
    auto python = url("127.0.0.1", "verify-full", "ca.pem");
    python.replace(0, std::string("postgresql").size(), "postgresql+asyncpg");
    python.replace(python.find("sslmode="), std::string("sslmode=").size(), "ssl=");
    EXPECT_EQ(code(migrate_postgres(python)), "unavailable");
}

}  // namespace
}  // namespace herald
