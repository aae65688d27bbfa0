// The rules of the ledger (docs/guarantees.md), sentence by sentence, over fakes and a clock turned by hand.

#include "pipeline/testing/world.hpp"

namespace herald {
namespace {

using ::testing::ElementsAre;

class Ledger : public ::testing::Test {
protected:
    World world;
};

TEST_F(Ledger, Ledger01_ARepeatedRequestChangesNothing) {
    const auto id = world.accept();
    world.run();
    const auto record = world.log->records(topics::requests(Lane::normal)).front();
    world.append({record.topic, record.key, record.value, ""});
    world.run();
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 accepted"));
}

TEST_F(Ledger, Ledger02_TwoRecordsOfOneDeliveryAreOneCall) {
    world.sms().hold();
    const auto id = world.accept();
    world.run();
    const auto record = world.log->records(topics::deliveries(Route::sms, Lane::normal)).front();
    world.append({record.topic, record.key, record.value, ""});
    world.run();
    world.sms().resume();
    world.run();
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_EQ(world.state(id), DeliveryState::sent);
}

TEST_F(Ledger, Ledger03_ClaimsNoMoreThanItMayCall) {
    world.limiter.left = 2;
    world.sms().hold();
    for (int i = 0; i < 5; ++i) world.accept();
    world.run();
    EXPECT_EQ(world.calls(), 2u);
    world.restart();
    world.limiter.left = 100;
    world.sms().resume();
    world.run();
    // The two that were in flight are in doubt; the others were never claimed and have one attempt.
    EXPECT_EQ(world.calls(), 2u + 3u);
}

}  // namespace
}  // namespace herald
