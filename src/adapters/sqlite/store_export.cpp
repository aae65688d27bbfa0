#include "adapters/sqlite/store_export.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "adapters/sqlite/store_schema.hpp"

namespace herald {

using namespace sqlite;

namespace {

/// A column as this engine keeps it, as an expression that gives what the dump says.
std::string expression_of(const DumpTable& table, const DumpColumn& column) {
    if (table.name == "notifications" && column.name == "plan") {
        return "(SELECT plan FROM plans WHERE plans.id = notifications.id AND step = 0)";
    }
    if (column.nothing) return fmt::format("nullif({}, '{}')", column.name, *column.nothing);
    return std::string(column.name);
}

std::string statement_of(const DumpTable& table, bool from_the_start) {
    std::vector<std::string> columns;
    for (const auto& column : table.columns) columns.push_back(expression_of(table, column));
    std::vector<std::string> conditions;
    if (table.name == "plans") conditions.emplace_back("step > 0");
    std::vector<std::string_view> keys, marks(table.key, "?");
    for (std::size_t i = 0; i < table.key; ++i) keys.push_back(table.columns[i].name);
    if (!from_the_start) {
        conditions.push_back(fmt::format("({}) > ({})", fmt::join(keys, ", "), fmt::join(marks, ", ")));
    }
    return fmt::format("SELECT {} FROM {}{}{} ORDER BY {} LIMIT ?", fmt::join(columns, ", "), table.name,
                       conditions.empty() ? "" : " WHERE ", fmt::join(conditions, " AND "),
                       fmt::join(keys, ", "));
}

void bind_cell(SQLite::Statement& to, int index, DumpKind kind, const DumpCell& cell) {
    if (const auto* number = std::get_if<std::int64_t>(&cell)) to.bind(index, *number);
    const auto* text = std::get_if<std::string>(&cell);
    if (text && kind == DumpKind::text) to.bind(index, *text);
    if (text && kind != DumpKind::text) to.bind(index, text->data(), static_cast<int>(text->size()));
}

DumpCell read_cell(const SQLite::Column& column, DumpKind kind) {
    if (column.isNull()) return {};
    if (kind == DumpKind::number) return column.getInt64();
    return column.getString();
}

}  // namespace

Result<std::unique_ptr<SqliteStoreExport>> SqliteStoreExport::open(const std::filesystem::path& path) {
    DatabaseOptions options;
    options.path = path;
    auto database = Database::open(options);
    if (!database) return fail(database.error());
    if (auto migrated = (*database)->migrate(store_migrations()); !migrated) return fail(migrated.error());
    return std::unique_ptr<SqliteStoreExport>(new SqliteStoreExport(*std::move(database)));
}

Result<std::vector<DumpRow>> SqliteStoreExport::read(const DumpTable& table, const DumpRow* after,
                                                     Page page) {
    return guard(fmt::format("read the rows of {}", table.name), [&] {
        auto query = database_->query(statement_of(table, after == nullptr));
        int index = 0;
        for (std::size_t i = 0; after && i < table.key; ++i) {
            bind_cell(*query, ++index, table.columns[i].kind, after->at(i));
        }
        query->bind(++index, static_cast<std::int64_t>(page.rows));
        std::vector<DumpRow> rows;
        std::size_t bytes = 0;
        while (bytes < page.bytes && query->executeStep()) {
            auto& row = rows.emplace_back();
            for (std::size_t i = 0; i < table.columns.size(); ++i) {
                const auto column = query->getColumn(static_cast<int>(i));
                bytes += static_cast<std::size_t>(column.getBytes());
                row.push_back(read_cell(column, table.columns[i].kind));
            }
        }
        return rows;
    });
}

}  // namespace herald
