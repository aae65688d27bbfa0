#pragma once

#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "pipeline/intake.hpp"
#include "pipeline/receipt_applier.hpp"
#include "pipeline/request_planner.hpp"
#include "pipeline/scheduler.hpp"
#include "pipeline/sender.hpp"
#include "pipeline/sweeper.hpp"
#include "pipeline/testing/doubles.hpp"
#include "pipeline/testing/shared_provider.hpp"
#include "pipeline/testing/wall_clock.hpp"
#include "pipeline/topics.hpp"
#include "ports/testing/builders.hpp"
#include "ports/testing/fake_event_log.hpp"
#include "ports/testing/fake_provider.hpp"
#include "ports/testing/fake_store.hpp"

namespace herald {

/// The whole pipeline over fakes, on one thread and a clock turned by hand: a process that can be killed and
/// started again. What outlives a kill is the log's disk, the store and the providers.
class World {
public:
    World() : store(clock), disk(std::make_shared<FakeLogDisk>()) {
        for (const auto route : kRoutes) providers[route] = std::make_shared<SharedProvider>(clock);
        put_template("welcome");
        put_user(make_user("ada"));
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

    /// As a process of several: what an earlier one claimed is somebody else's until its lease ends.
    void start() {
        FakeLogOptions options;
        options.clock = &clock;
        options.groups = topics::consumed();
        options.max_bytes = log_bytes;
        log = std::make_unique<FakeEventLog>(options, disk);
        templates = std::make_unique<TemplateCache>(store, clock);
        start_batchers();
        readers = std::make_unique<WorkerPool>("store.read", 1, 100);
        intake = std::make_unique<Intake>(intake_options, clock, *log, *templates, store, *readers,
                                          store.id_keys().value(), metrics);
        for (const auto route : kRoutes) start_route(route);
        const PlannerParts parts{clock, *log,       store,  *plans,
                                 store, *templates, store,  store.id_keys().value(),
                                 store, readiness,  metrics};
        for (const auto lane : kLanes) planners.push_back(RequestPlanner::make(lane, parts).value());
        receipts = ReceiptApplier::make({clock, *log, store, store, readiness, metrics}).value();
        lease = std::make_unique<ShardLease>(store, clock);
        scheduler = std::make_unique<Scheduler>(clock, *log, store, *lease, metrics);
        sweeper = std::make_unique<Sweeper>(clock, *log, store, *closures, metrics);
    }

    /// As an embedded start does it: nobody else can hold a claim.
    void restart() {
        kill();
        CHECK(store.declare_claims_dead().has_value());
        start();
    }

    /// Starts again with a log that has forgotten everything.
    void lose_log() {
        kill();
        disk = std::make_shared<FakeLogDisk>();
        start();
    }

    /// The log loses the SMS that nobody has read.
    void forget_deliveries() {
        const auto topic = topics::deliveries(Route::sms, Lane::normal);
        auto& positions = disk->positions[{topics::kSenderGroup, topic}];
        const auto& partitions = disk->topics[topic].partitions;
        for (std::size_t i = 0; i < partitions.size(); ++i) {
            positions[i] = static_cast<std::int64_t>(partitions[i].records.size());
        }
    }

    /// Another member of the sender's group, as a second process has one; it takes over some of the
    /// partitions.
    std::unique_ptr<Sender> make_sender(Route route = Route::sms, Lane lane = Lane::normal) {
        const SenderParts parts{clock,
                                *log,
                                *claims,
                                *settlements,
                                *closures,
                                store,
                                store,
                                *templates,
                                store,
                                readiness,
                                metrics,
                                retry,
                                [this] { return jitter; }};
        std::vector<SenderAccount> own;
        for (auto& account : accounts[route])
            own.push_back({account.get(), SharedProvider::open(providers[route])});
        if (own.size() > 1) own[1].provider = SharedProvider::open(backup);
        return Sender::make(route, lane, parts, std::move(own)).value();
    }

    void put_template(const std::string& id, const std::string& guarantee = "at_least_once", int ttl_s = 3600,
                      const std::string& category = "transactional") {
        const auto body = fmt::format(
            R"({{"id":"{}","guarantee":"{}","ttl_s":{},"category":"{}","channels":{{)"
            R"("push":{{"title":"Hi","body":"{{{{ username }}}}"}},"sms":{{"body":"Hi {{{{ username }}}}"}},)"
            R"("email":{{"subject":"Hi","text":"{{{{ username }}}}"}}}}}})",
            id, guarantee, ttl_s, category);
        CHECK(store.put_template(default_tenant(), TemplateId(id), body, clock.now()).has_value());
    }
    /// A new version with only these channels.
    void put_channels(const std::string& channels, const std::string& id = "welcome") {
        const auto body = fmt::format(R"({{"id":"{}","channels":{{{}}}}})", id, channels);
        CHECK(store.put_template(default_tenant(), TemplateId(id), body, clock.now()).has_value());
        templates->forget_head(default_tenant(), TemplateId(id));
    }
    void put_user(const User& user) {
        CHECK(store.put_user(default_tenant(), user, clock.now()).has_value());
    }
    void move_phone(const std::string& phone, const std::string& id = "ada") {
        auto user = make_user(id);
        user.phone = phone;
        put_user(user);
    }
    void switch_off(Channel channel, const std::string& id = "ada") {
        Preferences preferences;
        preferences.channels[channel] = false;
        CHECK(store.put_preferences(default_tenant(), UserId(id), preferences).has_value());
    }

    SendRequest request(std::vector<Channel> channels = {Channel::sms},
                        const std::string& tmpl = "welcome") const {
        SendRequest request;
        request.tenant = default_tenant();
        request.user_id = UserId("ada");
        request.template_id = TemplateId(tmpl);
        request.channels = std::move(channels);
        request.data = Json(Json::Object{{"username", Json("Ada")}});
        return request;
    }
    SendRequest keyed(const std::string& key, const std::string& body = "the body") const {
        auto asked = request();
        asked.idempotency = SendRequest::Idempotency{key, sha256(body)};
        return asked;
    }
    SendRequest later(Millis wait) const {
        auto asked = request();
        asked.send_at = clock.now() + wait;
        return asked;
    }

    /// The intake's answer, when it comes.
    std::future<IntakeAnswer> ask_and_go(SendRequest asked) {
        (void)templates->load(asked.tenant, asked.template_id, std::nullopt)
            .has_value();  // or it would go by a reader's thread
        auto answer = std::make_shared<std::promise<IntakeAnswer>>();
        intake->accept(std::move(asked), [answer](IntakeAnswer a) { answer->set_value(std::move(a)); });
        return answer->get_future();
    }
    IntakeAnswer ask(SendRequest asked) { return ask_and_go(std::move(asked)).get(); }
    NotificationId accept(SendRequest asked) { return std::get<AcceptedRequest>(ask(std::move(asked))).id; }
    NotificationId accept(std::vector<Channel> channels = {Channel::sms}) {
        return accept(request(std::move(channels)));
    }
    NotificationId accept_for(const std::string& user) {
        auto asked = request();
        asked.user_id = UserId(user);
        return accept(std::move(asked));
    }

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
        for (int i = 0; i < 4; ++i) {
            (void)scheduler->pass(Millis{0}).has_value();
            (void)receipts->pass(Millis{0}).has_value();
            (void)plan().has_value();
            for (int k = 0; k < 3; ++k) (void)send().has_value();
        }
    }
    void advance(Millis by) {
        clock.advance(by);
        run();
    }
    /// Lets time pass in small steps, running all the while.
    void run_for(Millis span, Millis step = Millis{500}) {
        for (Millis passed{0}; passed < span; passed += step) advance(step);
    }
    /// Walks that find whatever there is to find.
    void sweep() {
        clock.advance(std::chrono::seconds(31));
        (void)sweeper->pass(Millis{0}).has_value();
    }

