#pragma once

#include <filesystem>

#include "adapters/sqlite/store_readers.hpp"
#include "ports/shard_leases.hpp"
#include "ports/store.hpp"

namespace herald {

struct SqliteStoreOptions {
    std::filesystem::path path;
    const Clock* clock = nullptr;  ///< the store's own; must outlive it
    int readers = 2;               ///< connections besides the writer's
    int checkpoint_pages = 4000;   ///< size of the WAL at which a commit also checkpoints
    std::string vfs = {};          ///< empty = the system's
};

/// The store in one SQLite file: writes go one after another through one connection, reads beside them
/// through a few. Several threads may use it; one process does, since a start declares older claims dead.
class SqliteStore final : public Store {
public:
    static Result<std::unique_ptr<SqliteStore>> open(const SqliteStoreOptions& options);

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
    SqliteStore(const Clock& clock, std::unique_ptr<sqlite::Database> writer,
                std::unique_ptr<sqlite::Readers> readers)
        : clock_(clock), writer_(std::move(writer)), readers_(std::move(readers)) {}

    /// One transaction on the writer's connection.
    template <class Work>
    auto write(std::string_view doing, Work&& work) {
        std::lock_guard lock(writer_mutex_);
        return writer_->transaction(doing, [&] { return work(*writer_); });
    }

    /// One snapshot on a reader's connection.
    template <class Work>
    auto read(std::string_view doing, Work&& work) {
        auto reader = readers_->borrow();
        return sqlite::guard(doing, [&] {
            const SQLite::Transaction snapshot((*reader).connection());
            return work(*reader);
        });
    }

    const Clock& clock_;
    ShardLeases shards_;  ///< with writer_mutex_; one process holds the file, so they die with it
    std::mutex writer_mutex_;
    std::unique_ptr<sqlite::Database> writer_;
    std::unique_ptr<sqlite::Readers> readers_;
};

}  // namespace herald
