#include <algorithm>

#include "adapters/postgres/store.hpp"
#include "adapters/postgres/store_rows.hpp"

namespace herald {

using namespace postgres;

namespace {

/// What the rules need to know of the deliveries of one batch, beside their rows.
class Surroundings {
public:
    Surroundings(Transaction& transaction, const DeliveryIds& ids) {
        NotificationIds all, later;
        for (const auto& id : ids) {
            all.insert(id.notification);
            if (id.step > 0) later.insert(id.notification);
        }
        notifications_ = queue_notifications(transaction, all, Lock::none);
        if (!later.empty()) later_plans_ = queue_later_plans(transaction, later);
    }

    /// After the round trip.
    void read(Transaction& transaction) {
        rows_ = read_notifications(transaction.take(notifications_));
        if (later_plans_) read_later_plans(transaction.take(*later_plans_), plans_);
    }

    /// Null for nobody's, and for another tenant's.
    const NotificationRow* notification_of(const TenantId& tenant, const NotificationId& id) const {
        const auto found = rows_.find(id);
        if (found == rows_.end() || found->second.notification->tenant != tenant) return nullptr;
        return &found->second;
    }

    /// Of the notification that was found; null when that step has none.
    const Plan* plan_of(const NotificationRow& row, int step) {
        const std::pair key{row.notification->id, step};
        auto found = plans_.find(key);
        if (found == plans_.end() && step == 0 && !row.plan.empty()) {
            found = plans_.emplace(key, read_plan(row.plan)).first;
        }
        return found == plans_.end() ? nullptr : &found->second;
    }

private:
    Ticket notifications_ = 0;
    std::optional<Ticket> later_plans_;
    NotificationRows rows_;
    Plans plans_;
};

/// A transaction that finds a row gone which it had just seen is made again.
DatabaseError gone_meanwhile() {
    return {ErrorCode::unavailable, "40001", "a delivery was dropped while it was being looked at"};
}

/// One batch of claims. A first claim is taken for what it nearly always is, the first, and inserts the row;
/// only what was not inserted is looked up. A later claim locks its row before the notification's mark is
/// read, so that it sees a cancel in the one or in the other.
class ClaimBatch {
public:
    ClaimBatch(Transaction& transaction, std::span<const ClaimRequest> requests, ClaimToken token)
        : transaction_(transaction), requests_(requests), token_(token), results_(requests.size()) {}

    /// Two round trips: the rows are written together with the commit. Nothing when a row stood where a first
    /// claim would have put its own.
    std::optional<std::vector<ClaimResult>> claim_what_is_new() {
        decide_all();
        if (!doubtful_.empty()) return claim_the_rest();
        try {
            write(WhereOneStands::fail);
            transaction_.commit();
        } catch (const DatabaseError& error) {
            if (error.sqlstate != kRowStands) throw;
            return std::nullopt;  // the transaction has failed: its end rolls it back
        }
        return take_results();
    }

    std::vector<ClaimResult> claim() {
        decide_all();
        return claim_the_rest();
    }

private:
    void decide_all() {
        load();
        for (std::size_t i = 0; i < requests_.size(); ++i) decide(i);
    }

    std::vector<ClaimResult> claim_the_rest() {
        const auto inserted = write(WhereOneStands::leave);
        if (inserted) {
            transaction_.flush();
            // Somebody's claim or cancel had inserted a row, or did so first: the insert has waited for their
            // commit. Our own rows answer to our own token.
            if (transaction_.take(*inserted).affected() < added_.size()) {
                for (const auto& [id, stored] : added_) doubtful_.insert(id);
            }
        }
        if (!doubtful_.empty()) decide_again();
        return take_results();
    }

    void load() {
        DeliveryIds all, begun;
        for (const auto& request : requests_) {
            all.insert(request.delivery);
            if (request.attempt > 1) begun.insert(request.delivery);
        }
        const auto rows = lock_deliveries(transaction_, begun);
        surroundings_.emplace(transaction_, all);
        transaction_.flush();
        rows_ = read_deliveries(transaction_.take(rows));
        surroundings_->read(transaction_);
        load_older();
    }

    void load_older() {
        NotificationIds ids;
        for (const auto& [id, stored] : rows_) {
            if (stored.row.newest.n > 1) ids.insert(id.notification);
        }
        if (ids.empty()) return;
        const auto ticket = queue_older_attempts(transaction_, ids);
        transaction_.flush();
        for (const auto& [id, attempts] : read_older_attempts(transaction_.take(ticket))) {
            const bool unknown = std::any_of(attempts.begin(), attempts.end(), [](const AttemptRow& attempt) {
                return attempt.state == AttemptState::unknown;
            });
            if (unknown) older_unknown_.insert(id);
        }
    }

