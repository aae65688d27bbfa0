#include "model/retry.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const TimePoint kNow = from_millis(1'700'000'000'000);
constexpr double kJitters[] = {0.0, 0.5, 0.999};

EndedAttempt ended(int tries = 0) {
    EndedAttempt attempt;
    attempt.tries = tries;
    attempt.channel = Channel::sms;
    attempt.now = kNow;
    attempt.deadline = kNow + hours(24);
    return attempt;
}

EndedAttempt ended_in_doubt(int tries = 0) {
    auto attempt = ended(tries);
    attempt.was_unknown = true;
    return attempt;
}

/// Milliseconds from the end of the attempt to the next.
std::int64_t wait_of(const Decision& decision) {
    EXPECT_EQ(decision.verdict, DeliveryState::retrying);
    EXPECT_TRUE(decision.retry_at);
    return decision.retry_at ? (*decision.retry_at - kNow).count() : -1;
}

/// The backoff before try `tries` + 1, from its definition.
std::int64_t backoff(const RetryPolicy& policy, int tries, double jitter) {
    const double ceiling = static_cast<double>(policy.base.count()) * std::pow(2.0, tries - 1);
    return static_cast<std::int64_t>(std::min(ceiling, static_cast<double>(policy.cap.count())) * jitter);
}

void expect_final(const Decision& decision, DeliveryState verdict, int tries) {
    EXPECT_EQ(to_string(decision.verdict), to_string(verdict));
    EXPECT_EQ(decision.retry_at, std::nullopt);
    EXPECT_EQ(decision.tries, tries);
}

TEST(RetryTest, SendsNothingAfterAccepted) {
    for (const auto& attempt : {ended(), ended(9), ended_in_doubt(3)}) {
        const auto decision = decide(Accepted{"ref"}, attempt, {}, 0.5);
        expect_final(decision, DeliveryState::sent, attempt.tries);
        EXPECT_EQ(decision.reason, "");
    }
}

TEST(RetryTest, FailsWhatWasRejected) {
    const Rejected rejected{.reason = RejectReason::unregistered,
                            .address_is_dead = true,
                            .suppress = false,
                            .dead_since = {},
                            .detail = "410"};
    const auto decision = decide(rejected, ended(2), {}, 0.5);
    expect_final(decision, DeliveryState::failed, 2);
    EXPECT_EQ(decision.reason, "unregistered: 410");
}

TEST(RetryTest, BacksOffWithFullJitterUpToTheCap) {
    RetryPolicy policy;
    policy.max_tries = 100;
    for (int tries = 0; tries < 99; ++tries) {
        for (const double jitter : kJitters) {
            const auto decision = decide(Deferred{}, ended(tries), policy, jitter);
            EXPECT_EQ(wait_of(decision), backoff(policy, tries + 1, jitter)) << tries << " " << jitter;
            EXPECT_LT(wait_of(decision), policy.cap.count());
            EXPECT_EQ(decision.tries, tries + 1);
        }
    }
}

TEST(RetryTest, DoublesTheCeilingWithEachTry) {
    const std::vector<std::int64_t> waits = {500,    1'000,  2'000,  4'000,  8'000,
                                             16'000, 32'000, 64'000, 128'000};
    for (std::size_t tries = 0; tries < waits.size(); ++tries) {
        EXPECT_EQ(wait_of(decide(Deferred{}, ended(static_cast<int>(tries)), {}, 0.5)), waits[tries]);
    }
}

