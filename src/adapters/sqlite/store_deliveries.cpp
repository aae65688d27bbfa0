#include "adapters/sqlite/store.hpp"
#include "adapters/sqlite/store_rows.hpp"

namespace herald {

using namespace sqlite;

namespace {

/// One batch of claims; notifications and plans are read once for all deliveries of theirs.
class ClaimBatch {
public:
    ClaimBatch(Database& database, ClaimToken token, TimePoint now)
        : database_(database), token_(token), now_(now), epoch_(load_epoch(database)) {}

    ClaimResult claim(const ClaimRequest& request) {
        const auto& id = request.delivery;
        const auto& notification = notification_of(request.tenant, id.notification);
        if (!notification) return {};
        const auto& plan = plan_of(request.tenant, id);
        auto row = load_delivery(database_, request.tenant, id);
        ClaimFacts facts;
        facts.token = token_;
        facts.now = now_;
        facts.epoch = epoch_;
        facts.notification = notification->notification;
        facts.cancelled = notification->cancelled;
        facts.plan = plan ? &*plan : nullptr;
        facts.older_unknown = row && row->newest.n > 1 && has_older_unknown(id);
        auto change = claim_delivery(request, facts, row);
        if (change.retired) save_older_attempt(database_, request.tenant, id, *change.retired);
        if (change.changed) save_delivery(database_, request.tenant, id, *row);
        return std::move(change.result);
    }

private:
    using NotificationKey = std::pair<NotificationId, TenantId>;

    const std::optional<NotificationRow>& notification_of(const TenantId& tenant, const NotificationId& id) {
        const auto [found, added] = notifications_.try_emplace({id, tenant});
        if (added) found->second = load_notification(database_, tenant, id);
        return found->second;
    }

    const std::optional<Plan>& plan_of(const TenantId& tenant, const DeliveryId& id) {
        const auto [found, added] = plans_.try_emplace({id.notification, id.step});
        if (added) found->second = load_plan(database_, tenant, id.notification, id.step);
        return found->second;
    }

    bool has_older_unknown(const DeliveryId& id) {
        auto query = database_.query(
            "SELECT 1 FROM attempts WHERE id = ? AND step = ? AND ordinal = ?"
            " AND state = 'unknown' LIMIT 1");
        bind_all(*query, id.notification, id.step, id.ordinal);
        return query->executeStep();
    }

    Database& database_;
    const ClaimToken token_;
    const TimePoint now_;
    const std::int64_t epoch_;
    std::map<NotificationKey, std::optional<NotificationRow>> notifications_;
    std::map<std::pair<NotificationId, int>, std::optional<Plan>> plans_;
};

/// A delivery's row and the one attempt of it that somebody wants to raise.
class RaisedAttempt {
public:
    RaisedAttempt(Database& database, const TenantId& tenant, const DeliveryId& id, int n)
        : database_(database), tenant_(tenant), id_(id) {
        if (n < 1) return;
        row_ = load_delivery(database, tenant, id);
        if (!row_) return;
        if (n == row_->newest.n) {
            attempt_ = &row_->newest;
        } else if (n < row_->newest.n) {
            for (auto& attempt : load_older_attempts(database, id)) {
                if (attempt.n == n) older_ = std::move(attempt);
            }
            if (older_) attempt_ = &*older_;
        }
    }
    RaisedAttempt(const RaisedAttempt&) = delete;
    RaisedAttempt& operator=(const RaisedAttempt&) = delete;

    /// `raise` is given the row and the attempt, and says whether it changed them.
    template <class Raise>
    SettleResult apply(Raise&& raise) {
        if (!row_) return {};
        if (!attempt_ || !raise(*row_, *attempt_)) return {false, row_->state};
        if (older_) save_older_attempt(database_, tenant_, id_, *older_);
        save_delivery(database_, tenant_, id_, *row_);
        return {true, row_->state};
    }

private:
    Database& database_;
    const TenantId& tenant_;
    const DeliveryId& id_;
    std::optional<DeliveryRow> row_;
    std::optional<AttemptRow> older_;
    AttemptRow* attempt_ = nullptr;
};

void apply_effects(Database& database, const DeliveryRow& row, const Settlement& settlement, TimePoint now) {
    if (wants_retry(row, settlement)) save_timer(database, retry_of(settlement, now), now);
    if (const auto& dead = settlement.remove_device) {
        execute(database, "DELETE FROM devices WHERE tenant = ? AND token = ? AND registered_at <= ?",
                settlement.tenant, dead->token, dead->registered_before);
    }
    if (const auto& suppress = settlement.suppress) {
        execute(database,
                "INSERT INTO suppressions (tenant, channel, address, reason, since) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                settlement.tenant, to_string(suppress->channel), suppress->address, suppress->reason, now);
    }
}

SettleResult close_one(Database& database, const Closure& closure) {
    const auto plan =
        load_plan(database, closure.tenant, closure.delivery.notification, closure.delivery.step);
    const auto* entry = plan ? find_entry(*plan, closure.delivery.ordinal) : nullptr;
    if (!entry) return {};
    auto row = load_delivery(database, closure.tenant, closure.delivery);
    SettleResult result;
    result.raised = entry->state == DeliveryState::planned && close_delivery(row, closure);
    result.state = row ? row->state : entry->state;
    if (result.raised) save_delivery(database, closure.tenant, closure.delivery, *row);
    return result;
}

}  // namespace

Result<std::vector<ClaimResult>> SqliteStore::claim(std::span<const ClaimRequest> requests,
                                                    ClaimToken token) {
    return write("claim deliveries", [&](Database& database) {
        const auto asked_at = clock_.uptime();
        ClaimBatch batch(database, token, clock_.now());
        std::vector<ClaimResult> results;
        results.reserve(requests.size());
        for (const auto& request : requests) {
            results.push_back(batch.claim(request));
            results.back().asked_at = asked_at;
        }
        return results;
    });
}

Result<std::vector<SettleResult>> SqliteStore::settle(std::span<const Settlement> settlements) {
    return write("settle attempts", [&](Database& database) {
        const auto now = clock_.now();
        std::vector<SettleResult> results;
        results.reserve(settlements.size());
        for (const auto& settlement : settlements) {
            RaisedAttempt raised(database, settlement.tenant, settlement.delivery, settlement.attempt);
            results.push_back(raised.apply([&](DeliveryRow& row, AttemptRow& attempt) {
                if (!settle_attempt(row, attempt, settlement)) return false;
                apply_effects(database, row, settlement, now);
                return true;
            }));
        }
        return results;
    });
}

Result<std::vector<SettleResult>> SqliteStore::close_deliveries(std::span<const Closure> closures) {
    return write("close deliveries", [&](Database& database) {
        std::vector<SettleResult> results;
        results.reserve(closures.size());
        for (const auto& closure : closures) results.push_back(close_one(database, closure));
        return results;
    });
}

Result<std::vector<SettleResult>> SqliteStore::apply_receipts(std::span<const ReceiptRecord> receipts) {
    return write("apply receipts", [&](Database& database) {
        std::vector<SettleResult> results;
        results.reserve(receipts.size());
        for (const auto& receipt : receipts) {
            RaisedAttempt raised(database, receipt.tenant, receipt.delivery, receipt.attempt);
            results.push_back(raised.apply(
                [&](DeliveryRow& row, AttemptRow& attempt) { return apply_receipt(row, attempt, receipt); }));
        }
        return results;
    });
}

Status SqliteStore::declare_claims_dead() {
    return write("declare claims dead",
                 [&](Database& database) { execute(database, "UPDATE claim_epoch SET epoch = epoch + 1"); });
}

}  // namespace herald
