#include "model/keyed_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::StartsWith;

const TimePoint kNow = from_millis(1'700'000'000'000);

/// The least that a producer must say, and `more`.
std::string record(const std::string& more = "") {
    return R"({"schema":1,"type":"request","tenant":"acme","idempotency_key":"order-42","user_id":"ada",)"
           R"("template_id":"welcome")" +
           more + "}";
}

Result<KeyedRequest> read(const std::string& text) { return read_keyed_request(Json::parse(text).value()); }

std::string complaint(const std::string& text) {
    const auto request = read(text);
    return request ? "nothing" : request.error().message;
}

/// The record with one of its members replaced, or taken out when `value` is empty.
std::string with(const std::string& name, const std::string& value) {
    auto json = Json::parse(record()).value();
    auto& members = *json.as_object();
    std::erase_if(members, [&](const JsonMember& m) { return m.key == name; });
    if (!value.empty()) members.push_back({name, Json::parse(value).value()});
    return json.dump();
}

Template welcome() {
    std::vector<FieldError> errors;
    const auto body =
        R"({"id":"welcome","ttl_s":600,"channels":{"sms":{"body":"Hi"},"push":{"title":"a","body":"b"}}})";
    auto tmpl = read_template(Json::parse(body).value(), errors);
    EXPECT_TRUE(errors.empty());
    tmpl.version = 3;
    return tmpl;
}

Result<Notification> complete(const std::string& text) {
    return complete_request(read(text).value(), NotificationId{Uuid::v7(kNow)}, {Lane::bulk, kNow},
                            welcome());
}

std::string at(TimePoint time) { return '"' + to_rfc3339(time) + '"'; }

TEST(KeyedRequestTest, NeedsOnlyWhoWhatAndAKey) {
    const auto request = read(record()).value();
    EXPECT_EQ(request.tenant, TenantId("acme"));
    EXPECT_EQ(request.idempotency_key, "order-42");
    EXPECT_EQ(request.user_id, UserId("ada"));
    EXPECT_EQ(request.template_id, TemplateId("welcome"));
    EXPECT_EQ(request.template_version, std::nullopt);
    EXPECT_TRUE(request.channels.empty());
    EXPECT_EQ(request.lane, std::nullopt);
    EXPECT_EQ(request.accepted_at, std::nullopt);
    EXPECT_EQ(request.data.dump(), "{}");
}

TEST(KeyedRequestTest, TakesEveryFieldThatARequestOfHeraldHas) {
    const auto request =
        read(record(R"(,"template_version":2,"channels":["sms","email"],"lane":"bulk",)"
                    R"("data":{"n":1.50},"metadata":{"m":1},)"
                    R"("accepted_at":"2023-11-14T22:13:20Z","send_at":"2023-11-15T22:13:20Z",)"
                    R"("deadline_at":"2023-11-16T22:13:20+01:00")"))
            .value();
    EXPECT_EQ(request.template_version, 2);
    EXPECT_EQ(request.channels, (std::vector{Channel::sms, Channel::email}));
    EXPECT_EQ(request.lane, Lane::bulk);
    EXPECT_EQ(request.data.dump(), R"({"n":1.50})");
    EXPECT_EQ(request.metadata.dump(), R"({"m":1})");
    EXPECT_EQ(request.accepted_at, kNow);
    EXPECT_EQ(request.send_at, kNow + hours(24));
    EXPECT_EQ(request.deadline_at, kNow + hours(47));
}

