#include "adapters/redis/redis_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald::redis {
namespace {

TEST(RedisUrl, NeedsNoMoreThanAHost) {
    const auto url = parse_redis_url("redis://cache");
    ASSERT_TRUE(url);
    EXPECT_FALSE(url->tls);
    EXPECT_EQ(url->user, "");
    EXPECT_EQ(url->password, "");
    EXPECT_EQ(url->place(), "cache:6379");
    EXPECT_EQ(url->database, 0);
}

TEST(RedisUrl, NamesEverything) {
    const auto url = parse_redis_url("rediss://herald:p%40ss%3aword%2F@cache.example:6380/12");
    ASSERT_TRUE(url);
    EXPECT_TRUE(url->tls);
    EXPECT_EQ(url->user, "herald");
    EXPECT_EQ(url->password, "p@ss:word/");
    EXPECT_EQ(url->host, "cache.example");
    EXPECT_EQ(url->port, 6380);
    EXPECT_EQ(url->database, 12);
}

TEST(RedisUrl, APasswordAloneIsTheDefaultUsers) {
    const auto url = parse_redis_url("redis://:secret@cache/");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->user, "");
    EXPECT_EQ(url->password, "secret");
}

TEST(RedisUrl, AColonMayStandInAPassword) {
    const auto url = parse_redis_url("redis://herald:a:b@cache");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->password, "a:b");
}

TEST(RedisUrl, TheHostMayBeAnIPv6Address) {
    const auto url = parse_redis_url("redis://:secret@[2001:db8::1]:7000/3");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->host, "2001:db8::1");
    EXPECT_EQ(url->port, 7000);
    EXPECT_EQ(url->place(), "[2001:db8::1]:7000");
    EXPECT_EQ(parse_redis_url("redis://[::1]")->port, 6379);
}

class MalformedRedisUrl : public testing::TestWithParam<const char*> {};

TEST_P(MalformedRedisUrl, IsRefusedWithoutRepeatingThePassword) {
    const auto url = parse_redis_url(GetParam());
    ASSERT_FALSE(url) << GetParam();
    EXPECT_EQ(url.error().code, ErrorCode::invalid);
    EXPECT_THAT(url.error().message, testing::StartsWith("reading the Redis URL: "));
    EXPECT_THAT(url.error().message, testing::Not(testing::HasSubstr("secret")));
}

INSTANTIATE_TEST_SUITE_P(
    Urls, MalformedRedisUrl,
    testing::Values("", "cache:6379", "http://cache", "unix:///run/redis.sock", "redis://",
                    "redis://:secret@", "redis://cache:0", "redis://cache:65536", "redis://cache:secret",
                    "redis://cache:", "redis://cache/secret", "redis://cache/-1", "redis://cache/1/2",
                    "redis://cache/1?secret=1", "redis://secret@cache", "redis://herald:@cache",
                    "redis://:secret%4@cache", "redis://:secret%zz@cache", "redis://:sec#ret@cache",
                    "redis://[::1", "redis://[]", "redis://[::1]x"));

}  // namespace
}  // namespace herald::redis
