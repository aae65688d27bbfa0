#pragma once

#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "pipeline/intake.hpp"
#include "pipeline/receipt_applier.hpp"
#include "pipeline/request_planner.hpp"
#include "pipeline/scheduler.hpp"
#include "pipeline/sender.hpp"
#include "pipeline/sweeper.hpp"
#include "pipeline/topics.hpp"
#include "ports/testing/builders.hpp"
#include "ports/testing/fake_event_log.hpp"
#include "ports/testing/fake_provider.hpp"
#include "ports/testing/fake_store.hpp"

namespace herald {

/// Grants what a test allows.
class ScriptedLimiter final : public RateLimiter {
public:
    Tokens take(const std::string&, Rate, int wanted) override {
        const int granted = std::min(wanted, left);
        left -= granted;
        return {granted, granted < wanted ? Millis{1} : Millis{0}};
    }
    void give_back(const std::string&, Rate, int tokens) override { left += tokens; }

    int left = 1'000'000'000;
};

/// The whole pipeline over fakes, on one thread and a clock turned by hand: a process that can be killed and started
/// again. What outlives a kill is the log's disk, the store and the providers.
class World {
public:
    World() : store(clock), disk(std::make_shared<FakeLogDisk>()) {
        for (const auto route : kRoutes) providers[route] = std::make_shared<FakeProvider>(clock);
        put_template("welcome");
        CHECK(store.put_user(default_tenant(), make_user("ada"), clock.now()).has_value());
        start();
    }
    ~World() { kill(); }

    /// Dies with whatever was in flight: no outcome that was not settled is written any more.
    void kill() {
        senders.clear();
        planners.clear();
        receipts.reset();
        scheduler.reset();
        sweeper.reset();
        intake.reset();
        readers.reset();
        closures.reset();
        settlements.reset();
        claims.reset();
        plans.reset();
        templates.reset();
        accounts.clear();
        log.reset();
    }

