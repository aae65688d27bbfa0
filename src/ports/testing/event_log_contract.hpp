#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "ports/event_log.hpp"

namespace herald {

/// What a test needs of the log that it opens.
struct EventLogSetup {
    struct Reading {
        std::string group;
        std::string topic;
    };
    std::vector<Reading> groups = {{"planner", "requests.normal"},
                                   {"planner", "requests.bulk"},
                                   {"auditor", "requests.bulk"},
                                   {"sender", "deliveries.sms.normal"},
                                   {"webhooks", "events"}};
    int partitions = 4;
    std::int64_t max_bytes = 1'073'741'824;
    std::chrono::seconds retention = std::chrono::days(7);
};

class EventLogUnderTest {
public:
    virtual ~EventLogUnderTest() = default;
    virtual EventLog& log() = 0;
    /// Closes the log and opens it again, over what it has stored. No consumer may be left.
    virtual void reopen() = 0;
    virtual ManualClock& clock() = 0;

    /// Leaves a record in the topic that raises the level by so much if the topic counts: by its bytes, or by
    /// its age, which this turns the clock for.
    virtual void fill(const EventLogSetup& setup, const std::string& topic, double level) {
        const auto bytes = static_cast<std::size_t>(level * static_cast<double>(setup.max_bytes));
        ASSERT_TRUE(log().append_and_wait({NewRecord{topic, "a", std::string(bytes, 'x'), ""}}));
    }
    /// Whether these, which are all consumers of the log, hold every partition of what they read and nothing
    /// is on its way to them. A log that shares out partitions over a network needs polls for that.
    virtual bool at_rest(const std::vector<LogConsumer*>&) { return true; }
};

using OpenEventLog = std::unique_ptr<EventLogUnderTest> (*)(const EventLogSetup&);

class EventLogContract : public testing::TestWithParam<OpenEventLog> {
protected:
    using Records = std::vector<LogRecord>;
    static constexpr Millis kNoWait{0};
    static constexpr Millis kLongEnough{10'000};

    void SetUp() override {
        open({});
        ASSERT_NE(under_test_, nullptr) << "this log could not be opened";
    }

    void open(const EventLogSetup& setup) {
        under_test_.reset();
        setup_ = setup;
        under_test_ = GetParam()(setup);
    }
    void reopen() { under_test_->reopen(); }
    EventLog& log() { return under_test_->log(); }
    ManualClock& clock() { return under_test_->clock(); }
    void fill(const std::string& topic, double level) { under_test_->fill(setup_, topic, level); }

    Status append(const std::string& topic, const std::string& key, const std::string& value) {
        return log().append_and_wait({NewRecord{topic, key, value, ""}});
    }
    void append_values(const std::string& topic, const std::string& key,
                       const std::vector<std::string>& values) {
        for (const auto& value : values) ASSERT_TRUE(append(topic, key, value));
    }

    std::unique_ptr<LogConsumer> subscribe(const std::string& group, const std::string& topic) {
        auto consumer = log().subscribe(group, topic);
        EXPECT_TRUE(consumer) << (consumer ? "" : consumer.error().message);
        if (!consumer) return nullptr;
        auto attended = std::make_unique<Attended>(consumers_, std::move(*consumer));
        settle();
        return attended;
    }

    /// All there is now; what was answered before is visible.
    Records read(LogConsumer& consumer) {
        Records all;
        for (int empty = 0; empty < 2;) {
            settle();
            auto polled = consumer.poll(1000, kNoWait);
            EXPECT_TRUE(polled) << (polled ? "" : polled.error().message);
            if (!polled) break;
            if (polled->empty()) ++empty;
            std::move(polled->begin(), polled->end(), std::back_inserter(all));
        }
        return all;
    }
    static std::vector<std::string> values(const Records& records) {
        std::vector<std::string> all;
        for (const auto& record : records) all.push_back(record.value);
        return all;
    }
    static std::set<int> partitions(const Records& records) {
        std::set<int> all;
        for (const auto& record : records) all.insert(record.partition);
        return all;
    }
    /// The positions that finish exactly these records.
    static std::vector<LogPosition> after(const Records& records) {
        FinishedPrefix prefix;
        for (const auto& record : records) prefix.polled(record);
        for (const auto& record : records) prefix.finished(record.partition, record.offset);
        return prefix.take_positions();
    }
    static void finish(LogConsumer& consumer, const Records& records) {
        ASSERT_TRUE(consumer.commit(after(records)));
    }

    /// Keys that reach every partition of a topic with four of them.
    static std::vector<std::string> many_keys() {
        std::vector<std::string> keys;
        for (int i = 0; i < 64; ++i) keys.push_back("user" + std::to_string(i));
        return keys;
    }
    void append_to_every_partition(const std::string& topic) {
        std::vector<NewRecord> records;
        for (const auto& key : many_keys()) records.push_back({topic, key, key, ""});
        ASSERT_TRUE(log().append_and_wait(std::move(records)));
    }

    /// Lag, oldest unfinished and level may be a second old: so these wait until they are as expected.
    bool lag_becomes(const std::string& group, const std::string& topic, std::int64_t records) {
        return eventually([&] { return lag_of(group, topic) == records; });
    }
    bool oldest_becomes(const std::string& group, const std::string& topic,
                        std::optional<TimePoint> expected) {
        return eventually([&] {
            const auto found = log().oldest_unfinished(group, topic);
            return found && *found == expected;
        });
    }
    bool level_becomes(double level) {
        return eventually([&] { return std::abs(log().level() - level) < 0.01; });
    }
    std::int64_t lag_of(const std::string& group, const std::string& topic) {
        auto all = log().lag();
        if (!all) return -1;
        std::int64_t records = 0;
        for (const auto& lag : *all) records += lag.group == group && lag.topic == topic ? lag.records : 0;
        return records;
    }
    /// For what the log's thread does on its own.
    static bool eventually(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + kLongEnough;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::sleep_for(Millis{1});
        }
        return true;
    }

private:
    /// A consumer that others can keep polling for its test: what arrives meanwhile is handed out later.
    class Attended final : public LogConsumer {
    public:
        Attended(std::vector<Attended*>& all, std::unique_ptr<LogConsumer> inner)
            : all_(all), inner_(std::move(inner)) {
            all_.push_back(this);
        }
        ~Attended() override { std::erase(all_, this); }

