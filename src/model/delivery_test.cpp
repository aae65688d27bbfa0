#include "model/delivery.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace herald {
namespace {

using A = AttemptState;
using D = DeliveryState;
using N = NotificationState;

const std::vector<A> kAttempts = {A::none,     A::begun,    A::unknown,   A::deferred,    A::unusable,
                                  A::rejected, A::accepted, A::delivered, A::undelivered, A::bounced};
const std::vector<D> kDeliveries = {D::planned, D::sending, D::retrying, D::sent,    D::delivered, D::unknown,
                                    D::failed,  D::bounced, D::skipped,  D::expired, D::cancelled};
const std::vector<D> kOpen = {D::planned, D::sending, D::retrying};

// formats.md, States: the first that any delivery has.
const std::vector<std::pair<D, N>> kFirstOf = {
    {D::delivered, N::delivered}, {D::sent, N::sent},       {D::unknown, N::unknown},
    {D::bounced, N::bounced},     {D::failed, N::failed},   {D::expired, N::expired},
    {D::cancelled, N::cancelled}, {D::skipped, N::skipped},
};

std::string text(const std::vector<D>& states) {
    std::string out;
    for (const auto state : states) out += std::string(to_string(state)) + " ";
    return out;
}

TEST(AttemptStateTest, RanksAsTheFormatsSay) {
    const std::vector<std::vector<A>> ranks = {
        {A::none},     {A::begun},
        {A::unknown},  {A::deferred, A::unusable, A::rejected},
        {A::accepted}, {A::delivered, A::undelivered},
        {A::bounced},
    };
    for (std::size_t low = 0; low < ranks.size(); ++low) {
        for (std::size_t high = 0; high < ranks.size(); ++high) {
            for (const auto from : ranks[low]) {
                for (const auto to : ranks[high]) {
                    EXPECT_EQ(raises(from, to), low < high) << to_string(from) << " to " << to_string(to);
                }
            }
        }
    }
}

TEST(AttemptStateTest, IsSpelledAsItIsNamed) {
    const std::vector<std::string> names = {"none",     "begun",    "unknown",   "deferred",    "unusable",
                                            "rejected", "accepted", "delivered", "undelivered", "bounced"};
    ASSERT_EQ(names.size(), kAttempts.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
        EXPECT_EQ(to_string(kAttempts[i]), names[i]);
        EXPECT_EQ(parse_attempt_state(names[i]), kAttempts[i]);
    }
    for (const std::string word : {"", "sent", "Begun", "failed"})
        EXPECT_EQ(parse_attempt_state(word), std::nullopt);
}

TEST(DeliveryStateTest, IsSpelledAsItIsNamed) {
    const std::vector<std::string> names = {"planned",   "sending", "retrying", "sent",
                                            "delivered", "unknown", "failed",   "bounced",
                                            "skipped",   "expired", "cancelled"};
    ASSERT_EQ(names.size(), kDeliveries.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
        EXPECT_EQ(to_string(kDeliveries[i]), names[i]);
        EXPECT_EQ(parse_delivery_state(names[i]), kDeliveries[i]);
    }
    for (const std::string word : {"", "accepted", "Sent"})
        EXPECT_EQ(parse_delivery_state(word), std::nullopt);
}

TEST(DeliveryStateTest, IsOpenWhilePlannedSendingOrRetrying) {
    for (const auto state : kDeliveries) {
        const bool open = std::find(kOpen.begin(), kOpen.end(), state) != kOpen.end();
        EXPECT_EQ(is_final(state), !open) << to_string(state);
    }
}

TEST(FoldAttemptsTest, TakesWhatTheProviderSaidOverAnyVerdict) {
    const std::vector<std::pair<A, D>> said = {{A::accepted, D::sent},
                                               {A::delivered, D::delivered},
                                               {A::undelivered, D::failed},
                                               {A::bounced, D::bounced}};
    for (const auto& [best, state] : said) {
        for (const auto newest : kAttempts) {
            for (const auto verdict : kDeliveries) EXPECT_EQ(fold_attempts(best, newest, verdict), state);
        }
    }
}

TEST(FoldAttemptsTest, IsSendingWhileTheNewestIsInFlight) {
    for (const auto best : {A::begun, A::unknown, A::deferred, A::unusable, A::rejected}) {
        for (const auto verdict : kDeliveries) EXPECT_EQ(fold_attempts(best, A::begun, verdict), D::sending);
    }
}

TEST(FoldAttemptsTest, IsTheVerdictOtherwise) {
    for (const auto best : {A::none, A::unknown, A::deferred, A::unusable, A::rejected}) {
        for (const auto newest : {A::none, A::unknown, A::deferred, A::unusable, A::rejected}) {
            for (const auto verdict :
                 {D::retrying, D::failed, D::expired, D::unknown, D::skipped, D::cancelled}) {
                EXPECT_EQ(fold_attempts(best, newest, verdict), verdict);
            }
        }
    }
}

TEST(FoldDeliveriesTest, IsAcceptedBeforeAPlanAndScheduledWhileItOnlyWaits) {
    EXPECT_EQ(fold_deliveries({}, false), N::accepted);
    EXPECT_EQ(fold_deliveries({}, true), N::scheduled);
}

TEST(FoldDeliveriesTest, IsInProgressWhileAnythingIsOpen) {
    for (const auto open : kOpen) {
        EXPECT_EQ(fold_deliveries(std::vector{open}, false), N::in_progress);
        for (const auto other : kDeliveries) {
            EXPECT_EQ(fold_deliveries(std::vector{other, open}, false), N::in_progress) << to_string(other);
            EXPECT_EQ(fold_deliveries(std::vector{open, other}, true), N::in_progress) << to_string(other);
        }
    }
}

TEST(FoldDeliveriesTest, IsInProgressWhileAStepWaitsAfterDeliveries) {
    for (const auto& [delivery, notification] : kFirstOf) {
        EXPECT_EQ(fold_deliveries(std::vector{delivery}, true), N::in_progress) << to_string(delivery);
    }
}

TEST(FoldDeliveriesTest, IsTheFirstOfTheOrderThatAnyDeliveryHas) {
    for (unsigned chosen = 1; chosen < 1u << kFirstOf.size(); ++chosen) {
        std::vector<D> states;
        std::optional<N> first;
        for (std::size_t i = 0; i < kFirstOf.size(); ++i) {
            if (!(chosen >> i & 1)) continue;
            states.push_back(kFirstOf[i].first);
            if (!first) first = kFirstOf[i].second;
        }
        EXPECT_EQ(fold_deliveries(states, false), first) << text(states);
        std::reverse(states.begin(), states.end());
        EXPECT_EQ(fold_deliveries(states, false), first) << text(states);
    }
}

TEST(NotificationStateTest, IsSpelledAsItIsNamed) {
    const std::vector<std::pair<N, std::string>> names = {
        {N::accepted, "accepted"},   {N::scheduled, "scheduled"}, {N::in_progress, "in_progress"},
        {N::delivered, "delivered"}, {N::sent, "sent"},           {N::unknown, "unknown"},
        {N::bounced, "bounced"},     {N::failed, "failed"},       {N::expired, "expired"},
        {N::cancelled, "cancelled"}, {N::skipped, "skipped"},
    };
    for (const auto& [state, name] : names) EXPECT_EQ(to_string(state), name);
}

TEST(OutcomeTest, LeavesTheAttemptInTheStateOfItsName) {
    EXPECT_EQ(state_of(Accepted{}), A::accepted);
    EXPECT_EQ(state_of(Rejected{}), A::rejected);
    EXPECT_EQ(state_of(Deferred{}), A::deferred);
    EXPECT_EQ(state_of(Unknown{}), A::unknown);
    EXPECT_EQ(state_of(Unusable{}), A::unusable);
}

TEST(OutcomeTest, NamesReasonsAndScopes) {
    const std::vector<std::pair<RejectReason, std::string>> reasons = {
        {RejectReason::invalid_address, "invalid_address"},
        {RejectReason::unregistered, "unregistered"},
        {RejectReason::recipient_opted_out, "recipient_opted_out"},
        {RejectReason::payload_too_large, "payload_too_large"},
        {RejectReason::content_refused, "content_refused"},
        {RejectReason::bad_request, "bad_request"},
        {RejectReason::template_failed, "template_failed"},
        {RejectReason::unreachable_region, "unreachable_region"},
    };
    for (const auto& [reason, name] : reasons) EXPECT_EQ(to_string(reason), name);
    EXPECT_EQ(to_string(Scope::account), "account");
    EXPECT_EQ(to_string(Scope::sender), "sender");
    EXPECT_EQ(to_string(Scope::country), "country");
    EXPECT_EQ(to_string(Scope::platform), "platform");
}

}  // namespace
}  // namespace herald
