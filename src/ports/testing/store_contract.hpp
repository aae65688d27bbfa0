#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ports/testing/builders.hpp"

namespace herald {

/// An empty store of some engine, and what it stands on.
struct StoreUnderTest {
    std::shared_ptr<void> ground;  ///< a folder, a schema: gone after the store
    std::unique_ptr<Store> store;
    std::string refused_user;  ///< the engine refuses a notification for this user for its content
    /// Makes unreadable what is stored of a notification.
    std::function<void(Store&, const NotificationId&)> spoil = nullptr;
};

struct StoreEngine {
    std::string name;
    StoreUnderTest (*open)(const Clock&) = nullptr;
};
inline void PrintTo(const StoreEngine& engine, std::ostream* out) { *out << engine.name; }

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// What the suites of all small ports share. Time stands still until a test turns it.
class StoreContract : public ::testing::TestWithParam<StoreEngine> {
protected:
    static constexpr ClaimToken kToken = 7;
    static constexpr ClaimToken kOtherToken = 8;

    template <class T>
    static T must(Result<T> result) {
        if (!result) throw std::runtime_error(result.error().message);
        return *std::move(result);
    }
    static void must(Status status) {
        if (!status) throw std::runtime_error(status.error().message);
    }

    TimePoint now() const { return clock_.now(); }

    StoredPlan store_plan(const Notification& notification, const Plan& plan) {
        const NewPlan batch[] = {{notification, plan}};
        return must(store_.store_plans(batch)).at(0);
    }
    StoredPlan store_plan(int n) { return store_plan(make_notification(n, now()), make_plan(now())); }

    ClaimResult claim(const ClaimRequest& request, ClaimToken token = kToken) {
        const ClaimRequest batch[] = {request};
        return must(store_.claim(batch, token)).at(0);
    }
    ClaimResult claim(const DeliveryId& id, int attempt = 1, ClaimToken token = kToken) {
        return claim(make_claim(id, attempt), token);
    }

    SettleResult settle(const Settlement& settlement) {
        const Settlement batch[] = {settlement};
        return must(store_.settle(batch)).at(0);
    }
    SettleResult settle_retry(const DeliveryId& id, int attempt,
                              AttemptState state = AttemptState::deferred) {
        return settle(settle_retrying(id, attempt, state, now() + seconds(5), now()));
    }

    SettleResult close(const Closure& closure) {
        const Closure batch[] = {closure};
        return must(store_.close_deliveries(batch)).at(0);
    }

    SettleResult receive(const ReceiptRecord& receipt) {
        const ReceiptRecord batch[] = {receipt};
        return must(store_.apply_receipts(batch)).at(0);
    }

    Story story(int n) {
        auto found = must(store_.load_story(default_tenant(), make_id(n)));
        if (!found) throw std::runtime_error("there is no such story");
        return *std::move(found);
    }
    DeliveryView delivery(int n, std::size_t index = 0) { return story(n).deliveries.at(index); }
    DeliveryState state_of(int n) { return delivery(n).state; }

    void spoil(int n) { under_test_.spoil(store_, make_id(n)); }
    CancelResult cancel(int n) { return must(store_.cancel(default_tenant(), make_id(n), now())); }
    std::vector<Timer> due(Lane lane = Lane::normal) { return must(store_.take_due(lane, 1000)); }

    const TenantId other_tenant_{"other"};
    ManualClock clock_;
    StoreUnderTest under_test_ = GetParam().open(clock_);
    Store& store_ = *under_test_.store;
};

}  // namespace herald