        Result<std::vector<LogRecord>> poll(std::size_t max, Millis wait) override {
            if (early_.empty()) return inner_->poll(max, wait);
            const auto count = static_cast<std::ptrdiff_t>(std::min(max, early_.size()));
            Records records(std::make_move_iterator(early_.begin()),
                            std::make_move_iterator(early_.begin() + count));
            early_.erase(early_.begin(), early_.begin() + count);
            return records;
        }
        Status commit(const std::vector<LogPosition>& positions) override {
            return inner_->commit(positions);
        }
        std::vector<int> take_revoked() override {
            auto revoked = inner_->take_revoked();
            for (const int partition : revoked)
                std::erase_if(early_, [&](const auto& record) { return record.partition == partition; });
            return revoked;
        }

        void attend() {
            auto polled = inner_->poll(1000, kNoWait);
            if (!polled) return;
            std::move(polled->begin(), polled->end(), std::back_inserter(early_));
        }
        LogConsumer& inner() { return *inner_; }

    private:
        std::vector<Attended*>& all_;
        std::unique_ptr<LogConsumer> inner_;
        Records early_;
    };

    void settle() {
        EXPECT_TRUE(eventually([&] {
            std::vector<LogConsumer*> inner;
            for (auto* consumer : consumers_) inner.push_back(&consumer->inner());
            if (under_test_->at_rest(inner)) return true;
            for (auto* consumer : consumers_) consumer->attend();
            return false;
        })) << "the partitions are not shared out";
    }

