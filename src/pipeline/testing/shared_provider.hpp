#pragma once

#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "ports/testing/fake_provider.hpp"

namespace herald {

/// One fake account as the senders of several lanes, and of several processes, share it: each gets its own
/// calls back, and what was called by a sender that is gone ends nowhere. For one thread.
class SharedProvider {
public:
    explicit SharedProvider(const Clock& clock) : fake(clock) {}

    FakeProvider fake;

    /// A sender's own queue over the account.
    static std::unique_ptr<Provider> open(std::shared_ptr<SharedProvider> shared) {
        return std::make_unique<Queue>(std::move(shared));
    }

private:
    class Queue final : public Provider {
    public:
        explicit Queue(std::shared_ptr<SharedProvider> shared) : shared_(std::move(shared)) {}
        ~Queue() override {
            std::erase_if(shared_->calls_, [this](const auto& call) { return call.second.first == this; });
        }

        void submit(std::vector<ProviderCall> calls) override {
            for (auto& call : calls) {
                shared_->calls_[shared_->next_] = {this, call.call};
                call.call = shared_->next_++;
            }
            shared_->fake.submit(std::move(calls));
        }

        std::vector<FinishedCall> take_finished(std::size_t max, Millis) override {
            shared_->sort_finished();
            std::vector<FinishedCall> taken;
            while (!finished_.empty() && taken.size() < max) {
                taken.push_back(std::move(finished_.front()));
                finished_.pop_front();
            }
            return taken;
        }

    private:
        friend class SharedProvider;

        const std::shared_ptr<SharedProvider> shared_;
        std::deque<FinishedCall> finished_;
    };

    void sort_finished() {
        for (auto& finished : fake.take_finished(FakeProvider::kAll, Millis{0})) {
            const auto found = calls_.find(finished.call);
            if (found == calls_.end()) continue;
            const auto [queue, number] = found->second;
            calls_.erase(found);
            finished.call = number;
            queue->finished_.push_back(std::move(finished));
        }
    }

    std::uint64_t next_ = 1;
    std::map<std::uint64_t, std::pair<Queue*, std::uint64_t>> calls_;  ///< whose, and its own number
};

}  // namespace herald
