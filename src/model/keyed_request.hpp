#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/notification.hpp"
#include "model/template.hpp"

namespace herald {

/// A request of a producer that is not Herald (docs/records.md). It bears a key instead of an id; what it
/// leaves out is its topic's, its append's and its template's to say.
struct KeyedRequest {
    std::string idempotency_key;
    TenantId tenant;
    UserId user_id;
    TemplateId template_id;
    std::optional<int> template_version;
    std::vector<Channel> channels;  ///< empty: all that the template has
    std::optional<Lane> lane;
    std::optional<TimePoint> accepted_at;
    std::optional<TimePoint> send_at;
    std::optional<TimePoint> deadline_at;
    Json data = Json(Json::Object{});
    Json metadata = Json(Json::Object{});

    bool operator==(const KeyedRequest&) const = default;
};

/// Reads it as strictly as the api reads a body; the error names the first field that is wrong.
Result<KeyedRequest> read_keyed_request(const Json& record);

/// Where the record stands in the log.
struct RequestPlace {
    Lane lane = Lane::normal;  ///< the topic's
    TimePoint appended_at{};
};

/// The notification that is asked for, under `id` and with that version of its template; `invalid` when the
/// request does not go with its place.
Result<Notification> complete_request(const KeyedRequest& request, const NotificationId& id,
                                      const RequestPlace& place, const Template& tmpl);

/// 1 to 255 bytes of printable ASCII.
bool is_valid_idempotency_key(std::string_view key);

/// Within kMaxTtlSeconds and kMaxSendAheadSeconds.
Status check_times(const Notification& notification);

/// A producer's clock may be ahead of the log's by this much.
inline constexpr Millis kMaxProducerSkew{60'000};
inline constexpr std::size_t kMaxKeyedRequestBytes = 256 * 1024;

}  // namespace herald