    EventLogSetup setup_;
    std::unique_ptr<EventLogUnderTest> under_test_;
    std::vector<Attended*> consumers_;
};

TEST_P(EventLogContract, ReadsTheRecordsOfAKeyInTheirOrder) {
    for (int i = 0; i < 10; ++i) {
        for (const char* key : {"a", "b", "c"})
            ASSERT_TRUE(append("requests.normal", key, std::to_string(i)));
    }
    const auto consumer = subscribe("planner", "requests.normal");
    std::map<std::string, std::string> by_key;
    for (const auto& record : read(*consumer)) by_key[record.key] += record.value;
    EXPECT_THAT(by_key,
                testing::ElementsAre(testing::Pair("a", "0123456789"), testing::Pair("b", "0123456789"),
                                     testing::Pair("c", "0123456789")));
}

TEST_P(EventLogContract, ReadsTheRecordsOfOneAppendInTheirOrder) {
    ASSERT_TRUE(log().append_and_wait({NewRecord{"requests.normal", "a", "1", ""},
                                       NewRecord{"deliveries.sms.normal", "a", "elsewhere", ""},
                                       NewRecord{"requests.normal", "a", "2", ""}}));
    const auto consumer = subscribe("planner", "requests.normal");
    EXPECT_THAT(values(read(*consumer)), testing::ElementsAre("1", "2"));
}

TEST_P(EventLogContract, KeepsAKeyInOnePartition) {
    append_values("requests.normal", "a", {"1", "2"});
    reopen();
    append_values("requests.normal", "a", {"3"});
    const auto consumer = subscribe("planner", "requests.normal");
    const auto records = read(*consumer);
    EXPECT_EQ(records.size(), 3u);
    EXPECT_EQ(partitions(records).size(), 1u);
}

TEST_P(EventLogContract, SpreadsKeysOverAllPartitions) {
    append_to_every_partition("requests.normal");
    const auto consumer = subscribe("planner", "requests.normal");
    EXPECT_THAT(partitions(read(*consumer)), testing::ElementsAre(0, 1, 2, 3));
}

TEST_P(EventLogContract, TellsWhereAndWhenARecordWasAppended) {
    const auto at = clock().now();
    ASSERT_TRUE(log().append_and_wait({NewRecord{"requests.normal", "a", "1", "00-trace-span-01"}}));
    const auto consumer = subscribe("planner", "requests.normal");
    const auto records = read(*consumer);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].topic, "requests.normal");
    EXPECT_EQ(records[0].key, "a");
    EXPECT_EQ(records[0].traceparent, "00-trace-span-01");
    EXPECT_EQ(records[0].appended_at, at);
}

TEST_P(EventLogContract, PollsNoMoreThanWasAskedFor) {
    append_to_every_partition("requests.normal");
    const auto consumer = log().subscribe("planner", "requests.normal");
    ASSERT_TRUE(consumer);
    std::set<std::string> seen;
    while (seen.size() < many_keys().size()) {
        const auto polled = (*consumer)->poll(5, kLongEnough);
        ASSERT_TRUE(polled);
        ASSERT_FALSE(polled->empty());
        ASSERT_LE(polled->size(), 5u);
        for (const auto& record : *polled) EXPECT_TRUE(seen.insert(record.value).second);
    }
}

TEST_P(EventLogContract, WakesAWaitingConsumer) {
    const auto consumer = subscribe("planner", "requests.normal");
    auto polled = std::async(std::launch::async, [&] { return consumer->poll(10, kLongEnough); });
    ASSERT_TRUE(append("requests.normal", "a", "1"));
    const auto records = polled.get();
    ASSERT_TRUE(records);
    EXPECT_THAT(values(*records), testing::ElementsAre("1"));
}

