#include "model/ids.hpp"

#include <set>

#include <gtest/gtest.h>

#include "base/crypto.hpp"

namespace herald {
namespace {

const TenantId kAcme{"acme"};
const TenantId kOther{"other"};
const std::string kOldKey(32, 'o');
const std::string kNewKey(32, 'n');
const TimePoint kNow = from_millis(0x018b'cfe5'6800);

const NotificationId kId = *NotificationId::parse("018bcfe5-6800-7abc-8def-0123456789ab");

TEST(NotificationIdTest, CarriesATagOfTenantAndFirstTwelveBytes) {
    const auto id = make_notification_id({kNewKey}, kAcme, kNow);
    std::string message = "acme";
    message.push_back('\0');
    message.append(as_text({id.uuid.bytes.data(), 12}));
    const auto digest = hmac_sha256(kNewKey, message);
    EXPECT_EQ(to_hex({id.uuid.bytes.data() + 12, 4}), to_hex({digest.data(), 4}));
}

TEST(NotificationIdTest, IsAVersionSevenOfItsMoment) {
    const auto id = make_notification_id({kNewKey}, kAcme, kNow);
    EXPECT_EQ(id.uuid.bytes[6] >> 4, 7);
    EXPECT_EQ(id.uuid.bytes[8] >> 6, 2);
    EXPECT_EQ(id.uuid.time(), kNow);
    EXPECT_EQ(NotificationId::parse(to_string(id)), id);
}

TEST(NotificationIdTest, IsKnownToItsKeyAndTenantOnly) {
    const auto id = make_notification_id({kNewKey}, kAcme, kNow);
    EXPECT_TRUE(is_given_out({kNewKey}, kAcme, id));
    EXPECT_FALSE(is_given_out({kNewKey}, kOther, id));
    EXPECT_FALSE(is_given_out({kOldKey}, kAcme, id));
    EXPECT_FALSE(is_given_out({}, kAcme, id));
}

TEST(NotificationIdTest, IsNotGivenOutOnceAnyByteDiffers) {
    const auto id = make_notification_id({kNewKey}, kAcme, kNow);
    for (std::size_t i = 0; i < id.uuid.bytes.size(); ++i) {
        auto other = id;
        other.uuid.bytes[i] ^= 1;
        EXPECT_FALSE(is_given_out({kNewKey}, kAcme, other)) << i;
    }
}

TEST(NotificationIdTest, StaysKnownWhileItsKeyIsKept) {
    const auto id = make_notification_id({kOldKey}, kAcme, kNow);
    EXPECT_TRUE(is_given_out({kNewKey, kOldKey}, kAcme, id));
    EXPECT_FALSE(is_given_out({kNewKey}, kAcme, id));
}

TEST(NotificationIdTest, IsTaggedWithTheNewestKey) {
    const auto id = make_notification_id({kNewKey, kOldKey}, kAcme, kNow);
    EXPECT_TRUE(is_given_out({kNewKey}, kAcme, id));
    EXPECT_FALSE(is_given_out({kOldKey}, kAcme, id));
}

TEST(NotificationIdTest, ReadsOnlyVersionSeven) {
    EXPECT_TRUE(NotificationId::parse("018bcfe5-6800-7abc-8def-0123456789ab"));
    EXPECT_TRUE(NotificationId::parse("018bcfe5-6800-7abc-bdef-0123456789ab"));
    const std::vector<std::string> texts = {
        "",
        "018bcfe5-6800-4abc-8def-0123456789ab",
        "018bcfe5-6800-7abc-7def-0123456789ab",
        "018bcfe5-6800-7abc-cdef-0123456789ab",
        "018BCFE5-6800-7ABC-8DEF-0123456789AB",
        "00000000-0000-0000-0000-000000000000",
    };
    for (const auto& text : texts) EXPECT_EQ(NotificationId::parse(text), std::nullopt) << text;
}

TEST(BatchItemIdTest, IsTheFirstItselfForTheFirstItem) {
    const auto first = make_notification_id({kNewKey}, kAcme, kNow);
    EXPECT_EQ(batch_item_id({kNewKey}, kAcme, first, 0), first);
}

TEST(BatchItemIdTest, IsTheSameEachTime) {
    const auto first = make_notification_id({kNewKey}, kAcme, kNow);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(batch_item_id({kNewKey}, kAcme, first, i), batch_item_id({kNewKey}, kAcme, first, i));
    }
}

TEST(BatchItemIdTest, IsTheSameAfterAChangeOfKeys) {
    const auto first = make_notification_id({kOldKey}, kAcme, kNow);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(batch_item_id({kOldKey}, kAcme, first, i),
                  batch_item_id({kNewKey, kOldKey}, kAcme, first, i));
    }
}

