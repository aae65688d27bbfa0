#include "adapters/kafka/topic_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald::kafka {
namespace {

using testing::HasSubstr;

/// What check_topic says about a topic made as it should be, after a change.
std::string told(const std::string& name, int brokers, int replicas, const TopicSettings& changes = {}) {
    const KafkaLogOptions options;
    auto settings = topic_settings(options, name, replicas);
    for (const auto& [setting, value] : changes) settings[setting] = value;
    const auto status = check_topic(options, name, brokers, {4, replicas, true}, settings);
    if (status) return "";
    EXPECT_EQ(status.error().code, ErrorCode::invalid);
    return status.error().message;
}

TEST(TopicRules, ATopicThatHeraldMadeIsRight) {
    for (const int brokers : {1, 2, 3, 5}) {
        for (const auto* name : {"requests.normal", "deliveries.sms.bulk", "events"})
            EXPECT_EQ(told(name, brokers, std::min(brokers, 3)), "") << name << " on " << brokers;
    }
}

TEST(TopicRules, NamesTopicFaultAndRemedy) {
    const auto message = told("requests.normal", 3, 3, {{"min.insync.replicas", "1"}});
    EXPECT_THAT(message, HasSubstr("herald.requests.normal"));
    EXPECT_THAT(message, HasSubstr("only one replica has"));
    EXPECT_THAT(message, HasSubstr("--add-config min.insync.replicas=2"));
}

TEST(TopicRules, RefusesFewerReplicasThanTheClusterCanHold) {
    EXPECT_THAT(told("events", 3, 1), HasSubstr("too few replicas, 1 on 3 brokers"));
    EXPECT_EQ(told("events", 2, 1), "");
}

TEST(TopicRules, ABrokerThatIsAwayMakesNoTopicWrong) { EXPECT_EQ(told("requests.normal", 1, 3), ""); }

TEST(TopicRules, RefusesWhatLosesRecords) {
    const std::map<std::string, std::string> wrong = {
        {"retention.ms", "60000"},        {"retention.bytes", "1073741824"},
        {"cleanup.policy", "compact"},    {"unclean.leader.election.enable", "true"},
        {"max.message.bytes", "1048588"}, {"message.timestamp.type", "LogAppendTime"},
    };
    for (const auto& [setting, value] : wrong)
        EXPECT_THAT(told("deliveries.sms.bulk", 3, 3, {{setting, value}}),
                    HasSubstr("--add-config " + setting));
}

TEST(TopicRules, LongerRetentionLosesNothing) {
    EXPECT_EQ(told("events", 1, 1, {{"retention.ms", "-1"}}), "");
    EXPECT_EQ(told("events", 1, 1, {{"retention.ms", "31536000000"}}), "");
}

TEST(TopicRules, WithoutReplicasARequestIsOnDiskBeforeItIsAcknowledged) {
    const std::string never = "9223372036854775807";
    EXPECT_THAT(told("requests.bulk", 1, 1, {{"flush.messages", never}}), HasSubstr("flush.messages=1"));
    EXPECT_EQ(told("deliveries.sms.bulk", 1, 1, {{"flush.messages", never}}), "");
    EXPECT_EQ(told("requests.bulk", 3, 3, {{"flush.messages", never}}), "");
}

}  // namespace
}  // namespace herald::kafka
