#include "main/service.hpp"

#include <charconv>
#include <random>

#include <fmt/format.h>
#include <sys/resource.h>

#include "base/log.hpp"
#include "main/demo.hpp"
#include "main/listen_address.hpp"
#include "pipeline/housekeeper.hpp"
#include "pipeline/receipt_applier.hpp"
#include "pipeline/scheduler.hpp"
#include "pipeline/sweeper.hpp"
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

/// What must not start, with the reason and the way out.
Status check_settings(const Settings& settings, const ListenAddress& listen) {
    for (const auto* engine : {"KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "REDIS_URL"}) {
        if (settings.is_set(engine)) {
            return fail(ErrorCode::invalid,
                        fmt::format("{} is set, and this version runs on its embedded engines only; unset it",
                                    engine));
        }
    }
    const auto longest_life_s = kMaxSendAheadSeconds + kMaxTtlSeconds;
    if (settings.integer("HERALD_STORE_RETENTION_S") <
        longest_life_s + settings.integer("HERALD_LOG_RETENTION_S")) {
        return fail(ErrorCode::invalid,
                    "HERALD_STORE_RETENTION_S must be at least 33 days more than HERALD_LOG_RETENTION_S: "
                    "nothing may be dropped that "
                    "the log could still move");
    }
    if (listen.is_loopback()) return {};
    if (!settings.is_set("HERALD_API_KEY") && settings.integer("HERALD_ALLOW_ANONYMOUS") == 0) {
        return fail(ErrorCode::invalid,
                    "HERALD_LISTEN is beyond loopback, so a key is needed: set HERALD_API_KEY (or "
                    "HERALD_ALLOW_ANONYMOUS=1)");
    }
    for (const auto* name : {"HERALD_PUSH_PROVIDERS", "HERALD_SMS_PROVIDERS", "HERALD_EMAIL_PROVIDERS"}) {
        if (!settings.is_set(name)) {
            return fail(
                ErrorCode::invalid,
                fmt::format(
                    "HERALD_LISTEN is beyond loopback, so {} must name the providers (or `simulator`)",
                    name));
        }
    }
    return {};
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

Result<std::unique_ptr<Service>> Service::start(const Settings& settings) {
    raise_file_limit();
    std::unique_ptr<Service> service(new Service(settings));
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
    if (auto status = check_settings(settings_, *listen); !status) return status;
    auto folder = DataFolder::open(settings_.text("HERALD_DATA_DIR"));
    if (!folder) return fail(folder.error());
    folder_ = *std::move(folder);

    SqliteLogOptions log_options;
    log_options.path = folder_->path() / "log.db";
    log_options.clock = &clock_;
    log_options.partitions = static_cast<int>(settings_.integer("HERALD_LOG_PARTITIONS"));
    log_options.max_bytes = settings_.integer("HERALD_LOG_MAX_BYTES");
    log_options.retention = std::chrono::seconds(settings_.integer("HERALD_LOG_RETENTION_S"));
    for (auto& [group, topic] : topics::consumed())
        log_options.groups.push_back({std::move(group), std::move(topic)});
    auto log = SqliteEventLog::open(log_options);
    if (!log) return fail(log.error());
    log_ = *std::move(log);

    SqliteStoreOptions store_options;
    store_options.path = folder_->path() / "store.db";
    store_options.clock = &clock_;
    // Those of the API, and some for the stages.
    store_options.readers = static_cast<int>(settings_.integer("HERALD_STORE_READERS")) + 2;
    auto store = SqliteStore::open(store_options);
    if (!store) return fail(store.error());
    store_ = *std::move(store);
    if (auto status = store_->declare_claims_dead(); !status) return status;
    limiter_ = std::make_unique<LocalRateLimiter>(clock_);
    return write_demo(*store_, clock_.now());
}

/// The simulators run here unless the settings say where else they are.
Status Service::start_simulators() {
    const auto& dir = settings_.text("HERALD_SIMULATOR_DIR");
    simulator_dir_ = dir.empty() ? (folder_->path() / "simulator").string() : dir;
    const bool elsewhere =
        settings_.is_set("HERALD_SIMULATOR_DIR") || settings_.is_set("HERALD_SIMULATOR_HOST");
    if (!uses_simulators(settings_) || elsewhere) return {};
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
    auto made = make_provider_accounts(settings_, simulator_dir_, clock_);
    if (!made) return fail(made.error());
    provider_accounts_ = *std::move(made);
    for (const auto& provider : provider_accounts_) {
        accounts_.push_back(std::make_unique<Account>(provider->traits(), clock_, *limiter_));
        log::info("account.ready",
                  {{"account", provider->traits().name}, {"route", to_string(provider->traits().route)}});
    }
    return {};
}

Status Service::start_stages() {
    templates_ = std::make_unique<TemplateCache>(*store_, clock_);
    auto& store = *store_;
    plan_batcher_ = std::make_unique<PlanBatcher>(
        [&store](const auto& plans) { return store.store_plans(plans); }, kBatch, kMaxQueued);
    claim_batcher_ = std::make_unique<ClaimBatcher>(claim_call(store), kBatch, kMaxQueued);
    settle_batcher_ = std::make_unique<SettleBatcher>(
        [&store](const auto& ended) { return store.settle(ended); }, kBatch, kMaxQueued);
    close_batcher_ = std::make_unique<CloseBatcher>(
        [&store](const auto& closed) { return store.close_deliveries(closed); }, kBatch, kMaxQueued);

    PlannerParts planner_parts{clock_, *log_, store, *plan_batcher_, store, *templates_, metrics_, {}};
    for (const auto& account : accounts_) planner_parts.routes.push_back(account->traits.route);
    for (const auto lane : kLanes) {
        auto planner = RequestPlanner::make(lane, planner_parts);
        if (!planner) return fail(planner.error());
        add_stage(*std::move(planner));
    }
    auto receipts = ReceiptApplier::make(clock_, *log_, store, metrics_);
    if (!receipts) return fail(receipts.error());
    add_stage(*std::move(receipts));
    const SenderParts sender_parts{
        clock_, *log_,       *claim_batcher_, *settle_batcher_,        *close_batcher_, store,
        store,  *templates_, metrics_,        retry_policy(settings_), random_jitter};
    if (auto status = add_senders(sender_parts); !status) return status;
    std::map<Route, Millis> call_deadlines;
    for (const auto& account : accounts_) {
        auto& longest = call_deadlines[account->traits.route];
        longest = std::max(longest, account->traits.call_deadline);
    }
    add_stage(std::make_unique<Scheduler>(clock_, *log_, store, metrics_, std::move(call_deadlines)));
    add_stage(std::make_unique<Sweeper>(clock_, *log_, store, *close_batcher_, metrics_));
    const std::chrono::seconds retention(settings_.integer("HERALD_STORE_RETENTION_S"));
    add_stage(std::make_unique<Housekeeper>(clock_, store, store, retention));
    return {};
}

/// A route without an account has no sender: the planner skips its deliveries as no_provider.
Status Service::add_senders(const SenderParts& parts) {
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

void Service::add_stage(std::unique_ptr<Stage> stage) {
    stages_.push_back(std::make_unique<StageThread>(std::move(stage), readiness_));
}

Status Service::start_api() {
    readers_ =
        std::make_unique<WorkerPool>(static_cast<std::size_t>(settings_.integer("HERALD_STORE_READERS")),
                                     static_cast<std::size_t>(settings_.integer("HERALD_STORE_READ_QUEUE")));
    auto keys = store_->id_keys();
    if (!keys) return fail(keys.error());
    IntakeOptions intake_options;
    intake_options.append_deadline = Millis{settings_.integer("HERALD_APPEND_DEADLINE_MS")};
    intake_ = std::make_unique<Intake>(intake_options, clock_, *log_, *templates_, *store_, *readers_, *keys,
                                       metrics_);

    const auto listen = ListenAddress::parse(settings_.text("HERALD_LISTEN"));
    ApiOptions api_options;
    if (settings_.is_set("HERALD_API_KEY"))
        api_options.keys.push_back({sha256(settings_.text("HERALD_API_KEY")), default_tenant()});
    api_options.anonymous = api_options.keys.empty() || settings_.integer("HERALD_ALLOW_ANONYMOUS") == 1;
    if (api_options.anonymous && !listen->is_loopback())
        log::warning("api.anonymous", {{"listen", settings_.text("HERALD_LISTEN")}});
    api_ = std::make_unique<Api>(std::move(api_options),
                                 ApiParts{clock_, *intake_, *readers_, *store_, *store_, *store_, *templates_,
                                          *log_, readiness_, metrics_, *store_});
    net::ServerOptions server_options;
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
    metrics_.before_scrape([this] {
        metrics_.gauge("herald_log_level_ratio", "Unfinished bytes of the log by its bound.")
            .Set(log_->level());
        if (const auto lag = log_->lag()) {
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
    stages_.clear();
    provider_accounts_.clear();
    if (simulator_) simulator_->stop();
}

}  // namespace herald
