#pragma once

#include <span>
#include <string_view>

namespace herald::postgres {

/// Numbered from 1; each brings the schema from the version before it to its own.
std::span<const std::string_view> store_migrations();

}  // namespace herald::postgres
