#include "adapters/postgres/store.hpp"

namespace herald {

using namespace postgres;

namespace {

/// From `id, version, created_at, body`.
StoredTemplate read_template_row(Columns row) {
    StoredTemplate stored;
    stored.id = TemplateId(row.text());
    stored.version = row.integer();
    stored.created_at = row.time();
    stored.body = row.text();
    return stored;
}

}  // namespace

Result<int> PostgresStore::put_template(const TenantId& tenant, const TemplateId& id, const std::string& body,
                                        TimePoint now) {
    return database_.write("put a template", [&](Transaction& transaction) {
        // Two that post at once: the second waits, and counts the first one's version. The lock must be a
        // statement of its own, for a statement sees what was committed when it began.
        transaction.queue("LOCK TABLE templates IN SHARE ROW EXCLUSIVE MODE");
        const auto rows = transaction.execute(
            "INSERT INTO templates (tenant, id, version, created_at, body)"
            " SELECT $1, $2, coalesce(max(version), 0) + 1, $3, $4 FROM templates"
            " WHERE tenant = $1 AND id = $2 RETURNING version",
            tenant, id, now, body);
        return rows.front().integer();
    });
}

Result<std::optional<StoredTemplate>> PostgresStore::find_template(const TenantId& tenant,
                                                                   const TemplateId& id,
                                                                   std::optional<int> version) {
    return database_.read("find a template", [&](Transaction& transaction) -> std::optional<StoredTemplate> {
        const auto rows = transaction.execute(
            "SELECT id, version, created_at, body FROM templates WHERE tenant = $1 AND id = $2"
            " AND ($3 IS NULL OR version = $3) ORDER BY version DESC LIMIT 1",
            tenant, id, version);
        if (rows.empty()) return std::nullopt;
        return read_template_row(rows.front());
    });
}

Result<std::vector<StoredTemplate>> PostgresStore::list_templates(const TenantId& tenant,
                                                                  const std::string& after,
                                                                  std::size_t limit) {
    return database_.read("list templates", [&](Transaction& transaction) {
        const auto rows = transaction.execute(
            "SELECT DISTINCT ON (id) id, version, created_at, body FROM templates"
            " WHERE tenant = $1 AND id > $2 ORDER BY id, version DESC LIMIT $3",
            tenant, after, static_cast<std::int64_t>(limit));
        std::vector<StoredTemplate> newest;
        newest.reserve(rows.size());
        for (const auto row : rows) newest.push_back(read_template_row(row));
        return newest;
    });
}

}  // namespace herald
