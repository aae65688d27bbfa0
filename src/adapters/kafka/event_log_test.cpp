#include "adapters/kafka/event_log.hpp"

#include <cstdlib>
#include <set>

#include "adapters/kafka/inquiry.hpp"
#include "adapters/kafka/log_consumer.hpp"
#include "adapters/kafka/testing/mock_cluster.hpp"
#include "adapters/kafka/topics.hpp"
#include "base/crash_point.hpp"
#include "base/uuid.hpp"
#include "ports/testing/event_log_contract.hpp"

namespace herald {
namespace {

const char* bootstrap_servers() { return std::getenv("KAFKA_BOOTSTRAP_SERVERS"); }

/// A log on the real broker, with topics of its own that go when it goes.
class KafkaLogUnderTest final : public EventLogUnderTest {
public:
    static std::unique_ptr<KafkaLogUnderTest> make(const EventLogSetup& setup) {
        if (bootstrap_servers() == nullptr) {
            ADD_FAILURE()
                << "KAFKA_BOOTSTRAP_SERVERS is not set: run tools/stack up and eval \"$(tools/stack env)\"";
            return nullptr;
        }
        std::unique_ptr<KafkaLogUnderTest> under_test(new KafkaLogUnderTest(setup));
        const auto created =
            create_topics(under_test->server_options(), {under_test->topics_, setup.partitions, 0});
        EXPECT_TRUE(created) << (created ? "" : created.error().message);
        if (!created) return nullptr;
        under_test->reopen();
        return under_test;
    }
    ~KafkaLogUnderTest() override {
        log_.reset();
        const auto deleted = delete_topics(options_, topics_);
        EXPECT_TRUE(deleted) << (deleted ? "" : deleted.error().message);
    }

    EventLog& log() override { return *log_; }
    ManualClock& clock() override { return clock_; }
    void reopen() override {
        log_.reset();
        auto opened = KafkaEventLog::open(options_);
        CHECK(opened);
        log_ = std::move(*opened);
    }
    void fill(const EventLogSetup& setup, const std::string& topic, double level) override {
        ASSERT_TRUE(log_->append_and_wait({NewRecord{topic, "a", "1", ""}}));
        // Level 1 is at half of the retention: 0.8 at 40 %.
        const auto age = std::chrono::duration<double>(setup.retention) / 2 * level;
        clock_.advance(std::chrono::ceil<Millis>(age));
    }
    bool at_rest(const std::vector<LogConsumer*>& consumers) override {
        std::map<std::pair<std::string, std::string>, std::map<int, std::int64_t>> held;
        for (auto* consumer : consumers) {
            auto& kafka = dynamic_cast<kafka::LogConsumer&>(*consumer);
            const auto holdings = kafka.holdings();
            if (!holdings) return false;
            auto& of_group = held[{kafka.group(), kafka.topic()}];
            for (const auto& [partition, next] : *holdings) {
                if (!of_group.emplace(partition, next).second) return false;
            }
        }
        return std::all_of(held.begin(), held.end(), [&](const auto& group) {
            return has_everything(group.first.second, group.second);
        });
    }

    KafkaEventLog& kafka() { return *log_; }
    KafkaLogOptions& options() { return options_; }

private:
    explicit KafkaLogUnderTest(const EventLogSetup& setup) : partitions_(setup.partitions) {
        options_.bootstrap_servers = bootstrap_servers();
        options_.topic_prefix = "test-" + to_string(Uuid::v7(SystemClock().now())) + ".";
        options_.clock = &clock_;
        options_.retention = setup.retention;
        options_.look_every = Millis{20};
        options_.properties = {{"heartbeat.interval.ms", "50"}, {"session.timeout.ms", "6000"}};
        std::set<std::string> topics{"events", "receipts", "dead", "deliveries.webhook.normal"};
        for (const auto& reading : setup.groups) {
            options_.groups.push_back({reading.group, reading.topic});
            topics.insert(reading.topic);
        }
        topics_.assign(topics.begin(), topics.end());
        auto inquiry = kafka::Inquiry::open(options_);
        CHECK(inquiry);
        inquiry_ = std::move(*inquiry);
    }
    /// The broker's clock is not turned by hand: it must not delete by it.
    KafkaLogOptions server_options() const {
        auto options = options_;
        options.retention = std::chrono::days(3650);
        return options;
    }
    bool has_everything(const std::string& topic, const std::map<int, std::int64_t>& held) {
        std::vector<kafka::PartitionKey> keys;
        for (int partition = 0; partition < partitions_; ++partition) keys.emplace_back(topic, partition);
        const auto ends = inquiry_->ends(keys);
        if (!ends || ends->size() != keys.size() || held.size() != keys.size()) return false;
        return std::all_of(ends->begin(), ends->end(), [&](const auto& end) {
            const auto found = held.find(end.first.second);
            return found != held.end() && std::max<std::int64_t>(0, found->second) >= end.second;
        });
    }

