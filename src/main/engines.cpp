#include "main/engines.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "adapters/kafka/event_log.hpp"
#include "adapters/kafka/topics.hpp"
#include "adapters/local/rate_limiter.hpp"
#include "adapters/postgres/store.hpp"
#include "adapters/postgres/store_import.hpp"
#include "adapters/redis/rate_limiter.hpp"
#include "adapters/sqlite/event_log.hpp"
#include "adapters/sqlite/store.hpp"
#include "main/carry_over.hpp"
#include "main/demo.hpp"
#include "model/records.hpp"
#include "pipeline/newer_records.hpp"
#include "pipeline/topics.hpp"

namespace herald {
namespace {

std::chrono::seconds log_retention(const Settings& settings) {
    return std::chrono::seconds(settings.integer("HERALD_LOG_RETENTION_S"));
}

Result<std::unique_ptr<EventLog>> open_sqlite_log(const Settings& settings, const DataFolder& folder,
                                                  const Clock& clock) {
    SqliteLogOptions options;
    options.path = folder.path() / "log.db";
    options.clock = &clock;
    options.partitions = static_cast<int>(settings.integer("HERALD_LOG_PARTITIONS"));
    options.max_bytes = settings.integer("HERALD_LOG_MAX_BYTES");
    options.retention = log_retention(settings);
    for (auto& [group, topic] : topics::consumed())
        options.groups.push_back({std::move(group), std::move(topic)});
    auto log = SqliteEventLog::open(options);
    if (!log) return fail(log.error());
    return std::unique_ptr<EventLog>(*std::move(log));
}

/// Claims of an earlier process are dead: one process at a time holds the folder.
Result<std::unique_ptr<Store>> open_sqlite_store(const Settings& settings, const DataFolder& folder,
                                                 const Clock& clock) {
    SqliteStoreOptions options;
    options.path = folder.path() / "store.db";
    options.clock = &clock;
    // Those of the API, and some for the stages.
    options.readers = static_cast<int>(settings.integer("HERALD_STORE_READERS")) + 2;
    auto store = SqliteStore::open(options);
    if (!store) return fail(store.error());
    if (auto status = (*store)->declare_claims_dead(); !status) return fail(status.error());
    return std::unique_ptr<Store>(*std::move(store));
}

KafkaLogOptions kafka_options(const Settings& settings, const Readings& readings, const Clock& clock,
                              Metrics& metrics) {
    KafkaLogOptions options;
    options.bootstrap_servers = settings.text("KAFKA_BOOTSTRAP_SERVERS");
    options.topic_prefix = settings.text("HERALD_TOPIC_PREFIX");
    options.properties = settings.kafka_properties();
    options.clock = &clock;
    options.metrics = &metrics;
    options.retention = log_retention(settings);
    options.gather_requests = true;
    for (const auto& [group, topic] : readings) options.groups.push_back({group, topic});
    return options;
}

Result<std::unique_ptr<EventLog>> open_kafka(const Settings& settings, const Readings& readings,
                                             const Clock& clock, Metrics& metrics) {
    const auto options = kafka_options(settings, readings, clock, metrics);
    if (auto status = check_topics(options, topics::all()); !status) return fail(status.error());
    auto log = KafkaEventLog::open(options);
    if (!log) return fail(log.error());
    return std::unique_ptr<EventLog>(*std::move(log));
}

PostgresOptions postgres_options(const Settings& settings, Metrics& metrics) {
    PostgresOptions options;
    options.url = settings.text("DATABASE_URL");
    options.readers = static_cast<int>(settings.integer("HERALD_STORE_READERS"));
    options.metrics = &metrics;
    return options;
}

Result<std::unique_ptr<RateLimiter>> open_redis(const Settings& settings, const Clock& clock,
                                                Metrics& metrics) {
    RedisLimiterOptions options;
    options.url = settings.text("REDIS_URL");
    options.key_prefix = settings.text("HERALD_TOPIC_PREFIX");
    if (options.key_prefix.ends_with('.')) options.key_prefix.pop_back();
    options.ca_file = settings.text("HERALD_CA_FILE");
    options.clock = &clock;
    options.metrics = &metrics;
    auto limiter = RedisRateLimiter::open(options);
    if (!limiter) return fail(limiter.error());
    return std::unique_ptr<RateLimiter>(*std::move(limiter));
}

Result<Engines> open_all(const Settings& settings, const Readings& readings, const Clock& clock,
                         Metrics& metrics) {
    Engines engines;
    const bool kafka = settings.is_set("KAFKA_BOOTSTRAP_SERVERS");
    const bool postgres = settings.is_set("DATABASE_URL");
    if (!kafka || !postgres) {
        auto folder = DataFolder::open(settings.text("HERALD_DATA_DIR"));
        if (!folder) return fail(folder.error());
        engines.folder = *std::move(folder);
    }
    auto log = kafka ? open_kafka(settings, readings, clock, metrics)
                     : open_sqlite_log(settings, *engines.folder, clock);
    if (!log) return fail(log.error());
    engines.log = *std::move(log);

    if (postgres) {
        auto store = PostgresStore::open(postgres_options(settings, metrics));
        if (!store) return fail(store.error());
        engines.store = *std::move(store);
    } else {
        auto store = open_sqlite_store(settings, *engines.folder, clock);
        if (!store) return fail(store.error());
        engines.store = *std::move(store);
        if (auto status = write_demo(*engines.store, clock.now()); !status) return fail(status.error());
    }

    if (settings.is_set("REDIS_URL")) {
        auto limiter = open_redis(settings, clock, metrics);
        if (!limiter) return fail(limiter.error());
        engines.limiter = *std::move(limiter);
    } else {
        engines.limiter = std::make_unique<LocalRateLimiter>(clock);
    }
    return engines;
}

/// What has no engine stays where HERALD_DATA_DIR is, so it must be there already.
Status check_what_stays(const Settings& settings, const std::filesystem::path& from) {
    const bool kafka = settings.is_set("KAFKA_BOOTSTRAP_SERVERS");
    const bool postgres = settings.is_set("DATABASE_URL");
    if (kafka && postgres) return {};
    std::error_code ec;
    const auto& data_dir = settings.text("HERALD_DATA_DIR");
    if ((kafka || postgres) && std::filesystem::equivalent(from, data_dir, ec)) return {};
    return fail(ErrorCode::invalid,
                fmt::format("the {} of {} would stay behind: set {}{}", postgres ? "log" : "store",
                            from.string(), postgres ? "KAFKA_BOOTSTRAP_SERVERS" : "DATABASE_URL",
                            kafka || postgres ? fmt::format(", or HERALD_DATA_DIR={}", from.string())
                                              : " and KAFKA_BOOTSTRAP_SERVERS"));
}

Result<std::vector<std::string>> carry_folder(const Settings& settings, const Clock& clock, Metrics& metrics,
                                              const std::filesystem::path& from) {
    if (auto status = check_what_stays(settings, from); !status) return fail(status.error());
    CarryTargets targets;
    std::unique_ptr<PostgresStoreImport> store;
    if (settings.is_set("DATABASE_URL")) {
        auto opened = PostgresStoreImport::open(postgres_options(settings, metrics));
        if (!opened) return fail(opened.error());
        store = *std::move(opened);
        targets.store = store.get();
        targets.store_place = store->place();
    }
    std::unique_ptr<EventLog> log;
    if (settings.is_set("KAFKA_BOOTSTRAP_SERVERS")) {
        auto opened = open_kafka(settings, topics::consumed(), clock, metrics);
        if (!opened) return fail(opened.error());
        log = *std::move(opened);
        targets.log = log.get();
        targets.log_place = fmt::format("{}* of Kafka at {}", settings.text("HERALD_TOPIC_PREFIX"),
                                        settings.text("KAFKA_BOOTSTRAP_SERVERS"));
    }
    return carry_over(from, targets, clock);
}

}  // namespace

bool has_engine(const Settings& settings) {
    return std::any_of(std::begin(kEngineVariables), std::end(kEngineVariables),
                       [&](const char* name) { return settings.is_set(name); });
}

/// A scheduler must know how far everybody is; the others need what they read, and the api what its answers
/// to GET depend on.
Readings readings_of(const Roles& roles) {
    if (roles.scheduler) return topics::consumed();
    Readings readings;
    for (const auto lane : kLanes) {
        if (roles.planner || roles.api) readings.emplace_back(topics::kPlannerGroup, topics::requests(lane));
        for (const auto route : kRoutes) {
            if (roles.workers.contains(channel_of(route)))
                readings.emplace_back(topics::kSenderGroup, topics::deliveries(route, lane));
        }
    }
    if (roles.planner) readings.emplace_back(topics::kPlannerGroup, topics::kReceipts);
    return readings;
}

Result<Engines> open_engines(const Settings& settings, const Readings& readings, const Clock& clock,
                             Metrics& metrics) {
    if (auto status = check_data_folder(settings); !status) return fail(status.error());
    return open_all(settings, readings, clock, metrics);
}

Result<std::vector<EventLog::Lag>> read_lag(const Settings& settings, const Clock& clock, Metrics& metrics) {
    if (!settings.is_set("KAFKA_BOOTSTRAP_SERVERS")) {
        return fail(ErrorCode::invalid,
                    "the embedded log belongs to the process that runs on it: its lag is at /metrics, as "
                    "herald_consumer_lag_records");
    }
    auto log = open_kafka(settings, topics::consumed(), clock, metrics);
    if (!log) return fail(log.error());
    // The first look at Kafka takes a moment.
    for (int tries = 0;; ++tries) {
        auto rows = (*log)->lag();
        if (rows || tries == 50) return rows;
        std::this_thread::sleep_for(Millis{100});
    }
}

Result<std::vector<std::string>> migrate_engines(const Settings& settings, const Clock& clock,
                                                 Metrics& metrics, const MigrateOptions& options) {
    std::vector<std::string> done;
    if (settings.is_set("KAFKA_BOOTSTRAP_SERVERS")) {
        const auto kafka = kafka_options(settings, topics::consumed(), clock, metrics);
        const KafkaTopicPlan plan{
            .names = topics::all(),
            .partitions = static_cast<int>(settings.integer("HERALD_TOPIC_PARTITIONS"))};
        if (auto status = create_topics(kafka, plan); !status) return fail(status.error());
        if (auto status = check_topics(kafka, topics::all()); !status) return fail(status.error());
        done.push_back(fmt::format("Kafka has the {} topics of {}*", plan.names.size(), kafka.topic_prefix));
    }
    if (settings.is_set("DATABASE_URL")) {
        if (auto status = migrate_postgres(settings.text("DATABASE_URL")); !status)
            return fail(status.error());
        done.emplace_back("PostgreSQL has the tables of this version");
    }
    if (!options.from.empty()) {
        auto carried = carry_folder(settings, clock, metrics, options.from);
        if (!carried) return fail(carried.error());
        done.insert(done.end(), carried->begin(), carried->end());
    } else if (const auto status = check_data_folder(settings); !status) {
        done.push_back(status.error().message);
    }
    auto engines = open_all(settings, topics::consumed(), clock, metrics);
    if (!engines) return fail(engines.error());
    if (engines->folder) done.push_back(fmt::format("{} is up to date", engines->folder->path().string()));
    if (options.demo) {
        if (auto status = write_demo(*engines->store, clock.now()); !status) return fail(status.error());
        done.emplace_back("the demo person user123 and the template welcome are there");
    }
    if (options.finish) {
        if (auto status = raise_record_schema(*engines->store, kRecordSchema); !status)
            return fail(status.error());
        done.push_back(fmt::format("records are written with schema {} from now on", kRecordSchema));
    }
    return done;
}

}  // namespace herald
