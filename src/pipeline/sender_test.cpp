// What the sender does besides the rules of the ledger.

#include "pipeline/testing/ledger_fixture.hpp"

namespace herald {
namespace {

class SenderTest : public ::testing::Test {
protected:
    /// The SMS route gets a second account.
    FakeProvider& open_backup() {
        world.backup = std::make_shared<SharedProvider>(world.clock);
        world.restart();
        return world.backup->fake;
    }
    std::string account_of(const NotificationId& id, std::size_t attempt = 0) {
        return world.story(id).deliveries.at(0).attempts.at(attempt).account;
    }
    Sender& sender() { return *world.senders.at({Route::sms, Lane::normal}); }

    World world;
};

TEST_F(SenderTest, RendersForThePerson) {
    world.accept();
    world.run();
    const auto message = std::get<SmsMessage>(world.sms().submitted().at(0).call.message);
    EXPECT_EQ(message.to, "+14155550123");
    EXPECT_EQ(message.body, "Hi Ada");
}

TEST_F(SenderTest, TellsTheProviderTheDeadline) {
    world.accept();
    world.run();
    EXPECT_EQ(world.sms().submitted().at(0).call.expires_at, kTestStart + hours(1));
}

TEST_F(SenderTest, KeepsTheProvidersReference) {
    world.sms().will(accept("SM42"));
    const auto id = world.accept();
    world.run();
    EXPECT_EQ(world.story(id).deliveries[0].attempts[0].reference, "SM42");
}

TEST_F(SenderTest, EachDeviceIsADeliveryOfItsRoute) {
    const auto id = world.accept({Channel::push});
    world.run();
    EXPECT_EQ(world.calls(Route::push_apns), 1u);
    EXPECT_EQ(world.calls(Route::push_fcm), 1u);
    EXPECT_EQ(world.story(id).deliveries.size(), 2u);
}

TEST_F(SenderTest, WaitsAsLongAsTheProviderAsked) {
    world.sms().will(defer(seconds(30)));
    world.accept();
    world.run();
    world.advance(Millis{29'999});
    EXPECT_EQ(world.calls(), 1u);
    world.advance(Millis{1});
    EXPECT_EQ(world.calls(), 2u);
}

TEST_F(SenderTest, AddsABackoffToWhatTheProviderAsked) {
    world.jitter = 0.5;
    world.sms().will(defer(seconds(30)));
    world.accept();
    world.run();
    EXPECT_EQ(world.store.timers().at(0).due, kTestStart + Millis{30'500});
}

TEST_F(SenderTest, WhatWasNotProcessedIsRepeatedAtOnceAndCostsNoTry) {
    for (int i = 0; i < 3; ++i) world.sms().will(defer_at_once());
    const auto id = world.accept();
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 deferred", "#2 deferred", "#3 deferred", "#4 accepted"));
}

TEST_F(SenderTest, GivesUpWhenTheTriesAreUsedUp) {
    world.sms().otherwise([](const ProviderCall&) { return defer(Millis{0}); });
    world.retry.max_tries = 3;
    world.restart();
    const auto id = world.accept();
    world.run_for(minutes(5), seconds(10));
    EXPECT_EQ(world.calls(), 3u);
    EXPECT_EQ(world.state(id), DeliveryState::failed);
    EXPECT_THAT(world.reason(id), StartsWith("retries exhausted"));
}

TEST_F(SenderTest, ARejectionIsFinalWithItsReason) {
    world.sms().will(reject(RejectReason::invalid_address));
    const auto id = world.accept();
    world.run_for(minutes(5), minutes(1));
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_EQ(world.state(id), DeliveryState::failed);
    EXPECT_EQ(world.reason(id), "invalid_address: refused");
}

TEST_F(SenderTest, ADeadTokenLeavesThePerson) {
    world.provider(Route::push_apns).will(dead_address());
    world.accept({Channel::push});
    world.run();
    const auto user = world.store.get_user(default_tenant(), UserId("ada")).value();
    ASSERT_THAT(user->devices, SizeIs(1));
    EXPECT_EQ(user->devices[0].platform, Platform::android);
}

TEST_F(SenderTest, ATokenThatWasRegisteredAfterItsDeathStays) {
    world.provider(Route::push_apns).will(dead_address(kTestStart - seconds(1)));
    world.accept({Channel::push});
    world.run();
    EXPECT_THAT(world.store.get_user(default_tenant(), UserId("ada")).value()->devices, SizeIs(2));
}

TEST_F(SenderTest, WhoOptedOutIsSuppressed) {
    world.sms().will(opted_out());
    world.accept();
    world.run();
    const Suppression expected{Channel::sms, "+14155550123", "recipient_opted_out"};
    EXPECT_THAT(world.store.suppressions(), ElementsAre(expected));
    const auto next = world.accept();
    world.run();
    EXPECT_EQ(world.state(next), DeliveryState::skipped);
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(SenderTest, ATemplateThatIsGoneFailsWithoutACall) {
    const auto id = world.accept();
    ASSERT_TRUE(world.plan());
    world.kill();
    FakeStore empty(world.clock);
    world.start();
    world.templates = std::make_unique<TemplateCache>(empty, world.clock);
    world.senders.clear();
    world.senders[{Route::sms, Lane::normal}] = world.make_sender();
    world.run();
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(world.state(id), DeliveryState::failed);
    EXPECT_THAT(world.reason(id), StartsWith("template_failed"));
    world.senders.clear();
    world.planners.clear();
}

TEST_F(SenderTest, AnEndedAttemptWithoutACallGivesItsSlotBack) {
    world.before_claim = [this](const auto&) { world.clock.advance(seconds(6)); };
    world.accept();
    ASSERT_TRUE(world.plan());
    ASSERT_TRUE(world.send());
    ASSERT_TRUE(world.send());
    EXPECT_EQ(world.account().slots.in_use(), 0);
}

TEST_F(SenderTest, ASlotIsHeldUntilTheOutcomeIsSettled) {
    world.sms().hold();
    world.accept();
    world.run();
    world.sms().resume();
    world.store.fail_next();
    EXPECT_FALSE(world.send());
    EXPECT_EQ(world.account().slots.in_use(), 1);
    ASSERT_TRUE(world.send());
    EXPECT_EQ(world.account().slots.in_use(), 0);
}

TEST_F(SenderTest, AClaimThatFailedGivesItsPermitsBack) {
    world.accept();
    ASSERT_TRUE(world.plan());
    const int tokens = world.limiter.left;
    world.store.fail_next();
    EXPECT_FALSE(world.send());
    EXPECT_EQ(world.account().slots.in_use(), 0);
    EXPECT_EQ(world.limiter.left, tokens);
    world.run();
    EXPECT_EQ(world.calls(), 1u);
}

TEST_F(SenderTest, LanesOfOneRouteHaveCallsOfTheirOwn) {
    world.sms().hold();
    auto critical = world.request();
    critical.lane = Lane::critical;
    const auto first = world.accept(critical);
    const auto second = world.accept();
    world.run();
    EXPECT_EQ(world.calls(), 2u);
    world.sms().release(1);
    world.run();
    EXPECT_EQ(world.state(first) == DeliveryState::sent, world.state(second) == DeliveryState::sending);
    world.sms().resume();
    world.run();
    EXPECT_EQ(world.state(first), DeliveryState::sent);
    EXPECT_EQ(world.state(second), DeliveryState::sent);
}

TEST_F(SenderTest, WrongCredentialsParkTheRecordUntilTheNextProbe) {
    world.sms().will(unusable());
    const auto id = world.accept();
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 unusable"));
    ASSERT_THAT(world.store.timers(), SizeIs(1));
    EXPECT_EQ(world.store.timers()[0].kind, TimerKind::parked);
    EXPECT_EQ(world.store.timers()[0].due, world.account().breaker.next_probe());
    world.advance(seconds(1));
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 unusable", "#2 accepted"));
}

TEST_F(SenderTest, WrongCredentialsCostNoTry) {
    world.retry.max_tries = 2;
    world.restart();
    for (int i = 0; i < 4; ++i) world.sms().will(unusable());
    const auto id = world.accept();
    world.run_for(minutes(1), seconds(1));
    EXPECT_EQ(world.calls(), 5u);
    EXPECT_EQ(world.state(id), DeliveryState::sent);
}

TEST_F(SenderTest, ANarrowerScopeFailsTheDeliveryAlone) {
    world.sms().will(unusable(Scope::country));
    const auto refused = world.accept();
    const auto other = world.accept();
    world.run();
    EXPECT_EQ(world.state(refused), DeliveryState::failed);
    EXPECT_EQ(world.state(other), DeliveryState::sent);
}

TEST_F(SenderTest, WhileTheBreakerIsOpenTheLogIsTheBuffer) {
    world.account().breaker.unusable();
    for (int i = 0; i < 5; ++i) world.accept();
    world.run();
    EXPECT_EQ(world.unfinished_deliveries(), 5u);
    EXPECT_THAT(world.store.timers(), IsEmpty());
    world.run_for(seconds(10), seconds(1));
    EXPECT_EQ(world.calls(), 5u);
}

TEST_F(SenderTest, WhatCouldNotBeForgottenIsForgottenLaterThoughNothingComes) {
    world.accept();
    ASSERT_TRUE(world.plan());
    world.log->fail_next_commit({ErrorCode::unavailable, "the disk is slow"});
    Status status;
    for (int i = 0; i < 10 && status; ++i) status = world.send();
    EXPECT_FALSE(status);
    EXPECT_EQ(world.unfinished_deliveries(), 1u);
    ASSERT_TRUE(world.send());
    EXPECT_EQ(world.unfinished_deliveries(), 0u);
}

TEST_F(SenderTest, OneRoutesTroubleIsNotAnothers) {
    world.account(Route::sms).breaker.unusable();
    const auto id = world.accept({Channel::sms, Channel::email});
    world.run();
    EXPECT_EQ(world.state(id, 0), DeliveryState::planned);
    EXPECT_EQ(world.state(id, 1), DeliveryState::sent);
}

TEST_F(SenderTest, FailsOverWhenTheFirstAccountsBreakerIsOpen) {
    auto& backup = open_backup();
    world.account().breaker.unusable();
    const auto id = world.accept();
    world.run();
    EXPECT_THAT(backup.submitted(), SizeIs(1));
    EXPECT_EQ(world.calls(), 0u);
    EXPECT_EQ(account_of(id), "sms.backup");
}

TEST_F(SenderTest, PrefersTheFirstAccount) {
    auto& backup = open_backup();
    const auto id = world.accept();
    world.run();
    EXPECT_THAT(backup.submitted(), IsEmpty());
    EXPECT_EQ(account_of(id), "sms");
}

TEST_F(SenderTest, WhatTheFirstAccountCannotSendTheSecondDoes) {
    auto& backup = open_backup();
    world.sms().will(unusable());
    const auto id = world.accept();
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 unusable", "#2 accepted"));
    EXPECT_THAT(backup.submitted(), SizeIs(1));
    EXPECT_EQ(account_of(id, 1), "sms.backup");
}

TEST_F(SenderTest, GoesBackToTheFirstAccountWhenItsProbeSucceeds) {
    auto& backup = open_backup();
    world.account().breaker.unusable();
    world.clock.advance(seconds(1));
    world.accept();
    world.run();
    EXPECT_EQ(world.calls(), 1u);
    EXPECT_THAT(backup.submitted(), IsEmpty());
    EXPECT_EQ(world.account().breaker.state(), Breaker::State::closed);
}

TEST_F(SenderTest, WithAllBreakersOpenNothingIsCalled) {
    auto& backup = open_backup();
    for (auto& account : world.accounts[Route::sms]) account->breaker.unusable();
    world.accept();
    world.run();
    EXPECT_EQ(world.calls() + backup.submitted().size(), 0u);
    EXPECT_EQ(world.unfinished_deliveries(), 1u);
}

TEST_F(SenderTest, AfterAStopItFinishesWhatIsInFlightAndTakesNothingNew) {
    world.sms().hold();
    const auto first = world.accept();
    world.run();
    sender().stop_taking();
    EXPECT_FALSE(sender().idle());
    const auto second = world.accept();
    world.run();
    world.sms().resume();
    for (int i = 0; i < 3 && !sender().idle(); ++i) ASSERT_TRUE(sender().pass(Millis{0}));
    EXPECT_TRUE(sender().idle());
    EXPECT_EQ(world.state(first), DeliveryState::sent);
    EXPECT_EQ(world.state(second), DeliveryState::planned);
    EXPECT_EQ(world.unfinished_deliveries(), 1u) << "the log still has what was not taken";
}

TEST_F(SenderTest, WhatWaitedWhenItStoppedIsInTheLogForTheNextStart) {
    world.limiter.left = 0;
    const auto id = world.accept();
    world.run();
    sender().stop_taking();
    EXPECT_TRUE(sender().idle());
    world.restart();
    world.limiter.left = 10;
    world.run();
    EXPECT_THAT(world.attempts(id), ElementsAre("#1 accepted"));
}

}  // namespace
}  // namespace herald
