#include <map>

#include "adapters/postgres/store.hpp"
#include "adapters/postgres/store_rows.hpp"
#include "ports/row_codec.hpp"

namespace herald {

using namespace postgres;

namespace {

/// How many notifications of a person are closed at a time.
constexpr std::size_t kClosedTogether = 1000;

Preferences read_stored_preferences(std::string_view body) {
    auto preferences = decode_preferences(body);
    if (!preferences) throw UnreadableRow("the store holds bad preferences: " + preferences.error().message);
    return *std::move(preferences);
}

/// From `email, phone, locale, timezone`.
User read_user_row(const UserId& id, Columns& row) {
    User user;
    user.id = id;
    user.email = row.text();
    user.phone = row.text();
    user.locale = row.text();
    user.timezone = row.text();
    return user;
}

/// From `platform, token, registered_at`.
Device read_device(Columns& row) {
    Device device;
    device.platform = row.word(parse_platform);
    device.token = row.text();
    device.registered_at = row.time();
    return device;
}

/// Sorted by token, so that two people who exchange devices cannot lock each other out.
struct DeviceColumns {
    explicit DeviceColumns(const std::vector<Device>& devices) {
        std::map<std::string_view, int> places;
        for (std::size_t i = 0; i < devices.size(); ++i) places[devices[i].token] = static_cast<int>(i);
        for (const auto& [token, place] : places) {
            tokens.add(token);
            positions.add(place);
            platforms.add(to_string(devices[static_cast<std::size_t>(place)].platform));
        }
    }

    Array<std::string_view> tokens, platforms;
    Array<int> positions;
};

void save_devices(Transaction& transaction, const TenantId& tenant, const User& user, TimePoint now) {
    Array<std::string_view> kept;
    for (const auto& device : user.devices) kept.add(device.token);
    transaction.queue("DELETE FROM devices WHERE tenant = $1 AND user_id = $2 AND token <> ALL ($3)", tenant,
                      user.id, std::move(kept));
    DeviceColumns devices(user.devices);
    transaction.queue(
        "INSERT INTO devices (tenant, user_id, registered_at, token, platform, position)"
        " SELECT $1, $2, $3, * FROM unnest($4, $5, $6)"
        " ON CONFLICT (tenant, token) DO UPDATE SET user_id = excluded.user_id, platform = excluded.platform,"
        " position = excluded.position, registered_at = CASE WHEN devices.user_id = excluded.user_id"
        " THEN devices.registered_at ELSE excluded.registered_at END",
        tenant, user.id, now, std::move(devices.tokens), std::move(devices.platforms),
        std::move(devices.positions));
}

/// The people of a batch, as arrays whose places are the places in the batch.
struct Asked {
    explicit Asked(std::span<const UserRef> users) {
        for (const auto& ref : users) {
            tenants.add(ref.tenant.str());
            ids.add(ref.user.str());
        }
    }

