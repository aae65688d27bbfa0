#pragma once

#include <span>
#include <string_view>

#include "adapters/postgres/connection.hpp"

namespace herald::postgres {

/// Brings the schema to `migrations.size()` and makes the days ahead, in one transaction, one runner at a
/// time. A schema that is newer than the list is a `conflict`.
Status migrate(Connection& connection, std::span<const std::string_view> migrations);

/// Whether the schema is exactly at `newest`: otherwise a `conflict` that says what to do.
Status check_version(Connection& connection, int newest);

}  // namespace herald::postgres
