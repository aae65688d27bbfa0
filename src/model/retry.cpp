#include "model/retry.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace herald {
namespace {

Millis backoff(const RetryPolicy& policy, int tries, double jitter) {
    const double ceiling =
        std::min(static_cast<double>(policy.cap.count()),
                 static_cast<double>(policy.base.count()) * std::exp2(std::max(0, tries - 1)));
    return Millis{static_cast<std::int64_t>(ceiling * jitter)};
}

Decision final_decision(DeliveryState verdict, int tries, std::string reason) {
    return {verdict, std::nullopt, tries, std::move(reason)};
}

/// What is left when no further attempt will be made: in doubt stays in doubt.
Decision given_up(const EndedAttempt& attempt, DeliveryState verdict, int tries, std::string reason) {
    return final_decision(attempt.was_unknown ? DeliveryState::unknown : verdict, tries, std::move(reason));
}

Decision retry(const EndedAttempt& attempt, Millis wait, int tries, std::string reason) {
    const auto at = attempt.now + wait;
    if (at >= attempt.deadline) {
        return given_up(attempt, DeliveryState::expired, tries,
                        "deadline before the next try, after " + reason);
    }
    return {DeliveryState::retrying, at, tries, std::move(reason)};
}

struct Decider {
    const EndedAttempt& attempt;
    const RetryPolicy& policy;
    double jitter;
    std::string reason;

    Decision operator()(const Accepted&) const {
        return final_decision(DeliveryState::sent, attempt.tries, "");
    }
    Decision operator()(const Rejected&) const {
        return given_up(attempt, DeliveryState::failed, attempt.tries, reason);
    }

    Decision operator()(const Deferred& deferred) const {
        if (deferred.at_once) {
            const auto pause = attempt.number == 1 ? Millis{0} : backoff(policy, attempt.number - 1, jitter);
            return retry(attempt, pause, attempt.tries, reason);
        }
        const int tries = attempt.tries + 1;
        if (tries >= policy.max_tries)
            return given_up(attempt, DeliveryState::failed, tries, "retries exhausted: " + reason);
        return retry(attempt, deferred.wait + backoff(policy, tries, jitter), tries, reason);
    }

    Decision operator()(const Unknown&) const {
        const int tries = attempt.tries + 1;
        if (attempt.guarantee == Guarantee::at_most_once || tries >= policy.max_tries) {
            return final_decision(DeliveryState::unknown, tries, reason);
        }
        const auto left =
            std::max(Millis{0}, std::chrono::duration_cast<Millis>(attempt.deadline - attempt.now));
        const auto wait =
            std::min(policy.reconcile(attempt.channel), left / 2) + backoff(policy, tries, jitter);
        if (attempt.now + wait >= attempt.deadline)
            return final_decision(DeliveryState::unknown, tries, reason);
        return {DeliveryState::retrying, attempt.now + wait, tries, reason};
    }

    Decision operator()(const Unusable& unusable) const {
        if (unusable.scope != Scope::account)
            return given_up(attempt, DeliveryState::failed, attempt.tries, reason);
        return retry(attempt, Millis{0}, attempt.tries, reason);
    }
};

std::string with_detail(std::string_view what, const std::string& detail) {
    return detail.empty() ? std::string(what) : fmt::format("{}: {}", what, detail);
}

}  // namespace

Millis RetryPolicy::reconcile(Channel channel) const {
    switch (channel) {
        case Channel::push:
            return reconcile_push;
        case Channel::sms:
            return reconcile_sms;
        case Channel::email:
            return reconcile_email;
    }
    return reconcile_push;
}

Decision decide(const Outcome& outcome, const EndedAttempt& attempt, const RetryPolicy& policy,
                double jitter) {
    return std::visit(Decider{attempt, policy, jitter, reason_of(outcome)}, outcome);
}

std::string reason_of(const Outcome& outcome) {
    struct Visitor {
        std::string operator()(const Accepted&) const { return ""; }
        std::string operator()(const Rejected& r) const { return with_detail(to_string(r.reason), r.detail); }
        std::string operator()(const Deferred& d) const { return with_detail("deferred", d.detail); }
        std::string operator()(const Unknown& u) const { return with_detail("unknown", u.detail); }
        std::string operator()(const Unusable& u) const {
            return with_detail(fmt::format("unusable {}", to_string(u.scope)), u.detail);
        }
    };
    return std::visit(Visitor{}, outcome);
}

}  // namespace herald
