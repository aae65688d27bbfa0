#include "pipeline/account.hpp"

namespace herald {
namespace {

constexpr Millis kAskAgain{5};

}  // namespace

Account::Permits Account::obtain(Lane lane, int wanted) {
    const int allowed = breaker.allowance();
    if (allowed == 0) return {0, kAskAgain};
    const int slots_taken = slots.take(lane, std::min(wanted, allowed));
    if (slots_taken == 0) return {0, kAskAgain};
    const auto tokens = limiter_.take(traits.name, rate(), slots_taken);
    slots.give_back(lane, slots_taken - tokens.granted);
    breaker.started(tokens.granted);
    return {tokens.granted, tokens.wait};
}

void Account::give_back_unused(Lane lane, int calls) {
    if (calls == 0) return;
    slots.give_back(lane, calls);
    limiter_.give_back(traits.name, rate(), calls);
    for (int i = 0; i < calls; ++i) breaker.neutral();
}

void Account::learn(const Outcome& outcome) {
    struct Visitor {
        Breaker& breaker;
        void operator()(const Accepted&) const { breaker.succeeded(); }
        void operator()(const Rejected&) const { breaker.succeeded(); }
        // A provider that names a time, or did not take the request up, is busy rather than ill.
        void operator()(const Deferred& d) const { d.at_once || d.wait > Millis{0} ? breaker.neutral() : breaker.failed(); }
        void operator()(const Unknown&) const { breaker.failed(); }
        void operator()(const Unusable& u) const { u.scope == Scope::account ? breaker.unusable() : breaker.neutral(); }
    };
    std::visit(Visitor{breaker}, outcome);
}

}  // namespace herald