    const int partitions_;
    /// Far enough in the past that no test turns it beyond the broker's, which refuses records of the future.
    ManualClock clock_{SystemClock().now() - std::chrono::days(100)};
    KafkaLogOptions options_;
    std::vector<std::string> topics_;
    std::unique_ptr<kafka::Inquiry> inquiry_;
    std::unique_ptr<KafkaEventLog> log_;
};

std::unique_ptr<EventLogUnderTest> open_kafka_log(const EventLogSetup& setup) {
    return KafkaLogUnderTest::make(setup);
}

INSTANTIATE_TEST_SUITE_P(Kafka, EventLogContract, testing::Values(open_kafka_log));

class KafkaEventLogTest : public testing::Test {
protected:
    static constexpr const char* kTopic = "requests.normal";

    void SetUp() override {
        under_test_ = KafkaLogUnderTest::make(
            {.groups = {{"planner", kTopic}, {"planner", "receipts"}}, .partitions = 1});
        ASSERT_NE(under_test_, nullptr);
    }
    KafkaEventLog& log() { return under_test_->kafka(); }
    ManualClock& clock() { return under_test_->clock(); }

    void append(const std::string& value) {
        ASSERT_TRUE(log().append_and_wait({NewRecord{kTopic, "a", value, ""}}));
    }
    static std::unique_ptr<LogConsumer> subscribe(KafkaEventLog& log) {
        auto consumer = log.subscribe("planner", kTopic);
        CHECK(consumer);
        return *std::move(consumer);
    }
    /// So many records, or what came in ten seconds.
    static std::vector<LogRecord> read(LogConsumer& consumer, std::size_t count) {
        std::vector<LogRecord> all;
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (all.size() < count && std::chrono::steady_clock::now() < deadline) {
            auto polled = consumer.poll(count - all.size(), Millis{100});
            if (polled) std::move(polled->begin(), polled->end(), std::back_inserter(all));
        }
        EXPECT_EQ(all.size(), count);
        return all;
    }
    static bool oldest_becomes(KafkaEventLog& log, std::optional<TimePoint> expected) {
        return eventually([&] {
            const auto found = log.oldest_unfinished("planner", kTopic);
            return found && *found == expected;
        });
    }
    static bool eventually(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::sleep_for(Millis{1});
        }
        return true;
    }
    /// Another process with the same configuration.
    std::unique_ptr<KafkaEventLog> another_process() {
        auto opened = KafkaEventLog::open(under_test_->options());
        CHECK(opened);
        return *std::move(opened);
    }

    std::unique_ptr<KafkaLogUnderTest> under_test_;
};

TEST_F(KafkaEventLogTest, NeverDeliversWhatIsOlderThanTheRetention) {
    append("old");
    append("old too");
    clock().advance(std::chrono::days(8));
    append("young");
    EXPECT_TRUE(oldest_becomes(log(), clock().now()));
    const auto consumer = subscribe(log());
    const auto records = read(*consumer, 1);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].value, "young");
    ASSERT_TRUE(consumer->commit({LogPosition{0, records[0].offset + 1, std::nullopt}}));
    EXPECT_TRUE(oldest_becomes(log(), std::nullopt));
}

TEST_F(KafkaEventLogTest, WhatIsOlderThanTheRetentionCountsAsFinished) {
    append("old");
    EXPECT_TRUE(oldest_becomes(log(), clock().now()));
    clock().advance(std::chrono::days(8));
    EXPECT_TRUE(oldest_becomes(log(), std::nullopt));
    EXPECT_EQ(log().level(), 0.0);
}

