#include "pipeline/account.hpp"

namespace herald {
namespace {

constexpr Millis kAskAgain{5};
/// A lane that went without a token this long ago is still waiting for one.
constexpr std::int64_t kWaitingMs = 100;
constexpr double kBulkShare = 0.8;
constexpr double kUncriticalShare = 0.9;

}  // namespace

Account::Permits Account::obtain(Lane lane, int wanted) {
    const int allowed = breaker.allowance();
    if (allowed == 0) return {0, kAskAgain};
    const int slots_taken = slots.take(lane, std::min(wanted, allowed));
    if (slots_taken == 0) return {0, kAskAgain};
    const auto tokens = take_tokens(lane, slots_taken);
    slots.give_back(lane, slots_taken - tokens.granted);
    breaker.started(tokens.granted);
    return {tokens.granted, tokens.wait};
}

bool Account::waits(Lane lane) const {
    const auto since = went_without_[static_cast<std::size_t>(lane)].load();
    return since != 0 && clock_.uptime().count() - since <= kWaitingMs;
}

/// The shares are buckets beside the account's own; one is asked only while somebody whom it protects waits.
Tokens Account::take_tokens(Lane lane, int wanted) {
    std::vector<std::pair<std::string, Rate>> buckets;
    if (lane == Lane::bulk && (waits(Lane::critical) || waits(Lane::normal))) {
        buckets.emplace_back(traits.name + "/bulk", Rate{traits.rate_per_second * kBulkShare});
    }
    if (lane != Lane::critical && waits(Lane::critical)) {
        buckets.emplace_back(traits.name + "/uncritical", Rate{traits.rate_per_second * kUncriticalShare});
    }
    buckets.emplace_back(traits.name, rate());
    Tokens tokens{wanted, Millis{0}};
    for (std::size_t i = 0; i < buckets.size(); ++i) {
        const auto& [bucket, bucket_rate] = buckets[i];
        const auto taken = limiter_.take(bucket, bucket_rate, tokens.granted);
        for (std::size_t k = 0; k < i; ++k) {
            limiter_.give_back(buckets[k].first, buckets[k].second, tokens.granted - taken.granted);
        }
        tokens = {taken.granted, std::max(tokens.wait, taken.wait)};
    }
    if (tokens.granted < wanted) went_without_[static_cast<std::size_t>(lane)] = clock_.uptime().count();
    return tokens;
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
        void operator()(const Deferred& d) const {
            d.at_once || d.wait > Millis{0} ? breaker.neutral() : breaker.failed();
        }
        void operator()(const Unknown&) const { breaker.failed(); }
        void operator()(const Unusable& u) const {
            u.scope == Scope::account ? breaker.unusable() : breaker.neutral();
        }
    };
    std::visit(Visitor{breaker}, outcome);
}

}  // namespace herald