    Story story(const NotificationId& id) { return store.load_story(default_tenant(), id).value().value(); }
    bool is_known(const NotificationId& id) {
        return store.load_story(default_tenant(), id).value().has_value();
    }
    DeliveryState state(const NotificationId& id, std::size_t index = 0) {
        return story(id).deliveries.at(index).state;
    }
    std::string reason(const NotificationId& id, std::size_t index = 0) {
        return story(id).deliveries.at(index).reason;
    }
    /// "#1 unknown", "#2 accepted": the attempts of one delivery.
    std::vector<std::string> attempts(const NotificationId& id, std::size_t index = 0) {
        std::vector<std::string> lines;
        const auto told = story(id);
        for (const auto& attempt : told.deliveries.at(index).attempts) {
            lines.push_back(fmt::format("#{} {}", attempt.n, to_string(attempt.state)));
        }
        return lines;
    }
    CancelResult cancel(const NotificationId& id) {
        return store.cancel(default_tenant(), id, clock.now()).value();
    }

    FakeProvider& provider(Route route) { return providers[route]->fake; }
    FakeProvider& sms() { return provider(Route::sms); }
    std::size_t calls(Route route = Route::sms) { return provider(route).submitted().size(); }
    Account& account(Route route = Route::sms) { return *accounts[route].front(); }
    /// Where the calls went, in their order.
    std::vector<std::string> numbers_called() {
        std::vector<std::string> numbers;
        for (const auto& [call, at] : sms().submitted())
            numbers.push_back(std::get<SmsMessage>(call.message).to);
        return numbers;
    }
    /// Deliveries that were claimed since the start of the world, repeats included.
    std::size_t claims_made() const {
        std::size_t count = 0;
        for (const auto& batch : claim_batches) count += batch.size();
        return count;
    }