    void decide(std::size_t index) {
        const auto& request = requests_[index];
        const auto& id = request.delivery;
        const auto* notification = surroundings_->notification_of(request.tenant, id.notification);
        if (!notification) return;
        const auto found = rows_.find(id);
        auto row = found == rows_.end() ? std::nullopt : std::optional(found->second.row);
        ClaimFacts facts;
        facts.token = token_;
        facts.now = transaction_.now();
        facts.epoch = transaction_.epoch();
        facts.notification = notification->notification;
        facts.cancelled = notification->cancelled;
        facts.plan = surroundings_->plan_of(*notification, id.step);
        facts.older_unknown = older_unknown_.contains(id);
        auto change = claim_delivery(request, facts, row);
        results_[index] = std::move(change.result);
        if (change.retired) {
            retired_.insert_or_assign({id, change.retired->n}, AttemptWrite{request.tenant, *change.retired});
        }
        if (change.changed) {
            auto& to = found == rows_.end() ? added_ : changed_;
            to.insert_or_assign(id, StoredDelivery{request.tenant, *std::move(row)});
        } else if (found == rows_.end() && request.attempt == 1) {
            doubtful_.insert(id);
        }
    }

    /// Queues it. The leases begin when it arrives, so not before now.
    std::optional<Ticket> write(WhereOneStands where_one_stands) {
        asked_at_ = transaction_.uptime();
        save_older_attempts(transaction_, retired_);
        update_deliveries(transaction_, changed_, Leases::begin);
        if (added_.empty()) return std::nullopt;
        return insert_deliveries(transaction_, added_, Leases::begin, where_one_stands);
    }

    /// What a first claim did not insert, against the rows that stand.
    void decide_again() {
        const auto rows = lock_deliveries(transaction_, doubtful_);
        transaction_.flush();
        rows_ = read_deliveries(transaction_.take(rows));
        for (const auto& [id, stored] : added_) {
            if (doubtful_.contains(id) && !rows_.contains(id)) throw gone_meanwhile();
        }
        retired_.clear();
        changed_.clear();
        added_.clear();
        load_older();
        for (std::size_t i = 0; i < requests_.size(); ++i) {
            if (doubtful_.contains(requests_[i].delivery)) decide(i);
        }
        CHECK(added_.empty());
        save_older_attempts(transaction_, retired_);
        update_deliveries(transaction_, changed_, Leases::begin);
    }

    std::vector<ClaimResult> take_results() {
        for (auto& result : results_) result.asked_at = asked_at_;
        return std::move(results_);
    }

    Transaction& transaction_;
    const std::span<const ClaimRequest> requests_;
    const ClaimToken token_;
    std::vector<ClaimResult> results_;
    Millis asked_at_{};
    std::optional<Surroundings> surroundings_;
    DeliveryRows rows_;
    DeliveryIds older_unknown_;
    DeliveryIds doubtful_;  ///< first claims that inserted nothing
    DeliveryRows added_;
    DeliveryRows changed_;
    AttemptWrites retired_;
};

/// The locked rows of a batch that raises attempts, newest or older. A settlement and a receipt for one
/// delivery wait for each other at its row, and the second reads what the first has written.
class RaisedAttempts {
public:
    RaisedAttempts(Transaction& transaction, const std::map<DeliveryId, int>& lowest_attempts)
        : transaction_(transaction) {
        DeliveryIds ids;
        for (const auto& [id, n] : lowest_attempts) ids.insert(id);
        const auto rows = lock_deliveries(transaction, ids);
        transaction.flush();
        rows_ = read_deliveries(transaction.take(rows));
        NotificationIds with_older;
        for (const auto& [id, stored] : rows_) {
            if (lowest_attempts.at(id) < stored.row.newest.n) with_older.insert(id.notification);
        }
        if (with_older.empty()) return;
        const auto older = queue_older_attempts(transaction, with_older);
        transaction.flush();
        older_ = read_older_attempts(transaction.take(older));
    }

