#pragma once

#include <memory>
#include <string>

#include "adapters/postgres/store.hpp"
#include "ports/store_dump.hpp"

namespace herald {

/// Fills a database, whose schema is this program's, with the rows of another store.
class PostgresStoreImport final : public StoreImport {
public:
    /// `conflict` when the schema is not this program's, `unavailable` when there is no server.
    static Result<std::unique_ptr<PostgresStoreImport>> open(const PostgresOptions& options);

    Status write(const DumpTable& table, std::span<const DumpRow> rows) override;

    /// Server and database, as people write it, without user and password.
    const std::string& place() const { return place_; }

private:
    PostgresStoreImport(const postgres::DatabaseOptions& options, std::string place)
        : database_(options), place_(std::move(place)) {}

    postgres::Database database_;
    std::string place_;
};

}  // namespace herald
