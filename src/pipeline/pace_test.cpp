#include "pipeline/pace.hpp"

#include "pipeline/testing/ledger_fixture.hpp"

namespace herald {
namespace {

constexpr std::size_t kMany = Pace::kMany;
constexpr Millis kNow{1'000'000};

/// A stage that has just begun a batch, so that kMany after ten milliseconds came fast.
struct PaceTest : testing::Test {
    Pace pace{Lane::normal};

    PaceTest() { pace.batch_begins(1, true, kNow - Millis{10}); }
};

TEST_F(PaceTest, WhereManyComeFastTheNextBatchWaitsForMore) {
    EXPECT_EQ(pace.rest(kNow), Millis{0});
    pace.batch_begins(kMany, true, kNow);
    EXPECT_EQ(pace.rest(kNow), Pace::kGathering);
    EXPECT_EQ(pace.rest(kNow + Millis{15}), Pace::kGathering - Millis{15});
    EXPECT_EQ(pace.rest(kNow + Pace::kGathering * 2), Millis{0}) << "it counts from where the batch began";
}

TEST_F(PaceTest, FewAreNotHeldBack) {
    pace.batch_begins(kMany, true, kNow);
    pace.batch_begins(kMany - 1, true, kNow + Millis{1});
    EXPECT_EQ(pace.rest(kNow + Millis{1}), Millis{0});
}

TEST_F(PaceTest, ManyThatComeSlowlyAreNotHeldBack) {
    pace.batch_begins(100, true, kNow + Millis{90});
    EXPECT_EQ(pace.rest(kNow + Millis{90}), Millis{0});
}

TEST_F(PaceTest, LookingInVainSaysNothingOfHowFastTheyCome) {
    pace.batch_begins(0, true, kNow + Millis{85});
    pace.batch_begins(kMany, true, kNow + Millis{90});
    EXPECT_EQ(pace.rest(kNow + Millis{90}), Millis{0});
}

TEST_F(PaceTest, WhereSomeWereLeftNothingWaits) {
    pace.batch_begins(kMany, false, kNow);
    EXPECT_EQ(pace.rest(kNow), Millis{0});
}

TEST_F(PaceTest, CriticalNeverWaits) {
    Pace critical(Lane::critical);
    critical.batch_begins(1, true, kNow);
    critical.batch_begins(100, true, kNow);
    EXPECT_EQ(critical.rest(kNow), Millis{0});
}

/// The stages' clock stands still, so that all records come fast.
struct PacedStages : testing::Test {
    World world;

    void accept_many() {
        for (std::size_t i = 0; i < kMany; ++i) world.accept();
    }
    template <class Pass>
    static bool gathers(Pass pass) {
        const auto begun = std::chrono::steady_clock::now();
        EXPECT_TRUE(pass());
        return std::chrono::steady_clock::now() - begun >= Pace::kGathering;
    }
};

TEST_F(PacedStages, ThePlannerGathersAfterABatchOfMany) {
    world.accept();
    ASSERT_TRUE(world.plan());
    accept_many();
    ASSERT_TRUE(world.plan());
    EXPECT_TRUE(gathers([&] { return world.plan(); }));
}

TEST_F(PacedStages, TheSenderGathersAfterABatchOfManyAndSettlesThatFirst) {
    world.accept();
    world.run();
    accept_many();
    ASSERT_TRUE(world.plan());
    ASSERT_TRUE(world.send());
    world.accept();
    ASSERT_TRUE(world.plan());
    EXPECT_TRUE(gathers([&] { return world.send(); }));
    EXPECT_EQ(world.calls(), kMany + 2);
    EXPECT_EQ(world.account().slots.in_use(), 1) << "the many are settled, the last is called";
}

}  // namespace
}  // namespace herald
