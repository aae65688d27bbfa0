#pragma once

#include <memory>
#include <string_view>

#include <tl/expected.hpp>

#include "liquid/source_error.hpp"
#include "liquid/tree.hpp"

namespace herald::liquid {

constexpr std::size_t kMaxSourceBytes = 64 * 1024;
constexpr std::size_t kMaxTokens = 20'000;
constexpr int kMaxNesting = 32;

tl::expected<std::shared_ptr<const Tree>, SourceError> parse(std::string_view source, Escaping escaping);

}  // namespace herald::liquid