    Array<std::string_view> tenants, ids;
};

/// Gives `place, user?, email, phone, locale, timezone, preferences, erased_at`, and why the email address
/// and the phone number must not be used.
Ticket queue_people(Transaction& transaction, std::span<const UserRef> users) {
    Asked asked(users);
    Array<Sha256Digest> hashes;
    for (const auto& ref : users) hashes.add(erasure_hash(ref.tenant, ref.user));
    return transaction.queue(
        "SELECT place, u.id IS NOT NULL, u.email, u.phone, u.locale, u.timezone, p.body, e.erased_at,"
        " no_email.reason, no_sms.reason"
        " FROM unnest($1, $2, $3) WITH ORDINALITY AS asked (tenant, id, hash, place)"
        " LEFT JOIN users u ON u.tenant = asked.tenant AND u.id = asked.id"
        " LEFT JOIN preferences p ON p.tenant = asked.tenant AND p.user_id = asked.id"
        " LEFT JOIN erasures e ON e.hash = asked.hash AND e.tenant = asked.tenant"
        " LEFT JOIN suppressions no_email ON no_email.tenant = asked.tenant AND no_email.channel = 'email'"
        " AND no_email.address = u.email AND u.email <> ''"
        " LEFT JOIN suppressions no_sms ON no_sms.tenant = asked.tenant AND no_sms.channel = 'sms'"
        " AND no_sms.address = u.phone AND u.phone <> ''",
        std::move(asked.tenants), std::move(asked.ids), std::move(hashes));
}

/// Gives `place, platform, token, registered_at`, and why the token must not be used.
Ticket queue_devices(Transaction& transaction, std::span<const UserRef> users) {
    Asked asked(users);
    return transaction.queue(
        "SELECT place, d.platform, d.token, d.registered_at, no_push.reason"
        " FROM unnest($1, $2) WITH ORDINALITY AS asked (tenant, id, place)"
        " JOIN devices d ON d.tenant = asked.tenant AND d.user_id = asked.id"
        " LEFT JOIN suppressions no_push ON no_push.tenant = d.tenant AND no_push.channel = 'push'"
        " AND no_push.address = d.token ORDER BY place, d.position",
        std::move(asked.tenants), std::move(asked.ids));
}

void read_person(Recipient& recipient, const UserId& id, Columns row) {
    const bool known = row.boolean();
    auto user = read_user_row(id, row);
    if (const auto body = row.view(); !body.empty()) recipient.preferences = read_stored_preferences(body);
    recipient.erased_at = row.maybe_time();
    if (!known) return;
    const auto no_email = row.text();
    const auto no_sms = row.text();
    if (!no_email.empty()) recipient.suppressions.push_back({Channel::email, user.email, no_email});
    if (!no_sms.empty()) recipient.suppressions.push_back({Channel::sms, user.phone, no_sms});
    recipient.user = std::move(user);
}

void read_recipient_device(Recipient& recipient, Columns row) {
    if (!recipient.user) return;
    auto device = read_device(row);
    const auto no_push = row.text();
    if (!no_push.empty()) recipient.suppressions.push_back({Channel::push, device.token, no_push});
    recipient.user->devices.push_back(std::move(device));
}

/// The batch's place that the row belongs to.
std::size_t place_of(Columns& row) { return static_cast<std::size_t>(row.integer64() - 1); }

std::vector<NotificationId> notifications_of(Transaction& transaction, const TenantId& tenant,
                                             const UserId& user) {
    std::vector<NotificationId> ids;
    for (auto row : transaction.execute(
             "SELECT id FROM notifications WHERE user_id = $1 AND tenant = $2 ORDER BY id", user, tenant)) {
        ids.push_back(row.id());
    }
    return ids;
}

/// The mark stands even when every delivery is being sent: a retry would find nobody to send to.
void forget_notifications(Transaction& transaction, std::span<const NotificationId> of_one_person,
                          TimePoint now) {
    const NotificationIds ids(of_one_person.begin(), of_one_person.end());
    const auto rows = load_notifications(transaction, ids, Lock::rows);
    const CancelMark mark{now, "erased"};
    close_open(transaction, rows, mark);
    save_mark(transaction, ids, mark);
    forget_person(transaction, rows);
}

}  // namespace

Status PostgresStore::put_user(const TenantId& tenant, const User& user, TimePoint now) {
    return database_.write("put a user", [&](Transaction& transaction) {
        // The row first: whoever puts or erases the same person waits here, also about the devices.
        transaction.queue(
            "INSERT INTO users (tenant, id, email, phone, locale, timezone) VALUES ($1, $2, $3, $4, $5, $6)"
            " ON CONFLICT (tenant, id) DO UPDATE SET email = excluded.email, phone = excluded.phone,"
            " locale = excluded.locale, timezone = excluded.timezone",
            tenant, user.id, user.email, user.phone, user.locale, user.timezone);
        save_devices(transaction, tenant, user, now);
    });
}

Result<std::optional<User>> PostgresStore::get_user(const TenantId& tenant, const UserId& id) {
    return database_.read("get a user", [&](Transaction& transaction) -> std::optional<User> {
        const auto user_ticket = transaction.queue(
            "SELECT email, phone, locale, timezone FROM users WHERE tenant = $1 AND id = $2", tenant, id);
        const auto devices = transaction.execute(
            "SELECT platform, token, registered_at FROM devices WHERE tenant = $1 AND user_id = $2"
            " ORDER BY position",
            tenant, id);
        const auto users = transaction.take(user_ticket);
        if (users.empty()) return std::nullopt;
        auto columns = users.front();
        auto user = read_user_row(id, columns);
        for (auto row : devices) user.devices.push_back(read_device(row));
        return user;
    });
}

Result<bool> PostgresStore::erase_user(const TenantId& tenant, const UserId& id, TimePoint now) {
    return database_.write("erase a user", [&](Transaction& transaction) {
        const auto users = transaction.queue("DELETE FROM users WHERE tenant = $1 AND id = $2", tenant, id);
        const auto preferences =
            transaction.execute("DELETE FROM preferences WHERE tenant = $1 AND user_id = $2", tenant, id);
        if (transaction.take(users).affected() + preferences.affected() == 0) return false;
        transaction.queue("DELETE FROM devices WHERE tenant = $1 AND user_id = $2", tenant, id);
        transaction.queue("SELECT pg_advisory_xact_lock($1)", kPlanningLock);
        transaction.queue(
            "INSERT INTO erasures (hash, tenant, erased_at) VALUES ($1, $2, $3)"
            " ON CONFLICT (hash) DO UPDATE SET erased_at = excluded.erased_at",
            erasure_hash(tenant, id), tenant, now);
        const auto notifications = notifications_of(transaction, tenant, id);
        for (std::size_t done = 0; done < notifications.size(); done += kClosedTogether) {
            const auto count = std::min(kClosedTogether, notifications.size() - done);
            forget_notifications(transaction, std::span(notifications).subspan(done, count), now);
        }
        return true;
    });
}

Status PostgresStore::put_preferences(const TenantId& tenant, const UserId& id,
                                      const Preferences& preferences) {
    return database_.write("put preferences", [&](Transaction& transaction) {
        transaction.queue(
            "INSERT INTO preferences (tenant, user_id, body) VALUES ($1, $2, $3)"
            " ON CONFLICT (tenant, user_id) DO UPDATE SET body = excluded.body",
            tenant, id, encode_preferences(preferences));
    });
}

Result<Preferences> PostgresStore::get_preferences(const TenantId& tenant, const UserId& id) {
    return database_.read("get preferences", [&](Transaction& transaction) -> Preferences {
        const auto rows = transaction.execute(
            "SELECT body FROM preferences WHERE tenant = $1 AND user_id = $2", tenant, id);
        if (rows.empty()) return {};
        return read_stored_preferences(rows.front().view());
    });
}

Result<std::vector<Recipient>> PostgresStore::load_recipients(std::span<const UserRef> users) {
    return database_.read_for_stage("load recipients", [&](Transaction& transaction) {
        std::vector<Recipient> recipients(users.size());
        const auto people = queue_people(transaction, users);
        const auto devices = queue_devices(transaction, users);
        transaction.flush();
        for (auto row : transaction.take(people)) {
            const auto place = place_of(row);
            read_person(recipients.at(place), users[place].user, row);
        }
        for (auto row : transaction.take(devices)) read_recipient_device(recipients.at(place_of(row)), row);
        return recipients;
    });
}

}  // namespace herald
