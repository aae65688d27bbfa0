#include "adapters/providers/http_provider.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "base/crash_point.hpp"

namespace herald {
namespace {

/// Where one lane's calls end, whichever thread ends them.
class Completions {
public:
    void push(FinishedCall finished) {
        const std::lock_guard lock(mutex_);
        finished_.push_back(std::move(finished));
        arrived_.notify_one();
    }

    std::vector<FinishedCall> take(std::size_t max, Millis wait) {
        std::unique_lock lock(mutex_);
        arrived_.wait_for(lock, wait, [&] { return !finished_.empty(); });
        const auto count = static_cast<std::ptrdiff_t>(std::min(max, finished_.size()));
        std::vector<FinishedCall> taken(std::move_iterator(finished_.begin()),
                                        std::move_iterator(finished_.begin() + count));
        finished_.erase(finished_.begin(), finished_.begin() + count);
        return taken;
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<FinishedCall> finished_;
};

/// A call on its way. The callbacks of the HTTP client and the credentials own it; the account outlives them.
struct CallInFlight {
    std::uint64_t call = 0;
    Millis deadline{0};  ///< on the clock's uptime
    net::HttpRequest request;
    std::string authorization;
    std::shared_ptr<Completions> completions;
};

class HttpAccount final : public ProviderAccount {
public:
    HttpAccount(HttpAccountParts parts, const Clock& clock) : parts_(std::move(parts)), clock_(clock) {}

    /// Credentials first, since they may still start calls; then the calls, which may still ask for the
    /// protocol.
    ~HttpAccount() override {
        parts_.credentials->close();
        parts_.client.reset();
    }

    const AccountTraits& traits() const override { return parts_.traits; }
    std::unique_ptr<Provider> open() override;

    void start(const ProviderCall& call, const std::shared_ptr<Completions>& completions) {
        auto request = parts_.protocol.to_request(call, clock_.now());
        auto flight = std::make_shared<CallInFlight>();
        flight->call = call.call;
        flight->completions = completions;
        if (!request) return finish_unsent(*flight, std::move(request.error()));
        flight->request = std::move(*request);
        flight->deadline = clock_.uptime() + parts_.traits.call_deadline;
        parts_.credentials->obtain([this, flight](const Authorization& authorization) {
            if (!authorization) return finish_unauthorized(*flight, authorization.error());
            flight->authorization = *authorization;
            send(flight);
        });
    }

private:
    void send(const std::shared_ptr<CallInFlight>& flight) {
        net::HttpRequest request = std::move(flight->request);
        request.headers.push_back({"authorization", flight->authorization});
        request.deadline = flight->deadline - clock_.uptime();
        if (request.deadline <= Millis{0})
            return finish_unsent(*flight, wait_for(kSoon, "authorization came too late"));
        net::HttpClient::Callbacks callbacks;
        callbacks.written = [] { crash_point("written"); };
        callbacks.done = [this, flight](const net::HttpResult& result) {
            if (result) crash_point("answered");
            finish(*flight, outcome_of(result, flight->authorization));
        };
        parts_.client->send(std::move(request), std::move(callbacks));
    }

    /// An expired credential is replaced for the next attempt. It is not tried again within this one, since
    /// an attempt is one request: that is what the provider's and Herald's books are compared by.
    Outcome outcome_of(const net::HttpResult& result, const std::string& authorization) {
        Verdict verdict = parts_.protocol.to_outcome(result, clock_.now());
        if (verdict.credential_expired && parts_.credentials->replace(authorization)) {
            renew_connections(authorization);
            return Deferred{.detail = "the credential had expired and is replaced", .at_once = true};
        }
        return std::move(verdict.outcome);
    }

    /// A connection that has shown an expired token may go on refusing newer ones, as APNs' do. Once for each
    /// token: the other calls that were refused with it must not end the connections that replaced theirs.
    void renew_connections(const std::string& expired) {
        {
            const std::lock_guard lock(renewed_mutex_);
            if (std::exchange(renewed_after_, expired) == expired) return;
        }
        parts_.client->renew();
    }

    /// Without its token nothing was sent. Still, that the account cannot be used is the provider's word on
    /// it, as much as a refused request would be: it has to open the breaker.
    void finish_unauthorized(const CallInFlight& flight, Outcome outcome) {
        if (std::holds_alternative<Unusable>(outcome)) return finish(flight, std::move(outcome));
        finish_unsent(flight, std::move(outcome));
    }

    void finish_unsent(const CallInFlight& flight, Outcome outcome) {
        finish(flight, std::move(outcome), false);
    }

    void finish(const CallInFlight& flight, Outcome outcome, bool sent = true) {
        FinishedCall finished;
        finished.call = flight.call;
        finished.outcome = std::move(outcome);
        finished.ended_at = clock_.now();
        finished.sent = sent;
        flight.completions->push(std::move(finished));
    }

    HttpAccountParts parts_;
    const Clock& clock_;
    std::mutex renewed_mutex_;
    std::string renewed_after_;  ///< the expired authorization
};

class HttpProvider final : public Provider {
public:
    explicit HttpProvider(HttpAccount& account) : account_(account) {}

    void submit(std::vector<ProviderCall> calls) override {
        for (const auto& call : calls) account_.start(call, completions_);
    }
    std::vector<FinishedCall> take_finished(std::size_t max, Millis wait) override {
        return completions_->take(max, wait);
    }

private:
    HttpAccount& account_;
    const std::shared_ptr<Completions> completions_ = std::make_shared<Completions>();
};

std::unique_ptr<Provider> HttpAccount::open() { return std::make_unique<HttpProvider>(*this); }

}  // namespace

std::unique_ptr<ProviderAccount> make_http_account(HttpAccountParts parts, const Clock& clock) {
    CHECK(parts.credentials != nullptr && parts.client != nullptr);
    return std::make_unique<HttpAccount>(std::move(parts), clock);
}

net::HttpRequest begin_request(const ProviderCall& call, std::string url, std::string_view content_type) {
    net::HttpRequest request;
    request.url = std::move(url);
    request.headers = {{"content-type", std::string(content_type)},
                       {"x-herald-delivery", to_string(call.delivery)},
                       {"x-herald-attempt", std::to_string(call.attempt)}};
    return request;
}

Outcome wrong_kind_of_message() {
    return refuse(RejectReason::bad_request, "the provider does not carry this kind of message");
}

}  // namespace herald
