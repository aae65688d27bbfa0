#include "pipeline/engine_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ports/testing/fake_event_log.hpp"
#include "ports/testing/fake_store.hpp"

namespace herald {
namespace {

using testing::IsEmpty;
using testing::Key;
using testing::UnorderedElementsAre;

class EngineWatchTest : public ::testing::Test {
protected:
    void look() {
        clock_.advance(Millis{1'000});
        ASSERT_TRUE(watch_.pass(Millis{0}));
    }

    ManualClock clock_;
    FakeEventLog log_{{.clock = &clock_}};
    FakeStore store_{clock_};
    Readiness readiness_;
    EngineWatch watch_{clock_, log_, store_, readiness_};
};

TEST_F(EngineWatchTest, FindsNothingIllWhereAllAnswer) {
    look();
    EXPECT_THAT(readiness_.ill_parts(), IsEmpty());
}

TEST_F(EngineWatchTest, NamesAStoreThatDoesNotAnswer) {
    store_.fail_next(ErrorCode::unavailable);
    look();
    EXPECT_THAT(readiness_.ill_parts(), UnorderedElementsAre(Key("store")));
}

TEST_F(EngineWatchTest, NamesALogThatIsClosed) {
    log_.close();
    look();
    EXPECT_THAT(readiness_.ill_parts(), UnorderedElementsAre(Key("log")));
}

TEST_F(EngineWatchTest, FindsWellWhatIsBack) {
    store_.fail_next(ErrorCode::unavailable);
    look();
    look();
    EXPECT_THAT(readiness_.ill_parts(), IsEmpty());
}

}  // namespace
}  // namespace herald