    /// `raise` is given the row and the attempt, and says whether it changed them.
    template <class Raise>
    SettleResult apply(const TenantId& tenant, const DeliveryId& id, int n, Raise&& raise) {
        const auto found = rows_.find(id);
        if (n < 1 || found == rows_.end() || found->second.tenant != tenant) return {};
        auto& row = found->second.row;
        auto* attempt = n == row.newest.n ? &row.newest : older_attempt(id, n);
        if (!attempt || !raise(row, *attempt)) return {false, row.state};
        changed_.insert(id);
        if (attempt != &row.newest) older_changed_.insert_or_assign({id, n}, AttemptWrite{tenant, *attempt});
        return {true, row.state};
    }

    void write() {
        std::erase_if(rows_, [&](const auto& item) { return !changed_.contains(item.first); });
        update_deliveries(transaction_, rows_);
        save_older_attempts(transaction_, older_changed_);
    }

private:
    AttemptRow* older_attempt(const DeliveryId& id, int n) {
        const auto found = older_.find(id);
        if (found == older_.end()) return nullptr;
        for (auto& attempt : found->second) {
            if (attempt.n == n) return &attempt;
        }
        return nullptr;
    }

    Transaction& transaction_;
    DeliveryRows rows_;
    OlderAttempts older_;
    DeliveryIds changed_;
    AttemptWrites older_changed_;
};

/// What settlements bring besides their attempt.
class Effects {
public:
    void add(const DeliveryRow& row, const Settlement& settlement, TimePoint now) {
        if (wants_retry(row, settlement)) timers_.push_back(retry_of(settlement, now));
        if (settlement.remove_device) devices_.push_back(&settlement);
        if (settlement.suppress) suppressions_.push_back(&settlement);
    }

    void write(Transaction& transaction) {
        save_timers(transaction, std::move(timers_));
        if (!devices_.empty()) remove_devices(transaction);
        if (!suppressions_.empty()) suppress(transaction);
    }

private:
    void remove_devices(Transaction& transaction) const {
        Array<std::string_view> tenants, tokens;
        Array<TimePoint> before;
        for (const auto* settlement : devices_) {
            tenants.add(settlement->tenant.str());
            tokens.add(settlement->remove_device->token);
            before.add(settlement->remove_device->registered_before);
        }
        transaction.queue(
            "DELETE FROM devices d USING unnest($1, $2, $3) AS dead (tenant, token, before)"
            " WHERE d.tenant = dead.tenant AND d.token = dead.token AND d.registered_at <= dead.before",
            std::move(tenants), std::move(tokens), std::move(before));
    }

    void suppress(Transaction& transaction) const {
        Array<std::string_view> tenants, channels, addresses, reasons;
        Array<TimePoint> since;
        for (const auto* settlement : suppressions_) {
            tenants.add(settlement->tenant.str());
            channels.add(to_string(settlement->suppress->channel));
            addresses.add(settlement->suppress->address);
            reasons.add(settlement->suppress->reason);
            since.add(transaction.now());
        }
        transaction.queue(
            "INSERT INTO suppressions (tenant, channel, address, reason, since)"
            " SELECT * FROM unnest($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            std::move(tenants), std::move(channels), std::move(addresses), std::move(reasons),
            std::move(since));
    }

    std::vector<Timer> timers_;
    std::vector<const Settlement*> devices_;
    std::vector<const Settlement*> suppressions_;
};

template <class Item>
std::map<DeliveryId, int> lowest_attempts(std::span<const Item> items) {
    std::map<DeliveryId, int> lowest;
    for (const auto& item : items) {
        const auto [found, added] = lowest.try_emplace(item.delivery, item.attempt);
        found->second = std::min(found->second, item.attempt);
    }
    return lowest;
}

/// One batch of closures, under the claim's key: of a claim and a closure that insert the row at once the
/// second waits for the first one's commit, and inserts nothing.
class ClosureBatch {
public:
    ClosureBatch(Transaction& transaction, std::span<const Closure> closures)
        : transaction_(transaction), closures_(closures), results_(closures.size()) {}

    std::vector<SettleResult> close() {
        DeliveryIds ids;
        for (const auto& closure : closures_) ids.insert(closure.delivery);
        Surroundings surroundings(transaction_, ids);
        lock(ids);
        surroundings.read(transaction_);
        for (std::size_t i = 0; i < closures_.size(); ++i) decide(i, surroundings);
        update_deliveries(transaction_, changed_);
        if (added_.empty()) return std::move(results_);
        const auto ticket = insert_deliveries(transaction_, added_);
        transaction_.flush();
        if (transaction_.take(ticket).affected() < added_.size()) compare_with_what_stands();
        return std::move(results_);
    }

private:
    void lock(const DeliveryIds& ids) {
        const auto rows = lock_deliveries(transaction_, ids);
        transaction_.flush();
        rows_ = read_deliveries(transaction_.take(rows));
    }

