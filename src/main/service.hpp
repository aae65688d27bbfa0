#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapters/local/rate_limiter.hpp"
#include "adapters/sqlite/event_log.hpp"
#include "adapters/sqlite/store.hpp"
#include "api/api.hpp"
#include "main/data_folder.hpp"
#include "main/provider_accounts.hpp"
#include "main/settings.hpp"
#include "net/http_server.hpp"
#include "pipeline/intake.hpp"
#include "pipeline/request_planner.hpp"
#include "pipeline/sender.hpp"
#include "pipeline/stage.hpp"
#include "simulator/simulator.hpp"

namespace herald {

/// `herald serve` on the embedded engines: every role in one process, wired by hand. The members stand in the
/// order in which they start; stopping is the reverse.
class Service {
public:
    static Result<std::unique_ptr<Service>> start(const Settings& settings);
    ~Service();

    std::uint16_t port() const { return server_->port(); }
    /// Stop accepting, stop taking from the log, finish what is in flight within HERALD_SHUTDOWN_S, flush,
    /// close.
    void stop();

private:
    explicit Service(const Settings& settings) : settings_(settings) {}

    Status open_engines();
    Status start_simulators();
    Status make_accounts();
    Status start_stages();
    Status add_senders(const SenderParts& parts);
    void add_stage(std::unique_ptr<Stage> stage);
    Status start_api();
    void watch();

    const Settings settings_;
    SystemClock clock_;
    Metrics metrics_;
    Readiness readiness_;

    std::unique_ptr<DataFolder> folder_;
    std::unique_ptr<SqliteEventLog> log_;
    std::unique_ptr<SqliteStore> store_;
    std::unique_ptr<RateLimiter> limiter_;

    std::string simulator_dir_;
    std::unique_ptr<simulator::Simulator> simulator_;
    std::vector<std::unique_ptr<ProviderAccount>> provider_accounts_;
    std::vector<std::unique_ptr<Account>> accounts_;  ///< beside provider_accounts_

    std::unique_ptr<TemplateCache> templates_;
    std::unique_ptr<PlanBatcher> plan_batcher_;
    std::unique_ptr<ClaimBatcher> claim_batcher_;
    std::unique_ptr<SettleBatcher> settle_batcher_;
    std::unique_ptr<CloseBatcher> close_batcher_;
    std::vector<std::unique_ptr<StageThread>> stages_;

    std::unique_ptr<WorkerPool> readers_;
    std::unique_ptr<Intake> intake_;
    std::unique_ptr<Api> api_;
    std::unique_ptr<net::HttpServer> server_;
    bool stopped_ = false;
};

}  // namespace herald
