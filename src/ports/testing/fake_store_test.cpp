#include "ports/testing/fake_store.hpp"

#include "ports/testing/delivery_store_contract.hpp"
#include "ports/testing/directory_contract.hpp"
#include "ports/testing/idempotency_contract.hpp"
#include "ports/testing/plan_store_contract.hpp"
#include "ports/testing/service_contract.hpp"
#include "ports/testing/template_store_contract.hpp"
#include "ports/testing/timer_store_contract.hpp"

namespace herald {
namespace {

StoreUnderTest open_fake(const Clock& clock) {
    return {nullptr, std::make_unique<FakeStore>(clock), std::string(FakeStore::kRefusedUser),
            [](Store& store, const NotificationId& id) { dynamic_cast<FakeStore&>(store).spoil(id); }};
}

const auto kFake = ::testing::Values(StoreEngine{"fake", open_fake});

INSTANTIATE_TEST_SUITE_P(Fake, PlanStoreContract, kFake);
INSTANTIATE_TEST_SUITE_P(Fake, DeliveryStoreContract, kFake);
INSTANTIATE_TEST_SUITE_P(Fake, TimerStoreContract, kFake);
INSTANTIATE_TEST_SUITE_P(Fake, DirectoryContract, kFake);
INSTANTIATE_TEST_SUITE_P(Fake, TemplateStoreContract, kFake);
INSTANTIATE_TEST_SUITE_P(Fake, IdempotencyContract, kFake);
INSTANTIATE_TEST_SUITE_P(Fake, ServiceContract, kFake);

TEST(FakeStoreTest, FailsAsOftenAsAskedAndDoesNothing) {
    const ManualClock clock;
    FakeStore store(clock);
    store.fail_next(ErrorCode::unavailable, 2);
    EXPECT_EQ(store.put_note("a", "b").error().code, ErrorCode::unavailable);
    EXPECT_EQ(store.get_note("a").error().code, ErrorCode::unavailable);
    EXPECT_EQ(store.get_note("a").value(), std::nullopt);
}

TEST(FakeStoreTest, ALostAnswerLeavesTheWorkDone) {
    const ManualClock clock;
    FakeStore store(clock);
    const NewPlan plans[] = {{make_notification(1), make_plan()}};
    store.lose_next_answer();
    EXPECT_EQ(store.store_plans(plans).error().code, ErrorCode::timeout);
    EXPECT_TRUE(store.load_story(default_tenant(), make_id(1)).value());
}

}  // namespace
}  // namespace herald
