#include "ports/testing/fake_provider.hpp"

#include <algorithm>

namespace herald {

FakeProvider::FakeProvider(const Clock& clock) : clock_(clock) {}

void FakeProvider::otherwise(std::function<Outcome(const ProviderCall&)> answer) {
    const std::lock_guard lock(mutex_);
    otherwise_ = std::move(answer);
}

void FakeProvider::hold() {
    const std::lock_guard lock(mutex_);
    holding_ = true;
}

void FakeProvider::release(std::size_t count) {
    const std::lock_guard lock(mutex_);
    finish(count);
}

void FakeProvider::resume() {
    const std::lock_guard lock(mutex_);
    holding_ = false;
    finish(kAll);
}

std::vector<FakeProvider::Submitted> FakeProvider::submitted() const {
    const std::lock_guard lock(mutex_);
    return submitted_;
}

std::size_t FakeProvider::open_calls() const {
    const std::lock_guard lock(mutex_);
    return open_.size();
}

bool FakeProvider::wait_for_submitted(std::size_t count, Millis wait) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, wait, [&] { return submitted_.size() >= count; });
}

void FakeProvider::submit(std::vector<ProviderCall> calls) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    for (auto& call : calls) {
        submitted_.push_back({call, now});
        open_.push_back({call.call, next_outcome(call)});
    }
    if (!holding_) finish(kAll);
    changed_.notify_all();
}

std::vector<FinishedCall> FakeProvider::take_finished(std::size_t max, Millis wait) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait, [&] { return !finished_.empty(); });
    const auto count = static_cast<std::ptrdiff_t>(std::min(max, finished_.size()));
    std::vector<FinishedCall> taken(std::move_iterator(finished_.begin()),
                                    std::move_iterator(finished_.begin() + count));
    finished_.erase(finished_.begin(), finished_.begin() + count);
    return taken;
}

void FakeProvider::add(Outcome outcome) {
    const std::lock_guard lock(mutex_);
    planned_.push_back(std::move(outcome));
}

Outcome FakeProvider::next_outcome(const ProviderCall& call) {
    if (!planned_.empty()) {
        Outcome outcome = std::move(planned_.front());
        planned_.pop_front();
        return outcome;
    }
    if (otherwise_) return otherwise_(call);
    return accept("ref-" + std::to_string(submitted_.size()));
}

void FakeProvider::finish(std::size_t count) {
    for (; count > 0 && !open_.empty(); --count) {
        finished_.push_back({open_.front().call, std::move(open_.front().outcome), clock_.now()});
        open_.pop_front();
    }
    changed_.notify_all();
}

Outcome accept(std::string reference) { return Accepted{std::move(reference)}; }

Outcome defer(Millis wait) { return Deferred{.wait = wait, .detail = "told to wait"}; }

Outcome defer_at_once() { return Deferred{.detail = "not processed", .at_once = true}; }

Outcome reject(RejectReason reason) {
    return Rejected{.reason = reason, .dead_since = {}, .detail = "refused"};
}

Outcome dead_address(std::optional<TimePoint> since) {
    return Rejected{.reason = RejectReason::unregistered,
                    .address_is_dead = true,
                    .dead_since = since,
                    .detail = "address is dead"};
}

Outcome opted_out() {
    return Rejected{.reason = RejectReason::recipient_opted_out,
                    .suppress = true,
                    .dead_since = {},
                    .detail = "opted out"};
}

Outcome no_answer() { return Unknown{"no answer"}; }

Outcome unusable(Scope scope) { return Unusable{.scope = scope, .detail = "cannot send"}; }

}  // namespace herald
