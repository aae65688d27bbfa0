#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/strong_string.hpp"
#include "base/uuid.hpp"

namespace herald {

using TenantId = StrongString<struct TenantIdTag>;
using UserId = StrongString<struct UserIdTag>;
using TemplateId = StrongString<struct TemplateIdTag>;

/// The tenant of everything that is not said to be another's.
const TenantId& default_tenant();

/// User and template ids are the client's: 1–255 bytes of UTF-8 without control characters.
bool is_valid_client_id(std::string_view text);

/// A UUIDv7 whose last 32 bits are a keyed tag (formats.md, Ids and keys).
struct NotificationId {
    Uuid uuid;

    auto operator<=>(const NotificationId&) const = default;
    static std::optional<NotificationId> parse(std::string_view text);
};
std::string to_string(const NotificationId& id);

/// Secrets for the tag, newest first; each at least 32 random bytes.
using IdKeys = std::vector<std::string>;

NotificationId make_notification_id(const IdKeys& keys, const TenantId& tenant, TimePoint now);
/// The id of item `index` of a batch whose idempotency row drew `first`: the same every time it is asked for.
NotificationId batch_item_id(const IdKeys& keys, const TenantId& tenant, const NotificationId& first,
                             int index);
/// Whether some key of ours gave this id out to this tenant.
bool is_given_out(const IdKeys& keys, const TenantId& tenant, const NotificationId& id);

/// A part of one notification's plan, unique within it; ordinals count from 1 inside the step.
struct DeliveryId {
    NotificationId notification;
    int step = 0;
    int ordinal = 0;

    auto operator<=>(const DeliveryId&) const = default;
    /// `<notification>.<step>.<ordinal>`
    static std::optional<DeliveryId> parse(std::string_view text);
};
std::string to_string(const DeliveryId& id);

/// A UUID that only this delivery has: apns-id, and the handle by which a provider recognises a repeat.
Uuid delivery_uuid(const DeliveryId& id);

/// First 16 bytes of SHA-256(tenant ‖ 0x00 ‖ user): the key of every record that concerns the user.
std::string record_key(const TenantId& tenant, const UserId& user);

}  // namespace herald

template <>
struct std::hash<herald::NotificationId> {
    std::size_t operator()(const herald::NotificationId& id) const noexcept {
        return std::hash<herald::Uuid>{}(id.uuid);
    }
};

template <>
struct std::hash<herald::DeliveryId> {
    std::size_t operator()(const herald::DeliveryId& id) const noexcept {
        return std::hash<herald::NotificationId>{}(id.notification) ^
               (static_cast<std::size_t>(id.step) << 20 | static_cast<std::size_t>(id.ordinal)) *
                   0x9e3779b97f4a7c15u;
    }
};
