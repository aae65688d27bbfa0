#include "ports/testing/fake_store.hpp"

namespace herald {

FakeStore::Known* FakeStore::find_person(const TenantId& tenant, const UserId& id) {
    const auto found = people_.find({tenant, id});
    return found == people_.end() ? nullptr : &found->second;
}

Status FakeStore::put_user(const TenantId& tenant, const User& user, TimePoint now) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    auto stored = user;
    for (auto& device : stored.devices) {
        device.registered_at = now;
        for (auto& [ref, person] : people_) {
            if (ref.tenant != tenant || !person.user) continue;
            const bool is_this_user = ref.user == user.id;
            std::erase_if(person.user->devices, [&](const Device& other) {
                if (other.token != device.token) return false;
                if (is_this_user) device.registered_at = other.registered_at;
                return true;
            });
        }
    }
    people_[{tenant, user.id}].user = std::move(stored);
    return {};
}

Result<std::optional<User>> FakeStore::get_user(const TenantId& tenant, const UserId& id) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    const auto* person = find_person(tenant, id);
    return person ? person->user : std::nullopt;
}

Result<bool> FakeStore::erase_user(const TenantId& tenant, const UserId& id, TimePoint now) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    auto* person = find_person(tenant, id);
    if (!person || (!person->user && !person->preferences)) return false;
    *person = Known{std::nullopt, std::nullopt, now};
    for (auto& [notification_id, kept] : notifications_) {
        auto& notification = kept.notification;
        if (notification.tenant != tenant || notification.user_id != id) continue;
        const CancelMark mark{now, "erased"};
        close_open(kept, mark);
        if (!kept.cancelled) kept.cancelled = mark;
        forget_person(notification);
        for (auto& [step, plan] : kept.plans) forget_person(plan);
    }
    return true;
}

Status FakeStore::put_preferences(const TenantId& tenant, const UserId& id, const Preferences& preferences) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    people_[{tenant, id}].preferences = preferences;
    return {};
}

Result<Preferences> FakeStore::get_preferences(const TenantId& tenant, const UserId& id) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    const auto* person = find_person(tenant, id);
    return person ? person->preferences.value_or(Preferences{}) : Preferences{};
}

Recipient FakeStore::recipient_of(const UserRef& ref) {
    Recipient recipient;
    const auto* person = find_person(ref.tenant, ref.user);
    if (!person) return recipient;
    recipient.user = person->user;
    recipient.preferences = person->preferences.value_or(Preferences{});
    recipient.erased_at = person->erased_at;
    if (!person->user) return recipient;
    const auto add = [&](Channel channel, const std::string& address) {
        const auto found = suppressions_.find({ref.tenant, channel, address});
        if (found != suppressions_.end()) recipient.suppressions.push_back({channel, address, found->second});
    };
    add(Channel::email, person->user->email);
    add(Channel::sms, person->user->phone);
    for (const auto& device : person->user->devices) add(Channel::push, device.token);
    return recipient;
}

Result<std::vector<Recipient>> FakeStore::load_recipients(std::span<const UserRef> users) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    std::vector<Recipient> recipients;
    for (const auto& ref : users) recipients.push_back(recipient_of(ref));
    return recipients;
}

std::vector<Suppression> FakeStore::suppressions() const {
    std::lock_guard lock(mutex_);
    std::vector<Suppression> all;
    for (const auto& [key, reason] : suppressions_)
        all.push_back({std::get<1>(key), std::get<2>(key), reason});
    return all;
}

}  // namespace herald
