#include "ports/testing/fake_store.hpp"

namespace herald {

FakeStore::Kept* FakeStore::find(const TenantId& tenant, const NotificationId& id) {
    const auto found = notifications_.find(id);
    if (found == notifications_.end() || found->second.notification.tenant != tenant) return nullptr;
    return &found->second;
}

std::optional<DeliveryRow> FakeStore::row_of(const DeliveryId& id) const {
    const auto found = deliveries_.find(id);
    return found == deliveries_.end() ? std::nullopt : std::optional(found->second);
}

bool FakeStore::older_unknown(const DeliveryId& id) const {
    for (auto item = older_attempts_.lower_bound({id, 0});
         item != older_attempts_.end() && item->first.first == id; ++item) {
        if (item->second.state == AttemptState::unknown) return true;
    }
    return false;
}

StoredPlan FakeStore::bind_and_store(const NewPlan& given) {
    if (!given.binding) return store_plan(given);
    const auto& row = *given.binding;
    const auto& standing = idempotency_.try_emplace({row.tenant, row.key}, row).first->second;
    if (standing.body_hash != row.body_hash) {
        StoredPlan refused;
        refused.key_reused = true;
        return refused;
    }
    auto bound = given;
    bound.notification.id = standing.id;
    return store_plan(bound);
}

StoredPlan FakeStore::store_plan(const NewPlan& given) {
    const auto& id = given.notification.id;
    auto& kept = notifications_[id];
    if (!kept.known) kept.notification = given.notification;
    kept.known = true;
    const auto [found, inserted] = kept.plans.try_emplace(given.plan.step, given.plan);
    auto& plan = found->second;
    if (inserted && kept.cancelled) cancel_plan(plan, *kept.cancelled);
    const auto* person = find_person(given.notification.tenant, given.notification.user_id);
    if (inserted && person && person->erased_at && given.notification.accepted_at <= *person->erased_at) {
        if (!kept.cancelled) kept.cancelled = CancelMark{*person->erased_at, "erased"};
        forget_person(kept.notification);
        forget_person(plan);
    }
    const bool refused = !kept.failed_reason.empty();
    StoredPlan stored{plan, kept.cancelled.has_value() || refused, {}, id};
    for (const auto& entry : plan.entries) {
        const DeliveryId delivery{id, plan.step, entry.ordinal};
        if (stored.cancelled && entry.state == DeliveryState::planned && !deliveries_.contains(delivery)) {
            auto row = row_of(delivery);
            if (refused) row = refused_delivery(kept.failed_reason, kept.failed_at);
            else cancel_delivery(row, *kept.cancelled);
            deliveries_[delivery] = *row;
        }
        if (deliveries_.contains(delivery)) stored.begun.push_back(entry.ordinal);
    }
    const auto timer = wait_timer(kept.notification, plan);
    if (inserted && !stored.cancelled && timer) put_timer(*timer);
    return stored;
}

Result<std::vector<StoredPlan>> FakeStore::store_plans(std::span<const NewPlan> plans) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    for (const auto& plan : plans) {
        const auto found = notifications_.find(plan.notification.id);
        const bool foreign =
            found != notifications_.end() && found->second.notification.tenant != plan.notification.tenant;
        if (foreign || plan.notification.user_id.str() == kRefusedUser) {
            return fail(ErrorCode::refused_content, "store plans: something in the batch cannot be stored");
        }
    }
    std::vector<StoredPlan> stored;
    for (const auto& plan : plans) stored.push_back(bind_and_store(plan));
    if (auto error = lost_answer()) return fail(*error);
    return stored;
}

Result<std::vector<std::optional<Notification>>> FakeStore::load_steps(std::span<const StepRef> steps) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    std::vector<std::optional<Notification>> loaded;
    for (const auto& step : steps) {
        auto& slot = loaded.emplace_back();
        const auto* kept = find(step.tenant, step.id);
        if (!kept) continue;
        const auto before = kept->plans.find(step.step - 1);
        if (before != kept->plans.end() && before->second.wait_until) slot = kept->notification;
    }
    return loaded;
}

Status FakeStore::store_dead(const TenantId& tenant, const NotificationId& id, const std::string& reason,
                             TimePoint now) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    auto& kept = notifications_[id];
    auto& notification = kept.notification;
    if (notification.id != id) {
        notification.id = id;
        notification.tenant = tenant;
        notification.accepted_at = id.uuid.time();
    }
    if (notification.tenant != tenant || !kept.plans.empty() || kept.cancelled || !kept.failed_reason.empty())
        return {};
    kept.failed_reason = reason;
    kept.failed_at = now;
    return {};
}

