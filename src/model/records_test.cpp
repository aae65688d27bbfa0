#include "model/records.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto.hpp"

namespace herald {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::string_view kIdText = "018bcfe5-6800-7abc-8def-0123456789ab";
const NotificationId kId = *NotificationId::parse(kIdText);
const TimePoint kNow = from_millis(1'700'000'000'000);
const TenantId kAcme{"acme"};

Notification notification() {
    Notification n;
    n.id = kId;
    n.tenant = kAcme;
    n.lane = Lane::critical;
    n.accepted_at = kNow;
    n.deadline_at = kNow + hours(1);
    n.user_id = UserId("ada \"é\"");
    n.template_id = TemplateId("welcome");
    n.template_version = 3;
    n.channels = {Channel::email, Channel::push};
    n.data = Json::parse(R"({"price":19.90,"items":[{"n":1}]})").value();
    n.metadata = Json::parse(R"({"k":"v"})").value();
    return n;
}

/// The record with one member set to another JSON value, or taken out when that is empty.
std::string with(std::string_view record, std::string_view name, std::string_view value) {
    auto json = Json::parse(record).value();
    auto& members = *json.as_object();
    std::erase_if(members, [&](const JsonMember& m) { return m.key == name; });
    if (!value.empty()) members.push_back({std::string(name), Json::parse(value).value()});
    return json.dump();
}

std::string quoted(const std::string& text) { return JsonWriter().value(text).take(); }

struct Change {
    std::string name, value, complaint;
};

template <class T>
void expect_refused(const Result<T>& decoded, const Change& change) {
    ASSERT_FALSE(decoded) << change.name << " = " << change.value;
    EXPECT_EQ(decoded.error().code, ErrorCode::invalid) << change.name << " = " << change.value;
    EXPECT_THAT(decoded.error().message, HasSubstr(change.complaint)) << change.name << " = " << change.value;
}

// What no record may lack, whatever its type.
const std::vector<Change> kEnvelopeChanges = {
    {"schema", "", "schema"},
    {"schema", "0", "schema 0"},
    {"schema", R"("1")", "schema"},
    {"id", "null", "no valid id"},
    {"id", R"("018bcfe5-6800-4abc-8def-0123456789ab")", "no valid id"},
    {"id", "7", "no valid id"},
    {"tenant", "", "no valid tenant"},
    {"tenant", R"("")", "no valid tenant"},
    {"tenant", R"("a\nb")", "no valid tenant"},
    {"type", "", ""},
    {"type", R"("other")", ""},
};

TEST(RequestRecordTest, ReadsBackWhatItEncodes) {
    auto n = notification();
    for (const auto lane : kLanes) {
        n.lane = lane;
        const auto decoded = decode_request(encode(n));
        ASSERT_TRUE(decoded) << decoded.error().message;
        EXPECT_EQ(std::get<Notification>(*decoded), n);
    }
    n.send_at = kNow + hours(2);
    n.deadline_at = kNow + hours(3);
    EXPECT_EQ(std::get<Notification>(decode_request(encode(n)).value()), n);
}

TEST(RequestRecordTest, HasTheMembersOfTheFormats) {
    EXPECT_EQ(
        encode(notification()),
        R"({"schema":1,"type":"request","tenant":"acme","id":"018bcfe5-6800-7abc-8def-0123456789ab",)"
        R"("lane":"critical","accepted_at":"2023-11-14T22:13:20.000Z",)"
        R"("deadline_at":"2023-11-14T23:13:20.000Z",)"
        R"("user_id":"ada \"é\"","template_id":"welcome","template_version":3,"channels":["email","push"],)"
        R"("data":{"price":19.90,"items":[{"n":1}]},"metadata":{"k":"v"}})");
}

TEST(RequestRecordTest, LeavesTheTraceparentToItsHeader) {
    auto n = notification();
    n.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    EXPECT_EQ(std::get<Notification>(decode_request(encode(n)).value()).traceparent, "");
}

TEST(RequestRecordTest, TakesDataAndMetadataAsEmptyWhenAbsent) {
    const auto record = with(with(encode(notification()), "data", ""), "metadata", "");
    const auto n = std::get<Notification>(decode_request(record).value());
    EXPECT_EQ(n.data.dump(), "{}");
    EXPECT_EQ(n.metadata.dump(), "{}");
}

