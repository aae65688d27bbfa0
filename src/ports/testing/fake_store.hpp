#pragma once

#include <map>
#include <mutex>
#include <set>
#include <tuple>

#include "ports/ledger.hpp"
#include "ports/shard_leases.hpp"
#include "ports/store.hpp"
#include "ports/stories.hpp"

namespace herald {

/// The whole store in memory, under one lock. It keeps the contract of every small port. Thread-safe.
class FakeStore final : public Store {
public:
    /// A batch with a notification for this user is refused for its content.
    static constexpr std::string_view kRefusedUser = "!refuse";

    /// `clock` must outlive this object; it is the store's own.
    explicit FakeStore(const Clock& clock) : clock_(clock) {}

    /// The next `times` calls fail and do nothing.
    void fail_next(ErrorCode code = ErrorCode::unavailable, int times = 1);
    /// The next `times` writing calls do their work, and then their answer is lost: they say `timeout`.
    void lose_next_answer(int times = 1);

    /// What is stored of that notification cannot be read any more.
    void spoil(const NotificationId& id);

    /// All timers of all lanes, earliest first.
    std::vector<Timer> timers() const;
    std::vector<Suppression> suppressions() const;

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
    struct Kept {
        Notification notification;
        bool known = false;  ///< otherwise it has only a mark
        std::optional<CancelMark> cancelled;
        std::string failed_reason;
        TimePoint failed_at{};
        std::map<int, Plan> plans;
    };
    struct Known {
        std::optional<User> user;
        std::optional<Preferences> preferences;
        std::optional<TimePoint> erased_at;
    };
    using TimerKey = std::tuple<TimePoint, Lane, TimerKind, DeliveryId, int>;

    Kept* find(const TenantId& tenant, const NotificationId& id);
    std::optional<DeliveryRow> row_of(const DeliveryId& id) const;
    bool older_unknown(const DeliveryId& id) const;
    AttemptRow* find_attempt(const DeliveryId& id, DeliveryRow& row, int n);
    ClaimChange claim_one(const ClaimRequest& request, ClaimToken token);
    SettleResult settle_one(const Settlement& settlement);
    StoredPlan bind_and_store(const NewPlan& plan);
    StoredPlan store_plan(const NewPlan& plan);
    bool close_open(Kept& kept, const CancelMark& mark);
    WalkedNotification walked_of(const Kept& kept) const;
    void put_timer(Timer timer);
    Known* find_person(const TenantId& tenant, const UserId& id);
    Recipient recipient_of(const UserRef& ref);

    std::optional<Error> planned_failure();
    std::optional<Error> lost_answer();

    const Clock& clock_;
    mutable std::mutex mutex_;
    ErrorCode failure_ = ErrorCode::unavailable;
    int failures_ = 0;
    int losses_ = 0;

    std::map<NotificationId, Kept> notifications_;
    std::set<NotificationId> unreadable_;
    std::map<DeliveryId, DeliveryRow> deliveries_;
    std::map<std::pair<DeliveryId, int>, AttemptRow> older_attempts_;
    std::int64_t epoch_ = 0;
    std::map<TimerKey, Timer> timers_;
    ShardLeases shards_;
    std::map<UserRef, Known> people_;
    std::map<std::tuple<TenantId, Channel, std::string>, std::string> suppressions_;
    std::map<std::tuple<TenantId, TemplateId, int>, StoredTemplate> templates_;
    std::map<std::pair<TenantId, std::string>, IdempotencyRow> idempotency_;
    IdKeys id_keys_;
    std::map<std::string, std::string> notes_;
};

}  // namespace herald