Result<std::optional<Story>> FakeStore::load_story(const TenantId& tenant, const NotificationId& id) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    const auto* kept = find(tenant, id);
    if (!kept) return std::nullopt;
    std::vector<Plan> plans;
    for (const auto& [step, plan] : kept->plans) plans.push_back(plan);
    std::map<DeliveryId, std::vector<AttemptRow>> older;
    for (const auto& [key, attempt] : older_attempts_) older[key.first].push_back(attempt);
    return tell_story(kept->notification, kept->cancelled, kept->failed_reason, std::move(plans), deliveries_,
                      older);
}

/// Closes what no attempt has begun and what waits for a retry. False: neither it nor a wait was left.
bool FakeStore::close_open(Kept& kept, const CancelMark& mark) {
    bool closed = kept.plans.empty() || kept.plans.rbegin()->second.wait_until;
    for (const auto& [step, plan] : kept.plans) {
        for (const auto& entry : plan.entries) {
            const DeliveryId delivery{kept.notification.id, step, entry.ordinal};
            auto row = row_of(delivery);
            if (entry.state != DeliveryState::planned || !cancel_delivery(row, mark)) continue;
            deliveries_[delivery] = *row;
            closed = true;
        }
    }
    return closed;
}

Result<CancelResult> FakeStore::cancel(const TenantId& tenant, const NotificationId& id, TimePoint now) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    auto& kept = notifications_[id];
    if (kept.notification.id != id) {
        kept.notification.id = id;
        kept.notification.tenant = tenant;
        kept.notification.accepted_at = id.uuid.time();
    }
    if (kept.notification.tenant != tenant)
        return fail(ErrorCode::not_found, "cancel: there is no such notification");
    const CancelMark mark{now, "cancelled"};
    if (!kept.cancelled && kept.failed_reason.empty() && close_open(kept, mark)) kept.cancelled = mark;
    if (auto error = lost_answer()) return fail(*error);
    return kept.cancelled ? CancelResult::cancelled : CancelResult::too_late;
}

Result<OpenDeliveries> FakeStore::find_open(std::optional<NotificationId> after, TimePoint planned_before,
                                            std::size_t limit) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    OpenWalk walk({after, planned_before, clock_.now(), epoch_});
    std::size_t walked = 0;
    auto item = after ? notifications_.upper_bound(*after) : notifications_.begin();
    for (; item != notifications_.end() && walked < limit; ++item) {
        const auto& [id, kept] = *item;
        if (id.uuid.time() >= planned_before) break;
        if (kept.plans.empty()) continue;
        ++walked;
        if (unreadable_.contains(id)) walk.pass_over(id, "it was spoilt");
        else walk.visit(walked_of(kept));
    }
    return std::move(walk).end(walked < limit);
}

WalkedNotification FakeStore::walked_of(const Kept& kept) const {
    const auto& n = kept.notification;
    WalkedNotification one{n.id, n.tenant, n.user_id, n.lane, n.deadline_at, {}, {}, {}, {}};
    one.marked = kept.cancelled || !kept.failed_reason.empty();
    for (const auto& [step, plan] : kept.plans) one.plans.push_back(plan);
    for (const auto& [id, row] : deliveries_) {
        if (id.notification == n.id) one.deliveries.emplace(id, row);
    }
    for (const auto& [key, timer] : timers_) one.timers.insert(timer.delivery);
    return one;
}

Result<std::size_t> FakeStore::drop_notifications(TimePoint accepted_before, std::size_t limit) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    std::size_t dropped = 0;
    while (dropped < limit && !notifications_.empty()) {
        const auto id = notifications_.begin()->first;
        if (id.uuid.time() >= accepted_before) break;
        std::erase_if(deliveries_, [&](const auto& item) { return item.first.notification == id; });
        std::erase_if(older_attempts_, [&](const auto& item) { return item.first.first.notification == id; });
        notifications_.erase(id);
        ++dropped;
    }
    if (auto error = lost_answer()) return fail(*error);
    return dropped;
}