TEST(RequestRecordTest, RefusesWhatTheApiWouldRefuse) {
    const std::vector<Change> changes = {
        {"lane", "", "lane"},
        {"lane", R"("fast")", "lane"},
        {"accepted_at", "", "accepted_at is not"},
        {"accepted_at", "1700000000000", "accepted_at is not"},
        {"deadline_at", R"("tomorrow")", "deadline_at is not"},
        {"send_at", "null", "send_at is not"},
        {"send_at", R"("2023-11-14T22:13:20")", "send_at is not"},
        {"user_id", "", "user_id"},
        {"user_id", R"("")", "user_id"},
        {"user_id", R"("a\tb")", "user_id"},
        {"user_id", quoted(std::string(256, 'x')), "user_id"},
        {"template_id", "", "template_id"},
        {"template_id", "1", "template_id"},
        {"template_version", "", "template_version"},
        {"template_version", "0", "template_version"},
        {"template_version", "1.5", "template_version"},
        {"template_version", "4294967297", "template_version"},
        {"channels", "", "channels is not a list"},
        {"channels", "[]", "channels is not a list"},
        {"channels", R"("sms")", "channels is not a list"},
        {"channels", R"(["push","sms","email","push"])", "channels is not a list"},
        {"channels", R"(["sms","fax"])", "channels names"},
        {"channels", R"(["sms","sms"])", "channels names"},
        {"channels", "[1]", "channels names"},
        {"data", "[]", "data is not an object"},
        {"data", "null", "data is not an object"},
        {"metadata", R"("x")", "metadata is not an object"},
        {"metadata", R"({"k":")" + std::string(kMaxMetadataBytes, 'x') + R"("})", "metadata is too large"},
    };
    for (const auto& change : changes) {
        expect_refused(decode_request(with(encode(notification()), change.name, change.value)), change);
    }
    for (const auto& change : kEnvelopeChanges) {
        expect_refused(decode_request(with(encode(notification()), change.name, change.value)), change);
    }
}

TEST(RequestRecordTest, HasAKeyWhereItHasNoId) {
    const auto record = with(with(encode(notification()), "id", ""), "idempotency_key", R"("order-42")");
    const auto decoded = decode_request(record);
    ASSERT_TRUE(decoded) << decoded.error().message;
    const auto& keyed = std::get<KeyedRequest>(*decoded);
    EXPECT_EQ(keyed.idempotency_key, "order-42");
    EXPECT_EQ(keyed.tenant, kAcme);
    EXPECT_EQ(keyed.deadline_at, kNow + hours(1));
    expect_refused(decode_request(with(record, "idempotency_key", "")), {"id", "", "idempotency_key"});
}

TEST(RequestRecordTest, WithAKeyIsNoLargerThanABodyOfTheApi) {
    auto record = with(with(encode(notification()), "id", ""), "idempotency_key", R"("order-42")");
    record = with(record, "data", "{}");
    record.append(kMaxKeyedRequestBytes - record.size(), ' ');
    EXPECT_TRUE(decode_request(record));
    EXPECT_FALSE(decode_request(record + " "));
}

TEST(RecordSchemaTest, ANewerOneIsToldFromABadOne) {
    const auto newer = with(encode(notification()), "schema", "2");
    EXPECT_EQ(decode_request(newer).error().code, ErrorCode::conflict);
    EXPECT_EQ(decode_delivery(newer).error().code, ErrorCode::conflict);
    EXPECT_EQ(decode_receipt(newer).error().code, ErrorCode::conflict);
    EXPECT_EQ(decode_request(newer).error().message, "the record has schema 2, known is 1");
    EXPECT_EQ(schema_of(newer), 2);
    EXPECT_EQ(schema_of("not JSON"), 0);
}

