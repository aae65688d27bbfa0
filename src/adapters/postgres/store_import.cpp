#include "adapters/postgres/store_import.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "adapters/postgres/migrations.hpp"
#include "adapters/postgres/schema.hpp"

namespace herald {

using namespace postgres;

namespace {

/// The first groups rows that an index orders here; numbers of keys are this database's own.
bool is_foreign(const DumpColumn& column) { return column.name == "due_hour" || column.name == "number"; }

NotificationId id_of(const std::string& bytes) {
    NotificationId id;
    CHECK(bytes.size() == id.uuid.bytes.size());
    std::copy(bytes.begin(), bytes.end(), id.uuid.bytes.begin());
    return id;
}

template <class T, class Cell, class Read>
void add_array(Parameters& parameters, std::span<const DumpRow> rows, std::size_t column, Read&& read) {
    Array<T> array;
    for (const auto& row : rows) {
        if (const auto* cell = std::get_if<Cell>(&row[column])) array.add(read(*cell));
        else array.add_null();
    }
    parameters.add(std::move(array));
}

/// An array for each column.
Parameters parameters_of(const DumpTable& table, std::span<const DumpRow> rows) {
    Parameters parameters;
    const auto same = [](const auto& value) { return value; };
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
        switch (table.columns[column].kind) {
            case DumpKind::number:
                add_array<std::int64_t, std::int64_t>(parameters, rows, column, same);
                break;
            case DumpKind::text:
                add_array<std::string, std::string>(parameters, rows, column, same);
                break;
            case DumpKind::bytes:
                add_array<wire::Bytes, std::string>(parameters, rows, column,
                                                    [](const auto& bytes) { return wire::Bytes{bytes}; });
                break;
            case DumpKind::id:
                add_array<NotificationId, std::string>(parameters, rows, column, id_of);
                break;
        }
    }
    return parameters;
}

/// `unnest($1, …) AS dump (id, …)`
std::string unnest(const DumpTable& table) {
    std::vector<std::string> marks;
    std::vector<std::string_view> names;
    for (const auto& column : table.columns) {
        names.push_back(column.name);
        marks.push_back(fmt::format("${}", marks.size() + 1));
    }
    return fmt::format("unnest({}) AS dump ({})", fmt::join(marks, ", "), fmt::join(names, ", "));
}

/// What stands instead of the dump's value, or besides.
struct Insert {
    std::string extra_columns = {};
    std::string extra_values = {};
    std::string replaced = {};     ///< a column …
    std::string replacement = {};  ///< … and what is written there
    std::string behind = {};
};

std::string statement_of(const DumpTable& table, const Insert& insert) {
    std::vector<std::string_view> names;
    std::vector<std::string> values;
    for (const auto& column : table.columns) {
        if (is_foreign(column)) continue;
        names.push_back(column.name);
        values.push_back(column.name == insert.replaced ? insert.replacement
                                                        : fmt::format("dump.{}", column.name));
    }
    return fmt::format("INSERT INTO {} ({}{}) SELECT {}{} FROM {} {} ON CONFLICT DO NOTHING", table.name,
                       fmt::join(names, ", "), insert.extra_columns, fmt::join(values, ", "),
                       insert.extra_values, unnest(table), insert.behind);
}

Insert insert_into(const DumpTable& table) {
    Insert insert;
    if (table.name == "deliveries") {
        // No claim of this store ever has this epoch, so those that are carried are dead.
        insert.extra_columns = ", epoch";
        insert.extra_values = ", -1";
    } else if (table.name == "timers") {
        // Schedulers do not look for what is due before now. A repeat has a later now, and is found by the
        // rest of its key.
        insert.replaced = "due";
        insert.replacement = fmt::format("greatest(dump.due, ${})", table.columns.size() + 1);
        insert.behind =
            "WHERE NOT EXISTS (SELECT FROM timers t WHERE t.id = dump.id AND t.step = dump.step"
            " AND t.ordinal = dump.ordinal AND t.attempt = dump.attempt AND t.kind = dump.kind)";
    } else if (table.name == "id_keys") {
        insert.behind =
            "WHERE NOT EXISTS (SELECT FROM id_keys k WHERE k.key = dump.key) ORDER BY dump.number";
    }
    return insert;
}

/// Notifications name a version of their template: it must be the text that they were accepted with.
Status compare_templates(Transaction& transaction, const DumpTable& table, std::span<const DumpRow> rows) {
    const auto sql = fmt::format(
        "SELECT dump.id, dump.version FROM {} JOIN templates t USING (tenant, id, version)"
        " WHERE t.body <> dump.body LIMIT 1",
        unnest(table));
    const auto ticket = transaction.queue_all(sql, parameters_of(table, rows));
    transaction.flush();
    for (auto columns : transaction.take(ticket)) {
        const auto id = columns.text();
        const auto version = columns.integer();
        return fail(ErrorCode::conflict,
                    fmt::format("version {} of the template {} is another in the database", version, id));
    }
    return {};
}

std::string place_of(const ConnectionParameters& parameters) {
    const auto or_else = [](std::string_view value, std::string_view otherwise) {
        return value.empty() ? otherwise : value;
    };
    return fmt::format("postgresql://{}:{}/{}",
                       or_else(parameters.find("host"), or_else(parameters.find("hostaddr"), "localhost")),
                       or_else(parameters.find("port"), "5432"),
                       or_else(parameters.find("dbname"), parameters.find("user")));
}

}  // namespace

Result<std::unique_ptr<PostgresStoreImport>> PostgresStoreImport::open(const PostgresOptions& options) {
    auto parameters = parse_connection_url(options.url);
    if (!parameters) return fail(parameters.error());
    auto place = place_of(*parameters);
    DatabaseOptions database;
    database.connection.parameters = *std::move(parameters);
    database.connection.connect_timeout = options.connect_timeout;
    database.connection.statement_timeout = options.statement_timeout;
    database.writers = 1;
    database.readers = 1;
    database.test_clock = options.test_clock;
    std::unique_ptr<PostgresStoreImport> opened(new PostgresStoreImport(database, std::move(place)));
    auto checked = opened->database_.with_connection("open the database", [](Connection& connection) {
        return check_version(connection, static_cast<int>(store_migrations().size()));
    });
    if (!checked) return fail(checked.error());
    return opened;
}

Status PostgresStoreImport::write(const DumpTable& table, std::span<const DumpRow> rows) {
    if (rows.empty()) return {};
    const auto doing = fmt::format("carry {} over", table.name);
    return database_.write(doing, [&](Transaction& transaction) -> Status {
        // As whoever makes the first key.
        if (table.name == "id_keys") transaction.queue("LOCK TABLE id_keys IN SHARE ROW EXCLUSIVE MODE");
        auto parameters = parameters_of(table, rows);
        if (table.name == "timers") parameters.add(to_millis(transaction.now()));
        transaction.queue_all(statement_of(table, insert_into(table)), std::move(parameters));
        if (table.name == "templates") return compare_templates(transaction, table, rows);
        return {};
    });
}

}  // namespace herald
