#pragma once

#include <array>
#include <string_view>

namespace herald::simulator {

/// Addresses that provoke an answer, so that a test or a person can see each without a fault rule.
///
/// APNs, by the beginning of a device token that is otherwise well-formed (64 to 200 hex digits):
///   bad0…      400 BadDeviceToken            dead…      410 Unregistered, dated now
///   bad1…      400 DeviceTokenNotForTopic    dead01d…   410 Unregistered, dated a year ago
///   bad2…      400 TopicDisallowed           deadeb…    410 ExpiredToken, dated now
///   fa429…     429 TooManyRequests           fa500…     500 InternalServerError
///   fa503…     503 ServiceUnavailable        fa50d…     503 Shutdown
///
/// FCM, by the beginning of a registration token:
///   unregistered…   404 UNREGISTERED                 mismatch…      403 SENDER_ID_MISMATCH
///   invalid…        400 INVALID_ARGUMENT on message.token
///   thirdparty…     401 THIRD_PARTY_AUTH_ERROR       denied…        403 PERMISSION_DENIED
///   quota…          429 QUOTA_EXCEEDED, Retry-After  internal…      500 INTERNAL
///   unavailable…    503 UNAVAILABLE, Retry-After
///
/// Twilio: its own magic numbers (www.twilio.com/docs/iam/test-credentials), for any account:
///   From +15005550006 accepted, as is the credentials' own; any other is 21606, except
///        …0001 21212 invalid · …0007 21606 not owned · …0008 21611 queue full
///   To   …0001 21211 invalid · …0002 21612 no route · …0003 21408 region not enabled
///        …0004 21610 opted out · …0009 21614 not a mobile number
///
/// SendGrid, by the local part of a recipient:
///   bounce@ block@ spam@ defer@ drop@   accepted; reserved for the events that follow
///   invalid@                            400 "Does not contain a valid address."
///   throttled@                          429 with X-RateLimit-Reset
///   unavailable@                        503
struct MagicPrefix {
    std::string_view prefix;
    int status;
    std::string_view reason;
};

/// The longer prefix stands before the shorter one that it begins with.
inline constexpr std::array kMagicApnsTokens = {
    MagicPrefix{"bad0", 400, "BadDeviceToken"},
    MagicPrefix{"bad1", 400, "DeviceTokenNotForTopic"},
    MagicPrefix{"bad2", 400, "TopicDisallowed"},
    MagicPrefix{"deadeb", 410, "ExpiredToken"},
    MagicPrefix{"dead", 410, "Unregistered"},
    MagicPrefix{"fa429", 429, "TooManyRequests"},
    MagicPrefix{"fa500", 500, "InternalServerError"},
    MagicPrefix{"fa503", 503, "ServiceUnavailable"},
    MagicPrefix{"fa50d", 503, "Shutdown"},
};
inline constexpr std::string_view kLongDeadApnsToken = "dead01d";

inline constexpr std::array kMagicFcmTokens = {
    MagicPrefix{"unregistered", 404, "UNREGISTERED"},
    MagicPrefix{"mismatch", 403, "SENDER_ID_MISMATCH"},
    MagicPrefix{"invalid", 400, "INVALID_ARGUMENT"},
    MagicPrefix{"thirdparty", 401, "THIRD_PARTY_AUTH_ERROR"},
    MagicPrefix{"denied", 403, "PERMISSION_DENIED"},
    MagicPrefix{"quota", 429, "QUOTA_EXCEEDED"},
    MagicPrefix{"internal", 500, "INTERNAL"},
    MagicPrefix{"unavailable", 503, "UNAVAILABLE"},
};

struct MagicNumber {
    std::string_view number;
    int code;
};

inline constexpr std::string_view kTwilioGoodSender = "+15005550006";
inline constexpr std::array kMagicTwilioSenders = {
    MagicNumber{"+15005550001", 21212},
    MagicNumber{"+15005550007", 21606},
    MagicNumber{"+15005550008", 21611},
};
inline constexpr std::array kMagicTwilioRecipients = {
    MagicNumber{"+15005550001", 21211}, MagicNumber{"+15005550002", 21612},
    MagicNumber{"+15005550003", 21408}, MagicNumber{"+15005550004", 21610},
    MagicNumber{"+15005550009", 21614},
};

inline constexpr std::string_view kInvalidMailbox = "invalid@";
inline constexpr std::array kMagicMailboxes = {
    MagicPrefix{"throttled@", 429, "too many requests"},
    MagicPrefix{"unavailable@", 503, "service unavailable"},
};

/// The entry whose prefix `text` begins with; null when there is none.
template <std::size_t N>
const MagicPrefix* find_magic(const std::array<MagicPrefix, N>& table, std::string_view text) {
    for (const auto& entry : table) {
        if (text.starts_with(entry.prefix)) return &entry;
    }
    return nullptr;
}

template <std::size_t N>
int magic_code(const std::array<MagicNumber, N>& table, std::string_view number) {
    for (const auto& entry : table) {
        if (entry.number == number) return entry.code;
    }
    return 0;
}

}  // namespace herald::simulator
