#include "adapters/sqlite/store.hpp"
#include "adapters/sqlite/store_rows.hpp"

namespace herald {

using namespace sqlite;

namespace {

/// From `id, version, body, created_at`.
StoredTemplate read_template_row(SQLite::Statement& row) {
    Columns columns(row);
    StoredTemplate stored;
    stored.id = TemplateId(columns.text());
    stored.version = columns.integer();
    stored.body = columns.text();
    stored.created_at = columns.time();
    return stored;
}

int next_version(Database& database, const TenantId& tenant, const TemplateId& id) {
    auto query =
        database.query("SELECT coalesce(max(version), 0) + 1 FROM templates WHERE tenant = ? AND id = ?");
    bind_all(*query, tenant, id);
    query->executeStep();
    return query->getColumn(0).getInt();
}

}  // namespace

Result<int> SqliteStore::put_template(const TenantId& tenant, const TemplateId& id, const std::string& body,
                                      TimePoint now) {
    return write("put a template", [&](Database& database) {
        const int version = next_version(database, tenant, id);
        execute(database,
                "INSERT INTO templates (tenant, id, version, body, created_at) VALUES (?, ?, ?, ?, ?)",
                tenant, id, version, body, now);
        return version;
    });
}

Result<std::optional<StoredTemplate>> SqliteStore::find_template(const TenantId& tenant, const TemplateId& id,
                                                                 std::optional<int> version) {
    return read("find a template", [&](Database& database) -> std::optional<StoredTemplate> {
        auto query = database.query(
            "SELECT id, version, body, created_at FROM templates WHERE tenant = ?1 AND id = ?2"
            " AND (?3 IS NULL OR version = ?3) ORDER BY version DESC LIMIT 1");
        bind_all(*query, tenant, id, version);
        if (!query->executeStep()) return std::nullopt;
        return read_template_row(*query);
    });
}

Result<std::vector<StoredTemplate>> SqliteStore::list_templates(const TenantId& tenant,
                                                                const std::string& after, std::size_t limit) {
    return read("list templates", [&](Database& database) {
        // SQLite promises that with max() the other columns come from the row that has it.
        auto query = database.query(
            "SELECT id, max(version), body, created_at FROM templates"
            " WHERE tenant = ? AND id > ? GROUP BY id ORDER BY id LIMIT ?");
        bind_all(*query, tenant, after, static_cast<std::int64_t>(limit));
        std::vector<StoredTemplate> newest;
        while (query->executeStep()) newest.push_back(read_template_row(*query));
        return newest;
    });
}

}  // namespace herald
