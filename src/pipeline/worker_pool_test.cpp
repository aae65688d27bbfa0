#include "pipeline/worker_pool.hpp"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

namespace herald {
namespace {

/// Keeps one worker busy until it is let go.
class Occupied {
public:
    explicit Occupied(WorkerPool& pool) {
        // The task outlives this object and shares what it touches.
        const auto entered = std::make_shared<std::promise<void>>();
        const auto gate = gate_.get_future().share();
        const bool posted = pool.post([entered, gate] {
            entered->set_value();
            gate.wait();
        });
        EXPECT_TRUE(posted);
        entered->get_future().wait();
    }
    void let_go() { gate_.set_value(); }

private:
    std::promise<void> gate_;
};

TEST(WorkerPoolTest, RunsWhatIsPosted) {
    WorkerPool pool("test.pool", 2, 10);
    std::promise<int> answer;
    ASSERT_TRUE(pool.post([&] { answer.set_value(7); }));
    EXPECT_EQ(answer.get_future().get(), 7);
}

TEST(WorkerPoolTest, RunsTasksBesideEachOther) {
    WorkerPool pool("test.pool", 2, 10);
    Occupied first(pool);
    std::promise<void> ran;
    ASSERT_TRUE(pool.post([&] { ran.set_value(); }));
    ran.get_future().wait();
    first.let_go();
}

TEST(WorkerPoolTest, AFullQueueRefusesAndDoesNotRun) {
    std::atomic<int> ran{0};
    {
        WorkerPool pool("test.pool", 1, 2);
        Occupied first(pool);
        EXPECT_TRUE(pool.post([&] { ++ran; }));
        EXPECT_TRUE(pool.post([&] { ++ran; }));
        EXPECT_EQ(pool.queued(), 2u);
        EXPECT_FALSE(pool.post([&] { ++ran; }));
        first.let_go();
    }
    EXPECT_EQ(ran, 2) << "what was queued ran before the end, what was refused did not";
}

TEST(WorkerPoolTest, ATaskMayPostAnother) {
    WorkerPool pool("test.pool", 1, 10);
    std::promise<bool> posted;
    std::promise<void> ran;
    ASSERT_TRUE(pool.post([&] { posted.set_value(pool.post([&] { ran.set_value(); })); }));
    EXPECT_TRUE(posted.get_future().get());
    ran.get_future().wait();
}

}  // namespace
}  // namespace herald