TEST_P(EventLogContract, ForgetsOnlyTheContiguousFinishedPrefix) {
    append_values("requests.normal", "a", {"1", "2", "3"});
    {
        const auto consumer = subscribe("planner", "requests.normal");
        const auto records = read(*consumer);
        ASSERT_EQ(records.size(), 3u);
        FinishedPrefix prefix;
        for (const auto& record : records) prefix.polled(record);
        prefix.finished(records[0].partition, records[0].offset);
        prefix.finished(records[2].partition, records[2].offset);
        ASSERT_TRUE(consumer->commit(prefix.take_positions()));
    }
    reopen();
    const auto consumer = subscribe("planner", "requests.normal");
    EXPECT_THAT(values(read(*consumer)), testing::ElementsAre("2", "3"));
}

TEST_P(EventLogContract, UnfinishedRecordsComeAgainAfterReopening) {
    append_values("requests.normal", "a", {"1", "2"});
    EXPECT_EQ(read(*subscribe("planner", "requests.normal")).size(), 2u);
    reopen();
    EXPECT_THAT(values(read(*subscribe("planner", "requests.normal"))), testing::ElementsAre("1", "2"));
}

TEST_P(EventLogContract, FinishedRecordsDoNotComeAgain) {
    append_values("requests.normal", "a", {"1", "2"});
    {
        const auto consumer = subscribe("planner", "requests.normal");
        finish(*consumer, read(*consumer));
    }
    EXPECT_THAT(read(*subscribe("planner", "requests.normal")), testing::IsEmpty());
    reopen();
    append_values("requests.normal", "a", {"3"});
    EXPECT_THAT(values(read(*subscribe("planner", "requests.normal"))), testing::ElementsAre("3"));
}

TEST_P(EventLogContract, APositionNeverGoesBack) {
    append_values("requests.normal", "a", {"1", "2"});
    auto consumer = subscribe("planner", "requests.normal");
    auto records = read(*consumer);
    finish(*consumer, records);
    EXPECT_TRUE(lag_becomes("planner", "requests.normal", 0));
    records.pop_back();
    finish(*consumer, records);
    consumer.reset();
    reopen();
    EXPECT_THAT(read(*subscribe("planner", "requests.normal")), testing::IsEmpty());
}

TEST_P(EventLogContract, GroupsAreIndependent) {
    append_values("requests.bulk", "a", {"1", "2"});
    const auto planner = subscribe("planner", "requests.bulk");
    finish(*planner, read(*planner));
    EXPECT_THAT(values(read(*subscribe("auditor", "requests.bulk"))), testing::ElementsAre("1", "2"));
    EXPECT_TRUE(lag_becomes("planner", "requests.bulk", 0));
    EXPECT_TRUE(lag_becomes("auditor", "requests.bulk", 2));
}

TEST_P(EventLogContract, OneGroupReadsEachTopicOnItsOwn) {
    append_values("requests.normal", "a", {"normal"});
    append_values("requests.bulk", "a", {"bulk"});
    const auto normal = subscribe("planner", "requests.normal");
    const auto bulk = subscribe("planner", "requests.bulk");
    finish(*normal, read(*normal));
    EXPECT_THAT(values(read(*bulk)), testing::ElementsAre("bulk"));
}

TEST_P(EventLogContract, ConsumersOfAGroupShareTheRecords) {
    const auto first = subscribe("planner", "requests.normal");
    const auto second = subscribe("planner", "requests.normal");
    append_to_every_partition("requests.normal");
    const auto of_first = read(*first);
    const auto of_second = read(*second);
    EXPECT_EQ(partitions(of_first).size(), 2u);
    EXPECT_EQ(partitions(of_second).size(), 2u);
    EXPECT_EQ(of_first.size() + of_second.size(), many_keys().size());
    std::set<std::string> both;
    for (const auto& value : values(of_first)) both.insert(value);
    for (const auto& value : values(of_second)) both.insert(value);
    EXPECT_EQ(both.size(), many_keys().size());
}

TEST_P(EventLogContract, MoreConsumersThanPartitionsLeaveSomeWithout) {
    open({.partitions = 1});
    const auto first = subscribe("planner", "requests.normal");
    const auto second = subscribe("planner", "requests.normal");
    append_values("requests.normal", "a", {"1"});
    EXPECT_EQ(read(*first).size() + read(*second).size(), 1u);
}