    /// A notification whose id is one that we give out.
    Notification given_out(const std::string& user = "ada") {
        auto n = make_notification(1, clock.now(), user);
        n.id = make_notification_id(store.id_keys().value(), n.tenant, clock.now());
        return n;
    }
    void append(NewRecord record) {
        std::vector<NewRecord> records;
        records.push_back(std::move(record));
        CHECK(log->append_and_wait(std::move(records)).has_value());
    }
    /// The same record once more, as a producer's retry or a rewound consumer brings it.
    void repeat(const LogRecord& record) {
        append({record.topic, record.key, record.value, record.traceparent});
    }
    void repeat_request() { repeat(log->records(topics::requests(Lane::normal)).front()); }
    void repeat_delivery(Route route = Route::sms) { repeat(delivery_records(route).front()); }
    std::vector<LogRecord> delivery_records(Route route = Route::sms) {
        return log->records(topics::deliveries(route, Lane::normal));
    }
    void append_attempt(const NotificationId& id, int attempt) {
        append({topics::deliveries(Route::sms, Lane::normal), "key",
                encode(DeliveryRecord{default_tenant(), {id, 0, 1}, attempt}), ""});
    }
    void receipt(const NotificationId& id, int attempt, AttemptState state) {
        append(
            {topics::kReceipts, "key",
             encode(ReceiptRecord{default_tenant(), {id, 0, 1}, "twilio", attempt, state, "", clock.now()}),
             ""});
    }
    /// A key whose records go to that partition.
    std::string key_in_partition(std::size_t partition) const {
        for (int i = 0;; ++i) {
            auto key = fmt::format("key{}", i);
            if (std::hash<std::string>{}(key) % static_cast<std::size_t>(log->partitions()) == partition)
                return key;
        }
    }

    std::size_t unfinished(const std::string& topic) {
        const auto lags = log->lag().value();
        std::size_t count = 0;
        for (const auto& lag : lags) count += lag.topic == topic ? static_cast<std::size_t>(lag.records) : 0;
        return count;
    }
    std::size_t unfinished_requests() { return unfinished(topics::requests(Lane::normal)); }
    std::size_t unfinished_deliveries() { return unfinished(topics::deliveries(Route::sms, Lane::normal)); }
    /// "0.1 #1 sent": step, ordinal, attempt and state of each event about it, which is the event's id.
    std::vector<std::string> events(const NotificationId& id) {
        std::vector<std::string> lines;
        for (const auto& record : log->records(topics::kEvents)) {
            const auto json = Json::parse(record.value).value();
            if (json.text("id") != to_string(id)) continue;
            lines.push_back(fmt::format("{}.{} #{} {}", json.integer("step"), json.integer("ordinal"),
                                        json.integer("attempt"), json.text("state")));
        }
        return lines;
    }
    /// The reasons in `dead`.
    std::vector<std::string> buried() {
        std::vector<std::string> reasons;
        for (const auto& record : log->records(topics::kDead)) {
            reasons.emplace_back(Json::parse(record.value).value().text("reason"));
        }
        return reasons;
    }

