#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "net/http.hpp"

namespace herald {

/// The other side of an HttpClient, for tests: answers what it was told, at once and on the caller's thread,
/// or when it is released. For one client, which it outlives. Thread-safe.
class FakeHttpServer {
public:
    using Answer = std::function<net::HttpResult(const net::HttpRequest&)>;

    /// Its destruction ends what is still open, as every client's does.
    std::unique_ptr<net::HttpClient> client() { return std::make_unique<Client>(*this); }

    /// The answers of the next requests, in their order.
    template <class... Results>
    void will(Results... results) {
        const std::lock_guard lock(mutex_);
        (planned_.push_back(net::HttpResult(std::move(results))), ...);
    }
    /// The answer when `will` has nothing left.
    void otherwise(Answer answer) {
        const std::lock_guard lock(mutex_);
        otherwise_ = std::move(answer);
    }

    void hold() {
        const std::lock_guard lock(mutex_);
        holding_ = true;
    }
    /// Answers everything that is open; later requests stay open.
    void release() {
        for (auto& open : take_open()) end(open, open.result);
    }

    std::vector<net::HttpRequest> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }
    /// How often the client was told to renew its connections.
    int renewals() const {
        const std::lock_guard lock(mutex_);
        return renewals_;
    }

private:
    struct Open {
        net::HttpResult result;
        net::HttpClient::Callbacks callbacks;
    };

    class Client final : public net::HttpClient {
    public:
        explicit Client(FakeHttpServer& server) : server_(server) {}
        ~Client() override {
            for (auto& open : server_.take_open()) {
                end(open, tl::unexpected(net::HttpFailure{.request_written = true, .detail = "closed"}));
            }
        }
        void send(net::HttpRequest request, Callbacks callbacks) override {
            server_.receive(std::move(request), std::move(callbacks));
        }
        void renew() override { server_.renewed(); }

    private:
        FakeHttpServer& server_;
    };

    static void end(Open& open, const net::HttpResult& result) {
        const bool written = result.has_value() || result.error().request_written;
        if (written && open.callbacks.written) open.callbacks.written();
        open.callbacks.done(result);
    }

    void receive(net::HttpRequest request, net::HttpClient::Callbacks callbacks) {
        Open open;
        open.callbacks = std::move(callbacks);
        {
            const std::lock_guard lock(mutex_);
            open.result = next_result(request);
            requests_.push_back(std::move(request));
            if (holding_) return open_.push_back(std::move(open));
        }
        end(open, open.result);
    }

    net::HttpResult next_result(const net::HttpRequest& request) {
        if (planned_.empty()) return otherwise_ ? otherwise_(request) : net::HttpResponse{};
        net::HttpResult result = std::move(planned_.front());
        planned_.pop_front();
        return result;
    }

    void renewed() {
        const std::lock_guard lock(mutex_);
        ++renewals_;
    }

    std::deque<Open> take_open() {
        const std::lock_guard lock(mutex_);
        return std::exchange(open_, {});
    }

    mutable std::mutex mutex_;
    std::deque<net::HttpResult> planned_;
    Answer otherwise_;
    std::vector<net::HttpRequest> requests_;
    std::deque<Open> open_;
    bool holding_ = false;
    int renewals_ = 0;
};

}  // namespace herald
