#include "ports/testing/fake_provider.hpp"

#include "ports/testing/provider_contract.hpp"

namespace herald {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class FakeProviderRig final : public ProviderRig {
public:
    std::unique_ptr<Provider> open() override {
        auto fake = std::make_shared<FakeProvider>(clock_);
        fakes_.push_back(fake);
        return std::make_unique<Lane>(fake);
    }
    void hold() override {
        for (auto& fake : fakes_) fake->hold();
    }
    void release() override {
        for (auto& fake : fakes_) fake->release();
    }

private:
    struct Lane final : Provider {
        explicit Lane(std::shared_ptr<FakeProvider> shared) : fake(std::move(shared)) {}
        void submit(std::vector<ProviderCall> calls) override { fake->submit(std::move(calls)); }
        std::vector<FinishedCall> take_finished(std::size_t max, Millis wait) override {
            return fake->take_finished(max, wait);
        }
        std::shared_ptr<FakeProvider> fake;
    };

    ManualClock clock_;
    std::vector<std::shared_ptr<FakeProvider>> fakes_;
};

INSTANTIATE_TEST_SUITE_P(Fake, ProviderContract,
                         ::testing::Values(ProviderUnderTest{
                             "fake",
                             [] { return std::unique_ptr<ProviderRig>(std::make_unique<FakeProviderRig>()); },
                             SmsMessage{"+15005550006", "hello"}}),
                         [](const auto& param) { return param.param.name; });

class FakeProviderTest : public ::testing::Test {
protected:
    void submit(std::uint64_t number) {
        ProviderCall call;
        call.call = number;
        provider_.submit({call});
    }
    std::vector<std::string> journal() {
        std::vector<std::string> lines;
        for (const auto& finished : provider_.take_finished(100, 0ms)) {
            const auto* accepted = std::get_if<Accepted>(&finished.outcome);
            lines.push_back(
                fmt::format("{}s #{} {}", (finished.ended_at - start_) / 1s, finished.call,
                            accepted ? accepted->reference : to_string(state_of(finished.outcome))));
        }
        return lines;
    }

    ManualClock clock_;
    const TimePoint start_ = clock_.now();
    FakeProvider provider_{clock_};
};

TEST_F(FakeProviderTest, AnswersAsToldAndThenAccepts) {
    provider_.will(defer(30s), accept("SM42"), no_answer());
    for (std::uint64_t n = 1; n <= 4; ++n) submit(n);
    EXPECT_THAT(journal(), ElementsAre("0s #1 deferred", "0s #2 SM42", "0s #3 unknown", "0s #4 ref-4"));
}

TEST_F(FakeProviderTest, AnswersWhatTheTestDecidesOtherwise) {
    provider_.otherwise([](const ProviderCall& call) { return call.call == 1 ? unusable() : accept("x"); });
    submit(1);
    submit(2);
    EXPECT_THAT(journal(), ElementsAre("0s #1 unusable", "0s #2 x"));
}

TEST_F(FakeProviderTest, KeepsCallsOpenUntilTheyAreReleased) {
    provider_.hold();
    provider_.will(accept("a"), accept("b"), accept("c"));
    for (std::uint64_t n = 1; n <= 3; ++n) submit(n);
    EXPECT_THAT(journal(), ElementsAre());
    clock_.advance(2s);
    provider_.release(1);
    EXPECT_THAT(journal(), ElementsAre("2s #1 a"));
    EXPECT_EQ(provider_.open_calls(), 2u);
    provider_.resume();
    submit(4);
    EXPECT_THAT(journal(), ElementsAre("2s #2 b", "2s #3 c", "2s #4 ref-4"));
}

TEST_F(FakeProviderTest, RemembersWhatWasSubmittedAndWhen) {
    submit(7);
    clock_.advance(5s);
    submit(8);
    const auto submitted = provider_.submitted();
    ASSERT_EQ(submitted.size(), 2u);
    EXPECT_EQ(submitted[0].call.call, 7u);
    EXPECT_EQ(submitted[1].at, start_ + 5s);
    EXPECT_TRUE(provider_.wait_for_submitted(2, 0ms));
    EXPECT_FALSE(provider_.wait_for_submitted(3, 0ms));
}

}  // namespace
}  // namespace herald
