#pragma once

#include <memory>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "ports/provider.hpp"

namespace herald {

/// A provider account together with the other side, as the contract needs to steer it.
class ProviderRig {
public:
    virtual ~ProviderRig() = default;

    /// A lane's provider. Those of one rig share the account.
    virtual std::unique_ptr<Provider> open() = 0;
    /// From now on the other side answers nothing, until `release`.
    virtual void hold() = 0;
    /// Accepts everything that is open; any thread may call it.
    virtual void release() = 0;
};

struct ProviderUnderTest {
    std::string name;
    std::unique_ptr<ProviderRig> (*make)() = nullptr;
    Message message;  ///< of the kind that this provider carries
};
inline void PrintTo(const ProviderUnderTest& param, std::ostream* out) { *out << param.name; }

class ProviderContract : public ::testing::TestWithParam<ProviderUnderTest> {
protected:
    std::vector<ProviderCall> calls(std::uint64_t first, int count) const {
        std::vector<ProviderCall> made;
        for (int i = 0; i < count; ++i) {
            ProviderCall call;
            call.call = first + static_cast<std::uint64_t>(i);
            call.delivery = {*NotificationId::parse("01890a5d-ac96-774b-bcce-b302099a8057"), 0, i + 1};
            call.message = GetParam().message;
            call.expires_at = from_millis(1'700'003'600'000);
            made.push_back(std::move(call));
        }
        return made;
    }

    static std::multiset<std::uint64_t> take(Provider& provider, std::size_t max, Millis wait) {
        std::multiset<std::uint64_t> taken;
        for (const auto& finished : provider.take_finished(max, wait)) taken.insert(finished.call);
        return taken;
    }

    /// Everything that comes until `count` have come, or nothing more comes for a long while.
    static std::multiset<std::uint64_t> take_all(Provider& provider, std::size_t count) {
        std::multiset<std::uint64_t> all;
        while (all.size() < count) {
            auto some = take(provider, 7, kLong);
            if (some.empty()) break;
            all.merge(some);
        }
        return all;
    }

    static std::multiset<std::uint64_t> numbers(std::uint64_t first, int count) {
        std::multiset<std::uint64_t> all;
        for (int i = 0; i < count; ++i) all.insert(first + static_cast<std::uint64_t>(i));
        return all;
    }

    static constexpr Millis kLong{10'000};
    static constexpr std::size_t kMany = 1000;

    std::unique_ptr<ProviderRig> rig_ = GetParam().make();
    std::unique_ptr<Provider> provider_ = rig_->open();
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ProviderContract);

TEST_P(ProviderContract, FinishesEveryCallExactlyOnce) {
    provider_->submit(calls(1, 60));
    provider_->submit(calls(61, 40));
    EXPECT_EQ(take_all(*provider_, 100), numbers(1, 100));
    EXPECT_EQ(take(*provider_, kMany, Millis{0}), numbers(0, 0));
}

TEST_P(ProviderContract, SaysWhatTheCallEndedIn) {
    provider_->submit(calls(42, 1));
    const auto finished = provider_->take_finished(kMany, kLong);
    ASSERT_EQ(finished.size(), 1u);
    EXPECT_EQ(state_of(finished[0].outcome), AttemptState::accepted);
    EXPECT_GT(finished[0].ended_at, TimePoint{});
}

TEST_P(ProviderContract, HandsOutAtMostMax) {
    rig_->hold();
    provider_->submit(calls(1, 10));
    rig_->release();
    EXPECT_EQ(take(*provider_, 0, Millis{0}).size(), 0u);
    std::multiset<std::uint64_t> all;
    while (all.size() < 10) {
        auto some = take(*provider_, 3, kLong);
        ASSERT_FALSE(some.empty());
        ASSERT_LE(some.size(), 3u);
        all.merge(some);
    }
    EXPECT_EQ(all, numbers(1, 10));
}

TEST_P(ProviderContract, SubmitDoesNotWaitForAnswers) {
    rig_->hold();
    provider_->submit(calls(1, 200));
    EXPECT_EQ(take(*provider_, kMany, Millis{0}), numbers(0, 0));
    rig_->release();
    EXPECT_EQ(take_all(*provider_, 200), numbers(1, 200));
}

TEST_P(ProviderContract, WaitsForTheFirstThatFinishes) {
    rig_->hold();
    provider_->submit(calls(1, 2));
    std::thread other_side([&] { rig_->release(); });
    EXPECT_FALSE(take(*provider_, kMany, kLong).empty());
    other_side.join();
}

TEST_P(ProviderContract, WaitsNoLongerThanAsked) {
    rig_->hold();
    provider_->submit(calls(1, 1));
    EXPECT_EQ(take(*provider_, kMany, Millis{5}), numbers(0, 0));
    rig_->release();
}

TEST_P(ProviderContract, TakesAnEmptyBatch) {
    provider_->submit({});
    EXPECT_EQ(take(*provider_, kMany, Millis{0}), numbers(0, 0));
}

TEST_P(ProviderContract, KeepsTheCallsOfLanesApart) {
    const auto other = rig_->open();
    provider_->submit(calls(1, 5));
    other->submit(calls(1, 3));
    EXPECT_EQ(take_all(*other, 3), numbers(1, 3));
    EXPECT_EQ(take_all(*provider_, 5), numbers(1, 5));
}

TEST_P(ProviderContract, ALaneMayCloseWithCallsInFlight) {
    const auto other = rig_->open();
    rig_->hold();
    other->submit(calls(1, 1));
    provider_->submit(calls(2, 1));
    provider_.reset();
    rig_->release();
    EXPECT_EQ(take_all(*other, 1), numbers(1, 1));
}

}  // namespace herald