TEST_P(EventLogContract, AConsumerThatLeavesHandsItsUnfinishedRecordsOver) {
    const auto first = subscribe("planner", "requests.normal");
    auto second = subscribe("planner", "requests.normal");
    EXPECT_EQ(first->take_revoked().size(), 2u);
    append_to_every_partition("requests.normal");
    finish(*first, read(*first));
    const auto unfinished = read(*second);
    ASSERT_FALSE(unfinished.empty());
    second.reset();
    EXPECT_THAT(values(read(*first)), testing::UnorderedElementsAreArray(values(unfinished)));
}

TEST_P(EventLogContract, TellsEachLossOnce) {
    const auto first = subscribe("planner", "requests.normal");
    EXPECT_THAT(first->take_revoked(), testing::IsEmpty());
    const auto second = subscribe("planner", "requests.normal");
    EXPECT_EQ(first->take_revoked().size(), 2u);
    EXPECT_THAT(first->take_revoked(), testing::IsEmpty());
    EXPECT_THAT(second->take_revoked(), testing::IsEmpty());
}

TEST_P(EventLogContract, IgnoresTheCommitOfALostPartition) {
    append_to_every_partition("requests.normal");
    const auto first = subscribe("planner", "requests.normal");
    const auto all = read(*first);
    ASSERT_EQ(all.size(), many_keys().size());
    const auto second = subscribe("planner", "requests.normal");
    const auto lost = first->take_revoked();
    finish(*first, all);
    const auto again = read(*second);
    EXPECT_THAT(partitions(again), testing::ElementsAreArray(std::set<int>(lost.begin(), lost.end())));
    EXPECT_TRUE(lag_becomes("planner", "requests.normal", static_cast<std::int64_t>(again.size())));
}

TEST_P(EventLogContract, APartitionThatComesBackIsReadAgainOnlyOnceItsLossIsKnown) {
    append_to_every_partition("requests.normal");
    const auto first = subscribe("planner", "requests.normal");
    const auto all = read(*first);
    subscribe("planner", "requests.normal").reset();
    EXPECT_THAT(read(*first), testing::IsEmpty());
    const auto lost = first->take_revoked();
    EXPECT_EQ(lost.size(), 2u);
    const auto again = read(*first);
    EXPECT_THAT(partitions(again), testing::ElementsAreArray(std::set<int>(lost.begin(), lost.end())));
    finish(*first, all);
    EXPECT_TRUE(lag_becomes("planner", "requests.normal", 0));
}

TEST_P(EventLogContract, WhatAConsumerKeepsDoesNotComeAgainWhenAnotherJoins) {
    append_to_every_partition("requests.normal");
    const auto first = subscribe("planner", "requests.normal");
    auto in_work = read(*first);
    ASSERT_EQ(in_work.size(), many_keys().size());
    const auto second = subscribe("planner", "requests.normal");
    EXPECT_THAT(read(*first), testing::IsEmpty());
    const auto lost = first->take_revoked();
    std::erase_if(in_work, [&](const LogRecord& record) {
        return std::count(lost.begin(), lost.end(), record.partition) > 0;
    });
    finish(*first, in_work);
    EXPECT_TRUE(lag_becomes("planner", "requests.normal",
                            static_cast<std::int64_t>(many_keys().size() - in_work.size())));
}

TEST_P(EventLogContract, SubscribingIsForDeclaredGroups) {
    const auto consumer = log().subscribe("stranger", "requests.normal");
    ASSERT_FALSE(consumer);
    EXPECT_EQ(consumer.error().code, ErrorCode::invalid);
}

TEST_P(EventLogContract, AnswersOnAThreadOfItsOwn) {
    std::promise<std::thread::id> answered;
    log().append({NewRecord{"requests.normal", "a", "1", ""}}, [&](const Status& status) {
        EXPECT_TRUE(status);
        answered.set_value(std::this_thread::get_id());
    });
    EXPECT_NE(answered.get_future().get(), std::this_thread::get_id());
}

