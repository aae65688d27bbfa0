#include "ports/testing/fake_store.hpp"

#include <limits>

namespace herald {

void FakeStore::fail_next(ErrorCode code, int times) {
    std::lock_guard lock(mutex_);
    failure_ = code;
    failures_ = times;
}

void FakeStore::lose_next_answer(int times) {
    std::lock_guard lock(mutex_);
    losses_ = times;
}

void FakeStore::spoil(const NotificationId& id) {
    std::lock_guard lock(mutex_);
    unreadable_.insert(id);
}

std::optional<Error> FakeStore::planned_failure() {
    if (failures_ == 0) return std::nullopt;
    --failures_;
    return Error{failure_, "the test asked for this failure"};
}

std::optional<Error> FakeStore::lost_answer() {
    if (losses_ == 0) return std::nullopt;
    --losses_;
    return Error{ErrorCode::timeout, "the test asked for this answer to be lost"};
}

std::vector<Timer> FakeStore::timers() const {
    std::lock_guard lock(mutex_);
    std::vector<Timer> all;
    for (const auto& [key, timer] : timers_) all.push_back(timer);
    return all;
}

void FakeStore::put_timer(Timer timer) {
    timer.due = std::max(timer.due, clock_.now());
    timers_.try_emplace({timer.due, timer.lane, timer.kind, timer.delivery, timer.attempt}, timer);
}

Status FakeStore::put_timers(std::span<const Timer> timers) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    for (const auto& timer : timers) put_timer(timer);
    if (auto error = lost_answer()) return fail(*error);
    return {};
}

Result<std::vector<Timer>> FakeStore::take_due(Lane lane, std::size_t limit, const HeldBack& held_back) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    std::vector<Timer> due;
    for (const auto& [key, timer] : timers_) {
        if (timer.due > clock_.now() || due.size() == limit) break;
        if (timer.lane == lane && !held_back.covers(timer)) due.push_back(timer);
    }
    return due;
}

Status FakeStore::delete_timers(std::span<const Timer> timers) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    for (const auto& timer : timers) {
        timers_.erase({timer.due, timer.lane, timer.kind, timer.delivery, timer.attempt});
    }
    if (auto error = lost_answer()) return fail(*error);
    return {};
}

Result<TimerShards> FakeStore::lease_shards(const std::string& owner, Millis lease) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    return shards_.renew(owner, clock_.now(), lease);
}

Result<std::vector<TimerStore::Level>> FakeStore::timer_levels() {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    std::vector<Level> levels;
    for (const auto lane : kLanes) {
        const auto waiting = std::count_if(timers_.begin(), timers_.end(),
                                           [&](const auto& item) { return item.second.lane == lane; });
        levels.push_back({lane, std::min<std::int64_t>(waiting, 100'000)});
    }
    return levels;
}

Result<int> FakeStore::put_template(const TenantId& tenant, const TemplateId& id, const std::string& body,
                                    TimePoint now) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    int version = 1;
    while (templates_.contains({tenant, id, version})) ++version;
    templates_[{tenant, id, version}] = {id, version, body, now};
    if (auto error = lost_answer()) return fail(*error);
    return version;
}

Result<std::optional<StoredTemplate>> FakeStore::find_template(const TenantId& tenant, const TemplateId& id,
                                                               std::optional<int> version) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    if (version) {
        const auto exact = templates_.find({tenant, id, *version});
        return exact == templates_.end() ? std::nullopt : std::optional(exact->second);
    }
    auto after = templates_.upper_bound({tenant, id, std::numeric_limits<int>::max()});
    if (after == templates_.begin()) return std::nullopt;
    --after;
    if (std::get<0>(after->first) != tenant || std::get<1>(after->first) != id) return std::nullopt;
    return std::optional(after->second);
}

Result<std::vector<StoredTemplate>> FakeStore::list_templates(const TenantId& tenant,
                                                              const std::string& after, std::size_t limit) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    std::vector<StoredTemplate> newest;
    for (const auto& [key, stored] : templates_) {
        if (std::get<0>(key) != tenant || std::get<1>(key).str() <= after) continue;
        if (!newest.empty() && newest.back().id == stored.id) newest.back() = stored;
        else if (newest.size() < limit) newest.push_back(stored);
    }
    return newest;
}

Result<std::vector<Remembered>> FakeStore::remember(std::span<const IdempotencyRow> rows) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    std::vector<Remembered> remembered;
    for (const auto& row : rows) {
        const auto [found, first] = idempotency_.try_emplace({row.tenant, row.key}, row);
        remembered.push_back({first, found->second});
        if (!first && found->second.body_hash == row.body_hash &&
            found->second.in_flight_until <= clock_.now()) {
            found->second.in_flight_until = row.in_flight_until;
        }
    }
    if (auto error = lost_answer()) return fail(*error);
    return remembered;
}

Result<std::optional<IdempotencyRow>> FakeStore::find(const TenantId& tenant, const std::string& key) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    const auto found = idempotency_.find({tenant, key});
    return found == idempotency_.end() ? std::nullopt : std::optional(found->second);
}

Result<std::size_t> FakeStore::forget(TimePoint before, std::size_t limit) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    std::size_t removed = 0;
    for (auto row = idempotency_.begin(); row != idempotency_.end() && removed < limit;) {
        const bool old = row->second.accepted_at < before;
        row = old ? idempotency_.erase(row) : std::next(row);
        removed += old ? 1 : 0;
    }
    return removed;
}

Result<IdKeys> FakeStore::id_keys() {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    if (id_keys_.empty()) id_keys_.push_back(random_hex(32));
    return id_keys_;
}

Result<std::optional<std::string>> FakeStore::get_note(const std::string& name) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    const auto found = notes_.find(name);
    return found == notes_.end() ? std::nullopt : std::optional(found->second);
}

Status FakeStore::put_note(const std::string& name, const std::string& value) {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    notes_[name] = value;
    return {};
}

Status FakeStore::ping() {
    std::lock_guard lock(mutex_);
    if (auto error = planned_failure()) return fail(*error);
    return {};
}

}  // namespace herald
