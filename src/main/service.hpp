#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/api.hpp"
#include "main/engines.hpp"
#include "main/provider_accounts.hpp"
#include "main/roles.hpp"
#include "main/settings.hpp"
#include "net/http_server.hpp"
#include "pipeline/intake.hpp"
#include "pipeline/request_planner.hpp"
#include "pipeline/sender.hpp"
#include "pipeline/shard_lease.hpp"
#include "pipeline/stage.hpp"
#include "simulator/simulator.hpp"

namespace herald {

/// One process: the roles it was given, on the engines that the settings name, wired by hand. The members
/// stand in the order in which they start; stopping is the reverse.
class Service {
public:
    static Result<std::unique_ptr<Service>> start(const Settings& settings, const Roles& roles);
    ~Service();

    std::uint16_t port() const { return server_->port(); }
    /// Stop accepting, stop taking from the log, finish what is in flight within HERALD_SHUTDOWN_S, flush,
    /// close.
    void stop();

private:
    Service(const Settings& settings, Roles roles) : settings_(settings), roles_(std::move(roles)) {}

    Status open_engines();
    Status start_simulators();
    Status make_accounts();
    Status start_stages();
    Status add_planners();
    Status add_senders();
    void add_scheduler();
    void add_stage(std::unique_ptr<Stage> stage);
    void end_stages();
    Status start_api();
    void watch();

    const Settings settings_;
    const Roles roles_;
    SystemClock clock_;
    Metrics metrics_;
    Readiness readiness_;

    Engines engines_;

    std::string simulator_dir_;
    std::unique_ptr<simulator::Simulator> simulator_;
    std::vector<std::unique_ptr<ProviderAccount>> provider_accounts_;
    std::vector<std::unique_ptr<Account>> accounts_;  ///< beside provider_accounts_

    std::unique_ptr<TemplateCache> templates_;
    std::unique_ptr<PlanBatcher> plan_batcher_;
    std::unique_ptr<ClaimBatcher> claim_batcher_;
    std::unique_ptr<SettleBatcher> settle_batcher_;
    std::unique_ptr<CloseBatcher> close_batcher_;
    std::unique_ptr<ShardLease> lease_;
    std::vector<std::unique_ptr<StageThread>> stages_;

    std::unique_ptr<WorkerPool> readers_;
    std::unique_ptr<Intake> intake_;
    std::unique_ptr<Api> api_;
    std::unique_ptr<net::HttpServer> server_;
    bool stopped_ = false;
};

}  // namespace herald
