#include "base/uuid.hpp"

#include <cstring>

#include "base/crypto.hpp"

namespace herald {

Uuid Uuid::v7(TimePoint now) {
    Uuid uuid;
    fill_random(uuid.bytes);
    auto ms = static_cast<std::uint64_t>(to_millis(now));
    for (std::size_t i = 6; i-- > 0; ms >>= 8) uuid.bytes[i] = static_cast<std::uint8_t>(ms & 255);
    uuid.bytes[6] = static_cast<std::uint8_t>(0x70 | (uuid.bytes[6] & 0x0f));
    uuid.bytes[8] = static_cast<std::uint8_t>(0x80 | (uuid.bytes[8] & 0x3f));
    return uuid;
}

TimePoint Uuid::time() const {
    std::int64_t ms = 0;
    for (std::size_t i = 0; i < 6; ++i) ms = ms << 8 | bytes[i];
    return from_millis(ms);
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    Uuid uuid;
    std::size_t nibble = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (c != '-') return std::nullopt;
            continue;
        }
        std::uint8_t value = 0;
        if (c >= '0' && c <= '9') value = static_cast<std::uint8_t>(c - '0');
        else if (c >= 'a' && c <= 'f') value = static_cast<std::uint8_t>(c - 'a' + 10);
        else return std::nullopt;
        auto& byte = uuid.bytes[nibble / 2];
        byte = static_cast<std::uint8_t>(byte << 4 | value);
        ++nibble;
    }
    return uuid;
}

std::string to_string(const Uuid& uuid) {
    std::string text = to_hex(uuid.bytes);
    for (const std::size_t at : {8u, 13u, 18u, 23u}) text.insert(at, 1, '-');
    return text;
}

}  // namespace herald

std::size_t std::hash<herald::Uuid>::operator()(const herald::Uuid& uuid) const noexcept {
    // The last eight bytes are random or keyed, so they are a hash already.
    std::size_t value = 0;
    std::memcpy(&value, uuid.bytes.data() + 8, sizeof value);
    return value;
}