    void decide(std::size_t index, Surroundings& surroundings) {
        const auto& closure = closures_[index];
        const auto& id = closure.delivery;
        const auto* notification = surroundings.notification_of(closure.tenant, id.notification);
        const auto* plan = notification ? surroundings.plan_of(*notification, id.step) : nullptr;
        const auto* entry = plan ? find_entry(*plan, id.ordinal) : nullptr;
        if (!entry) return;
        const auto found = rows_.find(id);
        const bool stands = found != rows_.end();
        auto row = stands ? std::optional(found->second.row) : std::nullopt;
        auto& result = results_[index];
        result.raised = entry->state == DeliveryState::planned && close_delivery(row, closure);
        result.state = row ? row->state : entry->state;
        if (!result.raised) return;
        (stands ? changed_ : added_).insert_or_assign(id, StoredDelivery{closure.tenant, *std::move(row)});
    }

    /// What is not as this batch would have written it had begun or was closed by somebody else.
    void compare_with_what_stands() {
        DeliveryIds ids;
        for (const auto& [id, stored] : added_) ids.insert(id);
        lock(ids);
        if (rows_.size() < ids.size()) throw gone_meanwhile();
        for (std::size_t i = 0; i < closures_.size(); ++i) {
            const auto wanted = added_.find(closures_[i].delivery);
            if (wanted == added_.end()) continue;
            const auto& row = rows_.at(closures_[i].delivery).row;
            results_[i] = {row == wanted->second.row, row.state};
        }
    }

    Transaction& transaction_;
    const std::span<const Closure> closures_;
    std::vector<SettleResult> results_;
    DeliveryRows rows_;
    DeliveryRows added_;
    DeliveryRows changed_;
};

}  // namespace

Result<std::vector<ClaimResult>> PostgresStore::claim(std::span<const ClaimRequest> requests,
                                                      ClaimToken token) {
    if (requests.empty()) return std::vector<ClaimResult>{};
    constexpr auto kDoing = "claim deliveries";
    auto claims = database_.write(kDoing, [&](Transaction& transaction) {
        return ClaimBatch(transaction, requests, token).claim_what_is_new();
    });
    if (!claims) return fail(claims.error());
    if (*claims) return **std::move(claims);
    return database_.write(
        kDoing, [&](Transaction& transaction) { return ClaimBatch(transaction, requests, token).claim(); });
}

Result<std::vector<SettleResult>> PostgresStore::settle(std::span<const Settlement> settlements) {
    if (settlements.empty()) return std::vector<SettleResult>{};
    return database_.write("settle attempts", [&](Transaction& transaction) {
        RaisedAttempts attempts(transaction, lowest_attempts(settlements));
        Effects effects;
        std::vector<SettleResult> results;
        results.reserve(settlements.size());
        for (const auto& one : settlements) {
            const auto raise = [&](DeliveryRow& row, AttemptRow& attempt) {
                if (!settle_attempt(row, attempt, one)) return false;
                effects.add(row, one, transaction.now());
                return true;
            };
            results.push_back(attempts.apply(one.tenant, one.delivery, one.attempt, raise));
        }
        attempts.write();
        effects.write(transaction);
        return results;
    });
}

Result<std::vector<SettleResult>> PostgresStore::close_deliveries(std::span<const Closure> closures) {
    if (closures.empty()) return std::vector<SettleResult>{};
    return database_.write("close deliveries", [&](Transaction& transaction) {
        return ClosureBatch(transaction, closures).close();
    });
}

Result<std::vector<SettleResult>> PostgresStore::apply_receipts(std::span<const ReceiptRecord> receipts) {
    if (receipts.empty()) return std::vector<SettleResult>{};
    return database_.write("apply receipts", [&](Transaction& transaction) {
        RaisedAttempts attempts(transaction, lowest_attempts(receipts));
        std::vector<SettleResult> results;
        results.reserve(receipts.size());
        for (const auto& one : receipts) {
            results.push_back(attempts.apply(
                one.tenant, one.delivery, one.attempt,
                [&](DeliveryRow& row, AttemptRow& attempt) { return apply_receipt(row, attempt, one); }));
        }
        attempts.write();
        return results;
    });
}

}  // namespace herald
