#include "base/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/result.hpp"

namespace herald {
namespace {

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string encode_base64(std::string_view bytes, std::string_view alphabet, bool pad) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8 | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        }
        for (std::size_t k = 0; k < n + 1; ++k) out.push_back(alphabet[group >> (18 - 6 * k) & 63]);
        if (pad) out.append(3 - n, '=');
    }
    return out;
}

constexpr std::string_view kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

Sha256Digest sha256(std::string_view bytes) {
    Sha256Digest digest;
    CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1);
    return digest;
}

Sha256Digest hmac_sha256(std::string_view key, std::string_view message) {
    Sha256Digest digest;
    unsigned length = 0;
    CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(message), message.size(),
               digest.data(), &length) != nullptr);
    return digest;
}

void fill_random(std::span<std::uint8_t> out) {
    CHECK(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
}

std::uint64_t random_u64() {
    std::array<std::uint8_t, 8> bytes;
    fill_random(bytes);
    std::uint64_t value = 0;
    for (const auto byte : bytes) value = value << 8 | byte;
    return value;
}

std::string random_hex(std::size_t bytes) {
    std::string raw(bytes, '\0');
    fill_random({reinterpret_cast<std::uint8_t*>(raw.data()), raw.size()});
    return to_hex({reinterpret_cast<const std::uint8_t*>(raw.data()), raw.size()});
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const auto byte : bytes) {
        out.push_back(digits[byte >> 4]);
        out.push_back(digits[byte & 15]);
    }
    return out;
}

std::string base64(std::string_view bytes) { return encode_base64(bytes, kStandard, true); }
std::string base64url(std::string_view bytes) { return encode_base64(bytes, kUrlSafe, false); }

std::optional<std::string> base64_decode(std::string_view text) {
    while (!text.empty() && text.back() == '=') text.remove_suffix(1);
    std::string out;
    std::uint32_t group = 0;
    int bits = 0;
    for (const char c : text) {
        std::size_t value = kStandard.find(c);
        if (value == std::string_view::npos) value = kUrlSafe.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        group = group << 6 | static_cast<std::uint32_t>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out.push_back(static_cast<char>(group >> bits & 255));
        }
    }
    if (bits >= 6) return std::nullopt;
    return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace herald
