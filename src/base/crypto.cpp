#include "base/crypto.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <memory>

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

/// Remembers its last key: to look up the algorithm and to digest a key takes longer than a short message.
class HmacSha256 {
public:
    HmacSha256() {
        const std::unique_ptr<EVP_MAC, void (*)(EVP_MAC*)> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr),
                                                               EVP_MAC_free);
        CHECK(mac != nullptr);
        context_.reset(EVP_MAC_CTX_new(mac.get()));
        CHECK(context_ != nullptr);
    }

    Sha256Digest operator()(std::string_view key, std::string_view message) {
        if (key_ == key) {
            CHECK(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1);
        } else {
            std::string digest = "SHA256";
            const OSSL_PARAM parameters[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
                OSSL_PARAM_construct_end()};
            CHECK(EVP_MAC_init(context_.get(), bytes_of(key), key.size(), parameters) == 1);
            key_ = key;
        }
        Sha256Digest result;
        std::size_t size = 0;
        CHECK(EVP_MAC_update(context_.get(), bytes_of(message), message.size()) == 1);
        CHECK(EVP_MAC_final(context_.get(), result.data(), &size, result.size()) == 1);
        return result;
    }

private:
    struct Free {
        void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
    };
    std::unique_ptr<EVP_MAC_CTX, Free> context_;
    std::optional<std::string> key_;
};

/// Random bytes fetched in advance: RAND_bytes takes a microsecond however few it is asked for.
class RandomPool {
public:
    void take(std::span<std::uint8_t> out) {
        if (left_ < out.size()) {
            CHECK(RAND_bytes(bytes_.data(), static_cast<int>(bytes_.size())) == 1);
            left_ = bytes_.size();
        }
        left_ -= out.size();
        std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(left_), out.size(), out.begin());
        OPENSSL_cleanse(bytes_.data() + left_, out.size());
    }
    std::size_t size() const { return bytes_.size(); }

private:
    std::array<std::uint8_t, 1024> bytes_;
    std::size_t left_ = 0;
};

}  // namespace

Sha256Digest sha256(std::string_view bytes) {
    Sha256Digest digest;
    CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1);
    return digest;
}

Sha256Digest hmac_sha256(std::string_view key, std::string_view message) {
    thread_local HmacSha256 hmac;
    // A key without an address would mean the last one.
    return hmac(key.empty() ? "" : key, message);
}

void fill_random(std::span<std::uint8_t> out) {
    thread_local RandomPool pool;
    if (out.size() <= pool.size()) return pool.take(out);
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
