#include "pipeline/request_planner.hpp"

#include <algorithm>
#include <thread>

#include "base/crash_point.hpp"
#include "base/crypto.hpp"
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
    return std::unique_ptr<RequestPlanner>(new RequestPlanner(lane, std::move(parts), *std::move(consumer)));
}

RequestPlanner::RequestPlanner(Lane lane, PlannerParts parts, std::unique_ptr<LogConsumer> consumer)
    : lane_(lane),
      parts_(parts),
      consumer_(std::move(consumer)),
      newer_(parts_.notes, parts_.clock, parts_.readiness, name()),
      planned_(parts.metrics.counter("herald_steps_planned_total", "Steps whose plan was stored.",
                                     {{"lane", std::string(to_string(lane))}})),
      refused_(parts.metrics.counter("herald_records_dead_total", "Records that went to `dead`.",
                                     {{"topic", topics::requests(lane)}})) {}

std::string RequestPlanner::name() const { return "planner." + std::string(to_string(lane_)); }

Status RequestPlanner::pass(Millis wait) {
    if (batch_.empty() && taking_) {
        if (auto status = prefix_.commit_to(*consumer_); !status) return status;
        std::this_thread::sleep_for(pace_.rest(parts_.clock.uptime()));
        if (auto status = poll(wait); !status) return status;
        pace_.batch_begins(batch_.size(), batch_.size() < kMaxBatch, parts_.clock.uptime());
    }
    return batch_.empty() ? Status{} : work();
}

Status RequestPlanner::poll(Millis wait) {
    // Before polling: what a lost partition brings when it comes back is new.
    for (const int partition : consumer_->take_revoked()) {
        prefix_.drop(partition);
        newer_.drop(partition);
    }
    for (auto& record : newer_.take_due(kMaxBatch)) batch_.push_back({std::move(record)});
    if (!batch_.empty()) return {};
    if (newer_.is_in_the_way(prefix_)) {
        std::this_thread::sleep_for(wait);
        return {};
    }
    auto records = consumer_->poll(kMaxBatch, wait);
    if (!records) return fail(records.error());
    for (auto& record : *records) {
        prefix_.polled(record);
        batch_.push_back({std::move(record)});
    }
    return {};
}

Status RequestPlanner::work() {
    decode();
    if (auto status = load_due_steps(); !status) return status;
    if (auto status = complete_keyed(); !status) return status;
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
        const bool is_decoded = item.notification || item.keyed || item.step > 0 || !item.refusal.empty();
        if (!is_decoded) decode(item);  // otherwise this is a second try of the same batch
    }
    std::erase_if(batch_, [](const Item& item) { return item.kept; });
}

void RequestPlanner::decode(Item& item) {
    auto decoded = decode_request(item.record.value);
    if (!decoded) {
        item.kept = decoded.error().code == ErrorCode::conflict && newer_.keep(item.record);
        item.refusal = decoded.error().message;
    } else if (auto* notification = std::get_if<Notification>(&*decoded)) {
        if (!is_given_out(parts_.id_keys, notification->tenant, notification->id))
            item.refusal = "unknown_id";
        notification->traceparent = item.record.traceparent;
        item.notification = std::move(*notification);
    } else if (auto* keyed = std::get_if<KeyedRequest>(&*decoded)) {
        item.keyed = std::move(*keyed);
    } else {
        item.step = std::get<ContinueRecord>(*decoded).step;
    }
}

/// Makes notifications of the requests that bear a key instead of an id.
Status RequestPlanner::complete_keyed() {
    for (auto& item : batch_) {
        if (!item.keyed || item.notification || !item.refusal.empty()) continue;
        if (auto status = complete(item); !status) return status;
    }
    return {};
}

Status RequestPlanner::complete(Item& item) {
    const auto& keyed = *item.keyed;
    const auto now = parts_.clock.now();
    item.binding = IdempotencyRow{};
    auto& row = *item.binding;
    row.tenant = keyed.tenant;
    row.key = keyed.idempotency_key;
    row.body_hash = sha256(item.record.value);
    row.id = make_notification_id(parts_.id_keys, keyed.tenant, now);
    if (auto status = take_template(item, template_of(item)); !status || !item.tmpl) return status;
    auto completed = complete_request(keyed, row.id, {lane_, item.record.appended_at}, *item.tmpl);
    if (!completed) {
        item.refusal = completed.error().message;
        return {};
    }
    row.template_version = completed->template_version;
    row.lane = completed->lane;
    row.deadline_at = completed->deadline_at;
    // The key is kept from the planning on, however long the record lay in the log before.
    row.accepted_at = row.in_flight_until = now;
    completed->traceparent = item.record.traceparent;
    item.notification = *std::move(completed);
    return {};
}

