#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "model/delivery.hpp"
#include "model/keyed_request.hpp"

namespace herald {

// The records of the log (formats.md, Records). Every decode validates as the api does, since others may
// produce to `requests`; the error's message says what is wrong with the record.

/// The newest schema that this binary reads. What it writes is the lower of this and the store's
/// `record_schema`, so that older processes can read it: while there is one schema, that is this one.
inline constexpr int kRecordSchema = 1;

/// A decode says `conflict` of a record whose schema is newer than that, `invalid` of any other bad one.
std::int64_t schema_of(std::string_view json);

/// A step of a stored notification is due.
struct ContinueRecord {
    TenantId tenant;
    NotificationId id;
    int step = 0;
};
using RequestRecord = std::variant<Notification, ContinueRecord, KeyedRequest>;

std::string encode(const Notification& notification);
std::string encode(const ContinueRecord& record);
Result<RequestRecord> decode_request(std::string_view json);

struct DeliveryRecord {
    TenantId tenant;
    DeliveryId delivery;
    int attempt = 1;
};
std::string encode(const DeliveryRecord& record);
Result<DeliveryRecord> decode_delivery(std::string_view json);

struct ReceiptRecord {
    TenantId tenant;
    DeliveryId delivery;
    std::string provider;
    int attempt = 1;
    AttemptState state = AttemptState::delivered;  ///< accepted, delivered, undelivered or bounced
    std::string reference;
    TimePoint at{};
};
std::string encode(const ReceiptRecord& record);
Result<ReceiptRecord> decode_receipt(std::string_view json);

/// Event id: (notification, step, ordinal, attempt, state); a repeat has the same one.
struct EventRecord {
    TenantId tenant;
    DeliveryId delivery;  ///< ordinal 0 for the step itself
    int attempt = 0;      ///< 0 for what no attempt caused
    std::string state;
    std::string reason;
    TimePoint at{};
};
std::string encode(const EventRecord& record);

struct DeadRecord {
    std::string topic;
    std::string value;
    std::string reason;
    TimePoint at{};
};
std::string encode(const DeadRecord& record);

/// The valid notification id of a record that is otherwise refused, so that its notification can be closed.
struct RecordIdentity {
    TenantId tenant;
    NotificationId id;
};
std::optional<RecordIdentity> identity_of(std::string_view json);

}  // namespace herald
