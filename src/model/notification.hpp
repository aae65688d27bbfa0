#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "model/ids.hpp"
#include "model/words.hpp"

namespace herald {

/// One accepted request, as its record carries it and as the store keeps it.
struct Notification {
    NotificationId id;
    TenantId tenant;
    Lane lane = Lane::normal;
    TimePoint accepted_at{};
    TimePoint deadline_at{};           ///< max(accepted_at, send_at) + ttl
    std::optional<TimePoint> send_at;  ///< not before
    UserId user_id;
    TemplateId template_id;
    int template_version = 0;
    std::vector<Channel> channels;
    Json data = Json(Json::Object{});
    Json metadata = Json(Json::Object{});
    std::string traceparent;  ///< W3C, or empty

    bool operator==(const Notification&) const = default;
};

inline constexpr std::int64_t kMaxTtlSeconds = 3 * 24 * 3600;
inline constexpr std::int64_t kMaxSendAheadSeconds = 30 * 24 * 3600;
inline constexpr std::size_t kMaxMetadataBytes = 4096;

}  // namespace herald