TEST_P(EventLogContract, AnswersAnEmptyAppend) {
    std::promise<Status> answered;
    log().append({}, [&](Status status) { answered.set_value(std::move(status)); });
    EXPECT_TRUE(answered.get_future().get());
}

TEST_P(EventLogContract, AnswersEachAppendExactlyOnceAlsoWhenItCloses) {
    std::vector<std::atomic<int>> answers(500);
    for (auto& count : answers) {
        log().append({NewRecord{"requests.normal", "a", "1", ""}}, [&count](const Status& status) {
            EXPECT_TRUE(status);
            ++count;
        });
    }
    reopen();
    for (const auto& count : answers) EXPECT_EQ(count, 1);
    EXPECT_EQ(read(*subscribe("planner", "requests.normal")).size(), answers.size());
}

TEST_P(EventLogContract, MayBeAppendedToFromAnAnswer) {
    std::promise<Status> answered;
    log().append({NewRecord{"requests.normal", "a", "1", ""}}, [&](const Status&) {
        log().append({NewRecord{"requests.normal", "a", "2", ""}},
                     [&](Status status) { answered.set_value(std::move(status)); });
    });
    ASSERT_TRUE(answered.get_future().get());
    EXPECT_THAT(values(read(*subscribe("planner", "requests.normal"))), testing::ElementsAre("1", "2"));
}

TEST_P(EventLogContract, ParallelAppendersLoseNothing) {
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([this, thread] {
            for (int i = 0; i < 100; ++i) {
                const auto name = std::to_string(thread) + "." + std::to_string(i);
                EXPECT_TRUE(append("requests.normal", name, name));
            }
        });
    }
    for (auto& thread : threads) thread.join();
    std::set<std::string> seen;
    for (const auto& record : read(*subscribe("planner", "requests.normal"))) seen.insert(record.value);
    EXPECT_EQ(seen.size(), 400u);
}

TEST_P(EventLogContract, IsWellWhileItCanBeUsed) {
    ASSERT_TRUE(append("requests.normal", "a", "1"));
    EXPECT_TRUE(eventually([&] { return log().ping().has_value(); }));
}

TEST_P(EventLogContract, NothingIsUnfinishedInAnEmptyLog) {
    EXPECT_TRUE(oldest_becomes("planner", "requests.normal", std::nullopt));
}

TEST_P(EventLogContract, TheOldestUnfinishedRecordIsTheOldestOfAllPartitions) {
    const auto first = clock().now();
    append_to_every_partition("requests.normal");
    clock().advance(Millis{1000});
    const auto second = clock().now();
    append_to_every_partition("requests.normal");
    EXPECT_TRUE(oldest_becomes("planner", "requests.normal", first));

    const auto consumer = subscribe("planner", "requests.normal");
    auto records = read(*consumer);
    std::erase_if(records, [&](const LogRecord& record) { return record.appended_at == second; });
    finish(*consumer, records);
    EXPECT_TRUE(oldest_becomes("planner", "requests.normal", second));
    EXPECT_TRUE(oldest_becomes("planner", "requests.bulk", std::nullopt));
}

TEST_P(EventLogContract, NothingIsUnfinishedAfterEverythingIsFinished) {
    append_to_every_partition("requests.normal");
    const auto consumer = subscribe("planner", "requests.normal");
    finish(*consumer, read(*consumer));
    EXPECT_TRUE(oldest_becomes("planner", "requests.normal", std::nullopt));
    clock().advance(Millis{1000});
    append_values("requests.normal", "a", {"new"});
    EXPECT_TRUE(oldest_becomes("planner", "requests.normal", clock().now()));
}

