#include "model/records.hpp"

#include <gtest/gtest.h>

namespace herald {
namespace {

// The examples of docs/records.md, word for word.

constexpr const char* kLeast =
    R"({"schema":1,"type":"request","tenant":"default","idempotency_key":"order-4711-shipped",)"
    R"("user_id":"user123","template_id":"welcome","data":{"username":"john_doe"}})";
constexpr const char* kMost =
    R"({"schema":1,"type":"request","tenant":"default","idempotency_key":"order-4712-shipped",)"
    R"("user_id":"user123","template_id":"welcome","template_version":1,"channels":["push",)"
    R"("email"],"data":{"username":"john_doe"},"metadata":{"order":4712},"lane":"normal",)"
    R"("accepted_at":"2026-01-31T09:00:00.000Z","send_at":"2026-01-31T10:00:00Z",)"
    R"("deadline_at":"2026-01-31T11:00:00Z"})";
constexpr const char* kOwn =
    R"({"schema":1,"type":"request","tenant":"default",)"
    R"("id":"018bcfe5-6800-7abc-8def-0123456789ab","lane":"normal",)"
    R"("accepted_at":"2026-01-31T09:00:00.000Z","deadline_at":"2026-02-01T09:00:00.000Z",)"
    R"("user_id":"user123","template_id":"welcome","template_version":1,"channels":["push",)"
    R"("email"],"data":{"username":"john_doe"},"metadata":{}})";
constexpr const char* kContinue = R"({"schema":1,"type":"continue","tenant":"default",)"
                                  R"("id":"018bcfe5-6800-7abc-8def-0123456789ab","step":1})";
constexpr const char* kEvent =
    R"({"schema":1,"type":"event","tenant":"default","id":"018bcfe5-6800-7abc-8def-0123456789ab",)"
    R"("step":0,"ordinal":1,"attempt":1,"state":"sent","reason":"","at":"2026-01-31T09:00:00.250Z"})";
constexpr const char* kDead =
    R"({"schema":1,"type":"dead","topic":"requests.normal",)"
    R"("record":"{\"schema\":1,\"type\":\"request\"}","reason":"idempotency_key: is required",)"
    R"("at":"2026-01-31T09:00:00.000Z"})";
constexpr const char* kReceipt =
    R"({"schema":1,"type":"receipt","tenant":"default",)"
    R"("id":"018bcfe5-6800-7abc-8def-0123456789ab","step":0,"ordinal":1,"provider":"twilio",)"
    R"("attempt":1,"state":"delivered","reference":"SM42","at":"2026-01-31T09:00:03.000Z"})";
constexpr const char* kDelivery =
    R"({"schema":1,"type":"delivery","tenant":"default",)"
    R"("id":"018bcfe5-6800-7abc-8def-0123456789ab","step":0,"ordinal":1,"attempt":1})";

TEST(RecordsPageTest, ItsRequestsWithAKeyAreTaken) {
    for (const auto* record : {kLeast, kMost}) {
        const auto decoded = decode_request(record);
        ASSERT_TRUE(decoded) << decoded.error().message;
        EXPECT_TRUE(std::holds_alternative<KeyedRequest>(*decoded));
    }
}

TEST(RecordsPageTest, ItsOtherRecordsAreHeraldsOwn) {
    EXPECT_EQ(encode(std::get<Notification>(decode_request(kOwn).value())), kOwn);
    EXPECT_EQ(encode(std::get<ContinueRecord>(decode_request(kContinue).value())), kContinue);
    EXPECT_EQ(encode(decode_receipt(kReceipt).value()), kReceipt);
    EXPECT_EQ(encode(decode_delivery(kDelivery).value()), kDelivery);
}

TEST(RecordsPageTest, ItsEventIsAsHeraldWritesIt) {
    const auto json = Json::parse(kEvent).value();
    const DeliveryId delivery{*NotificationId::parse(json.text("id")), 0, 1};
    const auto at = *parse_rfc3339(json.text("at"));
    EXPECT_EQ(encode(EventRecord{default_tenant(), delivery, 1, "sent", "", at}), kEvent);
}

TEST(RecordsPageTest, ItsDeadRecordIsAsHeraldWritesIt) {
    const auto json = Json::parse(kDead).value();
    const std::string refused(json.text("record"));
    EXPECT_FALSE(decode_request(refused));
    const auto at = *parse_rfc3339(json.text("at"));
    EXPECT_EQ(encode(DeadRecord{"requests.normal", refused, decode_request(refused).error().message, at}),
              kDead);
}

}  // namespace
}  // namespace herald
