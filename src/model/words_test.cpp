#include "model/words.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace herald {
namespace {

const std::vector<std::string> kNoWords = {"", "Push", "PUSH", " push", "push ", "fax", "0", "unknown"};

TEST(WordsTest, SpellsLanesBothWays) {
    const std::vector<std::pair<Lane, std::string>> names = {
        {Lane::critical, "critical"}, {Lane::normal, "normal"}, {Lane::bulk, "bulk"}};
    for (const auto& [lane, name] : names) {
        EXPECT_EQ(to_string(lane), name);
        EXPECT_EQ(parse_lane(name), lane);
    }
    EXPECT_EQ(names.size(), kLanes.size());
    for (const auto& word : kNoWords) EXPECT_EQ(parse_lane(word), std::nullopt) << word;
}

TEST(WordsTest, SpellsChannelsBothWays) {
    const std::vector<std::pair<Channel, std::string>> names = {
        {Channel::push, "push"}, {Channel::sms, "sms"}, {Channel::email, "email"}};
    for (const auto& [channel, name] : names) {
        EXPECT_EQ(to_string(channel), name);
        EXPECT_EQ(parse_channel(name), channel);
    }
    EXPECT_EQ(names.size(), kChannels.size());
    for (const auto& word : kNoWords) EXPECT_EQ(parse_channel(word), std::nullopt) << word;
}

TEST(WordsTest, SpellsPlatformsBothWays) {
    const std::vector<std::pair<Platform, std::string>> names = {
        {Platform::ios, "ios"}, {Platform::android, "android"}, {Platform::web, "web"}};
    for (const auto& [platform, name] : names) {
        EXPECT_EQ(to_string(platform), name);
        EXPECT_EQ(parse_platform(name), platform);
    }
    for (const auto& word : kNoWords) EXPECT_EQ(parse_platform(word), std::nullopt) << word;
}

TEST(WordsTest, SpellsRoutesBothWays) {
    const std::vector<std::pair<Route, std::string>> names = {{Route::push_apns, "push.apns"},
                                                              {Route::push_fcm, "push.fcm"},
                                                              {Route::sms, "sms"},
                                                              {Route::email, "email"}};
    for (const auto& [route, name] : names) {
        EXPECT_EQ(to_string(route), name);
        EXPECT_EQ(parse_route(name), route);
    }
    EXPECT_EQ(names.size(), kRoutes.size());
    EXPECT_EQ(parse_route("push"), std::nullopt);
    for (const auto& word : kNoWords) EXPECT_EQ(parse_route(word), std::nullopt) << word;
}

TEST(WordsTest, SpellsGuaranteesBothWays) {
    const std::vector<std::pair<Guarantee, std::string>> names = {{Guarantee::at_least_once, "at_least_once"},
                                                                  {Guarantee::at_most_once, "at_most_once"}};
    for (const auto& [guarantee, name] : names) {
        EXPECT_EQ(to_string(guarantee), name);
        EXPECT_EQ(parse_guarantee(name), guarantee);
    }
    for (const auto& word : kNoWords) EXPECT_EQ(parse_guarantee(word), std::nullopt) << word;
}

TEST(WordsTest, PutsRoutesUnderTheirChannel) {
    EXPECT_EQ(channel_of(Route::push_apns), Channel::push);
    EXPECT_EQ(channel_of(Route::push_fcm), Channel::push);
    EXPECT_EQ(channel_of(Route::sms), Channel::sms);
    EXPECT_EQ(channel_of(Route::email), Channel::email);
}

TEST(WordsTest, ReachesAndroidAndWebThroughFcm) {
    EXPECT_EQ(route_of(Platform::ios), Route::push_apns);
    EXPECT_EQ(route_of(Platform::android), Route::push_fcm);
    EXPECT_EQ(route_of(Platform::web), Route::push_fcm);
}

}  // namespace
}  // namespace herald