TEST(RequestRecordTest, BoundsItsTimes) {
    const auto decoded = [](TimePoint send_at, TimePoint deadline) {
        auto n = notification();
        if (send_at != kNow) n.send_at = send_at;
        n.deadline_at = deadline;
        return decode_request(encode(n));
    };
    const auto ttl = seconds(kMaxTtlSeconds);
    const auto ahead = kNow + seconds(kMaxSendAheadSeconds);
    EXPECT_TRUE(decoded(kNow, kNow + ttl));
    EXPECT_FALSE(decoded(kNow, kNow + ttl + Millis{1}));
    EXPECT_TRUE(decoded(ahead, ahead + ttl));
    EXPECT_FALSE(decoded(ahead, ahead + ttl + Millis{1}));
    EXPECT_FALSE(decoded(ahead + Millis{1}, ahead));
}

TEST(RequestRecordTest, RefusesWhatIsNoObject) {
    for (const std::string text : {"", "{", "[]", "1", "null", R"({"schema":1,"schema":1})"}) {
        const auto decoded = decode_request(text);
        ASSERT_FALSE(decoded) << text;
        EXPECT_EQ(decoded.error().code, ErrorCode::invalid);
    }
}

TEST(ContinueRecordTest, ReadsBackWhatItEncodes) {
    const auto text = encode(ContinueRecord{kAcme, kId, 7});
    EXPECT_EQ(text,
              R"({"schema":1,"type":"continue","tenant":"acme","id":"018bcfe5-6800-7abc-8def-0123456789ab",)"
              R"("step":7})");
    const auto record = std::get<ContinueRecord>(decode_request(text).value());
    EXPECT_EQ(record.tenant, kAcme);
    EXPECT_EQ(record.id, kId);
    EXPECT_EQ(record.step, 7);
}

TEST(ContinueRecordTest, RefusesWhatIsNoLaterStep) {
    const auto text = encode(ContinueRecord{kAcme, kId, 7});
    for (const std::string step : {"", "0", "-1", "1.5", "1000001", R"("1")", "4294967297"}) {
        expect_refused(decode_request(with(text, "step", step)), {"step", step, "step is not a step"});
    }
}

TEST(DeliveryRecordTest, ReadsBackWhatItEncodes) {
    const auto text = encode(DeliveryRecord{kAcme, {kId, 2, 5}, 3});
    EXPECT_EQ(text,
              R"({"schema":1,"type":"delivery","tenant":"acme","id":"018bcfe5-6800-7abc-8def-0123456789ab",)"
              R"("step":2,"ordinal":5,"attempt":3})");
    const auto record = decode_delivery(text).value();
    EXPECT_EQ(record.tenant, kAcme);
    EXPECT_EQ(record.delivery, (DeliveryId{kId, 2, 5}));
    EXPECT_EQ(record.attempt, 3);
}

TEST(DeliveryRecordTest, RefusesWhatNamesNoDeliveryAndAttempt) {
    const auto text = encode(DeliveryRecord{kAcme, {kId, 0, 1}, 1});
    std::vector<Change> changes = kEnvelopeChanges;
    for (const std::string name : {"step", "ordinal", "attempt"}) {
        for (const std::string value : {"", "-1", "1000001", "4294967297", R"("1")", "null"}) {
            changes.push_back({name, value, "does not name a delivery and an attempt"});
        }
    }
    changes.push_back({"ordinal", "0", "does not name"});
    changes.push_back({"attempt", "0", "does not name"});
    for (const auto& change : changes)
        expect_refused(decode_delivery(with(text, change.name, change.value)), change);
    EXPECT_FALSE(decode_delivery(encode(notification())));
}

ReceiptRecord receipt() { return {kAcme, {kId, 0, 1}, "twilio", 2, AttemptState::delivered, "SM1", kNow}; }

TEST(ReceiptRecordTest, ReadsBackWhatItEncodes) {
    EXPECT_EQ(encode(receipt()),
              R"({"schema":1,"type":"receipt","tenant":"acme","id":"018bcfe5-6800-7abc-8def-0123456789ab",)"
              R"("step":0,"ordinal":1,"provider":"twilio","attempt":2,"state":"delivered","reference":"SM1",)"
              R"("at":"2023-11-14T22:13:20.000Z"})");
    const auto record = decode_receipt(encode(receipt())).value();
    EXPECT_EQ(record.tenant, kAcme);
    EXPECT_EQ(record.delivery, (DeliveryId{kId, 0, 1}));
    EXPECT_EQ(record.provider, "twilio");
    EXPECT_EQ(record.attempt, 2);
    EXPECT_EQ(record.state, AttemptState::delivered);
    EXPECT_EQ(record.reference, "SM1");
    EXPECT_EQ(record.at, kNow);
}

