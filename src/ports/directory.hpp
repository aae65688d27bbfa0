#pragma once

#include <optional>
#include <span>
#include <vector>

#include "model/recipient.hpp"

namespace herald {

struct UserRef {
    TenantId tenant;
    UserId user;
    auto operator<=>(const UserRef&) const = default;
};

/// The people. Thread-safe, synchronous.
class Directory {
public:
    virtual ~Directory() = default;

    /// Replaces the whole user, devices included. A token belongs to whoever put it last. A device that stays
    /// keeps its time of registration.
    virtual Status put_user(const TenantId& tenant, const User& user, TimePoint now) = 0;
    virtual Result<std::optional<User>> get_user(const TenantId& tenant, const UserId& id) = 0;
    /// Removes the person, preferences and devices, and closes what is open for them as cancelled; leaves
    /// (hash, erased_at). False when there was nobody.
    virtual Result<bool> erase_user(const TenantId& tenant, const UserId& id, TimePoint now) = 0;

    virtual Status put_preferences(const TenantId& tenant, const UserId& id,
                                   const Preferences& preferences) = 0;
    /// Empty for a person who never said anything.
    virtual Result<Preferences> get_preferences(const TenantId& tenant, const UserId& id) = 0;

    /// In one query; same order as asked, an empty Recipient for a person nobody knows.
    virtual Result<std::vector<Recipient>> load_recipients(std::span<const UserRef> users) = 0;
};

}  // namespace herald
