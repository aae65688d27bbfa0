#include "adapters/kafka/producer.hpp"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

#include "adapters/kafka/testing/mock_cluster.hpp"

namespace herald::kafka {
namespace {

class ProducerTest : public testing::Test {
protected:
    ProducerTest() {
        options_.bootstrap_servers = cluster_.bootstrap_servers();
        options_.clock = &clock_;
    }
    void open() {
        auto opened = Producer::open(options_);
        ASSERT_TRUE(opened);
        producer_ = *std::move(opened);
    }
    std::future<Status> append(std::size_t count, const std::string& value = "1") {
        std::vector<NewRecord> records(count, NewRecord{"requests.normal", "a", value, ""});
        const auto promise = std::make_shared<std::promise<Status>>();
        producer_->append(std::move(records),
                          [promise](Status status) { promise->set_value(std::move(status)); }, {});
        return promise->get_future();
    }
    static ErrorCode code(std::future<Status> answer) {
        const auto status = answer.get();
        EXPECT_FALSE(status);
        return status ? ErrorCode::internal : status.error().code;
    }

    SystemClock clock_;
    MockCluster cluster_;
    KafkaLogOptions options_;
    std::unique_ptr<Producer> producer_;
};

TEST_F(ProducerTest, SendsAgainWhatALeaderNoLongerTakes) {
    open();
    cluster_.fail_produce(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 3);
    EXPECT_TRUE(append(5).get());
    EXPECT_EQ(producer_->counts().records, 5);
    EXPECT_EQ(producer_->counts().rebuilds, 0);
}

TEST_F(ProducerTest, SendsAgainWhatABrokenConnectionLeavesOpen) {
    open();
    cluster_.fail_produce(RD_KAFKA_RESP_ERR__TRANSPORT, 2);
    EXPECT_TRUE(append(5).get());
    EXPECT_EQ(producer_->counts().rebuilds, 0);
}

TEST_F(ProducerTest, TellsOfARecordThatTheBrokerRefuses) {
    open();
    cluster_.fail_produce(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1);
    EXPECT_EQ(code(append(1)), ErrorCode::refused_content);
    EXPECT_TRUE(append(1).get());
}

TEST_F(ProducerTest, ReplacesABrokenProducerAndProducesAgainWhatItHadNotAcknowledged) {
    open();
    ASSERT_TRUE(append(1).get());
    cluster_.fail_produce(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 1);
    std::vector<std::future<Status>> answers;
    for (int i = 0; i < 20; ++i) answers.push_back(append(10));
    for (auto& answer : answers) EXPECT_TRUE(answer.get());
    EXPECT_EQ(producer_->counts().records, 201);
    EXPECT_EQ(producer_->counts().rebuilds, 1);
    EXPECT_TRUE(append(1).get());
}

TEST_F(ProducerTest, RefusesWithBusyWhatItsQueueCannotHoldAndEnqueuesNothingOfIt) {
    options_.queue_max_records = 10;
    open();
    cluster_.stop();
    auto fits = append(9);
    EXPECT_EQ(code(append(2)), ErrorCode::busy);
    cluster_.start();
    EXPECT_TRUE(fits.get());
    EXPECT_EQ(producer_->counts().records, 9);
    EXPECT_TRUE(append(10).get());
}

TEST_F(ProducerTest, RefusesWithBusyWhatIsTooMuchInBytes) {
    options_.queue_max_bytes = 10'000;
    open();
    cluster_.stop();
    auto fits = append(1, std::string(6'000, 'x'));
    EXPECT_EQ(code(append(1, std::string(6'000, 'x'))), ErrorCode::busy);
    cluster_.start();
    EXPECT_TRUE(fits.get());
}

TEST_F(ProducerTest, RefusesWhatItsQueueCanNeverHold) {
    options_.queue_max_records = 10;
    open();
    EXPECT_EQ(code(append(11)), ErrorCode::too_large);
}

TEST_F(ProducerTest, RefusesAWholeAppendForOneRecordThatIsTooLarge) {
    options_.max_record_bytes = 1'000;
    open();
    const auto promise = std::make_shared<std::promise<Status>>();
    producer_->append({NewRecord{"requests.normal", "a", "small", ""},
                       NewRecord{"requests.normal", "a", std::string(2'000, 'x'), ""}},
                      [promise](Status status) { promise->set_value(std::move(status)); }, {});
    EXPECT_EQ(code(promise->get_future()), ErrorCode::refused_content);
    EXPECT_EQ(producer_->counts().records, 0);
    EXPECT_TRUE(append(1).get());
}

TEST_F(ProducerTest, AnswersWhatCannotBeSentWhenItCloses) {
    options_.close_within = Millis{200};
    open();
    cluster_.stop();
    auto open_append = append(3);
    producer_->close();
    EXPECT_EQ(code(std::move(open_append)), ErrorCode::closed);
    EXPECT_EQ(code(append(1)), ErrorCode::closed);
}

TEST_F(ProducerTest, ClosesWhileItIsBeingReplaced) {
    options_.close_within = Millis{200};
    open();
    ASSERT_TRUE(append(1).get());
    cluster_.fail_produce(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 100);
    std::atomic<int> answered{0};
    for (int i = 0; i < 50; ++i) {
        producer_->append({NewRecord{"requests.normal", "a", "1", ""}}, [&](const Status&) { ++answered; },
                          {});
    }
    producer_->close();
    EXPECT_EQ(answered, 50);
}

/// The requests of the tests of `gather_requests`.
class GatheringProducerTest : public ProducerTest {
protected:
    GatheringProducerTest() { options_.gather_requests = true; }

    std::vector<std::future<Status>> append_each(int count) {
        std::vector<std::future<Status>> answers;
        for (int i = 0; i < count; ++i) answers.push_back(append(1));
        return answers;
    }
};

TEST_F(GatheringProducerTest, RequestsThatComeWhileABatchIsOutAreTheNextBatch) {
    open();
    cluster_.stop();
    auto answers = append_each(21);
    cluster_.start();
    for (auto& answer : answers) EXPECT_TRUE(answer.get());
    EXPECT_EQ(producer_->counts().records, 21);
    EXPECT_EQ(producer_->counts().batches, 2);
}

TEST_F(GatheringProducerTest, OtherRecordsDoNotWaitForTheBatchThatIsOut) {
    open();
    ASSERT_TRUE(append(1).get());
    cluster_.slow_down(Millis{200});
    std::vector<std::string> order;  // of the log's thread
    std::promise<void> both;
    const auto append_as = [&](const std::string& name, const std::string& topic) {
        producer_->append({NewRecord{topic, "a", "1", ""}},
                          [&, name](const Status& status) {
                              EXPECT_TRUE(status);
                              order.push_back(name);
                              if (order.size() == 3) both.set_value();
                          },
                          {});
    };
    append_as("out", "requests.normal");
    append_as("next", "requests.normal");
    append_as("event", "events");
    both.get_future().wait();
    EXPECT_EQ(order.back(), "next");
}

TEST_F(GatheringProducerTest, WhatWaitsForItsTurnCountsInTheQueue) {
    options_.queue_max_records = 10;
    open();
    cluster_.stop();
    auto out = append(1);
    auto next = append(9);
    EXPECT_EQ(code(append(1)), ErrorCode::busy);
    cluster_.start();
    EXPECT_TRUE(out.get());
    EXPECT_TRUE(next.get());
    EXPECT_TRUE(append(10).get());
}

TEST_F(GatheringProducerTest, WhatWaitsForItsTurnWhileTheProducerIsReplacedIsProducedByTheNext) {
    open();
    ASSERT_TRUE(append(1).get());
    cluster_.fail_produce(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, 1);
    auto answers = append_each(20);
    for (auto& answer : answers) EXPECT_TRUE(answer.get());
    EXPECT_EQ(producer_->counts().records, 21);
    EXPECT_EQ(producer_->counts().rebuilds, 1);
    EXPECT_TRUE(append(1).get());
}

TEST_F(GatheringProducerTest, AnswersWhatWaitsForItsTurnWhenItCloses) {
    options_.close_within = Millis{200};
    open();
    cluster_.stop();
    auto answers = append_each(3);
    producer_->close();
    for (auto& answer : answers) EXPECT_EQ(code(std::move(answer)), ErrorCode::closed);
}

TEST_F(ProducerTest, IsIllWhileNothingIsAcknowledged) {
    open();
    EXPECT_TRUE(producer_->ping());
    cluster_.stop();
    auto answer = append(1);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (producer_->ping() && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(Millis{5});
    EXPECT_FALSE(producer_->ping());
    cluster_.start();
    EXPECT_TRUE(answer.get());
    EXPECT_TRUE(producer_->ping());
}

}  // namespace
}  // namespace herald::kafka
