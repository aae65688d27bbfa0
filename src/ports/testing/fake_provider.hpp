#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>

#include "ports/provider.hpp"

namespace herald {

/// A provider that answers what it was told: at once, or when it is released. Thread-safe.
class FakeProvider final : public Provider {
public:
    struct Submitted {
        ProviderCall call;
        TimePoint at{};
    };
    static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

    /// `clock` must outlive this object; it dates the calls and their ends.
    explicit FakeProvider(const Clock& clock);

    /// The outcomes of the next calls, in the order of their submission.
    template <class... Outcomes>
    void will(Outcomes... outcomes) {
        (add(std::move(outcomes)), ...);
    }
    /// What a call ends in when `will` has nothing left. Unset: accepted as `ref-<n>`, n counting the calls
    /// from 1.
    void otherwise(std::function<Outcome(const ProviderCall&)> answer);

    /// From now on calls stay open until they are released. Their outcomes are those of their submission.
    void hold();
    /// Ends the oldest open calls; later ones stay open.
    void release(std::size_t count = kAll);
    /// Ends all open calls, and later ones at once.
    void resume();

    std::vector<Submitted> submitted() const;
    /// Calls that have not ended.
    std::size_t open_calls() const;
    /// Waits until `count` calls were submitted in all; false when `wait` has passed before.
    bool wait_for_submitted(std::size_t count, Millis wait) const;

    void submit(std::vector<ProviderCall> calls) override;
    std::vector<FinishedCall> take_finished(std::size_t max, Millis wait) override;

private:
    struct Open {
        std::uint64_t call = 0;
        Outcome outcome;
    };

    void add(Outcome outcome);
    Outcome next_outcome(const ProviderCall& call);
    void finish(std::size_t count);

    const Clock& clock_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::deque<Outcome> planned_;
    std::function<Outcome(const ProviderCall&)> otherwise_;
    std::vector<Submitted> submitted_;
    std::deque<Open> open_;
    std::deque<FinishedCall> finished_;
    bool holding_ = false;
};

Outcome accept(std::string reference);
Outcome defer(Millis wait);
Outcome defer_at_once();
Outcome reject(RejectReason reason);
/// Rejected, and the address is to be used no more; `since` as APNs tells it.
Outcome dead_address(std::optional<TimePoint> since = std::nullopt);
Outcome opted_out();
Outcome no_answer();
Outcome unusable(Scope scope = Scope::account);

}  // namespace herald
