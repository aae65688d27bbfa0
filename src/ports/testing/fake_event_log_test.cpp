#include "ports/testing/fake_event_log.hpp"

#include "ports/testing/bytes_bound_log_contract.hpp"
#include "ports/testing/event_log_contract.hpp"

namespace herald {
namespace {

class FakeLogUnderTest final : public EventLogUnderTest {
public:
    explicit FakeLogUnderTest(const EventLogSetup& setup) {
        options_.clock = &clock_;
        options_.partitions = setup.partitions;
        options_.max_bytes = setup.max_bytes;
        options_.retention = setup.retention;
        options_.groups.emplace();
        for (const auto& reading : setup.groups) options_.groups->emplace_back(reading.group, reading.topic);
        reopen();
    }
    EventLog& log() override { return *log_; }
    ManualClock& clock() override { return clock_; }
    void reopen() override {
        log_.reset();
        log_ = std::make_unique<FakeEventLog>(options_, disk_);
    }

private:
    ManualClock clock_;
    FakeLogOptions options_;
    std::shared_ptr<FakeLogDisk> disk_ = std::make_shared<FakeLogDisk>();
    std::unique_ptr<FakeEventLog> log_;
};

std::unique_ptr<EventLogUnderTest> open_fake_log(const EventLogSetup& setup) {
    return std::make_unique<FakeLogUnderTest>(setup);
}

INSTANTIATE_TEST_SUITE_P(Fake, EventLogContract, testing::Values(open_fake_log));
INSTANTIATE_TEST_SUITE_P(Fake, BytesBoundLogContract, testing::Values(open_fake_log));

class FakeEventLogTest : public testing::Test {
protected:
    Status append(const std::string& value) {
        return log_.append_and_wait({NewRecord{"events", "a", value, ""}});
    }
    std::vector<std::string> values() const {
        std::vector<std::string> all;
        for (const auto& record : log_.records("events")) all.push_back(record.value);
        return all;
    }

    ManualClock clock_;
    FakeEventLog log_{FakeLogOptions{.clock = &clock_}};
};

TEST_F(FakeEventLogTest, ShowsWhatWasAppendedInThatOrder) {
    ASSERT_TRUE(log_.append_and_wait({NewRecord{"events", "a", "1", ""}, NewRecord{"events", "b", "2", ""}}));
    ASSERT_TRUE(append("3"));
    EXPECT_THAT(values(), testing::ElementsAre("1", "2", "3"));
}

TEST_F(FakeEventLogTest, FailsOneAppendOnRequest) {
    log_.fail_next_append({ErrorCode::unavailable, "a full disk"});
    const auto failed = append("lost");
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::unavailable);
    ASSERT_TRUE(append("kept"));
    EXPECT_THAT(values(), testing::ElementsAre("kept"));
}

TEST_F(FakeEventLogTest, LosesOneAnswerOnRequest) {
    log_.fail_next_append_after_storing({ErrorCode::timeout, "no answer"});
    EXPECT_FALSE(append("stored"));
    EXPECT_THAT(values(), testing::ElementsAre("stored"));
}

TEST_F(FakeEventLogTest, HoldsAppendsUntilTheyAreReleased) {
    std::promise<Status> answered;
    log_.hold_appends();
    log_.append({NewRecord{"events", "a", "1", ""}},
                [&](Status status) { answered.set_value(std::move(status)); });
    EXPECT_THAT(values(), testing::IsEmpty());
    log_.release_appends();
    EXPECT_TRUE(answered.get_future().get());
    EXPECT_THAT(values(), testing::ElementsAre("1"));
}

TEST_F(FakeEventLogTest, AnswersWhatItHeldWhenItCloses) {
    std::promise<Status> answered;
    log_.hold_appends();
    log_.append({NewRecord{"events", "a", "1", ""}},
                [&](Status status) { answered.set_value(std::move(status)); });
    log_.close();
    const auto status = answered.get_future().get();
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::closed);
    EXPECT_THAT(values(), testing::IsEmpty());
}

TEST_F(FakeEventLogTest, TakesAnybodyAsAGroupWhenNoneWasDeclared) {
    ASSERT_TRUE(append("1"));
    EXPECT_TRUE(log_.oldest_unfinished("anybody", "events"));
    auto consumer = log_.subscribe("anybody", "events");
    ASSERT_TRUE(consumer);
    const auto polled = (*consumer)->poll(10, Millis{0});
    ASSERT_TRUE(polled);
    EXPECT_EQ(polled->size(), 1u);
}

}  // namespace
}  // namespace herald
