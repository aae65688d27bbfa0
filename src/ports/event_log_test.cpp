#include "ports/event_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const TimePoint kStart = from_millis(1'700'000'000'000);

TimePoint appended(std::int64_t offset) { return kStart + std::chrono::seconds(offset); }

class FinishedPrefixTest : public testing::Test {
protected:
    void poll(const std::vector<std::int64_t>& offsets, int partition = 0) {
        for (const auto offset : offsets) {
            LogRecord record;
            record.partition = partition;
            record.offset = offset;
            record.appended_at = appended(offset);
            prefix_.polled(record);
        }
    }
    void finish(const std::vector<std::int64_t>& offsets, int partition = 0) {
        for (const auto offset : offsets) prefix_.finished(partition, offset);
    }

    /// `partition:next_offset`, and the offset of the oldest unfinished record if there is one.
    std::vector<std::string> positions() {
        std::vector<std::string> out;
        for (const auto& position : prefix_.take_positions()) {
            auto text = std::to_string(position.partition) + ":" + std::to_string(position.next_offset);
            if (position.oldest_unfinished) {
                const auto age = *position.oldest_unfinished - kStart;
                text += " oldest " +
                        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(age).count());
            }
            out.push_back(text);
        }
        return out;
    }

    FinishedPrefix prefix_;
};

TEST_F(FinishedPrefixTest, HasNoPositionsBeforeAnythingIsFinished) {
    EXPECT_THAT(positions(), IsEmpty());
    poll({0, 1});
    EXPECT_THAT(positions(), IsEmpty());
    EXPECT_EQ(prefix_.open(), 2u);
}

TEST_F(FinishedPrefixTest, GrowsWithWhatIsFinishedInOrder) {
    poll({0, 1, 2});
    finish({0});
    EXPECT_THAT(positions(), ElementsAre("0:1 oldest 1"));
    finish({1, 2});
    EXPECT_THAT(positions(), ElementsAre("0:3"));
    EXPECT_EQ(prefix_.open(), 0u);
}

TEST_F(FinishedPrefixTest, StopsAtTheOldestUnfinishedRecord) {
    poll({0, 1, 2, 3});
    finish({3, 1, 2});
    EXPECT_THAT(positions(), IsEmpty());
    EXPECT_EQ(prefix_.open(), 1u);
    finish({0});
    EXPECT_THAT(positions(), ElementsAre("0:4"));
}

TEST_F(FinishedPrefixTest, TellsAPositionOnlyWhenItHasMoved) {
    poll({0, 1, 2});
    finish({0});
    EXPECT_THAT(positions(), ElementsAre("0:1 oldest 1"));
    EXPECT_THAT(positions(), IsEmpty());
    finish({2});
    EXPECT_THAT(positions(), IsEmpty());
    poll({3});
    EXPECT_THAT(positions(), IsEmpty());
}

TEST_F(FinishedPrefixTest, BeginsWhereTheFirstRecordStands) {
    poll({100, 101});
    finish({100});
    EXPECT_THAT(positions(), ElementsAre("0:101 oldest 101"));
}

TEST_F(FinishedPrefixTest, PassesOverHolesInTheOffsets) {
    poll({0, 5, 6, 9});
    EXPECT_EQ(prefix_.open(), 4u);
    finish({0});
    EXPECT_THAT(positions(), ElementsAre("0:5 oldest 5"));
    finish({6});
    EXPECT_THAT(positions(), IsEmpty());
    finish({5});
    EXPECT_THAT(positions(), ElementsAre("0:9 oldest 9"));
    finish({9});
    EXPECT_THAT(positions(), ElementsAre("0:10"));
}

TEST_F(FinishedPrefixTest, PassesOverAHoleAfterEverythingWasFinished) {
    poll({0});
    finish({0});
    poll({7});
    EXPECT_THAT(positions(), ElementsAre("0:7 oldest 7"));
    finish({7});
    EXPECT_THAT(positions(), ElementsAre("0:8"));
}

