#include "ports/ledger.hpp"

#include <algorithm>

namespace herald {
namespace {

ClaimChange verdict_only(ClaimVerdict verdict) {
    ClaimChange change;
    change.result.verdict = verdict;
    return change;
}

ClaimChange settled(const DeliveryRow& row) {
    auto change = verdict_only(ClaimVerdict::settled);
    change.result.state = row.state;
    change.result.attempt = row.newest.n;
    change.result.attempt_state = row.newest.state;
    change.result.reason = row.reason;
    change.result.ended_at = row.closed_at.value_or(row.newest.ended_at.value_or(row.newest.begun_at));
    return change;
}

ClaimChange settled_by_plan(const Plan& plan, const PlanEntry& entry) {
    auto change = verdict_only(ClaimVerdict::settled);
    change.result.state = entry.state;
    change.result.reason = entry.reason;
    change.result.ended_at = plan.planned_at;
    return change;
}

/// With what a caller needs to go on.
ClaimChange open(ClaimVerdict verdict, const ClaimFacts& facts, const PlanEntry& entry) {
    auto change = verdict_only(verdict);
    change.result.notification = facts.notification;
    change.result.entry = entry;
    change.result.was_unknown = facts.older_unknown;
    return change;
}

ClaimChange claim_begun(const ClaimFacts& facts, const PlanEntry& entry, const DeliveryRow& row) {
    const bool same_epoch = row.epoch == facts.epoch;
    const bool own = same_epoch && row.token == facts.token;
    const bool live = same_epoch && facts.now < row.lease_until;
    auto change = own    ? open(ClaimVerdict::claimed, facts, entry)
                  : live ? verdict_only(ClaimVerdict::busy)
                         : open(ClaimVerdict::in_doubt, facts, entry);
    change.result.lease_until = row.lease_until;
    change.result.tries = row.tries;
    change.result.attempt = row.newest.n;
    change.result.attempt_state = row.newest.state;
    return change;
}

void begin_attempt(const ClaimRequest& request, const ClaimFacts& facts, std::optional<DeliveryRow>& row) {
    if (!row) row.emplace();
    row->reason.clear();
    row->newest = AttemptRow{};
    row->newest.n = request.attempt;
    row->newest.state = AttemptState::begun;
    row->newest.account = request.account;
    row->newest.begun_at = facts.now;
    if (raises(row->best, AttemptState::begun)) row->best = AttemptState::begun;
    row->state = fold_attempts(row->best, row->newest.state, row->verdict);
    row->token = facts.token;
    row->lease_until = facts.now + request.lease;
    row->epoch = facts.epoch;
}

/// The delivery is new, or waits for exactly this attempt.
ClaimChange claim_next(const ClaimRequest& request, const ClaimFacts& facts, const PlanEntry& entry,
                       std::optional<DeliveryRow>& row) {
    if (facts.cancelled) {
        cancel_delivery(row, *facts.cancelled);
        auto change = settled(*row);
        change.changed = true;
        return change;
    }
    auto verdict = ClaimVerdict::claimed;
    if (facts.now >= facts.notification->deadline_at) verdict = ClaimVerdict::past_deadline;
    else if (!request.gates_passed && facts.now - facts.plan->planned_at > kGatesLast)
        verdict = ClaimVerdict::needs_gates;
    auto change = open(verdict, facts, entry);
    if (row) {
        change.result.tries = row->tries;
        change.result.was_unknown |= row->newest.state == AttemptState::unknown;
    }
    if (verdict != ClaimVerdict::claimed) return change;
    if (row) change.retired = row->newest;
    begin_attempt(request, facts, row);
    change.changed = true;
    change.result.lease_until = row->lease_until;
    change.result.attempt = row->newest.n;
    change.result.attempt_state = row->newest.state;
    return change;
}

void fold(DeliveryRow& row, const AttemptRow& raised) {
    if (raises(row.best, raised.state)) row.best = raised.state;
    const auto before = row.state;
    row.state = fold_attempts(row.best, row.newest.state, row.verdict);
    if (row.state != before && row.best == raised.state && rank(row.best) >= rank(AttemptState::accepted)) {
        row.reason = raised.reason;
        row.closed_at.reset();
    }
}

/// A final state stands, whatever was decided later from less; only doubt may still be resolved.
bool accepts_verdict(const DeliveryRow& row, DeliveryState verdict) {
    return !is_final(row.state) || (row.state == DeliveryState::unknown && is_final(verdict));
}

std::string reason_of(const ReceiptRecord& receipt) {
    const bool bad = receipt.state == AttemptState::undelivered || receipt.state == AttemptState::bounced;
    return bad ? "receipt: " + std::string(to_string(receipt.state)) : "";
}

}  // namespace

const PlanEntry* find_entry(const Plan& plan, int ordinal) {
    const auto found = std::find_if(plan.entries.begin(), plan.entries.end(),
                                    [&](const PlanEntry& entry) { return entry.ordinal == ordinal; });
    return found == plan.entries.end() ? nullptr : &*found;
}

ClaimChange claim_delivery(const ClaimRequest& request, const ClaimFacts& facts,
                           std::optional<DeliveryRow>& row) {
    const auto* entry = facts.plan ? find_entry(*facts.plan, request.delivery.ordinal) : nullptr;
    if (!facts.notification || !entry) return verdict_only(ClaimVerdict::not_planned);
    if (!row) {
        if (entry->state != DeliveryState::planned) return settled_by_plan(*facts.plan, *entry);
        if (request.attempt != 1) return verdict_only(ClaimVerdict::superseded);
        return claim_next(request, facts, *entry, row);
    }
    if (is_final(row->state)) return settled(*row);
    const bool begun = row->newest.state == AttemptState::begun;
    if (request.attempt == row->newest.n) return begun ? claim_begun(facts, *entry, *row) : settled(*row);
    if (begun || request.attempt != row->newest.n + 1) return verdict_only(ClaimVerdict::superseded);
    return claim_next(request, facts, *entry, row);
}

bool settle_attempt(DeliveryRow& row, AttemptRow& attempt, const Settlement& settlement) {
    if (!raises(attempt.state, settlement.state)) return false;
    attempt.state = settlement.state;
    attempt.reason = settlement.reason;
    if (!settlement.reference.empty()) attempt.reference = settlement.reference;
    attempt.ended_at = settlement.ended_at;
    if (&attempt == &row.newest && accepts_verdict(row, settlement.verdict)) {
        row.verdict = settlement.verdict;
        row.tries = settlement.tries;
        row.reason = settlement.reason;
    }
    fold(row, attempt);
    return true;
}

bool apply_receipt(DeliveryRow& row, AttemptRow& attempt, const ReceiptRecord& receipt) {
    if (!raises(attempt.state, receipt.state)) return false;
    attempt.state = receipt.state;
    attempt.reason = reason_of(receipt);
    if (attempt.reference.empty()) attempt.reference = receipt.reference;
    if (!attempt.ended_at) attempt.ended_at = receipt.at;
    fold(row, attempt);
    return true;
}

bool wants_retry(const DeliveryRow& row, const Settlement& settlement) {
    return settlement.retry && settlement.attempt == row.newest.n && !is_final(row.state);
}

Timer retry_of(const Settlement& settlement, TimePoint now) {
    auto timer = settlement.retry.value();
    if (settlement.reckoned_at) timer.due += now - *settlement.reckoned_at;
    return timer;
}

bool close_delivery(std::optional<DeliveryRow>& row, const Closure& closure) {
    if (!row) {
        if (closure.attempt != 1) return false;
        row.emplace();
    } else if (row->state != DeliveryState::retrying || row->newest.n + 1 != closure.attempt) {
        return false;
    }
    row->state = closure.state;
    row->verdict = closure.state;
    row->reason = closure.reason;
    row->closed_at = closure.at;
    return true;
}

bool cancel_delivery(std::optional<DeliveryRow>& row, const CancelMark& mark) {
    Closure closure;
    closure.attempt = row ? row->newest.n + 1 : 1;
    closure.state = DeliveryState::cancelled;
    closure.reason = mark.reason;
    closure.at = mark.at;
    return close_delivery(row, closure);
}

bool cancel_plan(Plan& plan, const CancelMark& mark) {
    const auto is_planned = [](const PlanEntry& entry) { return entry.state == DeliveryState::planned; };
    if (std::any_of(plan.entries.begin(), plan.entries.end(), is_planned)) return false;
    for (auto& entry : plan.entries) {
        entry.state = DeliveryState::cancelled;
        entry.reason = mark.reason;
    }
    return !plan.entries.empty();
}

DeliveryRow refused_delivery(const std::string& reason, TimePoint at) {
    DeliveryRow row;
    row.state = DeliveryState::failed;
    row.verdict = DeliveryState::failed;
    row.reason = reason;
    row.closed_at = at;
    return row;
}

std::optional<int> overdue_attempt(const std::optional<DeliveryRow>& row, TimePoint now, std::int64_t epoch) {
    if (!row) return 1;
    if (is_final(row->state)) return std::nullopt;
    if (row->newest.state != AttemptState::begun) return row->newest.n + 1;
    if (row->epoch == epoch && now < row->lease_until + kLeaseMargin) return std::nullopt;
    return row->newest.n;
}

DeliveryView view_delivery(const DeliveryId& id, const PlanEntry& entry,
                           const std::optional<DeliveryRow>& row, const std::vector<AttemptRow>& older) {
    DeliveryView view{id, entry, entry.state, entry.reason, {}};
    if (!row) return view;
    view.state = row->state;
    view.reason = row->reason;
    const auto add = [&](const AttemptRow& a) {
        view.attempts.push_back({a.n, a.account, a.state, a.reason, a.reference, a.begun_at, a.ended_at});
    };
    std::for_each(older.begin(), older.end(), add);
    if (row->newest.n > 0) add(row->newest);
    return view;
}

void forget_person(Notification& notification) {
    notification.data = Json(Json::Object{});
    notification.metadata = Json(Json::Object{});
}

void forget_person(Plan& plan) {
    for (auto& entry : plan.entries) entry.address.clear();
}

std::optional<Timer> wait_timer(const Notification& notification, const Plan& plan) {
    if (!plan.wait_until) return std::nullopt;
    Timer timer;
    timer.lane = notification.lane;
    timer.due = *plan.wait_until;
    timer.kind = TimerKind::step;
    timer.tenant = notification.tenant;
    timer.key = record_key(notification.tenant, notification.user_id);
    timer.delivery = {notification.id, plan.step + 1, 0};
    return timer;
}

}  // namespace herald
