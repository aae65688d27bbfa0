#include "pipeline/request_planner.hpp"

#include <algorithm>

#include "base/crash_point.hpp"
#include "base/log.hpp"
#include "model/records.hpp"
#include "pipeline/events.hpp"
#include "pipeline/intake.hpp"
#include "pipeline/topics.hpp"

namespace herald {
namespace {

constexpr std::size_t kMaxBatch = 1'000;

bool has_begun(const StoredPlan& stored, int ordinal) {
    return std::find(stored.begun.begin(), stored.begun.end(), ordinal) != stored.begun.end();
}

}  // namespace

Result<std::unique_ptr<RequestPlanner>> RequestPlanner::make(Lane lane, PlannerParts parts) {
    auto consumer = parts.log.subscribe(topics::kPlannerGroup, topics::requests(lane));
    if (!consumer) return fail(consumer.error());
    return std::unique_ptr<RequestPlanner>(new RequestPlanner(lane, parts, *std::move(consumer)));
}

RequestPlanner::RequestPlanner(Lane lane, PlannerParts parts, std::unique_ptr<LogConsumer> consumer)
    : lane_(lane),
      parts_(parts),
      consumer_(std::move(consumer)),
      planned_(parts.metrics.counter("herald_steps_planned_total", "Steps whose plan was stored.",
                                     {{"lane", std::string(to_string(lane))}})),
      refused_(parts.metrics.counter("herald_records_dead_total", "Records that went to `dead`.",
                                     {{"topic", topics::requests(lane)}})) {}

std::string RequestPlanner::name() const { return "planner." + std::string(to_string(lane_)); }

Status RequestPlanner::pass(Millis wait) {
    if (batch_.empty() && taking_) {
        // Before polling: what a lost partition brings when it comes back is new.
        for (const int partition : consumer_->take_revoked()) prefix_.drop(partition);
        auto records = consumer_->poll(kMaxBatch, wait);
        if (!records) return fail(records.error());
        for (auto& record : *records) {
            prefix_.polled(record);
            batch_.push_back({std::move(record), std::nullopt, 0, nullptr, ""});
        }
    }
    return batch_.empty() ? Status{} : work();
}

Status RequestPlanner::work() {
    decode();
    if (auto status = load_due_steps(); !status) return status;
    if (auto status = load_templates(); !status) return status;
    std::vector<Item*> plannable;
    for (auto& item : batch_) {
        if (item.notification && item.refusal.empty()) plannable.push_back(&item);
    }
    if (auto status = store_and_append(plannable); !status) return status;
    if (auto status = bury_refused(); !status) return status;
    return finish();
}

void RequestPlanner::decode() {
    for (auto& item : batch_) {
        if (item.notification || !item.refusal.empty()) continue;  // a second try of the same batch
        auto decoded = decode_request(item.record.value);
        if (!decoded) {
            item.refusal = decoded.error().message;
        } else if (auto* notification = std::get_if<Notification>(&*decoded)) {
            notification->traceparent = item.record.traceparent;
            item.notification = std::move(*notification);
        } else {
            item.step = std::get<ContinueRecord>(*decoded).step;
        }
    }
}

/// A `continue` counts only if the store knows the step as waited for; what is known is planned from the
/// stored request.
Status RequestPlanner::load_due_steps() {
    std::vector<PlanStore::StepRef> refs;
    std::vector<Item*> items;
    for (auto& item : batch_) {
        if (item.step == 0 || item.notification || !item.refusal.empty()) continue;
        const auto decoded = decode_request(item.record.value);
        CHECK(decoded.has_value());
        const auto& due = std::get<ContinueRecord>(*decoded);
        refs.push_back({due.tenant, due.id, due.step});
        items.push_back(&item);
    }
    return load_steps(refs, items);
}

/// Rule 12, too: a stored request that cannot be read is found by halving.
Status RequestPlanner::load_steps(std::span<const PlanStore::StepRef> refs, std::span<Item* const> items) {
    if (refs.empty()) return {};
    auto loaded = parts_.plans.load_steps(refs);
    if (loaded) {
        for (std::size_t i = 0; i < items.size(); ++i) items[i]->notification = std::move((*loaded)[i]);
        return {};
    }
    if (loaded.error().code != ErrorCode::refused_content) return fail(loaded.error());
    if (refs.size() == 1) {
        items[0]->refusal = loaded.error().message;
        return {};
    }
    const auto half = refs.size() / 2;
    if (auto status = load_steps(refs.first(half), items.first(half)); !status) return status;
    return load_steps(refs.subspan(half), items.subspan(half));
}

Status RequestPlanner::load_templates() {
    for (auto& item : batch_) {
        if (!item.notification || item.tmpl || !item.refusal.empty()) continue;
        const auto& n = *item.notification;
        auto tmpl = parts_.templates.load(n.tenant, n.template_id, n.template_version);
        if (!tmpl && tmpl.error().code == ErrorCode::refused_content) {
            item.refusal = "template_unusable: " + tmpl.error().message;
            continue;
        }
        if (!tmpl) return fail(tmpl.error());
        item.tmpl = *tmpl;
        if (!item.tmpl) {
            item.refusal = "unknown_template";
        } else if (item.step > 0) {
            continue;  // it fitted when it was accepted, and an erasure may have taken its data since
        } else if (const auto errors = check_against_template(n.channels, n.data, *item.tmpl);
                   !errors.empty()) {
            item.refusal = errors[0].code + ": " + errors[0].path;
        }
    }
    return {};
}

Result<std::vector<NewPlan>> RequestPlanner::make_plans(const std::vector<Item*>& items) {
    std::vector<UserRef> users;
    for (const auto* item : items) users.push_back({item->notification->tenant, item->notification->user_id});
    auto recipients = parts_.directory.load_recipients(users);
    if (!recipients) return fail(recipients.error());
    const auto now = parts_.clock.now();
    std::vector<NewPlan> plans;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const auto& n = *items[i]->notification;
        plans.push_back({n, plan(n, items[i]->step, (*recipients)[i], *items[i]->tmpl, now, parts_.routes)});
    }
    return plans;
}