TEST_F(FinishedPrefixTest, CountsARecordOnceHoweverOftenItIsPolled) {
    poll({0, 1, 0, 1});
    EXPECT_EQ(prefix_.open(), 2u);
    finish({0, 1});
    EXPECT_THAT(positions(), ElementsAre("0:2"));
    EXPECT_EQ(prefix_.open(), 0u);
}

TEST_F(FinishedPrefixTest, StaysFinishedWhenAFinishedRecordIsPolledAgain) {
    poll({0, 1, 2});
    finish({0, 1});
    poll({0, 1, 2});
    EXPECT_EQ(prefix_.open(), 1u);
    EXPECT_THAT(positions(), ElementsAre("0:2 oldest 2"));
}

TEST_F(FinishedPrefixTest, CountsAFinishOnce) {
    poll({0, 1, 2});
    finish({1, 1, 0, 0, 1});
    EXPECT_EQ(prefix_.open(), 1u);
    EXPECT_THAT(positions(), ElementsAre("0:2 oldest 2"));
}

TEST_F(FinishedPrefixTest, IgnoresAFinishOfWhatWasNeverPolled) {
    finish({0}, 3);
    poll({10});
    finish({9, 11});
    EXPECT_THAT(positions(), IsEmpty());
    EXPECT_EQ(prefix_.open(), 1u);
}

TEST_F(FinishedPrefixTest, KeepsPartitionsApart) {
    poll({0, 1}, 0);
    poll({50, 51}, 1);
    finish({0}, 0);
    EXPECT_THAT(positions(), ElementsAre("0:1 oldest 1"));
    finish({50, 51}, 1);
    EXPECT_THAT(positions(), ElementsAre("1:52"));
    EXPECT_EQ(prefix_.open(), 1u);
}

TEST_F(FinishedPrefixTest, ForgetsADroppedPartition) {
    poll({0, 1, 2}, 0);
    poll({0}, 1);
    finish({0}, 0);
    prefix_.drop(0);
    EXPECT_EQ(prefix_.open(), 1u);
    finish({1, 2}, 0);
    EXPECT_THAT(positions(), IsEmpty());
    EXPECT_EQ(prefix_.open(), 1u);
    prefix_.drop(7);
    EXPECT_EQ(prefix_.open(), 1u);
}

TEST_F(FinishedPrefixTest, BeginsAnewWhenADroppedPartitionComesBack) {
    poll({5, 6});
    finish({6});
    prefix_.drop(0);
    poll({3, 4});
    EXPECT_EQ(prefix_.open(), 2u);
    finish({3});
    EXPECT_THAT(positions(), ElementsAre("0:4 oldest 4"));
}

TEST_F(FinishedPrefixTest, CommitsAgainWhatCouldNotBeCommitted) {
    struct Consumer final : LogConsumer {
        Result<std::vector<LogRecord>> poll(std::size_t, Millis) override { return std::vector<LogRecord>{}; }
        Status commit(const std::vector<LogPosition>& positions) override {
            counts.push_back(positions.size());
            return counts.size() == 1 ? fail(ErrorCode::unavailable, "not now") : Status{};
        }
        std::vector<int> take_revoked() override { return {}; }
        std::vector<std::size_t> counts;
    } consumer;
    poll({0, 1}, 0);
    poll({7}, 1);
    finish({0}, 0);
    finish({7}, 1);
    EXPECT_FALSE(prefix_.commit_to(consumer));
    EXPECT_TRUE(prefix_.commit_to(consumer));
    EXPECT_TRUE(prefix_.commit_to(consumer));
    EXPECT_THAT(consumer.counts, ElementsAre(2u, 2u)) << "and asks nobody when nothing has moved";
}

TEST_F(FinishedPrefixTest, MeasuresTheWidestPartition) {
    EXPECT_EQ(prefix_.skew(), 0);
    poll({0, 1}, 0);
    poll({10, 12, 20}, 1);
    EXPECT_EQ(prefix_.skew(), 11);
    finish({20, 12}, 1);
    EXPECT_EQ(prefix_.skew(), 11);
    finish({10}, 1);
    EXPECT_EQ(prefix_.skew(), 2);
}

}  // namespace
}  // namespace herald