    // May be changed before a restart.
    RetryPolicy retry;
    IntakeOptions intake_options;
    Millis call_deadline{10'000};
    int max_in_flight = 64;
    double rate = 0;
    double jitter = 0;
    std::int64_t log_bytes = 1'073'741'824;
    std::shared_ptr<SharedProvider> backup;  ///< with it the SMS route has a second account

    WallClock clock{kTestStart};
    Metrics metrics;
    Readiness readiness;
    FakeStore store;
    ScriptedLimiter limiter;
    std::shared_ptr<FakeLogDisk> disk;
    std::map<Route, std::shared_ptr<SharedProvider>> providers;

    /// Called before a claim is made, on another thread, while the sender waits for it.
    std::function<void(const std::vector<ClaimRequest>&)> before_claim;
    std::function<void()> after_claim;         ///< the same, before the sender has the answer
    std::optional<NotificationId> unreadable;  ///< a claim that contains a delivery of it is refused
    std::vector<std::vector<ClaimRequest>> claim_batches;
    std::vector<Settlement> settled;  ///< all that was asked of the store

    std::unique_ptr<FakeEventLog> log;
    std::unique_ptr<TemplateCache> templates;
    std::map<Route, std::vector<std::unique_ptr<Account>>> accounts;
    std::unique_ptr<PlanBatcher> plans;
    std::unique_ptr<ClaimBatcher> claims;
    std::unique_ptr<SettleBatcher> settlements;
    std::unique_ptr<CloseBatcher> closures;
    std::unique_ptr<WorkerPool> readers;
    std::unique_ptr<Intake> intake;
    std::vector<std::unique_ptr<RequestPlanner>> planners;
    std::map<std::pair<Route, Lane>, std::unique_ptr<Sender>> senders;
    std::unique_ptr<ReceiptApplier> receipts;
    std::unique_ptr<ShardLease> lease;
    std::unique_ptr<Scheduler> scheduler;
    std::unique_ptr<Sweeper> sweeper;

private:
    static constexpr std::size_t kBatch = 1'000;
    static constexpr std::size_t kQueued = 50'000;

    void start_batchers() {
        plans = std::make_unique<PlanBatcher>(
            "store.plan", [this](const auto& items) { return store.store_plans(items); }, kBatch, kQueued);
        claims = std::make_unique<ClaimBatcher>(
            "store.claim",
            [this, claim = claim_call(store, clock)](const auto& items) {
                claim_batches.push_back(items);
                if (before_claim) before_claim(items);
                if (unreadable && std::any_of(items.begin(), items.end(), [&](const auto& item) {
                        return item.delivery.notification == *unreadable;
                    })) {
                    return ClaimBatcher::Answers(fail(ErrorCode::refused_content, "a row cannot be read"));
                }
                auto answers = claim(items);
                if (after_claim) after_claim();
                return answers;
            },
            kBatch, kQueued);
        settlements = std::make_unique<SettleBatcher>(
            "store.settle",
            [this](const auto& items) {
                settled.insert(settled.end(), items.begin(), items.end());
                return store.settle(items);
            },
            kBatch, kQueued);
        closures = std::make_unique<CloseBatcher>(
            "store.close", [this](const auto& items) { return store.close_deliveries(items); }, kBatch,
            kQueued);
    }

    void start_route(Route route) {
        const std::string name(to_string(route));
        const AccountTraits traits{name, route, call_deadline, max_in_flight, rate};
        accounts[route].push_back(std::make_unique<Account>(traits, clock, limiter));
        if (backup && route == Route::sms) {
            const AccountTraits second{name + ".backup", route, call_deadline, max_in_flight, rate};
            accounts[route].push_back(std::make_unique<Account>(second, clock, limiter));
        }
        for (const auto lane : kLanes) senders[{route, lane}] = make_sender(route, lane);
    }

    static void keep_first(Status& first, Status status) {
        if (first && !status) first = std::move(status);
    }
};

}  // namespace herald
