#include <algorithm>

#include "adapters/postgres/store.hpp"
#include "adapters/postgres/store_rows.hpp"
#include "ports/row_codec.hpp"

namespace herald {

using namespace postgres;

namespace {

/// The rows of `notifications`, with the plan of step 0 where that is what is stored.
class NotificationArrays {
public:
    void add(const Notification& n, const Plan* first_plan) {
        ids_.add(n.id);
        accepted_.add(n.accepted_at);
        deadlines_.add(n.deadline_at);
        send_.add(n.send_at);
        versions_.add(n.template_version);
        tenants_.add(n.tenant.str());
        lanes_.add(to_string(n.lane));
        users_.add(n.user_id.str());
        templates_.add(n.template_id.str());
        channels_.add(encode_channels(n.channels));
        data_.add(stored_object(n.data));
        metadata_.add(stored_object(n.metadata));
        traceparents_.add_unless_empty(n.traceparent);
        plans_.add(first_plan ? std::optional(encode_plan(*first_plan)) : std::nullopt);
    }

    Ticket insert(Transaction& transaction) {
        return transaction.queue(
            "INSERT INTO notifications (id, accepted_at, deadline_at, send_at, template_version, tenant, "
            "lane,"
            " user_id, template_id, channels, data, metadata, traceparent, plan)"
            " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
            " ON CONFLICT DO NOTHING RETURNING id",
            std::move(ids_), std::move(accepted_), std::move(deadlines_), std::move(send_),
            std::move(versions_), std::move(tenants_), std::move(lanes_), std::move(users_),
            std::move(templates_), std::move(channels_), std::move(data_), std::move(metadata_),
            std::move(traceparents_), std::move(plans_));
    }

private:
    Array<NotificationId> ids_;
    Array<TimePoint> accepted_, deadlines_, send_;
    Array<int> versions_;
    Array<std::string_view> tenants_, lanes_, users_, templates_, traceparents_;
    Array<std::string> channels_, data_, metadata_, plans_;
};

/// There were only marks of it; they stay.
void fill_notification(Transaction& transaction, const Notification& n) {
    transaction.queue(
        "UPDATE notifications SET accepted_at = $2, deadline_at = $3, send_at = $4, template_version = $5,"
        " lane = $6, user_id = $7, template_id = $8, channels = $9, data = $10, metadata = $11,"
        " traceparent = $12 WHERE id = $1",
        n.id, n.accepted_at, n.deadline_at, n.send_at, n.template_version, to_string(n.lane), n.user_id,
        n.template_id, encode_channels(n.channels), stored_object(n.data), stored_object(n.metadata),
        n.traceparent.empty() ? std::nullopt : std::optional(n.traceparent));
}

struct PlannedItem {
    const Notification* notification = nullptr;
    const Plan* plan = nullptr;
};

/// What a batch wants to store: the first of each notification and of each step counts.
struct Wanted {
    std::map<NotificationId, PlannedItem> notifications;
    std::map<std::pair<NotificationId, int>, PlannedItem> plans;

    explicit Wanted(const std::vector<NewPlan>& batch) {
        for (const auto& one : batch) {
            const PlannedItem item{&one.notification, &one.plan};
            plans.try_emplace({one.notification.id, one.plan.step}, item);
            notifications.try_emplace(one.notification.id, item);
        }
    }
};

/// One call of store_plans. First everything is inserted as if it were new, which it nearly always is; what
/// was there already is then loaded under its lock and looked at. Of two that store the same at once the
/// second waits in its insert for the first one's commit, inserts nothing, and reads the first one's.
class PlanBatch {
public:
    PlanBatch(Transaction& transaction, const std::vector<NewPlan>& batch)
        : transaction_(transaction), batch_(batch), wanted_(batch) {}

    Result<std::vector<StoredPlan>> store() {
        insert();
        if (fresh_.size() < wanted_.notifications.size()) load_standing();
        for (const auto& one : batch_) {
            const auto found = standing_.find(one.notification.id);
            const auto& tenant = found == standing_.end()
                                     ? wanted_.notifications.at(one.notification.id).notification->tenant
                                     : found->second.notification->tenant;
            if (tenant != one.notification.tenant) {
                return fail(ErrorCode::refused_content, "store plans: an id belongs to another tenant");
            }
        }
        complete();
        mark_erased();
        close_marked();
        load_begun();
        save_timers(transaction_, std::move(timers_));
        return answers();
    }

private:
    using PlanKey = std::pair<NotificationId, int>;