TEST(KeyedRequestTest, RefusesWhatTheApiWouldRefuse) {
    const std::vector<std::array<std::string, 3>> cases = {
        {"idempotency_key", "", "idempotency_key: is required"},
        {"idempotency_key", R"("")", "idempotency_key: must have 1 to 255 bytes"},
        {"idempotency_key", R"("é")", "idempotency_key: must have 1 to 255 bytes of printable ASCII"},
        {"idempotency_key", '"' + std::string(256, 'k') + '"', "idempotency_key: must have 1 to 255 bytes"},
        {"tenant", "", "tenant: is required"},
        {"user_id", "", "user_id: is required"},
        {"user_id", "7", "user_id: must be a string"},
        {"user_id", R"("a\tb")", "user_id: must be UTF-8 without control characters"},
        {"template_id", "", "template_id: is required"},
        {"to", R"({"email":"a@example.org"})", "to: is not supported yet"},
        {"template_version", "0", "template_version: must be from 1"},
        {"template_version", R"("1")", "template_version: must be a whole number"},
        {"channels", "[]", "channels: must name a channel"},
        {"channels", R"(["fax"])", "channels: must name push, sms or email, each once"},
        {"channels", R"(["sms","sms"])", "channels: must name push, sms or email, each once"},
        {"channels", R"("sms")", "channels: must be an array"},
        {"lane", R"("fast")", "lane: must be critical, normal or bulk"},
        {"data", "[]", "data: must be an object"},
        {"metadata", "1", "metadata: must be an object"},
        {"metadata", R"({"m":")" + std::string(kMaxMetadataBytes, 'x') + R"("})",
         "metadata: must have at most"},
        {"accepted_at", "1700000000000", "accepted_at: must be a string"},
        {"send_at", R"("tomorrow")", "send_at: must be an RFC 3339 time"},
        {"deadline_at", R"("2023-11-14T22:13:20")", "deadline_at: must be an RFC 3339 time"},
        {"chanels", R"(["sms"])", "chanels: is not a field"},
    };
    for (const auto& [name, value, expected] : cases) {
        EXPECT_THAT(complaint(with(name, value)), StartsWith(expected)) << name << " = " << value;
    }
}

TEST(KeyedRequestTest, ItsPlaceAndItsTemplateSayWhatItLeavesOut) {
    const auto n = complete(record()).value();
    EXPECT_EQ(n.lane, Lane::bulk);
    EXPECT_EQ(n.accepted_at, kNow);
    EXPECT_EQ(n.deadline_at, kNow + seconds(600));
    EXPECT_EQ(n.template_version, 3);
    EXPECT_THAT(n.channels, testing::UnorderedElementsAre(Channel::sms, Channel::push));
    EXPECT_EQ(n.send_at, std::nullopt);
}

TEST(KeyedRequestTest, TheTtlBeginsAtSendAt) {
    const auto n = complete(record(R"(,"send_at":)" + at(kNow + hours(1)))).value();
    EXPECT_EQ(n.deadline_at, kNow + hours(1) + seconds(600));
}

TEST(KeyedRequestTest, WhatItSaysStands) {
    const auto n = complete(record(R"(,"channels":["sms"],"lane":"bulk","accepted_at":)" +
                                   at(kNow - seconds(9)) + R"(,"deadline_at":)" + at(kNow + seconds(9))))
                       .value();
    EXPECT_EQ(n.channels, std::vector{Channel::sms});
    EXPECT_EQ(n.accepted_at, kNow - seconds(9));
    EXPECT_EQ(n.deadline_at, kNow + seconds(9));
}

TEST(KeyedRequestTest, RefusesWhatDoesNotGoWithItsPlace) {
    EXPECT_EQ(complete(record(R"(,"lane":"critical")")).error().message, "lane: is not the topic's");
    EXPECT_TRUE(complete(record(R"(,"accepted_at":)" + at(kNow + kMaxProducerSkew))));
    EXPECT_EQ(
        complete(record(R"(,"accepted_at":)" + at(kNow + kMaxProducerSkew + Millis{1}))).error().message,
        "accepted_at: is later than the record");
}

TEST(KeyedRequestTest, BoundsItsTimes) {
    const auto ttl = seconds(kMaxTtlSeconds);
    const auto ahead = seconds(kMaxSendAheadSeconds);
    EXPECT_TRUE(complete(record(R"(,"deadline_at":)" + at(kNow + ttl))));
    EXPECT_FALSE(complete(record(R"(,"deadline_at":)" + at(kNow + ttl + Millis{1}))));
    EXPECT_TRUE(complete(record(R"(,"send_at":)" + at(kNow + ahead))));
    EXPECT_FALSE(complete(record(R"(,"send_at":)" + at(kNow + ahead + Millis{1}))));
}

}  // namespace
}  // namespace herald
