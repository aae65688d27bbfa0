#pragma once

#include <deque>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/metrics.hpp"
#include "model/retry.hpp"
#include "pipeline/account.hpp"
#include "pipeline/newer_records.hpp"
#include "pipeline/pace.hpp"
#include "pipeline/stage.hpp"
#include "pipeline/store_batcher.hpp"
#include "pipeline/template_cache.hpp"
#include "ports/delivery_store.hpp"
#include "ports/directory.hpp"
#include "ports/event_log.hpp"
#include "ports/timer_store.hpp"

namespace herald {

using ClaimBatcher = StoreBatcher<ClaimRequest, ClaimResult>;
/// Draws one token per batch and repeats the statement with it when its answer was lost, so that it gets its
/// own rows back.
ClaimBatcher::Call claim_call(DeliveryStore& deliveries, const Clock& clock);

using SettleBatcher = StoreBatcher<Settlement, SettleResult>;
using CloseBatcher = StoreBatcher<Closure, SettleResult>;

/// What the senders of all routes and lanes share.
struct SenderParts {
    const Clock& clock;
    EventLog& log;
    ClaimBatcher& claims;
    SettleBatcher& settlements;
    CloseBatcher& closures;
    TimerStore& timers;
    Directory& directory;
    TemplateCache& templates;
    ServiceStore& notes;
    Readiness& readiness;
    Metrics& metrics;
    RetryPolicy retry;
    std::function<double()> jitter;  ///< from [0, 1)
};

/// One account of the route, with this lane's own completion queue.
struct SenderAccount {
    Account* account = nullptr;
    std::unique_ptr<Provider> provider;
};

/// Delivers the records of one route and lane. A pass takes what has finished, settles it, takes what is new,
/// obtains permits, claims exactly what it can call at once, renders and submits. The log forgets a record
/// only after its outcome, or the timer that took it over, is in the store and its event in the log.
class Sender final : public Stage {
public:
    static Result<std::unique_ptr<Sender>> make(Route route, Lane lane, SenderParts parts,
                                                std::vector<SenderAccount> accounts);
    ~Sender() override;

    std::string name() const override;
    Status pass(Millis wait) override;
    void stop_taking() override;
    bool idle() const override;

private:
    /// A delivery record and where it stands in the log.
    struct Waiting {
        DeliveryRecord record;
        std::string key;
        int partition = 0;
        std::int64_t offset = 0;
        std::optional<Millis> gates_passed_at = std::nullopt;  ///< uptime
    };
    /// What the claim let through only if the gates do.
    struct AtGates {
        Waiting waiting;
        ClaimResult claim;
    };
    /// A claimed delivery that is being called, or whose outcome waits to be settled.
    struct Call {
        Waiting waiting;
        ClaimResult claim;
        TemplatePtr tmpl;
        std::size_t account = 0;
        std::uint64_t number = 0;
        Outcome outcome;
        TimePoint ended_at{};
        bool holds_slot = false;
        Millis asked_at{};  ///< uptime when its claim was asked for
    };

    Sender(Route route, Lane lane, SenderParts parts, std::vector<SenderAccount> accounts,
           std::unique_ptr<LogConsumer> consumer);

    Status poll(Millis wait);
    void take(LogRecord record);
    void take_finished(Millis wait);
    void gather_finished();
    Status start_calls();
    std::optional<std::size_t> usable_account() const;
    TimePoint next_probe() const;
    std::vector<Waiting> take_waiting(int count);
    bool gates_are_fresh(const Waiting& waiting) const;
    void show_levels();
    Status claim(std::size_t account, std::vector<Waiting> batch);
    Status claim_halves(std::size_t account, std::vector<Waiting> batch, const std::string& why);
    void bury(int partition, std::int64_t offset, const std::string& key, const std::string& value,
              const std::string& why);
    void sort_claimed(std::size_t account, Waiting waiting, ClaimResult claim, Millis asked_at);
    void begin_call(std::size_t account, Waiting waiting, ClaimResult claim, Millis asked_at);
    bool may_still_start(Millis asked_at) const;
    Status pass_gates(std::span<AtGates> batch);
    Status pass_gates(AtGates& one, const Recipient& recipient);
    void end_without_call(std::size_t account, Waiting waiting, ClaimResult claim, Outcome outcome);
    void close(const Waiting& waiting, DeliveryState state, std::string reason);
    void submit();
    Status settle();
    Result<Settlement> settlement_of(const Call& call) const;
    Timer timer_of(const Waiting& waiting, TimerKind kind, TimePoint due, int attempt) const;
    Status flush_side_work();
    Status append_events();
    Status forget_finished();
    void event(const Waiting& waiting, int attempt, std::string_view state, std::string reason, TimePoint at);
    void report(const Call& call, const Settlement& settlement) const;

    const Route route_;
    const Lane lane_;
    SenderParts parts_;
    std::vector<SenderAccount> accounts_;
    std::unique_ptr<LogConsumer> consumer_;
    FinishedPrefix prefix_;
    NewerRecords newer_;
    bool taking_ = true;
    std::uint64_t next_call_ = 1;

    std::deque<Waiting> waiting_;                        ///< polled, not claimed
    std::unordered_map<std::uint64_t, Call> in_flight_;  ///< submitted
    std::vector<std::vector<ProviderCall>> to_submit_;   ///< by account
    std::deque<Call> ended_;                             ///< to settle
    std::vector<Closure> closures_;
    std::vector<Waiting> closing_;  ///< beside closures_
    std::vector<Timer> timers_;
    std::vector<Waiting> on_timer_;                            ///< beside timers_
    using Places = std::vector<std::pair<int, std::int64_t>>;  ///< partition and offset
    std::vector<NewRecord> events_;
    Places done_;  ///< may be forgotten once events_ are in the log
    struct Appending {
        PendingAppend append;
        std::vector<NewRecord> events;
        Places done;
    };
    std::optional<Appending> appending_;  ///< events that the log has not acknowledged yet
    Places forgettable_;
    Millis permits_wait_{0};
    Pace pace_{lane_};

    Gauge& in_flight_gauge_;
    Gauge& peak_gauge_;
    Gauge& waiting_gauge_;
    Histogram& since_accepted_;
};

}  // namespace herald