TEST_F(KafkaEventLogTest, AnotherProcessKnowsHowFarAGroupIs) {
    const auto other = another_process();
    const auto first = clock().now();
    append("1");
    clock().advance(Millis{2'000});
    const auto second = clock().now();
    append("2");
    append("3");
    EXPECT_TRUE(oldest_becomes(*other, first));
    const auto consumer = subscribe(log());
    const auto records = read(*consumer, 3);
    ASSERT_TRUE(consumer->commit({LogPosition{0, 1, second}}));
    EXPECT_TRUE(oldest_becomes(*other, second));
    ASSERT_TRUE(consumer->commit({LogPosition{0, 3, std::nullopt}}));
    EXPECT_TRUE(oldest_becomes(*other, std::nullopt));
}

TEST_F(KafkaEventLogTest, ACommitReachesKafkaWithoutAnotherPoll) {
    append("1");
    append("2");
    const auto consumer = subscribe(log());
    ASSERT_EQ(read(*consumer, 2).size(), 2u);
    ASSERT_TRUE(consumer->commit({LogPosition{0, 1, clock().now()}}));
    ASSERT_TRUE(consumer->commit({LogPosition{0, 2, std::nullopt}}));
    EXPECT_TRUE(oldest_becomes(log(), std::nullopt));
}

TEST_F(KafkaEventLogTest, AConsumerThatLeavesCommitsWhatItWasTold) {
    append("1");
    append("2");
    {
        const auto consumer = subscribe(log());
        ASSERT_EQ(read(*consumer, 2).size(), 2u);
        ASSERT_TRUE(consumer->commit({LogPosition{0, 1, clock().now()}}));
        ASSERT_TRUE(consumer->commit({LogPosition{0, 2, std::nullopt}}));
    }
    append("3");
    const auto again = read(*subscribe(log()), 1);
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].value, "3");
}

TEST_F(KafkaEventLogTest, ClosingCommitsWhatConsumersWereTold) {
    append("1");
    append("2");
    const auto consumer = subscribe(log());
    ASSERT_EQ(read(*consumer, 2).size(), 2u);
    ASSERT_TRUE(consumer->commit({LogPosition{0, 1, clock().now()}}));
    ASSERT_TRUE(consumer->commit({LogPosition{0, 2, std::nullopt}}));
    const auto other = another_process();
    log().close();
    EXPECT_TRUE(oldest_becomes(*other, std::nullopt));
}

TEST_F(KafkaEventLogTest, AnswersClosedAfterClosing) {
    const auto consumer = subscribe(log());
    log().close();
    const auto status = log().append_and_wait({NewRecord{kTopic, "a", "1", ""}});
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::closed);
    const auto polled = consumer->poll(10, Millis{0});
    ASSERT_FALSE(polled);
    EXPECT_EQ(polled.error().code, ErrorCode::closed);
    EXPECT_FALSE(log().subscribe("planner", kTopic));
}

TEST_F(KafkaEventLogTest, ClosingWakesAWaitingConsumer) {
    const auto consumer = subscribe(log());
    auto polled = std::async(std::launch::async, [&] { return consumer->poll(10, std::chrono::minutes(1)); });
    log().close();
    const auto result = polled.get();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::closed);
}

TEST_F(KafkaEventLogTest, AConsumerMayOutliveTheLog) {
    const auto consumer = subscribe(log());
    under_test_->reopen();
    EXPECT_FALSE(consumer->poll(10, Millis{0}));
}

std::atomic<int> crash_points = 0;

TEST_F(KafkaEventLogTest, PassesTheCrashPointBetweenTheAcknowledgementAndTheAnswer) {
    crash_points = 0;
    crash_hook = [](std::string_view point) { crash_points += point == "appended" ? 1 : 0; };
    std::promise<int> at_answer;
    log().append({NewRecord{kTopic, "a", "1", ""}},
                 [&](const Status&) { at_answer.set_value(crash_points); });
    EXPECT_EQ(at_answer.get_future().get(), 1);
    ASSERT_TRUE(log().append_and_wait({NewRecord{"receipts", "a", "1", ""}}));
    EXPECT_EQ(crash_points, 1);
    crash_hook = nullptr;
}

TEST_F(KafkaEventLogTest, ChecksTheTopicsThatItMade) {
    EXPECT_TRUE(check_topics(under_test_->options(), {kTopic, "receipts", "dead"}));
    auto longer = under_test_->options();
    longer.retention = std::chrono::days(3651);
    const auto short_lived = check_topics(longer, {kTopic});
    ASSERT_FALSE(short_lived);
    EXPECT_EQ(short_lived.error().code, ErrorCode::invalid);
    EXPECT_THAT(short_lived.error().message, testing::HasSubstr("HERALD_LOG_RETENTION_S"));
    const auto missing = check_topics(under_test_->options(), {kTopic, "never.made"});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::invalid);
    EXPECT_THAT(missing.error().message, testing::HasSubstr("never.made is missing; run `herald migrate`"));
}

