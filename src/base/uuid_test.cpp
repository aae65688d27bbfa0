#include "base/uuid.hpp"

#include <set>

#include <gtest/gtest.h>

namespace herald {
namespace {

constexpr std::string_view kText = "0190a5d4-8a3c-7b1e-9f00-0123456789ab";

TEST(UuidTest, ReadsBackWhatItWrites) {
    const auto uuid = Uuid::parse(kText);
    ASSERT_TRUE(uuid);
    EXPECT_EQ(to_string(*uuid), kText);
    EXPECT_EQ(uuid->bytes[0], 0x01);
    EXPECT_EQ(uuid->bytes[15], 0xab);
}

TEST(UuidTest, RefusesEveryOtherForm) {
    const std::vector<std::string> texts = {
        "",
        "0190a5d48a3c7b1e9f000123456789ab",
        "0190A5D4-8A3C-7B1E-9F00-0123456789AB",
        "{0190a5d4-8a3c-7b1e-9f00-0123456789ab}",
        "0190a5d4-8a3c-7b1e-9f00-0123456789a",
        "0190a5d4-8a3c-7b1e-9f00-0123456789abc",
        "0190a5d4-8a3c-7b1e-9f00_0123456789ab",
        "0190a5d-48a3c-7b1e-9f00-0123456789ab",
        "0190a5d4-8a3c-7b1e-9f00-0123456789ag",
        "0190a5d4-8a3c-7b1e-9f00-0123456789 b",
        "-190a5d4-8a3c-7b1e-9f00-0123456789ab",
    };
    for (const auto& text : texts) EXPECT_EQ(Uuid::parse(text), std::nullopt) << text;
}

TEST(UuidTest, CarriesVersionVariantAndTime) {
    const auto now = from_millis(0x0190'a5d4'8a3c);
    for (int i = 0; i < 100; ++i) {
        const auto uuid = Uuid::v7(now);
        EXPECT_EQ(uuid.bytes[6] >> 4, 7);
        EXPECT_EQ(uuid.bytes[8] >> 6, 2);
        EXPECT_EQ(uuid.time(), now);
    }
    EXPECT_EQ(to_string(Uuid::v7(now)).substr(0, 14), "0190a5d4-8a3c-");
}

TEST(UuidTest, SortsByTime) {
    const auto start = from_millis(1'700'000'000'000);
    for (int i = 0; i < 100; ++i) {
        const auto earlier = Uuid::v7(start + Millis{i});
        const auto later = Uuid::v7(start + Millis{i + 1});
        EXPECT_LT(earlier, later);
        EXPECT_LT(to_string(earlier), to_string(later));
    }
}

TEST(UuidTest, DrawsANewOneEachTime) {
    std::set<Uuid> drawn;
    for (int i = 0; i < 1'000; ++i) drawn.insert(Uuid::v7(from_millis(1)));
    EXPECT_EQ(drawn.size(), 1'000u);
}

TEST(UuidTest, HashesEqualOnesEqually) {
    const std::hash<Uuid> hash;
    EXPECT_EQ(hash(*Uuid::parse(kText)), hash(*Uuid::parse(kText)));
    EXPECT_NE(hash(*Uuid::parse(kText)), hash(Uuid{}));
}

}  // namespace
}  // namespace herald
