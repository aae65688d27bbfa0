#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "model/ids.hpp"
#include "model/preferences.hpp"
#include "model/words.hpp"

namespace herald {

struct Device {
    Platform platform = Platform::ios;
    std::string token;
    TimePoint registered_at{};

    /// Where a registration stands in an order of time does not make it another device.
    bool operator==(const Device& other) const { return platform == other.platform && token == other.token; }
};

/// A person as the directory knows them. Empty strings stand for what nobody said.
struct User {
    UserId id;
    std::string email;
    std::string phone;     ///< E.164
    std::string locale;    ///< BCP 47, as given
    std::string timezone;  ///< IANA name
    std::vector<Device> devices;

    bool operator==(const User&) const = default;
};

inline constexpr std::size_t kMaxDevices = 100;

/// Reads the body of PUT users/{id}; everything wrong goes to `errors`.
User read_user(const UserId& id, const Json& body, TimePoint now, std::vector<FieldError>& errors);
void write_user(JsonWriter& out, const User& user);

/// Addresses that must not be used any more, and why.
struct Suppression {
    Channel channel = Channel::email;
    std::string address;
    std::string reason;

    bool operator==(const Suppression&) const = default;
};

/// What planning needs to know of a person; `user` is empty for one nobody knows.
struct Recipient {
    std::optional<User> user;
    Preferences preferences;
    std::vector<Suppression> suppressions;
    std::optional<TimePoint> erased_at;  ///< requests accepted earlier are skipped
};

}  // namespace herald
