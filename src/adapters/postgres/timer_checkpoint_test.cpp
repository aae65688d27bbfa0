#include "adapters/postgres/timer_checkpoint.hpp"

#include <gtest/gtest.h>

namespace herald::postgres {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

class TimerCheckpointTest : public ::testing::Test {
protected:
    static constexpr TimePoint kNow{Millis{1'700'000'000'000}};

    TimePoint start(TimePoint now = kNow) { return checkpoint_.start(Lane::normal, now); }
    void found(TimePoint earliest, TimePoint now = kNow) { checkpoint_.found(Lane::normal, now, earliest); }

    TimerCheckpoint checkpoint_{seconds(20)};
};

TEST_F(TimerCheckpointTest, BeginsAtTheBeginning) { EXPECT_EQ(start(), TimePoint{}); }

TEST_F(TimerCheckpointTest, GoesOnAtTheEarliestTimer) {
    start();
    found(kNow - hours(2));
    EXPECT_EQ(start(), kNow - hours(2));
}

TEST_F(TimerCheckpointTest, StaysBehindWhatASlowTransactionMayStillBring) {
    start();
    found(kNow);
    EXPECT_EQ(start(), kNow - seconds(20));
}

TEST_F(TimerCheckpointTest, DoesNotGoBackForASearchThatWasSlower) {
    start();
    found(kNow - hours(1));
    found(kNow - hours(2));
    EXPECT_EQ(start(), kNow - hours(1));
}

TEST_F(TimerCheckpointTest, LanesHaveTheirOwn) {
    start();
    found(kNow - hours(2));
    EXPECT_EQ(checkpoint_.start(Lane::bulk, kNow), TimePoint{});
}

TEST_F(TimerCheckpointTest, SearchesAllFromTimeToTime) {
    start();
    found(kNow);
    EXPECT_EQ(start(kNow + seconds(59)), kNow - seconds(20));
    EXPECT_EQ(start(kNow + seconds(60)), TimePoint{});
}

TEST_F(TimerCheckpointTest, SearchesAllWhenTheClockWasSetBack) {
    start();
    found(kNow);
    EXPECT_EQ(start(kNow - seconds(1)), TimePoint{});
}

}  // namespace
}  // namespace herald::postgres