TEST_P(EventLogContract, TheOldestUnfinishedRecordIsKnownAfterReopening) {
    const auto at = clock().now();
    append_values("requests.normal", "a", {"1"});
    clock().advance(Millis{1000});
    append_values("requests.normal", "a", {"2"});
    reopen();
    EXPECT_TRUE(oldest_becomes("planner", "requests.normal", at));
    const auto consumer = subscribe("planner", "requests.normal");
    auto records = read(*consumer);
    records.pop_back();
    finish(*consumer, records);
    EXPECT_TRUE(oldest_becomes("planner", "requests.normal", clock().now()));
}

TEST_P(EventLogContract, TheOldestUnfinishedRecordOfAStrangerIsUnknown) {
    EXPECT_FALSE(log().oldest_unfinished("stranger", "requests.normal"));
}

TEST_P(EventLogContract, LagCountsUnfinishedRecordsAndTheirAge) {
    append_values("requests.normal", "a", {"1", "2", "3"});
    clock().advance(Millis{5000});
    EXPECT_TRUE(lag_becomes("planner", "requests.normal", 3));
    const auto all = log().lag();
    ASSERT_TRUE(all);
    Millis age{0};
    for (const auto& lag : *all) {
        if (lag.group == "planner" && lag.topic == "requests.normal") age = std::max(age, lag.age);
    }
    EXPECT_EQ(age, Millis{5000});

    const auto consumer = subscribe("planner", "requests.normal");
    auto records = read(*consumer);
    EXPECT_TRUE(lag_becomes("planner", "requests.normal", 3));
    records.pop_back();
    finish(*consumer, records);
    EXPECT_TRUE(lag_becomes("planner", "requests.normal", 1));
}