/// The newest, unless the request names a version, or repeats what fitted the one that was the newest then.
Result<TemplatePtr> RequestPlanner::template_of(const Item& item) {
    const auto& keyed = *item.keyed;
    auto newest = parts_.templates.load(keyed.tenant, keyed.template_id, keyed.template_version);
    if (!newest || !*newest || keyed.template_version) return newest;
    if (check_against_template(keyed.channels, keyed.data, **newest).empty()) return newest;
    const auto stands = parts_.idempotency.find(keyed.tenant, keyed.idempotency_key);
    if (!stands) return fail(stands.error());
    if (!*stands || (*stands)->body_hash != item.binding->body_hash) return newest;
    return parts_.templates.load(keyed.tenant, keyed.template_id, (*stands)->template_version);
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
        if (!item.notification || !item.refusal.empty()) continue;
        const auto& n = *item.notification;
        if (!item.tmpl) {
            auto loaded = parts_.templates.load(n.tenant, n.template_id, n.template_version);
            if (auto status = take_template(item, std::move(loaded)); !status) return status;
        }
        // A due step fitted when it was accepted, and an erasure may have taken its data since.
        if (!item.tmpl || item.step > 0) continue;
        const auto errors = check_against_template(n.channels, n.data, *item.tmpl);
        if (!errors.empty()) item.refusal = errors[0].code + ": " + errors[0].path;
    }
    return {};
}

/// Without an error the item has its template, or is refused for the lack of one.
Status RequestPlanner::take_template(Item& item, Result<TemplatePtr> loaded) {
    if (!loaded && loaded.error().code != ErrorCode::refused_content) return fail(loaded.error());
    if (!loaded) item.refusal = "template_unusable: " + loaded.error().message;
    else if (!*loaded) item.refusal = "unknown_template";
    else item.tmpl = *std::move(loaded);
    return {};
}

Result<std::vector<NewPlan>> RequestPlanner::make_plans(const std::vector<Item*>& items) {
    std::vector<UserRef> users;
    users.reserve(items.size());
    for (const auto* item : items) users.push_back({item->notification->tenant, item->notification->user_id});
    auto recipients = parts_.directory.load_recipients(users);
    if (!recipients) return fail(recipients.error());
    const auto now = parts_.clock.now();
    std::vector<NewPlan> plans;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const auto& n = *items[i]->notification;
        plans.push_back({n, plan(n, items[i]->step, (*recipients)[i], *items[i]->tmpl, now, parts_.routes),
                         items[i]->binding});
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
        return append_stored(items, *stored);
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

Status RequestPlanner::append_stored(const std::vector<Item*>& items, const std::vector<StoredPlan>& stored) {
    std::vector<NewRecord> records;
    std::size_t count = 0;
    for (std::size_t i = 0; i < stored.size(); ++i) {
        if (stored[i].key_reused) {
            items[i]->refusal = "idempotency_mismatch";
            continue;
        }
        ++count;
        for (auto& record : records_of(*items[i]->notification, stored[i]))
            records.push_back(std::move(record));
    }
    auto status = parts_.log.append_and_wait(std::move(records));
    if (status) planned_.Increment(static_cast<double>(count));
    return status;
}

/// What is to be appended of a stored plan; `n` may be a repeat of what stands under another id.
std::vector<NewRecord> RequestPlanner::records_of(const Notification& n, const StoredPlan& stored) const {
    const auto& plan = stored.plan;
    const auto key = record_key(n.tenant, n.user_id);
    const std::string_view step_state = stored.cancelled  ? "cancelled"
                                        : plan.wait_until ? "scheduled"
                                                          : "planned";
    std::vector<NewRecord> records;
    records.push_back(
        event_record(n.tenant, key, {stored.id, plan.step, 0}, 0, step_state, "", plan.planned_at));
    for (const auto& entry : plan.entries) {
        const DeliveryId delivery{stored.id, plan.step, entry.ordinal};
        if (entry.state != DeliveryState::planned) {
            records.push_back(event_record(n.tenant, key, delivery, 0, to_string(entry.state), entry.reason,
                                           plan.planned_at));
        } else if (stored.cancelled || !has_begun(stored, entry.ordinal)) {
            // What a cancel closed goes there, too: the claim finds it settled and tells the world how it
            // ended.
            records.push_back({topics::deliveries(*entry.route, n.lane), key,
                               encode(DeliveryRecord{n.tenant, delivery, 1}), n.traceparent});
        }
    }
    return records;
}

Status RequestPlanner::bury_refused() {
    std::vector<NewRecord> records;
    for (const auto& item : batch_) {
        if (item.refusal.empty()) continue;
        const auto identity = identity_of(item.record.value);
        if (identity && is_given_out(parts_.id_keys, identity->tenant, identity->id)) {
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
    auto status = prefix_.commit_to(*consumer_);
    crash_point("planner_finished");
    return status;
}

}  // namespace herald
