#include "adapters/sqlite/store.hpp"
#include "adapters/sqlite/store_rows.hpp"
#include "ports/row_codec.hpp"

namespace herald {

using namespace sqlite;

namespace {

std::vector<Device> load_devices(Database& database, const TenantId& tenant, const UserId& user) {
    auto query = database.query(
        "SELECT platform, token, registered_at FROM devices WHERE tenant = ? AND user_id = ?"
        " ORDER BY position");
    bind_all(*query, tenant, user);
    std::vector<Device> devices;
    while (query->executeStep()) {
        Columns columns(*query);
        auto& device = devices.emplace_back();
        device.platform = columns.word(parse_platform);
        device.token = columns.text();
        device.registered_at = columns.time();
    }
    return devices;
}

Preferences read_stored_preferences(const std::string& body) {
    auto preferences = decode_preferences(body);
    if (!preferences) throw UnreadableRow("the store holds bad preferences: " + preferences.error().message);
    return *std::move(preferences);
}

void add_suppression(Database& database, const TenantId& tenant, Channel channel, const std::string& address,
                     std::vector<Suppression>& to) {
    if (address.empty()) return;
    auto query =
        database.query("SELECT reason FROM suppressions WHERE tenant = ? AND channel = ? AND address = ?");
    bind_all(*query, tenant, to_string(channel), address);
    if (query->executeStep()) to.push_back({channel, address, query->getColumn(0).getString()});
}

std::vector<Suppression> load_suppressions(Database& database, const TenantId& tenant, const User& user) {
    std::vector<Suppression> found;
    add_suppression(database, tenant, Channel::email, user.email, found);
    add_suppression(database, tenant, Channel::sms, user.phone, found);
    for (const auto& device : user.devices)
        add_suppression(database, tenant, Channel::push, device.token, found);
    return found;
}

std::optional<User> load_user(Database& database, const TenantId& tenant, const UserId& id) {
    auto query =
        database.query("SELECT email, phone, locale, timezone FROM users WHERE tenant = ? AND id = ?");
    bind_all(*query, tenant, id);
    if (!query->executeStep()) return std::nullopt;
    Columns columns(*query);
    User user;
    user.id = id;
    user.email = columns.text();
    user.phone = columns.text();
    user.locale = columns.text();
    user.timezone = columns.text();
    user.devices = load_devices(database, tenant, id);
    return user;
}

Preferences load_preferences(Database& database, const TenantId& tenant, const UserId& id) {
    auto query = database.query("SELECT body FROM preferences WHERE tenant = ? AND user_id = ?");
    bind_all(*query, tenant, id);
    if (!query->executeStep()) return {};
    return read_stored_preferences(query->getColumn(0).getString());
}

Recipient load_recipient(Database& database, const UserRef& ref) {
    Recipient recipient;
    recipient.user = load_user(database, ref.tenant, ref.user);
    recipient.preferences = load_preferences(database, ref.tenant, ref.user);
    if (recipient.user) recipient.suppressions = load_suppressions(database, ref.tenant, *recipient.user);
    recipient.erased_at = load_erasure(database, ref.tenant, ref.user);
    return recipient;
}

void save_devices(Database& database, const TenantId& tenant, const User& user, TimePoint now) {
    const auto before = load_devices(database, tenant, user.id);
    execute(database, "DELETE FROM devices WHERE tenant = ? AND user_id = ?", tenant, user.id);
    int position = 0;
    for (const auto& device : user.devices) {
        const auto kept = std::find_if(before.begin(), before.end(),
                                       [&](const Device& other) { return other.token == device.token; });
        execute(database,
                "INSERT OR REPLACE INTO devices (tenant, token, user_id, position, platform, registered_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                tenant, device.token, user.id, ++position, to_string(device.platform),
                kept == before.end() ? now : kept->registered_at);
    }
}

std::vector<NotificationId> notifications_of(Database& database, const TenantId& tenant, const UserId& user) {
    auto query = database.query("SELECT id FROM notifications WHERE tenant = ? AND user_id = ?");
    bind_all(*query, tenant, user);
    std::vector<NotificationId> ids;
    while (query->executeStep()) ids.push_back(Columns(*query).id());
    return ids;
}

/// The mark stands even when every delivery is being sent: a retry would find nobody to send to.
void forget_notification(Database& database, const TenantId& tenant, const NotificationId& id,
                         TimePoint now) {
    if (const auto row = load_notification(database, tenant, id)) {
        const CancelMark mark{now, "erased"};
        close_open(database, *row, mark);
        save_mark(database, id, mark);
    }
    execute(database, "UPDATE notifications SET data = '{}', metadata = '{}' WHERE id = ?", id);
    for (auto plan : load_plans(database, tenant, id)) {
        forget_person(plan);
        execute(database, "UPDATE plans SET plan = ? WHERE id = ? AND step = ?", encode_plan(plan), id,
                plan.step);
    }
}

}  // namespace

Status SqliteStore::put_user(const TenantId& tenant, const User& user, TimePoint now) {
    return write("put a user", [&](Database& database) {
        execute(database,
                "INSERT OR REPLACE INTO users (tenant, id, email, phone, locale, timezone)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                tenant, user.id, user.email, user.phone, user.locale, user.timezone);
        save_devices(database, tenant, user, now);
    });
}

Result<std::optional<User>> SqliteStore::get_user(const TenantId& tenant, const UserId& id) {
    return read("get a user", [&](Database& database) { return load_user(database, tenant, id); });
}

Result<bool> SqliteStore::erase_user(const TenantId& tenant, const UserId& id, TimePoint now) {
    return write("erase a user", [&](Database& database) {
        const int known =
            execute(database, "DELETE FROM users WHERE tenant = ? AND id = ?", tenant, id) +
            execute(database, "DELETE FROM preferences WHERE tenant = ? AND user_id = ?", tenant, id);
        if (known == 0) return false;
        execute(database, "DELETE FROM devices WHERE tenant = ? AND user_id = ?", tenant, id);
        execute(database, "INSERT OR REPLACE INTO erasures (hash, tenant, erased_at) VALUES (?, ?, ?)",
                erasure_hash(tenant, id), tenant, now);
        for (const auto& notification : notifications_of(database, tenant, id)) {
            forget_notification(database, tenant, notification, now);
        }
        return true;
    });
}

Status SqliteStore::put_preferences(const TenantId& tenant, const UserId& id,
                                    const Preferences& preferences) {
    return write("put preferences", [&](Database& database) {
        execute(database, "INSERT OR REPLACE INTO preferences (tenant, user_id, body) VALUES (?, ?, ?)",
                tenant, id, encode_preferences(preferences));
    });
}

Result<Preferences> SqliteStore::get_preferences(const TenantId& tenant, const UserId& id) {
    return read("get preferences",
                [&](Database& database) { return load_preferences(database, tenant, id); });
}

// One snapshot and prepared statements: inside the process that is cheaper than one large query.
Result<std::vector<Recipient>> SqliteStore::load_recipients(std::span<const UserRef> users) {
    return read("load recipients", [&](Database& database) {
        std::vector<Recipient> recipients;
        recipients.reserve(users.size());
        for (const auto& ref : users) recipients.push_back(load_recipient(database, ref));
        return recipients;
    });
}

}  // namespace herald
