#pragma once

#include <span>
#include <string_view>

namespace herald::sqlite {

/// The migrations of the store's file, from the first; numbers are never given twice.
std::span<const std::string_view> store_migrations();

}  // namespace herald::sqlite
