#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.hpp"
#include "main/data_folder.hpp"
#include "main/roles.hpp"
#include "main/settings.hpp"
#include "ports/event_log.hpp"
#include "ports/rate_limiter.hpp"
#include "ports/store.hpp"

namespace herald {

/// The variables that name engines, and whether any of them is set.
inline constexpr const char* kEngineVariables[] = {"KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "REDIS_URL"};
bool has_engine(const Settings& settings);

/// What stands below the ports. In the order of opening.
struct Engines {
    std::unique_ptr<DataFolder> folder;  ///< null when no engine is embedded
    std::unique_ptr<EventLog> log;
    std::unique_ptr<Store> store;
    std::unique_ptr<RateLimiter> limiter;
};

/// (group, topic) of what a process reads, or has to know the lag of.
using Readings = std::vector<std::pair<std::string, std::string>>;
Readings readings_of(const Roles& roles);

/// Opens each engine that its variable names, and the embedded one where none does. `invalid` when the
/// embedded data folder still holds what an engine would have to carry on with, or was carried over.
Result<Engines> open_engines(const Settings& settings, const Readings& readings, const Clock& clock,
                             Metrics& metrics);

/// Of the log that the settings name, without the rest.
Result<std::vector<EventLog::Lag>> read_lag(const Settings& settings, const Clock& clock, Metrics& metrics);

struct MigrateOptions {
    std::string from;     ///< an embedded data folder to carry over; empty: none
    bool demo = false;    ///< write the demo person and template
    bool finish = false;  ///< every process runs this version: raise `record_schema`
};
/// Brings what the settings name up to this version: topics, schema, the data folder. Tells what it did, a
/// line each.
Result<std::vector<std::string>> migrate_engines(const Settings& settings, const Clock& clock,
                                                 Metrics& metrics, const MigrateOptions& options);

}  // namespace herald
