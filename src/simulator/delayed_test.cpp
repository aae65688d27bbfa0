#include "simulator/delayed.hpp"

#include <future>

namespace herald::simulator {
namespace {

using testing::ElementsAre;

constexpr Millis kFar{3'600'000};

TEST(DelayedTest, RunsInTheOrderOfDueTimes) {
    Delayed delayed;
    std::vector<int> order;
    std::promise<void> last;
    delayed.after(Millis{40}, nullptr, [&] {
        order.push_back(2);
        last.set_value();
    });
    delayed.after(Millis{20}, nullptr, [&] { order.push_back(1); });
    last.get_future().wait();
    EXPECT_THAT(order, ElementsAre(1, 2));
}

TEST(DelayedTest, RunsNothingEarly) {
    Delayed delayed;
    std::promise<std::chrono::steady_clock::time_point> ran;
    const auto begun = std::chrono::steady_clock::now();
    delayed.after(Millis{30}, nullptr, [&] { ran.set_value(std::chrono::steady_clock::now()); });
    EXPECT_GE(ran.get_future().get() - begun, Millis{30});
}

TEST(DelayedTest, ReleasesOneOwnersOnly) {
    Delayed delayed;
    std::vector<std::string> ran;
    int mine = 0;
    int other = 0;
    delayed.after(kFar, &mine, [&] { ran.emplace_back("mine"); });
    delayed.after(kFar, &other, [&] { ran.emplace_back("other"); });
    delayed.release(&mine);
    EXPECT_THAT(ran, ElementsAre("mine"));
    delayed.stop();
    EXPECT_THAT(ran, ElementsAre("mine", "other"));
}

TEST(DelayedTest, RunsAtOnceAfterStop) {
    Delayed delayed;
    delayed.stop();
    bool ran = false;
    delayed.after(kFar, nullptr, [&] { ran = true; });
    EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace herald::simulator