TEST(RetryTest, NeverRetriesBeforeTheProvidersOwnWait) {
    const Deferred deferred{.wait = seconds(90), .detail = "429", .at_once = false};
    for (int tries = 0; tries < 9; ++tries) {
        for (const double jitter : kJitters) {
            EXPECT_EQ(wait_of(decide(deferred, ended(tries), {}, jitter)),
                      90'000 + backoff({}, tries + 1, jitter));
        }
    }
}

TEST(RetryTest, HonoursAWaitBeyondTheCap) {
    const Deferred deferred{.wait = hours(2), .detail = "", .at_once = false};
    EXPECT_EQ(wait_of(decide(deferred, ended(), {}, 0)), Millis(hours(2)).count());
}

TEST(RetryTest, GivesUpAtTheLimitOfTries) {
    RetryPolicy policy;
    policy.max_tries = 3;
    for (const double jitter : kJitters) {
        wait_of(decide(Deferred{}, ended(0), policy, jitter));
        wait_of(decide(Deferred{}, ended(1), policy, jitter));
        const auto decision = decide(Deferred{Millis{0}, "503"}, ended(2), policy, jitter);
        expect_final(decision, DeliveryState::failed, 3);
        EXPECT_EQ(decision.reason, "retries exhausted: deferred: 503");
    }
}

TEST(RetryTest, ExpiresWhatCouldOnlyBeTriedAfterTheDeadline) {
    auto attempt = ended();
    attempt.deadline = kNow + seconds(10);
    const auto deferred_for = [](Millis wait) { return Deferred{wait, "429"}; };
    EXPECT_EQ(wait_of(decide(deferred_for(Millis{9'999}), attempt, {}, 0)), 9'999);
    const auto decision = decide(deferred_for(seconds(10)), attempt, {}, 0);
    expect_final(decision, DeliveryState::expired, 1);
    EXPECT_EQ(decision.reason, "deadline before the next try, after deferred: 429");
    expect_final(decide(deferred_for(Millis{9'500}), attempt, {}, 0.999), DeliveryState::expired, 1);
}

TEST(RetryTest, RepeatsAtOnceWhatTheProviderDidNotProcess) {
    const Deferred refused{.wait = Millis{0}, .detail = "REFUSED_STREAM", .at_once = true};
    for (const double jitter : kJitters) {
        const auto decision = decide(refused, ended(9), {}, jitter);
        EXPECT_EQ(wait_of(decision), 0);
        EXPECT_EQ(decision.tries, 9);
    }
}

TEST(RetryTest, RepeatsNothingAtOnceAfterTheDeadline) {
    auto attempt = ended();
    attempt.deadline = kNow;
    const Deferred refused{.wait = Millis{0}, .detail = "", .at_once = true};
    expect_final(decide(refused, attempt, {}, 0), DeliveryState::expired, 0);
}

TEST(RetryTest, ReconcilesBeforeItRepeatsAnUnknown) {
    const std::vector<std::pair<Channel, std::int64_t>> reconciles = {
        {Channel::push, 0}, {Channel::sms, 30'000}, {Channel::email, 30'000}};
    for (const auto& [channel, reconcile] : reconciles) {
        for (int tries = 0; tries < 9; ++tries) {
            for (const double jitter : kJitters) {
                auto attempt = ended(tries);
                attempt.channel = channel;
                const auto decision = decide(Unknown{"timeout"}, attempt, {}, jitter);
                EXPECT_EQ(wait_of(decision), reconcile + backoff({}, tries + 1, jitter))
                    << to_string(channel);
                EXPECT_EQ(decision.tries, tries + 1);
                EXPECT_EQ(decision.reason, "unknown: timeout");
            }
        }
    }
}

TEST(RetryTest, ReconcilesForAtMostHalfOfWhatIsLeft) {
    for (const std::int64_t left : {2, 100, 20'000, 59'999, 60'000, 60'001, 600'000}) {
        auto attempt = ended();
        attempt.deadline = kNow + Millis{left};
        EXPECT_EQ(wait_of(decide(Unknown{}, attempt, {}, 0)), std::min<std::int64_t>(30'000, left / 2))
            << left;
    }
}

TEST(RetryTest, LeavesAnUnknownAsItIsWithAtMostOnce) {
    for (const auto channel : kChannels) {
        for (const double jitter : kJitters) {
            auto attempt = ended();
            attempt.channel = channel;
            attempt.guarantee = Guarantee::at_most_once;
            const auto decision = decide(Unknown{"timeout"}, attempt, {}, jitter);
            expect_final(decision, DeliveryState::unknown, 1);
            EXPECT_EQ(decision.reason, "unknown: timeout");
        }
    }
}

TEST(RetryTest, RetriesWhatWasNotSentWithAtMostOnceToo) {
    auto attempt = ended();
    attempt.guarantee = Guarantee::at_most_once;
    EXPECT_EQ(wait_of(decide(Deferred{}, attempt, {}, 0.5)), 500);
    EXPECT_EQ(wait_of(decide(Unusable{}, attempt, {}, 0.5)), 0);
}

TEST(RetryTest, LeavesAnUnknownAsItIsAtTheLimitOrTheDeadline) {
    expect_final(decide(Unknown{}, ended(9), {}, 0.5), DeliveryState::unknown, 10);
    auto attempt = ended();
    attempt.deadline = kNow;
    expect_final(decide(Unknown{}, attempt, {}, 0), DeliveryState::unknown, 1);
    attempt.deadline = kNow - hours(1);
    expect_final(decide(Unknown{}, attempt, {}, 0), DeliveryState::unknown, 1);
    attempt.deadline = kNow + Millis{600};  // half of it, and the backoff, are too much
    expect_final(decide(Unknown{}, attempt, {}, 0.5), DeliveryState::unknown, 1);
}

TEST(RetryTest, KeepsInDoubtWhatIsGivenUpAfterAnUnknown) {
    auto late = ended_in_doubt();
    late.deadline = kNow;
    expect_final(decide(Rejected{}, ended_in_doubt(2), {}, 0.5), DeliveryState::unknown, 2);
    expect_final(decide(Deferred{}, ended_in_doubt(9), {}, 0.5), DeliveryState::unknown, 10);
    expect_final(decide(Deferred{}, late, {}, 0.5), DeliveryState::unknown, 1);
    expect_final(decide(Unusable{.scope = Scope::sender, .detail = ""}, ended_in_doubt(2), {}, 0.5),
                 DeliveryState::unknown, 2);
    expect_final(decide(Unusable{}, late, {}, 0.5), DeliveryState::unknown, 0);
}

TEST(RetryTest, GoesOnAfterAnUnknownWhileItMay) {
    EXPECT_EQ(wait_of(decide(Deferred{}, ended_in_doubt(1), {}, 0.5)), 1'000);
    EXPECT_EQ(wait_of(decide(Unknown{}, ended_in_doubt(1), {}, 0.5)), 31'000);
}

TEST(RetryTest, CountsNoTryAgainstAnUnusableAccount) {
    for (const int tries : {0, 9, 100}) {
        const auto decision =
            decide(Unusable{.scope = Scope::account, .detail = "401"}, ended(tries), {}, 0.999);
        EXPECT_EQ(wait_of(decision), 0);
        EXPECT_EQ(decision.tries, tries);
        EXPECT_EQ(decision.reason, "unusable account: 401");
    }
}

TEST(RetryTest, ExpiresWhatMeetsAnUnusableAccountAtItsDeadline) {
    auto attempt = ended();
    attempt.deadline = kNow;
    expect_final(decide(Unusable{}, attempt, {}, 0), DeliveryState::expired, 0);
}

TEST(RetryTest, FailsWhatIsUnusableInANarrowerScope) {
    for (const auto scope : {Scope::sender, Scope::country, Scope::platform}) {
        const auto decision = decide(Unusable{.scope = scope, .detail = ""}, ended(2), {}, 0.5);
        expect_final(decision, DeliveryState::failed, 2);
        EXPECT_EQ(decision.reason, "unusable " + std::string(to_string(scope)));
    }
}

TEST(RetryTest, NeverPlansATryAtOrPastTheDeadline) {
    const Deferred waits{.wait = seconds(5), .detail = "", .at_once = false};
    const Deferred at_once{.wait = Millis{0}, .detail = "", .at_once = true};
    const std::vector<Outcome> outcomes = {Deferred{}, waits, at_once, Unknown{}, Unusable{}};
    for (const auto& outcome : outcomes) {
        for (const auto guarantee : {Guarantee::at_least_once, Guarantee::at_most_once}) {
            for (const std::int64_t left : {-1'000, 0, 1, 999, 1'000, 5'000, 5'001, 31'000, 3'600'000}) {
                for (int tries = 0; tries < 12; ++tries) {
                    for (const double jitter : kJitters) {
                        auto attempt = ended(tries);
                        attempt.guarantee = guarantee;
                        attempt.deadline = kNow + Millis{left};
                        const auto decision = decide(outcome, attempt, {}, jitter);
                        EXPECT_EQ(decision.retry_at.has_value(), decision.verdict == DeliveryState::retrying);
                        if (!decision.retry_at) continue;
                        EXPECT_GE(*decision.retry_at, kNow);
                        EXPECT_LT(*decision.retry_at, attempt.deadline);
                    }
                }
            }
        }
    }
}

TEST(RetryTest, SaysWhatEndedTheAttempt) {
    const auto rejected = [](std::string detail) {
        return Rejected{.reason = RejectReason::invalid_address,
                        .address_is_dead = false,
                        .suppress = false,
                        .dead_since = {},
                        .detail = std::move(detail)};
    };
    EXPECT_EQ(reason_of(Accepted{"ref"}), "");
    EXPECT_EQ(reason_of(rejected("")), "invalid_address");
    EXPECT_EQ(reason_of(rejected("BadDeviceToken")), "invalid_address: BadDeviceToken");
    EXPECT_EQ(reason_of(Deferred{}), "deferred");
    EXPECT_EQ(reason_of(Deferred{Millis{1}, "503"}), "deferred: 503");
    EXPECT_EQ(reason_of(Unknown{"reset"}), "unknown: reset");
    EXPECT_EQ(reason_of(Unusable{Scope::country, "21408"}), "unusable country: 21408");
}

}  // namespace
}  // namespace herald