TEST(BatchItemIdTest, DiffersForEachItemAndEachBatch) {
    const auto first = make_notification_id({kNewKey}, kAcme, kNow);
    const auto second = make_notification_id({kNewKey}, kAcme, kNow);
    std::set<NotificationId> ids;
    for (int i = 0; i < 1'000; ++i) {
        ids.insert(batch_item_id({kNewKey}, kAcme, first, i));
        ids.insert(batch_item_id({kNewKey}, kAcme, second, i));
    }
    EXPECT_EQ(ids.size(), 2'000u);
}

TEST(BatchItemIdTest, IsAnIdOfTheSameMomentThatWasGivenOut) {
    const auto first = make_notification_id({kNewKey}, kAcme, kNow);
    for (int i = 0; i < 100; ++i) {
        const auto id = batch_item_id({kNewKey}, kAcme, first, i);
        EXPECT_EQ(id.uuid.time(), kNow);
        EXPECT_EQ(NotificationId::parse(to_string(id)), id);
        EXPECT_TRUE(is_given_out({kNewKey}, kAcme, id));
        EXPECT_FALSE(is_given_out({kNewKey}, kOther, id));
    }
}

TEST(DeliveryIdTest, ReadsBackWhatItWrites) {
    const std::vector<std::pair<DeliveryId, std::string>> cases = {
        {{kId, 0, 1}, "018bcfe5-6800-7abc-8def-0123456789ab.0.1"},
        {{kId, 3, 0}, "018bcfe5-6800-7abc-8def-0123456789ab.3.0"},
        {{kId, 12, 2147483647}, "018bcfe5-6800-7abc-8def-0123456789ab.12.2147483647"},
    };
    for (const auto& [id, text] : cases) {
        EXPECT_EQ(to_string(id), text);
        EXPECT_EQ(DeliveryId::parse(text), id);
    }
}

TEST(DeliveryIdTest, RefusesWhatItWouldNotWrite) {
    const std::string id = to_string(kId);
    for (const std::string rest :
         {"", ".", ".1", ".1.", "..1", ".1.2.3", ".1.2 ", ". 1.2", ".-1.2", ".1.-2", ".-0.1", ".01.2",
          ".1.02", ".+1.2", ".x.2", ".1.x", ".2147483648.1", ".1.2147483648", "-0-1"}) {
        EXPECT_EQ(DeliveryId::parse(id + rest), std::nullopt) << rest;
    }
    EXPECT_EQ(DeliveryId::parse(""), std::nullopt);
    EXPECT_EQ(DeliveryId::parse("018bcfe5-6800-4abc-8def-0123456789ab.0.1"), std::nullopt);
}

TEST(DeliveryIdTest, HasAUuidOfItsOwn) {
    std::set<Uuid> uuids;
    for (int step = 0; step < 5; ++step) {
        for (int ordinal = 1; ordinal < 20; ++ordinal) uuids.insert(delivery_uuid({kId, step, ordinal}));
    }
    EXPECT_EQ(uuids.size(), 5u * 19u);
    EXPECT_EQ(delivery_uuid({kId, 0, 1}), delivery_uuid({kId, 0, 1}));
}

TEST(DeliveryIdTest, HasAUuidOfVersionEight) {
    const auto uuid = delivery_uuid({kId, 0, 1});
    EXPECT_EQ(uuid.bytes[6] >> 4, 8);
    EXPECT_EQ(uuid.bytes[8] >> 6, 2);
}

TEST(RecordKeyTest, IsTheStartOfAHashOfTenantAndUser) {
    const auto key = record_key(kAcme, UserId("u1"));
    EXPECT_EQ(key, as_text(sha256(std::string("acme\0u1", 7))).substr(0, 16));
}

TEST(RecordKeyTest, KeepsTenantsApart) {
    EXPECT_NE(record_key(TenantId("a"), UserId("bc")), record_key(TenantId("ab"), UserId("c")));
    EXPECT_EQ(record_key(kAcme, UserId("u1")), record_key(kAcme, UserId("u1")));
}

TEST(ClientIdTest, HasOneTo255BytesWithoutControlCharacters) {
    for (const std::string& id : {std::string("a"), std::string("user 1/2?#é😀"), std::string(255, 'x')}) {
        EXPECT_TRUE(is_valid_client_id(id)) << id;
    }
    const std::vector<std::string> refused = {
        "", std::string(256, 'x'), "a\nb", "\x7f", std::string("a\0b", 3), "\xff", "\xc3"};
    for (const auto& id : refused) EXPECT_FALSE(is_valid_client_id(id)) << id;
}

}  // namespace
}  // namespace herald
