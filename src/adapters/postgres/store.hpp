#pragma once

#include <memory>
#include <string>

#include "adapters/postgres/database.hpp"
#include "adapters/postgres/timer_checkpoint.hpp"
#include "base/metrics.hpp"
#include "ports/store.hpp"

namespace herald {

struct PostgresOptions {
    std::string url;
    int writers = 4;  ///< connections for the stages
    int readers = 4;  ///< connections for the API's reads
    Millis connect_timeout{10'000};
    Millis statement_timeout{10'000};
    const Clock* test_clock = nullptr;  ///< null: the server's, which is one for all processes
    Metrics* metrics = nullptr;
};

/// Brings the schema of the database up to this program's, all or nothing; several may call it at once. A
/// schema that is newer than the program is a `conflict`.
Status migrate_postgres(const std::string& url);

/// The store in PostgreSQL 15. Any number of processes share one; each keeps two small pools of connections,
/// so that readers of history do not stand before the stages. A call that finds no server fails at once, and
/// all of them may be repeated: their tokens and keys make that safe.
class PostgresStore final : public Store {
public:
    /// `conflict` when the schema is not this program's, `unavailable` when there is no server.
    static Result<std::unique_ptr<PostgresStore>> open(const PostgresOptions& options);

    Result<std::vector<StoredPlan>> store_plans(std::span<const NewPlan> plans) override;
    Result<std::vector<std::optional<Notification>>> load_steps(std::span<const StepRef> steps) override;
    Status store_dead(const TenantId& tenant, const NotificationId& id, const std::string& reason,
                      TimePoint now) override;
    Result<std::optional<Story>> load_story(const TenantId& tenant, const NotificationId& id) override;
    Result<CancelResult> cancel(const TenantId& tenant, const NotificationId& id, TimePoint now) override;
    Result<OpenDeliveries> find_open(std::optional<NotificationId> after, TimePoint planned_before,
                                     std::size_t limit) override;
    Result<std::size_t> drop_notifications(TimePoint accepted_before, std::size_t limit) override;

    Result<std::vector<ClaimResult>> claim(std::span<const ClaimRequest> requests, ClaimToken token) override;
    Result<std::vector<SettleResult>> settle(std::span<const Settlement> settlements) override;
    Result<std::vector<SettleResult>> close_deliveries(std::span<const Closure> closures) override;
    Result<std::vector<SettleResult>> apply_receipts(std::span<const ReceiptRecord> receipts) override;
    Status declare_claims_dead() override;

    Status put_timers(std::span<const Timer> timers) override;
    Result<std::vector<Timer>> take_due(Lane lane, std::size_t limit, const HeldBack& held_back) override;
    using TimerStore::take_due;
    Status delete_timers(std::span<const Timer> timers) override;
    Result<TimerShards> lease_shards(const std::string& owner, Millis lease) override;
    Result<std::vector<Level>> timer_levels() override;

    Status put_user(const TenantId& tenant, const User& user, TimePoint now) override;
    Result<std::optional<User>> get_user(const TenantId& tenant, const UserId& id) override;
    Result<bool> erase_user(const TenantId& tenant, const UserId& id, TimePoint now) override;
    Status put_preferences(const TenantId& tenant, const UserId& id, const Preferences& preferences) override;
    Result<Preferences> get_preferences(const TenantId& tenant, const UserId& id) override;
    Result<std::vector<Recipient>> load_recipients(std::span<const UserRef> users) override;

    Result<int> put_template(const TenantId& tenant, const TemplateId& id, const std::string& body,
                             TimePoint now) override;
    Result<std::optional<StoredTemplate>> find_template(const TenantId& tenant, const TemplateId& id,
                                                        std::optional<int> version) override;
    Result<std::vector<StoredTemplate>> list_templates(const TenantId& tenant, const std::string& after,
                                                       std::size_t limit) override;

    Result<std::vector<Remembered>> remember(std::span<const IdempotencyRow> rows) override;
    Result<std::optional<IdempotencyRow>> find(const TenantId& tenant, const std::string& key) override;
    Result<std::size_t> forget(TimePoint before, std::size_t limit) override;

    Result<IdKeys> id_keys() override;
    Result<std::optional<std::string>> get_note(const std::string& name) override;
    Status put_note(const std::string& name, const std::string& value) override;
    Status ping() override;

private:
    explicit PostgresStore(const postgres::DatabaseOptions& options)
        : database_(options), timer_checkpoint_(options.connection.statement_timeout + Millis{10'000}) {}

    postgres::Database database_;
    postgres::TimerCheckpoint timer_checkpoint_;
};

}  // namespace herald
