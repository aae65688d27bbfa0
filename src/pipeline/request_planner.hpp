#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/metrics.hpp"
#include "model/keyed_request.hpp"
#include "pipeline/newer_records.hpp"
#include "pipeline/pace.hpp"
#include "pipeline/stage.hpp"
#include "pipeline/store_batcher.hpp"
#include "pipeline/template_cache.hpp"
#include "ports/directory.hpp"
#include "ports/event_log.hpp"
#include "ports/plan_store.hpp"

namespace herald {

using PlanBatcher = StoreBatcher<NewPlan, StoredPlan>;

/// What the planners of all lanes share.
struct PlannerParts {
    const Clock& clock;
    EventLog& log;
    PlanStore& plans;
    PlanBatcher& plan_batcher;
    Directory& directory;
    TemplateCache& templates;
    IdempotencyStore& idempotency;
    IdKeys id_keys;
    ServiceStore& notes;
    Readiness& readiness;
    Metrics& metrics;
    std::vector<Route> routes{kRoutes.begin(), kRoutes.end()};  ///< that have a provider
};

/// Turns the requests of one lane into stored plans and appends the deliveries of what is stored. A pass
/// works one batch to its end or keeps it for the next pass; nothing is forgotten before its effects are
/// durable.
class RequestPlanner final : public Stage {
public:
    static Result<std::unique_ptr<RequestPlanner>> make(Lane lane, PlannerParts parts);

    std::string name() const override;
    Status pass(Millis wait) override;
    void stop_taking() override { taking_ = false; }
    bool idle() const override { return batch_.empty(); }

private:
    /// A record on its way through one batch.
    struct Item {
        LogRecord record;
        std::optional<Notification> notification = std::nullopt;  ///< none once it is refused or void
        std::optional<KeyedRequest> keyed = std::nullopt;         ///< becomes the notification
        std::optional<IdempotencyRow> binding = std::nullopt;     ///< of the keyed request
        int step = 0;
        TemplatePtr tmpl = nullptr;
        std::string refusal = {};  ///< goes to `dead` with it
        bool kept = false;         ///< for a newer binary, by `newer_`
    };

    RequestPlanner(Lane lane, PlannerParts parts, std::unique_ptr<LogConsumer> consumer);

    Status poll(Millis wait);
    Status work();
    void decode();
    void decode(Item& item);
    Status complete_keyed();
    Status complete(Item& item);
    Result<TemplatePtr> template_of(const Item& item);
    static Status take_template(Item& item, Result<TemplatePtr> loaded);
    Status load_due_steps();
    Status load_steps(std::span<const PlanStore::StepRef> refs, std::span<Item* const> items);
    Status load_templates();
    Result<std::vector<NewPlan>> make_plans(const std::vector<Item*>& items);
    Status store_and_append(const std::vector<Item*>& items);
    Status append_stored(const std::vector<Item*>& items, const std::vector<StoredPlan>& stored);
    std::vector<NewRecord> records_of(const Notification& n, const StoredPlan& stored) const;
    Status bury_refused();
    Status finish();

    const Lane lane_;
    PlannerParts parts_;
    std::unique_ptr<LogConsumer> consumer_;
    FinishedPrefix prefix_;
    NewerRecords newer_;
    std::vector<Item> batch_;
    Pace pace_{lane_};
    bool taking_ = true;
    Counter& planned_;
    Counter& refused_;
};

}  // namespace herald
