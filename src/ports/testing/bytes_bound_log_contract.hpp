#pragma once

#include "ports/testing/event_log_contract.hpp"

namespace herald {

/// For logs whose bound is bytes, and which keep what is unfinished for as long as it takes.
class BytesBoundLogContract : public EventLogContract {};

TEST_P(BytesBoundLogContract, RefusesDeliveriesAtTwiceTheBoundAndNothingElse) {
    open({.max_bytes = 10'000});
    fill("deliveries.sms.normal", 2.0);
    const auto full = append("deliveries.sms.normal", "a", "one more");
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, ErrorCode::busy);
    for (const auto* topic : {"events", "receipts", "dead"}) EXPECT_TRUE(append(topic, "a", "1")) << topic;
}

TEST_P(BytesBoundLogContract, AnUnfinishedRequestOutlivesTheRetention) {
    append_values("requests.normal", "a", {"1"});
    append_values("events", "a", {"1"});
    clock().advance(std::chrono::days(30));
    ASSERT_TRUE(lag_becomes("webhooks", "events", 0));
    EXPECT_THAT(values(read(*subscribe("planner", "requests.normal"))), testing::ElementsAre("1"));
}

}  // namespace herald