    void insert() {
        NotificationArrays notifications;
        auto accepted_first = batch_.front().notification.accepted_at;
        for (const auto& [id, item] : wanted_.notifications) {
            const auto first = wanted_.plans.find({id, 0});
            notifications.add(*item.notification,
                              first == wanted_.plans.end() ? nullptr : first->second.plan);
            accepted_first = std::min(accepted_first, item.notification->accepted_at);
        }
        transaction_.queue("SELECT pg_advisory_xact_lock_shared($1)", kPlanningLock);
        const auto inserted = notifications.insert(transaction_);
        const auto later = insert_later_plans();
        // What was accepted after the person was erased is not meant, so few rows are ever found.
        const auto erasures =
            transaction_.queue("SELECT hash, erased_at FROM erasures WHERE erased_at >= $1", accepted_first);
        transaction_.flush();
        for (auto columns : transaction_.take(inserted)) {
            const auto id = columns.id();
            fresh_.insert(id);
            if (wanted_.plans.contains({id, 0})) stored_now_.insert({id, 0});
        }
        if (later) {
            for (auto columns : transaction_.take(*later)) {
                const auto id = columns.id();
                stored_now_.insert({id, columns.integer()});
            }
        }
        for (auto columns : transaction_.take(erasures)) {
            auto hash = columns.text();
            erased_.insert_or_assign(std::move(hash), columns.time());
        }
    }

    std::optional<Ticket> insert_later_plans() {
        Array<NotificationId> ids;
        Array<int> steps;
        Array<std::string_view> tenants;
        Array<std::string> plans;
        for (const auto& [key, item] : wanted_.plans) {
            if (key.second == 0) continue;
            ids.add(key.first);
            steps.add(key.second);
            tenants.add(item.notification->tenant.str());
            plans.add(encode_plan(*item.plan));
        }
        if (ids.size() == 0) return std::nullopt;
        return transaction_.queue(
            "INSERT INTO plans (id, step, tenant, plan) SELECT * FROM unnest($1, $2, $3, $4)"
            " ON CONFLICT DO NOTHING RETURNING id, step",
            std::move(ids), std::move(steps), std::move(tenants), std::move(plans));
    }

    /// The lock keeps a cancel from coming between its mark and our plan: whoever has it first is seen by the
    /// other.
    void load_standing() {
        NotificationIds ids;
        for (const auto& [id, item] : wanted_.notifications) {
            if (!fresh_.contains(id)) ids.insert(id);
        }
        const auto later = queue_later_plans(transaction_, ids);
        standing_ = load_notifications(transaction_, ids, Lock::rows);
        read_later_plans(transaction_.take(later), standing_plans_);
        for (const auto& [id, row] : standing_) {
            if (!row.plan.empty()) standing_plans_.insert_or_assign({id, 0}, read_plan(row.plan));
        }
    }

    /// Rows that had only marks, or only plans of later steps.
    void complete() {
        for (const auto& [id, row] : standing_) {
            if (!row.known) fill_notification(transaction_, *wanted_.notifications.at(id).notification);
            const auto first = wanted_.plans.find({id, 0});
            if (first == wanted_.plans.end() || standing_plans_.contains({id, 0})) continue;
            replace_plan(transaction_, id, *first->second.plan);
            stored_now_.insert({id, 0});
        }
        for (const auto& [key, item] : wanted_.plans) {
            if (!stored_now_.contains(key)) continue;
            auto& plan = plans_.emplace(key, *item.plan).first->second;
            const auto* marks = marks_of(key.first);
            if (marks && marks->cancelled && cancel_plan(plan, *marks->cancelled))
                replace_plan(transaction_, key.first, plan);
            const auto timer = wait_timer(*item.notification, plan);
            if (timer && !marks) timers_.push_back(*timer);
        }
        plans_.insert(standing_plans_.begin(), standing_plans_.end());
    }

    const NotificationRow* marks_of(const NotificationId& id) const {
        const auto found = standing_.find(id);
        return found != standing_.end() && found->second.marked() ? &found->second : nullptr;
    }

