#pragma once

#include <chrono>
#include <condition_variable>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "api/api.hpp"
#include "api/json_body.hpp"
#include "ports/testing/builders.hpp"
#include "ports/testing/fake_event_log.hpp"
#include "ports/testing/fake_store.hpp"

namespace herald::api {

/// An exchange without a socket: keeps its answer.
class FakeExchange final : public net::Exchange {
public:
    explicit FakeExchange(net::ServerRequest request) : request_(std::move(request)) {}

    const net::ServerRequest& request() const override { return request_; }
    void respond(net::HttpResponse response, std::function<void(bool)> written) override {
        {
            std::lock_guard lock(mutex_);
            if (response_) return;
            response_ = std::move(response);
            answered_.notify_all();
        }
        if (written) written(true);
    }
    void reset(bool) override {}
    void go_away(std::string_view) override {}

    bool is_answered() const {
        std::lock_guard lock(mutex_);
        return response_.has_value();
    }
    /// The answer, or status 0 when none comes in a time that is long for any machine.
    net::HttpResponse wait() {
        std::unique_lock lock(mutex_);
        answered_.wait_for(lock, std::chrono::seconds(20), [this] { return response_.has_value(); });
        return response_.value_or(net::HttpResponse{0, {}, ""});
    }

private:
    const net::ServerRequest request_;
    mutable std::mutex mutex_;
    std::condition_variable answered_;
    std::optional<net::HttpResponse> response_;
};

inline std::string header(const net::HttpResponse& response, std::string_view name) {
    return std::string(net::find_header(response.headers, name).value_or("<none>"));
}

inline Json json_of(const net::HttpResponse& response) {
    auto json = Json::parse(response.body, 64);
    EXPECT_TRUE(json) << response.body;
    return json ? *std::move(json) : Json();
}

/// `<status> <code>`, then every field error as ` <path>:<code>`.
inline std::string summary(const net::HttpResponse& response) {
    const auto json = json_of(response);
    std::string text = std::to_string(response.status) + " " + std::string(json.text("code"));
    const auto* errors = json.find("errors");
    for (const auto& error : errors && errors->as_array() ? *errors->as_array() : Json::Array{}) {
        text += " " + std::string(error.text("path")) + ":" + std::string(error.text("code"));
    }
    return text;
}

/// The API over fakes, with a clock turned by hand.
class ApiTest : public testing::Test {
protected:
    using Extra = std::vector<net::Header>;

    explicit ApiTest(ApiOptions options = {.keys = {}, .anonymous = true}) { start(std::move(options)); }

    void start(ApiOptions options) {
        api_.reset();
        api_.emplace(std::move(options), ApiParts{clock_, intake_, readers_, store_, store_, store_,
                                                  templates_, log_, readiness_, metrics_});
    }

    /// Sends `target`, a path that may have a query, and does not wait.
    std::shared_ptr<FakeExchange> begin(std::string method, std::string_view target, std::string body = "",
                                        Extra headers = {}) {
        net::ServerRequest request;
        request.method = std::move(method);
        const auto question = std::min(target.find('?'), target.size());
        request.path = std::string(target.substr(0, question));
        if (question < target.size()) request.query = std::string(target.substr(question + 1));
        request.headers = std::move(headers);
        const bool typed = net::find_header(request.headers, "content-type").has_value();
        if (!body.empty() && !typed) request.headers.push_back({"Content-Type", "application/json"});
        request.body = std::move(body);
        request.peer = "127.0.0.1";
        auto exchange = std::make_shared<FakeExchange>(std::move(request));
        api_->on_request(exchange);
        return exchange;
    }
    net::HttpResponse call(std::string method, std::string_view target, std::string body = "",
                           Extra headers = {}) {
        return begin(std::move(method), target, std::move(body), std::move(headers))->wait();
    }

    void post_welcome() {
        const auto response = call("POST", "/api/v1/templates", kWelcome);
        ASSERT_EQ(response.status, 201) << response.body;
    }

    /// Holds every reader until the returned promise is kept or gone; their queue has room.
    std::promise<void> hold_readers() {
        std::promise<void> release;
        const auto released = release.get_future().share();
        const auto held = std::make_shared<std::latch>(kReaders);
        for (int i = 0; i < kReaders; ++i) {
            EXPECT_TRUE(readers_.post([held, released] {
                held->count_down();
                released.wait();
            }));
        }
        held->wait();
        return release;
    }
    /// The same, and fills their queue.
    std::promise<void> block_readers() {
        auto release = hold_readers();
        while (readers_.post([] {})) {
        }
        return release;
    }
    FakeLogOptions log_options() {
        FakeLogOptions options;
        options.clock = &clock_;
        return options;
    }

    static constexpr int kReaders = 2;
    static constexpr const char* kWelcome =
        R"({"id":"welcome","channels":{"sms":{"body":"Hello {{ username }}"},)"
        R"("email":{"subject":"Hello","text":"Hello {{ username }}"}}})";
    static constexpr const char* kSend =
        R"({"user_id":"ada","template_id":"welcome","data":{"username":"Ada"}})";

    ManualClock clock_{kTestStart};
    FakeStore store_{clock_};
    FakeEventLog log_{log_options()};
    Metrics metrics_;
    Readiness readiness_;
    TemplateCache templates_{store_, clock_};
    WorkerPool readers_{"store.read", kReaders, 16};
    const IdKeys keys_ = *store_.id_keys();
    Intake intake_{IntakeOptions{}, clock_, log_, templates_, store_, readers_, keys_, metrics_};
    std::optional<Api> api_;
};

}  // namespace herald::api