TEST_P(EventLogContract, LevelRisesWithWhatIsUnfinishedAndFallsAgain) {
    open({.max_bytes = 100'000});
    EXPECT_EQ(log().level(), 0.0);
    fill("requests.normal", 0.2);
    fill("requests.normal", 0.3);
    EXPECT_TRUE(level_becomes(0.5));
    reopen();
    EXPECT_TRUE(level_becomes(0.5));
    const auto consumer = subscribe("planner", "requests.normal");
    auto records = read(*consumer);
    ASSERT_EQ(records.size(), 2u);
    const Records first{records[0]};
    finish(*consumer, first);
    EXPECT_TRUE(level_becomes(0.3));
    finish(*consumer, records);
    EXPECT_TRUE(level_becomes(0.0));
}

TEST_P(EventLogContract, LevelCountsARecordUntilEveryGroupHasFinishedIt) {
    open({.max_bytes = 100'000});
    fill("requests.bulk", 0.5);
    const auto planner = subscribe("planner", "requests.bulk");
    finish(*planner, read(*planner));
    EXPECT_TRUE(lag_becomes("planner", "requests.bulk", 0));
    EXPECT_TRUE(level_becomes(0.5));
    const auto auditor = subscribe("auditor", "requests.bulk");
    finish(*auditor, read(*auditor));
    EXPECT_TRUE(level_becomes(0.0));
}

TEST_P(EventLogContract, RefusesRequestsWhenFullWhileDeliveriesStillMove) {
    open({.max_bytes = 10'000});
    fill("requests.normal", 1.05);
    ASSERT_TRUE(eventually([&] { return log().level() >= 1.0; }));
    const auto refused = append("requests.normal", "a", "one more");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::busy);
    EXPECT_TRUE(append("deliveries.sms.normal", "a", "1"));
    EXPECT_EQ(read(*subscribe("planner", "requests.normal")).size(), 1u);
}

TEST_P(EventLogContract, RefusesOnAThreadOfItsOwn) {
    open({.max_bytes = 10'000});
    fill("requests.normal", 1.05);
    ASSERT_TRUE(eventually([&] { return log().level() >= 1.0; }));
    std::promise<std::thread::id> answered;
    log().append({NewRecord{"requests.normal", "a", "1", ""}}, [&](const Status& status) {
        EXPECT_FALSE(status);
        answered.set_value(std::this_thread::get_id());
    });
    EXPECT_NE(answered.get_future().get(), std::this_thread::get_id());
}

TEST_P(EventLogContract, TakesWhatCountsTowardsNoLevelHoweverFullItIs) {
    open({.max_bytes = 10'000});
    fill("requests.normal", 1.05);
    ASSERT_TRUE(eventually([&] { return log().level() >= 1.0; }));
    for (const auto* topic : {"events", "receipts", "dead"}) EXPECT_TRUE(append(topic, "a", "1")) << topic;
}

TEST_P(EventLogContract, TakesRequestsAgainWhenWhatFilledItIsFinished) {
    open({.max_bytes = 10'000});
    fill("requests.normal", 1.05);
    ASSERT_TRUE(eventually([&] { return log().level() >= 1.0; }));
    ASSERT_FALSE(append("requests.normal", "a", "refused"));
    const auto consumer = subscribe("planner", "requests.normal");
    finish(*consumer, read(*consumer));
    ASSERT_TRUE(level_becomes(0.0));
    EXPECT_TRUE(append("requests.normal", "a", "taken"));
    EXPECT_THAT(values(read(*consumer)), testing::ElementsAre("taken"));
}

TEST_P(EventLogContract, WhatIsNotReadDoesNotCount) {
    open({.max_bytes = 10'000});
    fill("events", 1.5);
    fill("dead", 1.5);
    ASSERT_TRUE(append("requests.normal", "a", "1"));
    EXPECT_TRUE(lag_becomes("planner", "requests.normal", 1));
    EXPECT_LT(log().level(), 0.1);
    EXPECT_TRUE(append("requests.normal", "a", "2"));
}

TEST_P(EventLogContract, EventsGoByAgeWhetherReadOrNot) {
    append_values("events", "a", {"old", "old too"});
    clock().advance(std::chrono::days(6));
    append_values("events", "a", {"young"});
    clock().advance(std::chrono::days(2));
    ASSERT_TRUE(lag_becomes("webhooks", "events", 1));
    EXPECT_THAT(values(read(*subscribe("webhooks", "events"))), testing::ElementsAre("young"));
}

TEST_P(EventLogContract, EventsCanBeReadUntilTheyGo) {
    append_values("events", "a", {"1", "2"});
    const auto consumer = subscribe("webhooks", "events");
    const auto records = read(*consumer);
    EXPECT_THAT(values(records), testing::ElementsAre("1", "2"));
    finish(*consumer, records);
    EXPECT_TRUE(lag_becomes("webhooks", "events", 0));
    append_values("events", "a", {"3"});
    EXPECT_THAT(values(read(*consumer)), testing::ElementsAre("3"));
}

TEST_P(EventLogContract, TakesATopicThatNobodyReads) {
    EXPECT_TRUE(append("deliveries.webhook.normal", "a", "1"));
    EXPECT_EQ(log().level(), 0.0);
}

TEST_P(EventLogContract, CarriesBigValues) {
    std::string big(3'000'000, '\0');
    for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 31 % 251);
    ASSERT_TRUE(append("requests.normal", "a", big));
    reopen();
    const auto consumer = subscribe("planner", "requests.normal");
    const auto records = read(*consumer);
    ASSERT_EQ(records.size(), 1u);
    EXPECT_TRUE(records[0].value == big);
}

TEST_P(EventLogContract, CarriesAnyBytes) {
    std::string every_byte;
    for (int i = 0; i < 256; ++i) every_byte.push_back(static_cast<char>(i));
    ASSERT_TRUE(append("requests.normal", every_byte, every_byte));
    ASSERT_TRUE(append("requests.normal", "", ""));
    for (int round = 0; round < 2; ++round) {
        std::map<std::string, std::string> found;
        for (const auto& record : read(*subscribe("planner", "requests.normal")))
            found[record.key] = record.value;
        EXPECT_EQ(found, (std::map<std::string, std::string>{{"", ""}, {every_byte, every_byte}}));
        reopen();
    }
}

}  // namespace herald