TEST(ReceiptRecordTest, CarriesOnlyWhatAProviderKnows) {
    using A = AttemptState;
    for (const auto state : {A::none, A::begun, A::unknown, A::deferred, A::unusable, A::rejected,
                             A::accepted, A::delivered, A::undelivered, A::bounced}) {
        auto record = receipt();
        record.state = state;
        const bool known =
            state == A::accepted || state == A::delivered || state == A::undelivered || state == A::bounced;
        EXPECT_EQ(decode_receipt(encode(record)).has_value(), known) << to_string(state);
    }
}

TEST(ReceiptRecordTest, RefusesWhatIsNoReceipt) {
    std::vector<Change> changes = kEnvelopeChanges;
    for (const std::string name : {"step", "ordinal", "attempt", "state", "at"}) {
        for (const std::string value : {"", "-1", R"("x")", "null"}) {
            changes.push_back({name, value, "not a receipt for an attempt"});
        }
    }
    changes.push_back({"attempt", "0", "not a receipt"});
    for (const auto& change : changes) {
        expect_refused(decode_receipt(with(encode(receipt()), change.name, change.value)), change);
    }
}

TEST(EventRecordTest, HasTheMembersOfTheFormats) {
    EXPECT_EQ(
        encode(EventRecord{kAcme, {kId, 0, 1}, 2, "sent", "why \"so\"", kNow}),
        R"({"schema":1,"type":"event","tenant":"acme","id":"018bcfe5-6800-7abc-8def-0123456789ab","step":0,)"
        R"("ordinal":1,"attempt":2,"state":"sent","reason":"why \"so\"","at":"2023-11-14T22:13:20.000Z"})");
}

TEST(DeadRecordTest, CarriesTheRefusedRecordAsText) {
    const auto json =
        Json::parse(encode(DeadRecord{"requests.normal", "{\"a\":\n", "not JSON", kNow})).value();
    EXPECT_EQ(json.integer("schema"), 1);
    EXPECT_EQ(json.text("type"), "dead");
    EXPECT_EQ(json.text("topic"), "requests.normal");
    EXPECT_EQ(json.text("record"), "{\"a\":\n");
    EXPECT_EQ(json.text("reason"), "not JSON");
    EXPECT_EQ(json.text("at"), "2023-11-14T22:13:20.000Z");
}

TEST(DeadRecordTest, CarriesWhatIsNoTextInBase64) {
    for (const std::string& value : {std::string("a\xff\xfe"), std::string("a\0b", 3)}) {
        const auto json = Json::parse(encode(DeadRecord{"requests.normal", value, "not UTF-8", kNow}));
        ASSERT_TRUE(json) << json.error().message;
        EXPECT_EQ(json->find("record"), nullptr);
        EXPECT_EQ(base64_decode(json->text("record_base64")), value);
    }
}

TEST(RecordIdentityTest, IsFoundInARecordRefusedForAnythingElse) {
    for (const auto& change : std::vector<Change>{{"lane", "1", ""},
                                                  {"type", R"("odd")", ""},
                                                  {"channels", "[]", ""},
                                                  {"schema", "99", ""},
                                                  {"schema", "", ""}}) {
        const auto record = with(encode(notification()), change.name, change.value);
        ASSERT_FALSE(decode_request(record));
        const auto identity = identity_of(record);
        ASSERT_TRUE(identity) << change.name;
        EXPECT_EQ(identity->tenant, kAcme);
        EXPECT_EQ(identity->id, kId);
    }
}

TEST(RecordIdentityTest, IsNotFoundWithoutAValidIdAndTenant) {
    const auto record = encode(notification());
    for (const std::string& text :
         {std::string(), std::string("x"), std::string("[]"), with(record, "id", ""),
          with(record, "id", R"("018bcfe5-6800-4abc-8def-0123456789ab")"), with(record, "tenant", ""),
          with(record, "tenant", R"("")")}) {
        EXPECT_FALSE(identity_of(text)) << text;
    }
}

}  // namespace
}  // namespace herald