    /// Planning may have read the person before they were erased.
    void mark_erased() {
        if (erased_.empty()) return;
        for (const auto& key : stored_now_) {
            const auto& notification = *wanted_.plans.at(key).notification;
            const auto hash = erasure_hash(notification.tenant, notification.user_id);
            const auto found = erased_.find(as_text(hash));
            if (found == erased_.end() || notification.accepted_at > found->second) continue;
            herald::forget_person(plans_.at(key));
            replace_plan(transaction_, key.first, plans_.at(key));
            mark(notification, {found->second, "erased"});
        }
    }

    void mark(const Notification& notification, const CancelMark& mark) {
        auto& row = standing_[notification.id];
        if (!row.notification) row.notification = std::make_shared<const Notification>(notification);
        if (!row.cancelled) row.cancelled = mark;
        save_mark(transaction_, {notification.id}, mark);
        transaction_.queue("UPDATE notifications SET data = NULL, metadata = NULL WHERE id = $1",
                           notification.id);
        std::erase_if(timers_,
                      [&](const Timer& timer) { return timer.delivery.notification == notification.id; });
    }

    void close_marked() {
        DeliveryRows closed;
        for (const auto& [key, item] : wanted_.plans) {
            const auto* row = marks_of(key.first);
            if (!row) continue;
            for (const auto& entry : plans_.at(key).entries) {
                if (entry.state != DeliveryState::planned) continue;
                std::optional<DeliveryRow> delivery;
                if (row->cancelled) cancel_delivery(delivery, *row->cancelled);
                else delivery = refused_delivery(row->failed_reason, *row->failed_at);
                closed.emplace(DeliveryId{key.first, key.second, entry.ordinal},
                               StoredDelivery{row->notification->tenant, *std::move(delivery)});
            }
        }
        // One that has a row by now keeps it.
        if (!closed.empty()) insert_deliveries(transaction_, closed);
    }

    void load_begun() {
        NotificationIds ids;
        for (const auto& [id, row] : standing_) ids.insert(id);
        if (ids.empty()) return;
        const auto ticket = queue_all_deliveries(transaction_, ids, Lock::none);
        transaction_.flush();
        for (const auto& [id, row] : read_deliveries(transaction_.take(ticket))) {
            begun_[{id.notification, id.step}].push_back(id.ordinal);
        }
    }

    std::vector<StoredPlan> answers() const {
        std::vector<StoredPlan> stored;
        stored.reserve(batch_.size());
        for (const auto& one : batch_) {
            const PlanKey key{one.notification.id, one.plan.step};
            auto& answer = stored.emplace_back();
            answer.id = key.first;
            answer.plan = plans_.at(key);
            answer.cancelled = marks_of(key.first) != nullptr;
            if (const auto begun = begun_.find(key); begun != begun_.end()) answer.begun = begun->second;
        }
        return stored;
    }

