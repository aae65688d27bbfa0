#include "model/ids.hpp"

#include <algorithm>
#include <charconv>

#include "base/crypto.hpp"
#include "base/result.hpp"
#include "base/utf8.hpp"

namespace herald {
namespace {

constexpr std::size_t kKeyedBytes = 12;

/// HMAC-SHA256(key, tenant ‖ 0x00 ‖ first 12 bytes), cut to 32 bits.
std::array<std::uint8_t, 4> tag_of(const std::string& key, const TenantId& tenant, const Uuid& uuid) {
    std::string message = tenant.str();
    message.push_back('\0');
    message.append(as_text({uuid.bytes.data(), kKeyedBytes}));
    const auto digest = hmac_sha256(key, message);
    return {digest[0], digest[1], digest[2], digest[3]};
}

NotificationId tagged(const std::string& key, const TenantId& tenant, Uuid uuid) {
    const auto tag = tag_of(key, tenant, uuid);
    std::copy(tag.begin(), tag.end(), uuid.bytes.begin() + kKeyedBytes);
    return {uuid};
}

bool is_tagged_by(const std::string& key, const TenantId& tenant, const Uuid& uuid) {
    const auto tag = tag_of(key, tenant, uuid);
    return equal_in_constant_time(as_text(tag), as_text({uuid.bytes.data() + kKeyedBytes, tag.size()}));
}

Uuid first_bytes(const Sha256Digest& digest) {
    Uuid uuid;
    std::copy_n(digest.begin(), uuid.bytes.size(), uuid.bytes.begin());
    return uuid;
}

}  // namespace

const TenantId& default_tenant() {
    static const TenantId tenant{"default"};
    return tenant;
}

bool is_valid_client_id(std::string_view text) {
    return !text.empty() && text.size() <= 255 && is_valid_utf8(text) && !has_control_characters(text);
}

std::optional<NotificationId> NotificationId::parse(std::string_view text) {
    const auto uuid = Uuid::parse(text);
    if (!uuid || uuid->bytes[6] >> 4 != 7 || uuid->bytes[8] >> 6 != 2) return std::nullopt;
    return NotificationId{*uuid};
}

std::string to_string(const NotificationId& id) { return to_string(id.uuid); }

NotificationId make_notification_id(const IdKeys& keys, const TenantId& tenant, TimePoint now) {
    CHECK(!keys.empty());
    return tagged(keys.front(), tenant, Uuid::v7(now));
}

NotificationId batch_item_id(const IdKeys& keys, const TenantId& tenant, const NotificationId& first,
                             int index) {
    if (index == 0) return first;
    Uuid uuid = first.uuid;
    const auto digest = sha256(to_string(first) + "." + std::to_string(index));
    uuid.bytes[6] = static_cast<std::uint8_t>(0x70 | (digest[0] & 0x0f));
    uuid.bytes[7] = digest[1];
    uuid.bytes[8] = static_cast<std::uint8_t>(0x80 | (digest[2] & 0x3f));
    std::copy_n(digest.begin() + 3, 3, uuid.bytes.begin() + 9);
    // Under the key of the first, so that a repeat after a change of keys finds the same ids.
    CHECK(!keys.empty());
    const auto own = std::find_if(keys.begin(), keys.end(), [&](const std::string& key) {
        return is_tagged_by(key, tenant, first.uuid);
    });
    return tagged(own == keys.end() ? keys.front() : *own, tenant, uuid);
}

bool is_given_out(const IdKeys& keys, const TenantId& tenant, const NotificationId& id) {
    return std::any_of(keys.begin(), keys.end(),
                       [&](const std::string& key) { return is_tagged_by(key, tenant, id.uuid); });
}

std::optional<DeliveryId> DeliveryId::parse(std::string_view text) {
    const auto id = NotificationId::parse(text.substr(0, 36));
    if (!id || text.size() < 40 || text[36] != '.') return std::nullopt;
    DeliveryId delivery{*id, 0, 0};
    const char* const end = text.data() + text.size();
    const auto step = std::from_chars(text.data() + 37, end, delivery.step);
    if (step.ec != std::errc{} || step.ptr == end || *step.ptr != '.') return std::nullopt;
    const auto ordinal = std::from_chars(step.ptr + 1, end, delivery.ordinal);
    if (ordinal.ec != std::errc{} || ordinal.ptr != end || delivery.step < 0 || delivery.ordinal < 0) {
        return std::nullopt;
    }
    if (to_string(delivery) != text) return std::nullopt;  // "-0", "01"
    return delivery;
}

std::string to_string(const DeliveryId& id) {
    return to_string(id.notification) + "." + std::to_string(id.step) + "." + std::to_string(id.ordinal);
}

Uuid delivery_uuid(const DeliveryId& id) {
    Uuid uuid = first_bytes(sha256(to_string(id)));
    uuid.bytes[6] = static_cast<std::uint8_t>(0x80 | (uuid.bytes[6] & 0x0f));  // version 8: of our own making
    uuid.bytes[8] = static_cast<std::uint8_t>(0x80 | (uuid.bytes[8] & 0x3f));
    return uuid;
}

std::string record_key(const TenantId& tenant, const UserId& user) {
    std::string text = tenant.str();
    text.push_back('\0');
    text += user.str();
    const auto digest = sha256(text);
    return std::string(as_text({digest.data(), 16}));
}

}  // namespace herald
