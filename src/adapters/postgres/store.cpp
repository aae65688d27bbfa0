#include "adapters/postgres/store.hpp"

#include "adapters/postgres/migrations.hpp"
#include "adapters/postgres/schema.hpp"

namespace herald {

using namespace postgres;

namespace {

/// A later migration may have to go through all rows.
constexpr std::chrono::hours kMigrationTimeout{1};

}  // namespace

Status migrate_postgres(const std::string& url) {
    auto parameters = parse_connection_url(url);
    if (!parameters) return fail(parameters.error());
    ConnectionOptions options;
    options.parameters = *std::move(parameters);
    options.statement_timeout = kMigrationTimeout;
    return guard("migrate the database", [&]() -> Status {
        Connection connection(options);
        return migrate(connection, store_migrations());
    });
}

Result<std::unique_ptr<PostgresStore>> PostgresStore::open(const PostgresOptions& options) {
    CHECK(options.writers > 0 && options.readers > 0);
    auto parameters = parse_connection_url(options.url);
    if (!parameters) return fail(parameters.error());
    DatabaseOptions database;
    database.connection.parameters = *std::move(parameters);
    database.connection.connect_timeout = options.connect_timeout;
    database.connection.statement_timeout = options.statement_timeout;
    database.writers = options.writers;
    database.readers = options.readers;
    database.test_clock = options.test_clock;
    database.metrics = options.metrics;
    std::unique_ptr<PostgresStore> store(new PostgresStore(database));
    auto checked = store->database_.with_connection("open the database", [](Connection& connection) {
        return check_version(connection, static_cast<int>(store_migrations().size()));
    });
    if (!checked) return fail(checked.error());
    return store;
}

Status PostgresStore::declare_claims_dead() {
    return database_.write("declare claims dead", [](Transaction& transaction) {
        transaction.queue("UPDATE claim_epoch SET epoch = epoch + 1");
    });
}

}  // namespace herald