ClaimChange FakeStore::claim_one(const ClaimRequest& request, ClaimToken token) {
    ClaimFacts facts;
    facts.token = token;
    facts.now = clock_.now();
    facts.epoch = epoch_;
    if (const auto* kept = find(request.tenant, request.delivery.notification)) {
        facts.notification = std::make_shared<const Notification>(kept->notification);
        facts.cancelled = kept->cancelled;
        const auto plan = kept->plans.find(request.delivery.step);
        if (plan != kept->plans.end()) facts.plan = &plan->second;
    }
    facts.older_unknown = older_unknown(request.delivery);
    auto row = row_of(request.delivery);
    auto change = claim_delivery(request, facts, row);
    if (change.retired) older_attempts_[{request.delivery, change.retired->n}] = *change.retired;
    if (change.changed) deliveries_[request.delivery] = *row;
    return change;
}

Result<std::vector<ClaimResult>> FakeStore::claim(std::span<const ClaimRequest> requests, ClaimToken token) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    for (const auto& request : requests) {
        if (unreadable_.contains(request.delivery.notification))
            return fail(ErrorCode::refused_content, "claim deliveries: a row cannot be read");
    }
    const auto asked_at = clock_.uptime();
    std::vector<ClaimResult> results;
    for (const auto& request : requests) {
        results.push_back(claim_one(request, token).result);
        results.back().asked_at = asked_at;
    }
    if (auto error = lost_answer()) return fail(*error);
    return results;
}

AttemptRow* FakeStore::find_attempt(const DeliveryId& id, DeliveryRow& row, int n) {
    if (n < 1) return nullptr;
    if (n == row.newest.n) return &row.newest;
    const auto older = older_attempts_.find({id, n});
    return older == older_attempts_.end() ? nullptr : &older->second;
}

SettleResult FakeStore::settle_one(const Settlement& settlement) {
    const auto found = deliveries_.find(settlement.delivery);
    if (!find(settlement.tenant, settlement.delivery.notification) || found == deliveries_.end()) return {};
    auto& row = found->second;
    auto* attempt = find_attempt(settlement.delivery, row, settlement.attempt);
    if (!attempt || !settle_attempt(row, *attempt, settlement)) return {false, row.state};
    if (wants_retry(row, settlement)) put_timer(retry_of(settlement, clock_.now()));
    if (const auto& dead = settlement.remove_device) {
        for (auto& [ref, person] : people_) {
            if (ref.tenant != settlement.tenant || !person.user) continue;
            std::erase_if(person.user->devices, [&](const Device& device) {
                return device.token == dead->token && device.registered_at <= dead->registered_before;
            });
        }
    }
    if (const auto& suppress = settlement.suppress) {
        suppressions_.try_emplace({settlement.tenant, suppress->channel, suppress->address},
                                  suppress->reason);
    }
    return {true, row.state};
}

Result<std::vector<SettleResult>> FakeStore::settle(std::span<const Settlement> settlements) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    std::vector<SettleResult> results;
    for (const auto& settlement : settlements) results.push_back(settle_one(settlement));
    if (auto error = lost_answer()) return fail(*error);
    return results;
}

Result<std::vector<SettleResult>> FakeStore::close_deliveries(std::span<const Closure> closures) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    std::vector<SettleResult> results;
    for (const auto& closure : closures) {
        auto& result = results.emplace_back();
        const auto* kept = find(closure.tenant, closure.delivery.notification);
        const auto plan =
            kept ? kept->plans.find(closure.delivery.step) : std::map<int, Plan>::const_iterator{};
        if (!kept || plan == kept->plans.end()) continue;
        const auto* entry = find_entry(plan->second, closure.delivery.ordinal);
        if (!entry) continue;
        auto row = row_of(closure.delivery);
        result.raised = entry->state == DeliveryState::planned && close_delivery(row, closure);
        result.state = row ? row->state : entry->state;
        if (result.raised) deliveries_[closure.delivery] = *row;
    }
    if (auto error = lost_answer()) return fail(*error);
    return results;
}

Result<std::vector<SettleResult>> FakeStore::apply_receipts(std::span<const ReceiptRecord> receipts) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    std::vector<SettleResult> results;
    for (const auto& receipt : receipts) {
        auto& result = results.emplace_back();
        const auto found = deliveries_.find(receipt.delivery);
        if (!find(receipt.tenant, receipt.delivery.notification) || found == deliveries_.end()) continue;
        auto& row = found->second;
        auto* attempt = find_attempt(receipt.delivery, row, receipt.attempt);
        result.raised = attempt && herald::apply_receipt(row, *attempt, receipt);
        result.state = row.state;
    }
    if (auto error = lost_answer()) return fail(*error);
    return results;
}

Status FakeStore::declare_claims_dead() {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    ++epoch_;
    shards_ = {};  // no other process holds any
    return {};
}

}  // namespace herald