TEST_F(KafkaEventLogTest, MakingTopicsAgainChangesNothing) {
    append("1");
    ASSERT_TRUE(create_topics(under_test_->options(), {{kTopic, "receipts"}, 8, 0}));
    const auto records = read(*subscribe(log()), 1);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].value, "1");
}

/// Against librdkafka's own broker, which can be stopped.
class KafkaAwayTest : public testing::Test {
protected:
    void SetUp() override {
        options_.bootstrap_servers = cluster_.bootstrap_servers();
        options_.clock = &clock_;
        options_.groups = {{"planner", "requests.normal"}};
        options_.look_every = Millis{20};
        options_.close_within = Millis{200};
        options_.patience = Millis{500};
        auto opened = KafkaEventLog::open(options_);
        ASSERT_TRUE(opened);
        log_ = *std::move(opened);
    }
    Status append() { return log_->append_and_wait({NewRecord{"requests.normal", "a", "1", ""}}); }
    static bool eventually(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::sleep_for(Millis{1});
        }
        return true;
    }

    SystemClock clock_;
    kafka::MockCluster cluster_;
    KafkaLogOptions options_;
    std::unique_ptr<KafkaEventLog> log_;
};

TEST_F(KafkaAwayTest, SaysThatItIsAwayAndIsBackByItself) {
    auto consumer = log_->subscribe("planner", "requests.normal");
    ASSERT_TRUE(consumer);
    ASSERT_TRUE(append());
    ASSERT_TRUE(
        eventually([&] { return log_->oldest_unfinished("planner", "requests.normal").has_value(); }));
    cluster_.stop();
    EXPECT_TRUE(eventually([&] { return !log_->oldest_unfinished("planner", "requests.normal"); }));
    EXPECT_TRUE(eventually([&] { return !log_->ping(); }));
    EXPECT_TRUE(eventually([&] { return !(*consumer)->poll(10, Millis{0}); }));
    EXPECT_LT(log_->level(), 0.01);
    cluster_.start();
    const auto returned = std::chrono::steady_clock::now();
    EXPECT_TRUE(append());
    EXPECT_TRUE(eventually([&] { return log_->ping().has_value(); }));
    EXPECT_TRUE(
        eventually([&] { return log_->oldest_unfinished("planner", "requests.normal").has_value(); }));
    EXPECT_LT(std::chrono::steady_clock::now() - returned, std::chrono::seconds(5));
}

TEST_F(KafkaAwayTest, ClosesWithConsumersWhileItIsAway) {
    auto consumer = log_->subscribe("planner", "requests.normal");
    ASSERT_TRUE(consumer);
    ASSERT_TRUE(append());
    EXPECT_TRUE(eventually([&] {
        const auto polled = (*consumer)->poll(10, Millis{100});
        return polled && !polled->empty();
    }));
    cluster_.stop();
    ASSERT_TRUE(eventually([&] { return !log_->ping(); }));
    const auto begun = std::chrono::steady_clock::now();
    consumer->reset();
    log_.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

TEST_F(KafkaAwayTest, ClosesWithConsumersJustAfterItWentAway) {
    auto consumer = log_->subscribe("planner", "requests.normal");
    ASSERT_TRUE(consumer);
    ASSERT_TRUE(append());
    EXPECT_TRUE(eventually([&] {
        const auto polled = (*consumer)->poll(10, Millis{100});
        return polled && !polled->empty() &&
               (*consumer)->commit({LogPosition{polled->back().partition, polled->back().offset + 1, {}}});
    }));
    cluster_.stop();
    const auto begun = std::chrono::steady_clock::now();
    consumer->reset();
    log_.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(15));
}

TEST(KafkaEventLogOpening, RefusesAPropertyThatTheGuaranteesRestOn) {
    SystemClock clock;
    KafkaLogOptions options;
    options.bootstrap_servers = "127.0.0.1:1";
    options.clock = &clock;
    options.properties = {{"acks", "1"}};
    const auto opened = KafkaEventLog::open(options);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::invalid);
}

}  // namespace
}  // namespace herald
