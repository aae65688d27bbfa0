#pragma once

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "pipeline/intake.hpp"
#include "pipeline/readiness.hpp"
#include "pipeline/template_cache.hpp"
#include "pipeline/worker_pool.hpp"
#include "ports/directory.hpp"
#include "ports/event_log.hpp"
#include "ports/plan_store.hpp"
#include "ports/template_store.hpp"

namespace herald {

/// What the API stands on. Everything must outlive the Api.
struct ApiParts {
    const Clock& clock;
    Intake& intake;
    WorkerPool& readers;
    PlanStore& plans;
    Directory& directory;
    TemplateStore& templates;
    TemplateCache& template_cache;
    EventLog& log;
    const Readiness& readiness;
    Metrics& metrics;
};

}  // namespace herald