    void start() {
        FakeLogOptions options;
        options.clock = &clock;
        options.groups = topics::consumed();
        options.max_bytes = log_bytes;
        log = std::make_unique<FakeEventLog>(options, disk);
        templates = std::make_unique<TemplateCache>(store, clock);
        plans = std::make_unique<PlanBatcher>([this](const auto& items) { return store.store_plans(items); }, 1000, 50'000);
        claims = std::make_unique<ClaimBatcher>(claim_call(store), 1000, 50'000);
        settlements = std::make_unique<SettleBatcher>([this](const auto& items) { return store.settle(items); }, 1000, 50'000);
        closures = std::make_unique<CloseBatcher>([this](const auto& items) { return store.close_deliveries(items); }, 1000, 50'000);
        readers = std::make_unique<WorkerPool>(1, 100);
        intake = std::make_unique<Intake>(intake_options, clock, *log, *templates, store, *readers, store.id_keys().value(), metrics);
        const PlannerParts planner_parts{clock, *log, store, *plans, store, *templates, metrics};
        const SenderParts sender_parts{clock, *log,  *claims,    *settlements, *closures, store,
                                       store, *templates, metrics, retry,        [this] { return jitter; }};
        for (const auto route : kRoutes) {
            AccountTraits traits{std::string(to_string(route)), route, call_deadline, max_in_flight, rate};
            accounts[route] = std::make_unique<Account>(traits, clock, limiter);
        }
        for (const auto lane : kLanes) {
            planners.push_back(RequestPlanner::make(lane, planner_parts).value());
            for (const auto route : kRoutes) {
                std::vector<SenderAccount> own;
                own.push_back({accounts[route].get(), std::make_unique<Borrowed>(providers[route])});
                senders[{route, lane}] = Sender::make(route, lane, sender_parts, std::move(own)).value();
            }
        }
        receipts = ReceiptApplier::make(clock, *log, store, metrics).value();
        scheduler = std::make_unique<Scheduler>(clock, *log, store, metrics);
        sweeper = std::make_unique<Sweeper>(clock, *log, store, *closures, metrics);
    }

    /// As an embedded start does it.
    void restart() {
        kill();
        CHECK(store.declare_claims_dead().has_value());
        start();
    }

    void put_template(const std::string& id, const std::string& guarantee = "at_least_once", int ttl_s = 3600,
                      const std::string& category = "transactional") {
        const auto body = fmt::format(
            R"({{"id":"{}","guarantee":"{}","ttl_s":{},"category":"{}","channels":{{"push":{{"title":"Hi","body":"{{{{ username }}}}"}},)"
            R"("sms":{{"body":"Hi {{{{ username }}}}"}},"email":{{"subject":"Hi","text":"{{{{ username }}}}"}}}}}})",
            id, guarantee, ttl_s, category);
        CHECK(store.put_template(default_tenant(), TemplateId(id), body, clock.now()).has_value());
    }

    SendRequest request(std::vector<Channel> channels = {Channel::sms}, const std::string& tmpl = "welcome") const {
        SendRequest request;
        request.tenant = default_tenant();
        request.user_id = UserId("ada");
        request.template_id = TemplateId(tmpl);
        request.channels = std::move(channels);
        request.data = Json(Json::Object{{"username", Json("Ada")}});
        return request;
    }

    /// The intake's answer, waited for.
    IntakeAnswer ask(SendRequest asked) {
        std::promise<IntakeAnswer> answer;
        intake->accept(std::move(asked), [&](IntakeAnswer a) { answer.set_value(std::move(a)); });
        return answer.get_future().get();
    }
    NotificationId accept(SendRequest asked) { return std::get<AcceptedRequest>(ask(std::move(asked))).id; }
    NotificationId accept(std::vector<Channel> channels = {Channel::sms}) { return accept(request(std::move(channels))); }

    /// One pass of each kind of stage.
    Status plan() {
        Status first;
        for (auto& planner : planners) keep_first(first, planner->pass(Millis{0}));
        return first;
    }
    Status send() {
        Status first;
        for (auto& [key, sender] : senders) keep_first(first, sender->pass(Millis{0}));
        return first;
    }
    /// Enough passes of everything for whatever is due now.
    void run() {
        for (int i = 0; i < 6; ++i) {
            (void)scheduler->pass(Millis{0}).has_value();
            (void)receipts->pass(Millis{0}).has_value();
            (void)plan().has_value();
            for (int k = 0; k < 3; ++k) (void)send().has_value();
        }
    }
    /// Lets time pass in small steps, running all the while.
    void run_for(Millis span, Millis step = Millis{500}) {
        for (Millis passed{0}; passed < span; passed += step) {
            clock.advance(step);
            run();
        }
    }

    Story story(const NotificationId& id) { return store.load_story(default_tenant(), id).value().value(); }
    DeliveryState state(const NotificationId& id, std::size_t index = 0) { return story(id).deliveries.at(index).state; }
    /// "#1 unknown", "#2 accepted": the attempts of one delivery.
    std::vector<std::string> attempts(const NotificationId& id, std::size_t index = 0) {
        std::vector<std::string> lines;
        const auto told = story(id);
        for (const auto& attempt : told.deliveries.at(index).attempts) {
            lines.push_back(fmt::format("#{} {}", attempt.n, to_string(attempt.state)));
        }
        return lines;
    }
    FakeProvider& sms() { return *providers[Route::sms]; }
    std::size_t calls(Route route = Route::sms) { return providers[route]->submitted().size(); }
    void append(NewRecord record) {
        std::vector<NewRecord> records;
        records.push_back(std::move(record));
        CHECK(log->append_and_wait(std::move(records)).has_value());
    }
    std::size_t unfinished(const std::string& topic) {
        std::size_t count = 0;
        for (const auto& lag : log->lag().value()) count += lag.topic == topic ? static_cast<std::size_t>(lag.records) : 0;
        return count;
    }

    // May be changed before a restart.
    RetryPolicy retry;
    IntakeOptions intake_options;
    Millis call_deadline{10'000};
    int max_in_flight = 64;
    double rate = 0;
    double jitter = 0.5;
    std::int64_t log_bytes = 1'073'741'824;

    ManualClock clock{kTestStart};
    Metrics metrics;
    FakeStore store;
    ScriptedLimiter limiter;
    std::shared_ptr<FakeLogDisk> disk;
    std::map<Route, std::shared_ptr<FakeProvider>> providers;

    std::unique_ptr<FakeEventLog> log;
    std::unique_ptr<TemplateCache> templates;
    std::map<Route, std::unique_ptr<Account>> accounts;
    std::unique_ptr<PlanBatcher> plans;
    std::unique_ptr<ClaimBatcher> claims;
    std::unique_ptr<SettleBatcher> settlements;
    std::unique_ptr<CloseBatcher> closures;
    std::unique_ptr<WorkerPool> readers;
    std::unique_ptr<Intake> intake;
    std::vector<std::unique_ptr<RequestPlanner>> planners;
    std::map<std::pair<Route, Lane>, std::unique_ptr<Sender>> senders;
    std::unique_ptr<ReceiptApplier> receipts;
    std::unique_ptr<Scheduler> scheduler;
    std::unique_ptr<Sweeper> sweeper;

private:
    /// The three lanes of a route share one fake account; each has its own queue over it.
    class Borrowed final : public Provider {
    public:
        explicit Borrowed(std::shared_ptr<FakeProvider> provider) : provider_(std::move(provider)) {}
        void submit(std::vector<ProviderCall> calls) override {
            for (const auto& call : calls) own_.insert(call.call);
            provider_->submit(std::move(calls));
        }
        std::vector<FinishedCall> take_finished(std::size_t max, Millis) override {
            if (own_.empty()) return {};
            auto finished = provider_->take_finished(max, Millis{0});
            std::erase_if(finished, [this](const FinishedCall& call) { return own_.erase(call.call) == 0; });
            return finished;
        }

    private:
        std::shared_ptr<FakeProvider> provider_;
        std::set<std::uint64_t> own_;
    };

    static void keep_first(Status& first, Status status) {
        if (first && !status) first = std::move(status);
    }
};

}  // namespace herald