    Transaction& transaction_;
    const std::vector<NewPlan>& batch_;
    const Wanted wanted_;
    NotificationIds fresh_;                                 ///< had no row at all
    std::set<PlanKey> stored_now_;                          ///< the plan that stands is this batch's
    std::map<std::string, TimePoint, std::less<>> erased_;  ///< by hash
    NotificationRows standing_;
    Plans standing_plans_;
    Plans plans_;  ///< that stand now
    std::vector<Timer> timers_;
    std::map<PlanKey, std::vector<int>> begun_;
};

using KeyOf = std::pair<TenantId, std::string>;

/// What stands under the keys of producers that are not Herald. Of two that bind a key at once the second
/// waits for the first one's commit, and reads the first one's row.
std::map<KeyOf, IdempotencyRow> bind_all(Transaction& transaction, std::span<const NewPlan> plans) {
    std::map<KeyOf, IdempotencyRow> bound;
    for (const auto& one : plans) {
        if (one.binding) bound.try_emplace({one.binding->tenant, one.binding->key}, *one.binding);
    }
    if (bound.empty()) return bound;
    std::vector<IdempotencyRow> rows;
    rows.reserve(bound.size());
    for (const auto& [key, row] : bound) rows.push_back(row);
    for (auto& row : bind_keys(transaction, rows)) {
        KeyOf key{row.tenant, row.key};
        bound.insert_or_assign(std::move(key), std::move(row));
    }
    return bound;
}

}  // namespace

Result<std::vector<StoredPlan>> PostgresStore::store_plans(std::span<const NewPlan> plans) {
    if (plans.empty()) return std::vector<StoredPlan>{};
    return database_.write("store plans", [&](Transaction& transaction) -> Result<std::vector<StoredPlan>> {
        const auto bound = bind_all(transaction, plans);
        std::vector<NewPlan> batch;
        std::vector<std::optional<std::size_t>> places;  ///< in the batch; none: its key was used for another
        for (const auto& one : plans) {
            const auto* row = one.binding ? &bound.at({one.binding->tenant, one.binding->key}) : nullptr;
            if (row && row->body_hash != one.binding->body_hash) {
                places.push_back(std::nullopt);
                continue;
            }
            places.push_back(batch.size());
            batch.push_back(one);
            if (row) batch.back().notification.id = row->id;
        }
        std::vector<StoredPlan> stored;
        if (!batch.empty()) {
            auto result = PlanBatch(transaction, batch).store();
            if (!result) return fail(result.error());
            stored = *std::move(result);
        }
        std::vector<StoredPlan> answers;
        for (const auto& place : places) {
            if (place) answers.push_back(std::move(stored[*place]));
            else answers.emplace_back().key_reused = true;
        }
        return answers;
    });
}

Result<std::vector<std::optional<Notification>>> PostgresStore::load_steps(std::span<const StepRef> steps) {
    return database_.read_for_stage("load due steps", [&](Transaction& transaction) {
        NotificationIds ids;
        for (const auto& step : steps) ids.insert(step.id);
        const auto rows = load_notifications(transaction, ids, Lock::none);
        const auto plans = load_plans(transaction, rows);
        std::vector<std::optional<Notification>> loaded;
        for (const auto& step : steps) {
            auto& slot = loaded.emplace_back();
            const auto row = rows.find(step.id);
            const auto before = plans.find({step.id, step.step - 1});
            if (row == rows.end() || before == plans.end() || !before->second.wait_until) continue;
            if (row->second.notification->tenant == step.tenant) slot = *row->second.notification;
        }
        return loaded;
    });
}

namespace {

/// Makes sure that there is a row to mark, and locks it: a plan that is being stored is waited for.
std::optional<NotificationRow> load_to_mark(Transaction& transaction, const TenantId& tenant,
                                            const NotificationId& id) {
    transaction.queue(
        "INSERT INTO notifications (id, tenant, accepted_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", id,
        tenant, id.uuid.time());
    auto rows = load_notifications(transaction, {id}, Lock::rows);
    const auto found = rows.find(id);
    if (found == rows.end() || found->second.notification->tenant != tenant) return std::nullopt;
    return std::move(found->second);
}

}  // namespace

Status PostgresStore::store_dead(const TenantId& tenant, const NotificationId& id, const std::string& reason,
                                 TimePoint now) {
    return database_.write("store a refused record's notification", [&](Transaction& transaction) {
        const auto row = load_to_mark(transaction, tenant, id);
        if (!row || row->marked() || !row->plan.empty()) return;
        transaction.queue(
            "UPDATE notifications SET failed_at = $2, failed_reason = $3 WHERE id = $1"
            " AND NOT EXISTS (SELECT FROM plans WHERE plans.id = $1)",
            id, now, reason);
    });
}

Result<CancelResult> PostgresStore::cancel(const TenantId& tenant, const NotificationId& id, TimePoint now) {
    return database_.write("cancel", [&](Transaction& transaction) -> Result<CancelResult> {
        auto row = load_to_mark(transaction, tenant, id);
        if (!row) return fail(ErrorCode::not_found, "cancel: there is no such notification");
        if (row->cancelled) return CancelResult::cancelled;
        const CancelMark mark{now, "cancelled"};
        if (row->failed_at) return CancelResult::too_late;
        NotificationRows rows;
        rows.emplace(id, *std::move(row));
        if (!close_open(transaction, rows, mark)) return CancelResult::too_late;
        save_mark(transaction, {id}, mark);
        return CancelResult::cancelled;
    });
}

}  // namespace herald
