#include "adapters/sqlite/left_behind.hpp"

#include "adapters/sqlite/log_export.hpp"
#include "adapters/sqlite/store_rows.hpp"

namespace herald {

using namespace sqlite;

namespace {

/// Null when the file has no such table: whoever made it went no further.
Result<std::unique_ptr<Database>> open_beside(const std::filesystem::path& path, std::string_view table) {
    std::error_code ec;
    const auto size = std::filesystem::file_size(path, ec);
    if (ec == std::errc::no_such_file_or_directory || (!ec && size == 0)) return nullptr;
    DatabaseOptions options;
    options.path = path;
    options.query_only = true;
    auto database = Database::open(options);
    if (!database) return database;
    auto found = guard("read " + path.string(), [&] {
        auto query = (*database)->query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?");
        bind_all(*query, table);
        return query->executeStep();
    });
    if (!found) return fail(found.error());
    return *found ? std::move(database) : nullptr;
}

std::optional<DemoRows> load_demo_mark(Database& database) {
    auto query = database.query("SELECT value FROM notes WHERE name = 'demo'");
    if (!query->executeStep()) return std::nullopt;
    const auto mark = query->getColumn(0).getString();
    const auto space = mark.find(' ');
    if (space == std::string::npos) return std::nullopt;
    return DemoRows{UserId(mark.substr(0, space)), TemplateId(mark.substr(space + 1))};
}

struct Question {
    const char* kind;
    const char* sql;  ///< tenant ?1, user ?2, template ?3, the user's record key ?4
};

// Notifications count as the answers to whoever asks for their ids; by their index, which passes the demo's.
constexpr Question kQuestions[] = {
    {"users", "SELECT 1 FROM users WHERE (tenant, id) <> (?1, ?2)"},
    {"preferences", "SELECT 1 FROM preferences WHERE (tenant, user_id) <> (?1, ?2)"},
    {"templates", "SELECT 1 FROM templates WHERE (tenant, id, version) <> (?1, ?3, 1)"},
    {"suppressions", "SELECT 1 FROM suppressions"},
    {"erasures", "SELECT 1 FROM erasures"},
    {"notifications",
     "SELECT 1 FROM notifications WHERE (tenant, user_id) < (?1, ?2)"
     " UNION ALL SELECT 1 FROM notifications WHERE (tenant, user_id) > (?1, ?2)"
     " UNION ALL SELECT 1 FROM notifications WHERE tenant = ?1 AND user_id IS NULL"},
    {"timers", "SELECT 1 FROM timers WHERE key <> ?4"},
};

bool has_any(Database& database, const Question& question, const DemoRows& demo) {
    auto query = database.query(question.sql);
    const auto key = record_key(default_tenant(), demo.user);
    const auto bytes = as_bytes(key);
    const auto count = query->getBindParameterCount();
    if (count >= 1) query->bind(1, default_tenant().str());
    if (count >= 2) query->bind(2, demo.user.str());
    if (count >= 3) query->bind(3, demo.template_id.str());
    if (count >= 4) query->bind(4, bytes.data(), static_cast<int>(bytes.size()));
    return query->executeStep();
}

}  // namespace

Result<std::optional<DemoRows>> read_demo_mark(const std::filesystem::path& store_file) {
    auto database = open_beside(store_file, "notes");
    if (!database) return fail(database.error());
    if (!*database) return std::optional<DemoRows>{};
    return guard("read the demo's mark", [&] { return load_demo_mark(**database); });
}

Result<std::vector<std::string>> find_left_in_store(const std::filesystem::path& store_file) {
    auto database = open_beside(store_file, "notes");
    if (!database) return fail(database.error());
    std::vector<std::string> found;
    if (!*database) return found;
    return guard("look for data in " + store_file.string(), [&] {
        const auto demo = load_demo_mark(**database).value_or(DemoRows{});
        for (const auto& question : kQuestions) {
            if (has_any(**database, question, demo)) found.emplace_back(question.kind);
        }
        return found;
    });
}

Result<bool> has_left_in_log(const std::filesystem::path& log_file,
                             const std::vector<SqliteLogOptions::Reading>& groups,
                             const std::optional<DemoRows>& demo) {
    const auto database = open_beside(log_file, "positions");
    if (!database) return fail(database.error());
    if (!*database) return false;
    auto log = SqliteLogExport::open(log_file, groups, SqliteLogExport::Access::beside);
    if (!log) return fail(log.error());
    const auto key = demo ? record_key(default_tenant(), demo->user) : std::string();
    for (;;) {
        const auto records = (*log)->next(1'000, 1024 * 1024);
        if (!records) return fail(records.error());
        if (records->empty()) return false;
        for (const auto& record : *records) {
            if (record.key != key) return true;
        }
    }
}

}  // namespace herald
