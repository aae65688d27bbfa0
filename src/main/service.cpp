#include "main/service.hpp"

#include <charconv>
#include <future>
#include <random>

#include <fmt/format.h>
#include <sys/resource.h>

#include "base/log.hpp"
#include "main/demo.hpp"
#include "main/listen_address.hpp"
#include "pipeline/engine_watch.hpp"
#include "pipeline/housekeeper.hpp"
#include "pipeline/receipt_applier.hpp"
#include "pipeline/scheduler.hpp"
#include "pipeline/sole_stage.hpp"
#include "pipeline/sweeper.hpp"
#include "pipeline/template_refresher.hpp"
#include "pipeline/topics.hpp"

namespace herald {
namespace {

constexpr std::size_t kBatch = 1'000;
constexpr std::size_t kMaxQueued = 50'000;

/// Debian's soft limit of 1,024 files is too low for a server.
void raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

Status check_roles(const Settings& settings, const Roles& roles) {
    if (roles.is_all()) return {};
    std::string unset;
    for (const auto* engine : kEngineVariables) {
        if (!settings.is_set(engine)) unset += fmt::format("{}{}", unset.empty() ? "" : ", ", engine);
    }
    if (unset.empty()) return {};
    return fail(ErrorCode::invalid,
                fmt::format("`herald {}` is one of several processes, which share engines: set {} (or run "
                            "`herald serve`, which is all of Herald in one process)",
                            roles.name, unset));
}

/// Nobody is to find out later that their messages went to a simulator.
Status check_providers(const Settings& settings, const std::string& why) {
    for (const auto* name : {"HERALD_PUSH_PROVIDERS", "HERALD_SMS_PROVIDERS", "HERALD_EMAIL_PROVIDERS"}) {
        if (settings.is_set(name)) continue;
        return fail(ErrorCode::invalid,
                    fmt::format("{}, so {} must name the providers (or `simulator`)", why, name));
    }
    return {};
}

/// What must not start, with the reason and the way out.
Status check_settings(const Settings& settings, const Roles& roles, const ListenAddress& listen) {
    if (auto status = check_roles(settings, roles); !status) return status;
    const auto longest_life_s = kMaxSendAheadSeconds + kMaxTtlSeconds;
    if (settings.integer("HERALD_STORE_RETENTION_S") <
        longest_life_s + settings.integer("HERALD_LOG_RETENTION_S")) {
        return fail(ErrorCode::invalid,
                    "HERALD_STORE_RETENTION_S must be at least 33 days more than HERALD_LOG_RETENTION_S: "
                    "nothing may be dropped that "
                    "the log could still move");
    }
    if (has_engine(settings)) {
        if (auto status = check_providers(settings, "an engine is set"); !status) return status;
    }
    if (listen.is_loopback()) return {};
    if (roles.api && !settings.is_set("HERALD_API_KEY") && settings.integer("HERALD_ALLOW_ANONYMOUS") == 0) {
        return fail(ErrorCode::invalid,
                    "HERALD_LISTEN is beyond loopback, so a key is needed: set HERALD_API_KEY (or "
                    "HERALD_ALLOW_ANONYMOUS=1)");
    }
    return check_providers(settings, "HERALD_LISTEN is beyond loopback");
}

bool uses_simulators(const Settings& settings) {
    for (const auto channel : kChannels) {
        const auto names = providers_of(settings, channel);
        if (std::find(names.begin(), names.end(), "simulator") != names.end()) return true;
    }
    return false;
}

RetryPolicy retry_policy(const Settings& settings) {
    RetryPolicy policy;
    policy.base = Millis{settings.integer("HERALD_RETRY_BASE_MS")};
    policy.cap = Millis{settings.integer("HERALD_RETRY_CAP_MS")};
    policy.max_tries = static_cast<int>(settings.integer("HERALD_RETRY_LIMIT"));
    policy.reconcile_push = std::chrono::seconds(settings.integer("HERALD_RECONCILE_PUSH_S"));
    policy.reconcile_sms = std::chrono::seconds(settings.integer("HERALD_RECONCILE_SMS_S"));
    policy.reconcile_email = std::chrono::seconds(settings.integer("HERALD_RECONCILE_EMAIL_S"));
    return policy;
}

double random_jitter() {
    thread_local std::minstd_rand generator(static_cast<unsigned>(random_u64()));
    return std::uniform_real_distribution<double>(0, 1)(generator);
}

}  // namespace

Result<std::unique_ptr<Service>> Service::start(const Settings& settings, const Roles& roles) {
    raise_file_limit();
    std::unique_ptr<Service> service(new Service(settings, roles));
    for (const auto step : {&Service::open_engines, &Service::start_simulators, &Service::make_accounts,
                            &Service::start_stages, &Service::start_api}) {
        if (auto status = (service.get()->*step)(); !status) return fail(status.error());
    }
    service->watch();
    service->readiness_.set_started();
    return service;
}

Service::~Service() { stop(); }

Status Service::open_engines() {
    const auto listen = ListenAddress::parse(settings_.text("HERALD_LISTEN"));
    if (!listen) return fail(listen.error());
    if (auto status = check_settings(settings_, roles_, *listen); !status) return status;
    auto engines = herald::open_engines(settings_, readings_of(roles_), clock_, metrics_);
    if (!engines) return fail(engines.error());
    engines_ = *std::move(engines);
    // Accepting goes on without the store, so its illness must not take away those who accept.
    if (roles_.api) readiness_.set_needed({"log"});
    return {};
}

/// The simulators run here unless the settings say where else they are.
Status Service::start_simulators() {
    simulator_dir_ = simulator_dir(settings_);
    const bool elsewhere =
        settings_.is_set("HERALD_SIMULATOR_DIR") || settings_.is_set("HERALD_SIMULATOR_HOST");
    if (!uses_simulators(settings_) || elsewhere) return {};
    if (!roles_.is_all()) {
        if (roles_.workers.empty()) return {};
        return fail(ErrorCode::invalid,
                    "a provider is `simulator`, and this process does not run them: start `herald simulate` "
                    "and set HERALD_SIMULATOR_DIR to its folder");
    }
    auto options = simulator_options(settings_, simulator_dir_);
    auto simulator = simulator::Simulator::start(options);
    if (!simulator) return fail(simulator.error());
    simulator_ = *std::move(simulator);
    log::info("simulator.started", {{"apns", simulator_->ports().apns},
                                    {"fcm", simulator_->ports().fcm},
                                    {"twilio", simulator_->ports().twilio},
                                    {"sendgrid", simulator_->ports().sendgrid},
                                    {"apns_control", simulator_->ports().apns_control},
                                    {"fcm_control", simulator_->ports().fcm_control}});
    return {};
}

Status Service::make_accounts() {
    auto made = make_provider_accounts(settings_, roles_.workers, simulator_dir_, clock_);
    if (!made) return fail(made.error());
    provider_accounts_ = *std::move(made);
    for (const auto& provider : provider_accounts_) {
        accounts_.push_back(std::make_unique<Account>(provider->traits(), clock_, *engines_.limiter));
        log::info("account.ready",
                  {{"account", provider->traits().name}, {"route", to_string(provider->traits().route)}});
    }
    return {};
}

Status Service::start_stages() {
    auto& store = *engines_.store;
    templates_ = std::make_unique<TemplateCache>(store, clock_);
    close_batcher_ = std::make_unique<CloseBatcher>(
        "store.close", [&store](const auto& closed) { return store.close_deliveries(closed); }, kBatch,
        kMaxQueued);
    if (roles_.planner) {
        if (auto status = add_planners(); !status) return status;
    }
    if (!roles_.workers.empty()) {
        if (auto status = add_senders(); !status) return status;
    }
    if (roles_.scheduler) add_scheduler();
    if (roles_.api) add_stage(std::make_unique<TemplateRefresher>(*templates_, clock_));
    add_stage(std::make_unique<EngineWatch>(clock_, *engines_.log, store, readiness_));
    return {};
}

Status Service::add_planners() {
    auto& store = *engines_.store;
    plan_batcher_ = std::make_unique<PlanBatcher>(
        "store.plan", [&store](const auto& plans) { return store.store_plans(plans); }, kBatch, kMaxQueued);
    auto keys = store.id_keys();
    if (!keys) return fail(keys.error());
    PlannerParts parts{clock_, *engines_.log, store, *plan_batcher_, store,    *templates_,
                       store,  *keys,         store, readiness_,     metrics_, {}};
    for (const auto& account : account_traits(settings_)) parts.routes.push_back(account.route);
    for (const auto lane : kLanes) {
        auto planner = RequestPlanner::make(lane, parts);
        if (!planner) return fail(planner.error());
        add_stage(*std::move(planner));
    }
    auto receipts = ReceiptApplier::make({clock_, *engines_.log, store, store, readiness_, metrics_});
    if (!receipts) return fail(receipts.error());
    add_stage(*std::move(receipts));
    return {};
}

/// A route without an account has no sender: the planner skips its deliveries as no_provider.
Status Service::add_senders() {
    auto& store = *engines_.store;
    claim_batcher_ =
        std::make_unique<ClaimBatcher>("store.claim", claim_call(store, clock_), kBatch, kMaxQueued);
    settle_batcher_ = std::make_unique<SettleBatcher>(
        "store.settle", [&store](const auto& ended) { return store.settle(ended); }, kBatch, kMaxQueued);
    const SenderParts parts{clock_,          *engines_.log, *claim_batcher_, *settle_batcher_,
                            *close_batcher_, store,         store,           *templates_,
                            store,           readiness_,    metrics_,        retry_policy(settings_),
                            random_jitter};
    for (const auto route : kRoutes) {
        for (const auto lane : kLanes) {
            std::vector<SenderAccount> accounts;
            for (std::size_t i = 0; i < accounts_.size(); ++i) {
                if (accounts_[i]->traits.route == route)
                    accounts.push_back({accounts_[i].get(), provider_accounts_[i]->open()});
            }
            if (accounts.empty()) continue;
            auto sender = Sender::make(route, lane, parts, std::move(accounts));
            if (!sender) return fail(sender.error());
            add_stage(*std::move(sender));
        }
    }
    return {};
}

void Service::add_scheduler() {
    auto& store = *engines_.store;
    std::map<Route, Millis> call_deadlines;
    for (const auto& account : account_traits(settings_)) {
        auto& longest = call_deadlines[account.route];
        longest = std::max(longest, account.call_deadline);
    }
    lease_ = std::make_unique<ShardLease>(store, clock_);
    add_stage(std::make_unique<Scheduler>(clock_, *engines_.log, store, *lease_, metrics_,
                                          std::move(call_deadlines)));
    auto sweeper = std::make_unique<Sweeper>(clock_, *engines_.log, store, *close_batcher_, metrics_);
    add_stage(std::make_unique<SoleStage>(std::move(sweeper), *lease_));
    const std::chrono::seconds retention(settings_.integer("HERALD_STORE_RETENTION_S"));
    auto housekeeper = std::make_unique<Housekeeper>(clock_, store, store, retention);
    add_stage(std::make_unique<SoleStage>(std::move(housekeeper), *lease_));
}

void Service::add_stage(std::unique_ptr<Stage> stage) {
    stages_.push_back(std::make_unique<StageThread>(std::move(stage), readiness_));
}

Status Service::start_api() {
    readers_ = std::make_unique<WorkerPool>(
        "store.read", static_cast<std::size_t>(settings_.integer("HERALD_STORE_READERS")),
        static_cast<std::size_t>(settings_.integer("HERALD_STORE_READ_QUEUE")));
    auto& store = *engines_.store;
    auto keys = store.id_keys();
    if (!keys) return fail(keys.error());
    IntakeOptions intake_options;
    intake_options.append_deadline = Millis{settings_.integer("HERALD_APPEND_DEADLINE_MS")};
    intake_ = std::make_unique<Intake>(intake_options, clock_, *engines_.log, *templates_, store, *readers_,
                                       *keys, metrics_);

    const auto listen = ListenAddress::parse(settings_.text("HERALD_LISTEN"));
    ApiOptions api_options;
    if (settings_.is_set("HERALD_API_KEY"))
        api_options.keys.push_back({sha256(settings_.text("HERALD_API_KEY")), default_tenant()});
    api_options.only_open_routes = !roles_.api;
    api_options.anonymous = api_options.keys.empty() || settings_.integer("HERALD_ALLOW_ANONYMOUS") == 1;
    if (roles_.api && api_options.anonymous && !listen->is_loopback())
        log::warning("api.anonymous", {{"listen", settings_.text("HERALD_LISTEN")}});
    api_ = std::make_unique<Api>(std::move(api_options),
                                 ApiParts{clock_, *intake_, *readers_, store, store, store, *templates_,
                                          *engines_.log, readiness_, metrics_});
    net::ServerOptions server_options;
    server_options.thread_name = "http.api";
    server_options.host = listen->host;
    server_options.port = listen->port;
    server_options.threads = static_cast<int>(settings_.integer("HERALD_HTTP_THREADS"));
    server_options.max_body_bytes = static_cast<std::size_t>(settings_.integer("HERALD_MAX_BODY_BYTES"));
    server_options.max_connections = static_cast<std::size_t>(settings_.integer("HERALD_MAX_CONNECTIONS"));
    auto server = net::HttpServer::start(server_options, *api_);
    if (!server) return fail(server.error());
    server_ = *std::move(server);
    return {};
}

/// Gauges that are read when somebody asks: on an io thread, so none of them touches a store.
void Service::watch() {
    metrics_.before_scrape([this, parts = std::set<std::string>{"log", "store"}]() mutable {
        const auto ill = readiness_.ill_parts();
        for (const auto& [part, why] : ill) parts.insert(part);
        for (const auto& part : parts) {
            metrics_.gauge("herald_part_ill", "1 while a part of this process is ill.", {{"part", part}})
                .Set(ill.contains(part) ? 1 : 0);
        }
        metrics_.gauge("herald_log_level_ratio", "Unfinished bytes of the log by its bound.")
            .Set(engines_.log->level());
        if (const auto lag = engines_.log->lag()) {
            for (const auto& row : *lag) {
                const Labels labels{
                    {"group", row.group}, {"topic", row.topic}, {"partition", std::to_string(row.partition)}};
                metrics_.gauge("herald_consumer_lag_records", "Records not finished by the group.", labels)
                    .Set(static_cast<double>(row.records));
                metrics_
                    .gauge("herald_consumer_lag_seconds",
                           "Age of the oldest record not finished by the group.", labels)
                    .Set(std::chrono::duration<double>(row.age).count());
            }
        }
        for (const auto& account : accounts_) {
            metrics_
                .gauge("herald_breaker_state", "0 closed, 1 open, 2 probing.",
                       {{"account", account->traits.name}})
                .Set(static_cast<double>(account->breaker.state()));
            metrics_
                .gauge("herald_call_slots_in_use", "Calls in flight at an account.",
                       {{"account", account->traits.name}})
                .Set(account->slots.in_use());
        }
        metrics_.gauge("herald_store_read_queue", "Requests that wait for a reader of the store.")
            .Set(static_cast<double>(readers_->queued()));
        metrics_.gauge("herald_http_connections", "Open connections to the API.")
            .Set(static_cast<double>(server_->levels().connections));
    });
}

/// At the same time: each may wait for Kafka to let its consumer go.
void Service::end_stages() {
    std::vector<std::future<void>> ends;
    for (auto& stage : stages_) ends.push_back(std::async(std::launch::async, [&stage] { stage.reset(); }));
    for (auto& end : ends) end.wait();
    stages_.clear();
}

void Service::stop() {
    if (std::exchange(stopped_, true)) return;
    readiness_.set_stopping();
    const Millis limit{settings_.integer("HERALD_SHUTDOWN_S") * 1000};
    const auto deadline = std::chrono::steady_clock::now() + limit;
    if (server_) server_->stop(limit / 4);
    for (auto& stage : stages_) stage->begin_stop();
    for (auto& stage : stages_) stage->finish(deadline);
    api_.reset();
    intake_.reset();
    readers_.reset();
    end_stages();
    provider_accounts_.clear();
    if (simulator_) simulator_->stop();
}

}  // namespace herald
