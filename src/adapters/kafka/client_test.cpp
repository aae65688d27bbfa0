#include "adapters/kafka/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald::kafka {
namespace {

std::string refused(const std::string& name, const std::string& value) {
    KafkaLogOptions options;
    options.properties[name] = value;
    const auto conf = configure(options, {});
    if (conf) return "";
    EXPECT_EQ(conf.error().code, ErrorCode::invalid);
    return conf.error().message;
}

TEST(KafkaClient, TakesTheOperatorsProperties) {
    EXPECT_EQ(refused("security.protocol", "sasl_ssl"), "");
    EXPECT_EQ(refused("linger.ms", "20"), "");
}

TEST(KafkaClient, RefusesWhatTheGuaranteesRestOn) {
    for (const auto* name :
         {"acks", "enable.idempotence", "enable.auto.commit", "group.id", "auto.offset.reset",
          "message.timeout.ms", "delivery.timeout.ms", "test.mock.num.brokers"}) {
        EXPECT_THAT(refused(name, "1"), testing::HasSubstr(name));
    }
}

TEST(KafkaClient, NamesAPropertyThatDoesNotExist) {
    EXPECT_THAT(refused("no.such.property", "1"), testing::HasSubstr("no.such.property"));
}

TEST(KafkaClient, DoesNotRepeatTheValueThatWasWrong) {
    EXPECT_THAT(refused("security.protocol", "hunter2"), testing::Not(testing::HasSubstr("hunter2")));
}

}  // namespace
}  // namespace herald::kafka
