#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace herald {

/// 128 bits in network order; ordered as bytes, which for version 7 is the order of time.
struct Uuid {
    std::array<std::uint8_t, 16> bytes{};

    auto operator<=>(const Uuid&) const = default;

    /// RFC 9562 version 7: 48 bits of `now`, the rest random but for version and variant.
    static Uuid v7(TimePoint now);
    /// Only the lower-case form 8-4-4-4-12; nothing for any other text.
    static std::optional<Uuid> parse(std::string_view text);

    /// The moment that a version 7 carries.
    TimePoint time() const;
};

std::string to_string(const Uuid& uuid);

}  // namespace herald

template <>
struct std::hash<herald::Uuid> {
    std::size_t operator()(const herald::Uuid& uuid) const noexcept;
};