/// Rule 12: a batch that is refused for its content is halved until the culprit is alone.
Status RequestPlanner::store_and_append(const std::vector<Item*>& items) {
    if (items.empty()) return {};
    auto made = make_plans(items);
    auto stored =
        made ? parts_.plan_batcher.run_and_wait(*made, lane_) : PlanBatcher::Answers(fail(made.error()));
    if (stored) {
        crash_point("planned");
        return append_stored(*made, *stored);
    }
    if (stored.error().code != ErrorCode::refused_content) return fail(stored.error());
    if (items.size() == 1) {
        items[0]->refusal = stored.error().message;
        return {};
    }
    const auto middle = items.begin() + static_cast<std::ptrdiff_t>(items.size() / 2);
    if (auto status = store_and_append({items.begin(), middle}); !status) return status;
    return store_and_append({middle, items.end()});
}

Status RequestPlanner::append_stored(const std::vector<NewPlan>& made,
                                     const std::vector<StoredPlan>& stored) {
    std::vector<NewRecord> records;
    for (std::size_t i = 0; i < stored.size(); ++i) {
        const auto& n = made[i].notification;
        const auto& plan = stored[i].plan;
        const auto key = record_key(n.tenant, n.user_id);
        const std::string_view step_state = stored[i].cancelled ? "cancelled"
                                            : plan.wait_until   ? "scheduled"
                                                                : "planned";
        records.push_back(
            event_record(n.tenant, key, {n.id, plan.step, 0}, 0, step_state, "", plan.planned_at));
        for (const auto& entry : plan.entries) {
            const DeliveryId delivery{n.id, plan.step, entry.ordinal};
            if (entry.state != DeliveryState::planned) {
                records.push_back(event_record(n.tenant, key, delivery, 0, to_string(entry.state),
                                               entry.reason, plan.planned_at));
            } else if (stored[i].cancelled || !has_begun(stored[i], entry.ordinal)) {
                // What a cancel closed goes there, too: the claim finds it settled and tells the world how it
                // ended.
                records.push_back({topics::deliveries(*entry.route, n.lane), key,
                                   encode(DeliveryRecord{n.tenant, delivery, 1}), n.traceparent});
            }
        }
    }
    auto status = parts_.log.append_and_wait(std::move(records));
    if (status) planned_.Increment(static_cast<double>(stored.size()));
    return status;
}

Status RequestPlanner::bury_refused() {
    std::vector<NewRecord> records;
    for (const auto& item : batch_) {
        if (item.refusal.empty()) continue;
        if (const auto identity = identity_of(item.record.value)) {
            auto status =
                parts_.plans.store_dead(identity->tenant, identity->id, item.refusal, parts_.clock.now());
            // What cannot be stored for its content cannot be closed either; `dead` still has it.
            if (!status && status.error().code != ErrorCode::refused_content) return status;
        }
        records.push_back(
            {topics::kDead, item.record.key,
             encode(DeadRecord{item.record.topic, item.record.value, item.refusal, parts_.clock.now()}), ""});
    }
    if (auto status = parts_.log.append_and_wait(std::move(records)); !status) return status;
    for (const auto& item : batch_) {
        if (item.refusal.empty()) continue;
        log::warning("record.dead", {{"topic", item.record.topic}, {"reason", item.refusal}});
        refused_.Increment();
    }
    return {};
}

Status RequestPlanner::finish() {
    for (const auto& item : batch_) prefix_.finished(item.record.partition, item.record.offset);
    batch_.clear();
    auto status = consumer_->commit(prefix_.take_positions());
    crash_point("planner_finished");
    return status;
}

}  // namespace herald
