#pragma once

#include <filesystem>
#include <memory>

#include "adapters/sqlite/database.hpp"
#include "ports/store_dump.hpp"

namespace herald {

/// The rows of a store's file, which the caller holds and nobody writes meanwhile.
class SqliteStoreExport final : public StoreExport {
public:
    /// Brings the file up to this program's schema first.
    static Result<std::unique_ptr<SqliteStoreExport>> open(const std::filesystem::path& path);

    Result<std::vector<DumpRow>> read(const DumpTable& table, const DumpRow* after, Page page) override;

private:
    explicit SqliteStoreExport(std::unique_ptr<sqlite::Database> database) : database_(std::move(database)) {}

    std::unique_ptr<sqlite::Database> database_;
};

}  // namespace herald
