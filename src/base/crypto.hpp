#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace herald {

using Sha256Digest = std::array<std::uint8_t, 32>;

Sha256Digest sha256(std::string_view bytes);
Sha256Digest hmac_sha256(std::string_view key, std::string_view message);

/// From OpenSSL's generator, which the operating system seeds; crashes when it cannot be. Few bytes come from
/// a stock that the thread fetched in advance.
void fill_random(std::span<std::uint8_t> out);
std::uint64_t random_u64();
std::string random_hex(std::size_t bytes);

std::string to_hex(std::span<const std::uint8_t> bytes);
std::string base64(std::string_view bytes);
/// RFC 4648 section 5, without padding: the form of JOSE.
std::string base64url(std::string_view bytes);
/// Accepts both alphabets, padding optional. Nothing when it is not base64.
std::optional<std::string> base64_decode(std::string_view text);

inline std::string_view as_text(std::span<const std::uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Compares in time that depends on the lengths only.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace herald
