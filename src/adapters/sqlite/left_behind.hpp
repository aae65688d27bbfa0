#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "adapters/sqlite/event_log.hpp"
#include "model/ids.hpp"

namespace herald {

/// What a first start writes by itself, as the mark in the store names it. Neither it nor what concerns only
/// it is anybody's data.
struct DemoRows {
    UserId user;
    TemplateId template_id;
};

// What the files of embedded engines hold. A file that is not there, or was never filled, holds nothing. They
// are read beside whoever runs on them.

Result<std::optional<DemoRows>> read_demo_mark(const std::filesystem::path& store_file);

/// "users", "templates", "timers", …: kinds of rows that the store has besides the demo's.
Result<std::vector<std::string>> find_left_in_store(const std::filesystem::path& store_file);

/// Whether a group has records before it that concern more than the demo.
Result<bool> has_left_in_log(const std::filesystem::path& log_file,
                             const std::vector<SqliteLogOptions::Reading>& groups,
                             const std::optional<DemoRows>& demo);

}  // namespace herald
