#include "pipeline/store_batcher.hpp"

#include <future>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Batcher = StoreBatcher<int, int>;
using Items = std::vector<int>;

/// A store whose first call waits until it is let go, so that others can queue behind it. Answers item × 10.
class StoreBatcherTest : public ::testing::Test {
protected:
    StoreBatcherTest()
        : batcher(
              "test.batcher", [this](const Items& items) { return call(items); }, 10, 20) {}
    ~StoreBatcherTest() override { let_go(); }

    std::future<Batcher::Answers> submit(Items items, Lane lane = Lane::normal) {
        auto answer = std::make_shared<std::promise<Batcher::Answers>>();
        batcher.submit(std::move(items), lane,
                       [answer](auto answers) { answer->set_value(std::move(answers)); });
        return answer->get_future();
    }
    /// Keeps the store busy with {0}; what is submitted from here on queues.
    void occupy() {
        first = submit({0});
        entered.get_future().wait();
    }
    void let_go() {
        if (std::exchange(held, false)) gate.set_value();
    }
    Batcher::Answers call(const Items& items) {
        if (calls.empty()) {
            calls.push_back(items);
            entered.set_value();
            gate.get_future().wait();
        } else {
            calls.push_back(items);
        }
        for (const int item : items) {
            if (item < 0) return fail(ErrorCode::refused_content, "a negative item");
            if (item == 99) return fail(ErrorCode::unavailable, "the store is ill");
        }
        Items answers;
        for (const int item : items) answers.push_back(item * 10);
        return answers;
    }

    bool held = true;
    std::promise<void> entered;
    std::promise<void> gate;
    std::vector<Items> calls;  ///< read only when the batcher has answered
    std::future<Batcher::Answers> first;
    Batcher batcher;
};

TEST_F(StoreBatcherTest, AnswersInTheOrderOfTheItems) {
    let_go();
    EXPECT_THAT(*submit({3, 1, 2}).get(), ElementsAre(30, 10, 20));
}

TEST_F(StoreBatcherTest, MergesWhatQueuedMeanwhile) {
    occupy();
    auto a = submit({1, 2});
    auto b = submit({3});
    let_go();
    EXPECT_THAT(*a.get(), ElementsAre(10, 20));
    EXPECT_THAT(*b.get(), ElementsAre(30));
    EXPECT_THAT(calls, ElementsAre(Items{0}, Items{1, 2, 3}));
}

TEST_F(StoreBatcherTest, CriticalGoesFirst) {
    occupy();
    auto bulk = submit({1}, Lane::bulk);
    auto normal = submit({2}, Lane::normal);
    auto critical = submit({3}, Lane::critical);
    let_go();
    ASSERT_TRUE(bulk.get());
    EXPECT_THAT(calls.at(1), ElementsAre(3, 2, 1));
}

TEST_F(StoreBatcherTest, ABatchHasAtMostSoManyItems) {
    occupy();
    auto a = submit({1, 2, 3, 4, 5, 6});
    auto b = submit({7, 8, 9, 10, 11, 12});
    let_go();
    ASSERT_TRUE(b.get());
    ASSERT_THAT(calls, SizeIs(3));
    EXPECT_THAT(calls[1], SizeIs(6));
    EXPECT_THAT(calls[2], SizeIs(6));
}

TEST_F(StoreBatcherTest, ACallerWithMoreThanABatchIsServedAlone) {
    occupy();
    Items many(15);
    std::iota(many.begin(), many.end(), 1);
    auto answers = submit(many);
    let_go();
    EXPECT_THAT(*answers.get(), SizeIs(15));
}

TEST_F(StoreBatcherTest, NobodySuffersForAnothersItem) {
    occupy();
    auto good = submit({1});
    auto bad = submit({2, -1});
    auto also_good = submit({3});
    let_go();
    EXPECT_THAT(*good.get(), ElementsAre(10));
    EXPECT_EQ(bad.get().error().code, ErrorCode::refused_content);
    EXPECT_THAT(*also_good.get(), ElementsAre(30));
}

TEST_F(StoreBatcherTest, AnIllStoreIsToldToAll) {
    occupy();
    auto a = submit({1});
    auto b = submit({99});
    let_go();
    EXPECT_EQ(a.get().error().code, ErrorCode::unavailable);
    EXPECT_EQ(b.get().error().code, ErrorCode::unavailable);
    EXPECT_THAT(calls, SizeIs(2)) << "it is not asked again caller by caller";
}

TEST_F(StoreBatcherTest, AFullQueueIsBusyAtOnce) {
    occupy();
    auto a = submit(Items(15, 1));
    auto b = submit(Items(6, 1));
    EXPECT_EQ(b.get().error().code, ErrorCode::busy);
    auto c = submit(Items(5, 1));
    let_go();
    EXPECT_TRUE(a.get());
    EXPECT_TRUE(c.get());
}

TEST_F(StoreBatcherTest, WaitsForTheAnswer) {
    let_go();
    EXPECT_THAT(*batcher.run_and_wait({4}, Lane::bulk), ElementsAre(40));
}

TEST_F(StoreBatcherTest, WithoutItemsThereIsNoCall) {
    EXPECT_THAT(*batcher.run_and_wait({}, Lane::bulk), IsEmpty());
    EXPECT_THAT(calls, IsEmpty());
}

TEST(StoreBatcherEndTest, MakesWhatIsQueuedBeforeItEnds) {
    std::vector<int> made;
    int answered = 0;
    {
        Batcher batcher(
            "test.batcher",
            [&](const Items& items) -> Batcher::Answers {
                made.insert(made.end(), items.begin(), items.end());
                return items;
            },
            1, 100);
        for (int i = 1; i <= 5; ++i) batcher.submit({i}, Lane::normal, [&](auto) { ++answered; });
    }
    EXPECT_THAT(made, ElementsAre(1, 2, 3, 4, 5));
    EXPECT_EQ(answered, 5);
}

}  // namespace
}  // namespace herald
