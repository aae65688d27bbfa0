#include "pipeline/breaker.hpp"

#include <gtest/gtest.h>

namespace herald {
namespace {

class BreakerTest : public ::testing::Test {
protected:
    void fail(int calls) {
        for (int i = 0; i < calls; ++i) breaker.failed();
    }
    void succeed(int calls) {
        for (int i = 0; i < calls; ++i) breaker.succeeded();
    }
    void probe() {
        ASSERT_EQ(breaker.allowance(), 1);
        breaker.started(1);
    }
    void fail_all_probes() {
        for (int i = 0; i < 3; ++i) {
            probe();
            breaker.failed();
        }
        ASSERT_EQ(breaker.state(), Breaker::State::open);
    }

    ManualClock clock;
    Breaker breaker{clock};
};

TEST_F(BreakerTest, LetsManyThroughWhileClosed) {
    breaker.started(500);
    EXPECT_GT(breaker.allowance(), 1'000);
    EXPECT_EQ(breaker.state(), Breaker::State::closed);
}

TEST_F(BreakerTest, AFewFailuresProveNothing) {
    fail(19);
    EXPECT_EQ(breaker.state(), Breaker::State::closed);
}

TEST_F(BreakerTest, OpensWhenMostOfManyCallsFail) {
    succeed(4);
    fail(16);
    EXPECT_EQ(breaker.state(), Breaker::State::open);
    EXPECT_EQ(breaker.allowance(), 0);
}

TEST_F(BreakerTest, StaysClosedWhileEnoughCallsSucceed) {
    succeed(50);
    fail(50);
    EXPECT_EQ(breaker.state(), Breaker::State::closed);
}

TEST_F(BreakerTest, ForgetsOldFailures) {
    fail(19);
    clock.advance(Millis{10'000});
    fail(19);
    EXPECT_EQ(breaker.state(), Breaker::State::closed);
}

TEST_F(BreakerTest, OpensAtOnceForAnAccountThatCannotSend) {
    breaker.unusable();
    EXPECT_EQ(breaker.state(), Breaker::State::open);
    EXPECT_EQ(breaker.next_probe(), clock.now() + Millis{1'000});
}

TEST_F(BreakerTest, LetsOneProbeThroughAfterThePause) {
    breaker.unusable();
    clock.advance(Millis{999});
    EXPECT_EQ(breaker.allowance(), 0);
    clock.advance(Millis{1});
    probe();
    EXPECT_EQ(breaker.allowance(), 0);
    EXPECT_EQ(breaker.state(), Breaker::State::probing);
}

TEST_F(BreakerTest, ClosesWhenTheProbeSucceeds) {
    breaker.unusable();
    clock.advance(Millis{1'000});
    probe();
    breaker.succeeded();
    EXPECT_EQ(breaker.state(), Breaker::State::closed);
    fail(10);
    EXPECT_EQ(breaker.state(), Breaker::State::closed) << "and has forgotten why it was open";
}

TEST_F(BreakerTest, PausesTwiceAsLongAfterEachPauseWhoseProbesFailed) {
    breaker.unusable();
    for (const int pause : {1'000, 2'000, 4'000}) {
        EXPECT_EQ(breaker.next_probe(), clock.now() + Millis{pause});
        clock.advance(Millis{pause});
        fail_all_probes();
    }
}

TEST_F(BreakerTest, OneFailedProbeProvesNothing) {
    breaker.unusable();
    clock.advance(Millis{1'000});
    for (int i = 0; i < 2; ++i) {
        probe();
        breaker.failed();
    }
    probe();
    breaker.succeeded();
    EXPECT_EQ(breaker.state(), Breaker::State::closed);
}

TEST_F(BreakerTest, AProbeThatIsRefusedEndsTheProbing) {
    breaker.unusable();
    clock.advance(Millis{1'000});
    probe();
    breaker.unusable();
    EXPECT_EQ(breaker.next_probe(), clock.now() + Millis{2'000});
}

TEST_F(BreakerTest, NeverPausesLongerThanAMinute) {
    breaker.unusable();
    for (int i = 0; i < 20; ++i) {
        clock.advance(Millis{60'000});
        fail_all_probes();
    }
    EXPECT_EQ(breaker.next_probe(), clock.now() + Millis{60'000});
}

TEST_F(BreakerTest, AProbeThatSaysNothingMayBeRepeated) {
    breaker.unusable();
    clock.advance(Millis{1'000});
    probe();
    breaker.neutral();
    EXPECT_EQ(breaker.allowance(), 1);
}

TEST_F(BreakerTest, LateAnswersDoNotProlongThePause) {
    breaker.unusable();
    const auto probe_at = breaker.next_probe();
    clock.advance(Millis{500});
    breaker.unusable();
    fail(30);
    EXPECT_EQ(breaker.next_probe(), probe_at);
}

TEST_F(BreakerTest, ALateSuccessDoesNotCloseIt) {
    breaker.unusable();
    breaker.succeeded();
    EXPECT_EQ(breaker.state(), Breaker::State::open);
}

}  // namespace
}  // namespace herald
