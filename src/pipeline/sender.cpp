#include "pipeline/sender.hpp"

#include <unordered_set>

#include <fmt/format.h>

#include "base/crash_point.hpp"
#include "base/crypto.hpp"
#include "base/log.hpp"
#include "pipeline/events.hpp"
#include "pipeline/topics.hpp"

namespace herald {
namespace {

constexpr std::size_t kMaxBatch = 1'000;
constexpr Millis kLeaseMargin{5'000};
/// While calls are in flight new records are looked for this often.
constexpr Millis kGlance{2};
/// For the log to acknowledge events.
constexpr Millis kEventsWait{100};

constexpr int kClaimRepeats = 3;

Outcome too_late() { return Deferred{Millis{0}, "the claim came too late to call", true}; }
constexpr Millis kGatesStayOpen{60'000};

}  // namespace

ClaimBatcher::Call claim_call(DeliveryStore& deliveries, const Clock& clock) {
    return [&deliveries, &clock](const std::vector<ClaimRequest>& requests) {
        const ClaimToken token = random_u64();
        const auto first_asked_at = clock.uptime();
        auto claims = deliveries.claim(requests, token);
        if (claims) return claims;
        for (int i = 0; i < kClaimRepeats && !claims && claims.error().code == ErrorCode::timeout; ++i) {
            claims = deliveries.claim(requests, token);
        }
        // The first may have begun the leases.
        if (claims) {
            for (auto& claim : *claims) claim.asked_at = first_asked_at;
        }
        return claims;
    };
}

Result<std::unique_ptr<Sender>> Sender::make(Route route, Lane lane, SenderParts parts,
                                             std::vector<SenderAccount> accounts) {
    CHECK(!accounts.empty());
    auto consumer = parts.log.subscribe(topics::kSenderGroup, topics::deliveries(route, lane));
    if (!consumer) return fail(consumer.error());
    return std::unique_ptr<Sender>(
        new Sender(route, lane, std::move(parts), std::move(accounts), *std::move(consumer)));
}

Sender::Sender(Route route, Lane lane, SenderParts parts, std::vector<SenderAccount> accounts,
               std::unique_ptr<LogConsumer> consumer)
    : route_(route),
      lane_(lane),
      parts_(std::move(parts)),
      accounts_(std::move(accounts)),
      consumer_(std::move(consumer)),
      newer_(parts_.notes, parts_.clock, parts_.readiness, name()),
      to_submit_(accounts_.size()),
      in_flight_gauge_(parts_.metrics.gauge(
          "herald_calls_in_flight", "Deliveries claimed and not settled yet.",
          {{"route", std::string(to_string(route))}, {"lane", std::string(to_string(lane))}})),
      peak_gauge_(parts_.metrics.gauge(
          "herald_calls_in_flight_peak", "The most of herald_calls_in_flight since the start.",
          {{"route", std::string(to_string(route))}, {"lane", std::string(to_string(lane))}})),
      waiting_gauge_(parts_.metrics.gauge(
          "herald_sender_waiting", "Delivery records taken from the log and not claimed yet.",
          {{"route", std::string(to_string(route))}, {"lane", std::string(to_string(lane))}})),
      since_accepted_(parts_.metrics.histogram(
          "herald_accepted_to_provider_seconds", "From the 202 to the provider's answer for first attempts.",
          latency_bounds(),
          {{"route", std::string(to_string(route))}, {"lane", std::string(to_string(lane))}})) {}

Sender::~Sender() = default;

std::string Sender::name() const { return fmt::format("sender.{}.{}", to_string(route_), to_string(lane_)); }

void Sender::stop_taking() {
    taking_ = false;
    waiting_.clear();  // never claimed: the log still has them
}

bool Sender::idle() const {
    return in_flight_.empty() && ended_.empty() && closures_.empty() && timers_.empty() && events_.empty() &&
           done_.empty() && !appending_ && forgettable_.empty();
}

Status Sender::pass(Millis wait) {
    take_finished(Millis{0});
    show_levels();
    if (auto status = settle(); !status) return status;
    if (auto status = flush_side_work(); !status) return status;
    if (auto status = append_events(); !status) return status;
    if (auto status = forget_finished(); !status) return status;
    if (taking_) {
        std::this_thread::sleep_for(pace_.rest(parts_.clock.uptime()));
        const bool may_take = waiting_.size() < kMaxBatch && usable_account();
        const bool nothing_to_do = waiting_.empty() && in_flight_.empty();
        if (may_take) {
            if (auto status = poll(nothing_to_do ? wait : Millis{0}); !status) return status;
        }
        if (auto status = start_calls(); !status) return status;
        if (!may_take && in_flight_.empty()) std::this_thread::sleep_for(std::min(wait, kGlance));
    }
    show_levels();
    if (!in_flight_.empty()) {
        gather_finished();
    } else if (!waiting_.empty() && permits_wait_ > Millis{0}) {
        std::this_thread::sleep_for(std::min({wait, permits_wait_, kGlance * 5}));
    }
    return {};
}

void Sender::show_levels() {
    const auto claimed = static_cast<double>(in_flight_.size() + ended_.size());
    in_flight_gauge_.Set(claimed);
    peak_gauge_.Set(std::max(peak_gauge_.Value(), claimed));
    waiting_gauge_.Set(static_cast<double>(waiting_.size()));
}

Status Sender::poll(Millis wait) {
    // Before polling: what a lost partition brings when it comes back is new.
    for (const int partition : consumer_->take_revoked()) {
        prefix_.drop(partition);
        newer_.drop(partition);
        std::erase_if(waiting_, [&](const Waiting& w) { return w.partition == partition; });
    }
    for (auto& record : newer_.take_due(kMaxBatch - waiting_.size())) take(std::move(record));
    if (waiting_.size() == kMaxBatch) return {};
    if (newer_.is_in_the_way(prefix_)) {
        std::this_thread::sleep_for(std::min(wait, kGlance));
        return {};
    }
    auto records = consumer_->poll(kMaxBatch - waiting_.size(), waiting_.empty() ? wait : Millis{0});
    if (!records) return fail(records.error());
    for (auto& record : *records) {
        prefix_.polled(record);
        take(std::move(record));
    }
    return {};
}

void Sender::take(LogRecord record) {
    auto decoded = decode_delivery(record.value);
    if (decoded) {
        waiting_.push_back(
            {*std::move(decoded), std::move(record.key), record.partition, record.offset, std::nullopt});
    } else if (decoded.error().code != ErrorCode::conflict || !newer_.keep(record)) {
        bury(record.partition, record.offset, record.key, record.value, decoded.error().message);
    }
}

void Sender::take_finished(Millis wait) {
    for (std::size_t i = 0; i < accounts_.size(); ++i) {
        for (auto& finished : accounts_[i].provider->take_finished(kMaxBatch, wait)) {
            const auto found = in_flight_.find(finished.call);
            CHECK(found != in_flight_.end());
            auto call = std::move(found->second);
            in_flight_.erase(found);
            call.outcome = std::move(finished.outcome);
            call.ended_at = finished.ended_at;
            if (finished.sent) accounts_[i].account->learn(call.outcome);
            else accounts_[i].account->breaker.neutral();
            ended_.push_back(std::move(call));
        }
    }
}

/// Outcomes to settle together: until no more are in flight or it is time for the next batch, as what is not
/// settled would be in doubt if the process died.
void Sender::gather_finished() {
    for (auto rest = pace_.rest(parts_.clock.uptime()); !in_flight_.empty() && rest > Millis{0};
         rest -= kGlance) {
        std::this_thread::sleep_for(kGlance);
        take_finished(Millis{0});
    }
    if (ended_.empty()) take_finished(kGlance);
}

/// The first whose breaker lets calls through.
std::optional<std::size_t> Sender::usable_account() const {
    for (std::size_t i = 0; i < accounts_.size(); ++i) {
        if (accounts_[i].account->breaker.allowance() > 0) return i;
    }
    return std::nullopt;
}

TimePoint Sender::next_probe() const {
    auto first = TimePoint::max();
    for (const auto& own : accounts_) first = std::min(first, own.account->breaker.next_probe());
    return first;
}

/// Rule 3: a claim is taken only for what is called at once.
Status Sender::start_calls() {
    permits_wait_ = Millis{0};
    if (waiting_.empty()) return {};
    const auto account = usable_account();
    if (!account) return {};
    const auto permits =
        accounts_[*account].account->obtain(lane_, static_cast<int>(std::min(waiting_.size(), kMaxBatch)));
    if (permits.calls == 0) {
        permits_wait_ = std::max(permits.wait, Millis{1});
        return {};
    }
    auto batch = take_waiting(permits.calls);
    pace_.batch_begins(batch.size(), waiting_.empty(), parts_.clock.uptime());
    accounts_[*account].account->give_back_unused(lane_, permits.calls - static_cast<int>(batch.size()));
    auto status = claim(*account, std::move(batch));
    submit();
    return status;
}

/// Ids are unique inside a claim batch: a repeat of one that is taken or under way waits for the next pass.
std::vector<Sender::Waiting> Sender::take_waiting(int count) {
    std::unordered_set<DeliveryId> taken;
    for (const auto& [number, call] : in_flight_) taken.insert(call.waiting.record.delivery);
    for (const auto& call : ended_) taken.insert(call.waiting.record.delivery);
    std::vector<Waiting> batch;
    std::deque<Waiting> rest;
    while (!waiting_.empty() && static_cast<int>(batch.size()) < count) {
        auto next = std::move(waiting_.front());
        waiting_.pop_front();
        if (taken.insert(next.record.delivery).second) batch.push_back(std::move(next));
        else rest.push_back(std::move(next));
    }
    waiting_.insert(waiting_.begin(), std::make_move_iterator(rest.begin()),
                    std::make_move_iterator(rest.end()));
    return batch;
}

/// A record may wait long for its permits between the gates and the claim.
bool Sender::gates_are_fresh(const Waiting& waiting) const {
    return waiting.gates_passed_at && parts_.clock.uptime() - *waiting.gates_passed_at <= kGatesStayOpen;
}

Status Sender::claim(std::size_t account, std::vector<Waiting> batch) {
    if (batch.empty()) return {};
    const auto& traits = accounts_[account].account->traits;
    std::vector<ClaimRequest> requests;
    requests.reserve(batch.size());
    for (const auto& waiting : batch) {
        requests.push_back({waiting.record.tenant, waiting.record.delivery, waiting.record.attempt,
                            traits.name, traits.call_deadline + kLeaseMargin, gates_are_fresh(waiting)});
    }
    auto claims = parts_.claims.run_and_wait(std::move(requests), lane_);
    if (!claims && claims.error().code == ErrorCode::refused_content) {
        return claim_halves(account, std::move(batch), claims.error().message);
    }
    if (!claims) {
        accounts_[account].account->give_back_unused(lane_, static_cast<int>(batch.size()));
        waiting_.insert(waiting_.begin(), std::make_move_iterator(batch.begin()),
                        std::make_move_iterator(batch.end()));
        return fail(claims.error());
    }
    crash_point("claimed");
    const auto asked_at = claims->front().asked_at;
    int unused = 0;
    std::vector<AtGates> at_gates;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto verdict = (*claims)[i].verdict;
        unused += verdict == ClaimVerdict::claimed ? 0 : 1;
        if (verdict == ClaimVerdict::needs_gates) {
            at_gates.push_back({std::move(batch[i]), std::move((*claims)[i])});
        } else {
            sort_claimed(account, std::move(batch[i]), std::move((*claims)[i]), asked_at);
        }
    }
    accounts_[account].account->give_back_unused(lane_, unused);
    return pass_gates(at_gates);
}

/// Rule 12: one row that cannot be read stops nobody.
Status Sender::claim_halves(std::size_t account, std::vector<Waiting> batch, const std::string& why) {
    if (batch.size() == 1) {
        accounts_[account].account->give_back_unused(lane_, 1);
        const auto& waiting = batch.front();
        bury(waiting.partition, waiting.offset, waiting.key, encode(waiting.record), why);
        return {};
    }
    const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(batch.size() / 2);
    std::vector<Waiting> second(std::make_move_iterator(middle), std::make_move_iterator(batch.end()));
    batch.erase(middle, batch.end());
    auto first_status = claim(account, std::move(batch));
    auto second_status = claim(account, std::move(second));
    return first_status ? std::move(second_status) : std::move(first_status);
}

void Sender::bury(int partition, std::int64_t offset, const std::string& key, const std::string& value,
                  const std::string& why) {
    const auto topic = topics::deliveries(route_, lane_);
    log::warning("record.dead", {{"topic", topic}, {"reason", why}});
    parts_.metrics.counter("herald_records_dead_total", "Records that went to `dead`.", {{"topic", topic}})
        .Increment();
    events_.push_back({topics::kDead, key, encode(DeadRecord{topic, value, why, parts_.clock.now()}), ""});
    done_.emplace_back(partition, offset);
}

void Sender::sort_claimed(std::size_t account, Waiting waiting, ClaimResult claim, Millis asked_at) {
    switch (claim.verdict) {
        case ClaimVerdict::claimed: {
            if (may_still_start(asked_at)) {
                begin_call(account, std::move(waiting), std::move(claim), asked_at);
            } else {
                end_without_call(account, std::move(waiting), std::move(claim), too_late());
            }
            return;
        }
        case ClaimVerdict::in_doubt:
            waiting.record.attempt = claim.attempt;
            ended_.push_back({std::move(waiting), std::move(claim), nullptr, account, 0,
                              Unknown{"its sender did not settle it"}, parts_.clock.now(), false});
            return;
        case ClaimVerdict::busy:
            timers_.push_back(timer_of(waiting, TimerKind::lease, claim.lease_until, waiting.record.attempt));
            on_timer_.push_back(std::move(waiting));
            return;
        case ClaimVerdict::past_deadline:
            close(waiting, claim.was_unknown ? DeliveryState::unknown : DeliveryState::expired,
                  "deadline_passed");
            return;
        case ClaimVerdict::needs_gates:
            return;  // pass_gates
        case ClaimVerdict::settled: {
            const auto state = is_final(claim.state) || claim.attempt_state == AttemptState::none
                                   ? to_string(claim.state)
                                   : to_string(claim.attempt_state);
            event(waiting, claim.attempt, state, claim.reason, claim.ended_at);
            done_.emplace_back(waiting.partition, waiting.offset);
            return;
        }
        case ClaimVerdict::superseded:
        case ClaimVerdict::not_planned:
            done_.emplace_back(waiting.partition, waiting.offset);
            return;
    }
}

void Sender::begin_call(std::size_t account, Waiting waiting, ClaimResult claim, Millis asked_at) {
    const auto& n = *claim.notification;
    auto tmpl = parts_.templates.load(n.tenant, n.template_id, n.template_version);
    if (!tmpl || !*tmpl) {
        const bool for_good = tmpl || tmpl.error().code == ErrorCode::refused_content;
        return end_without_call(
            account, std::move(waiting), std::move(claim),
            for_good ? Outcome{Rejected{RejectReason::template_failed, false, false, {}, "it is unusable"}}
                     : Outcome{Deferred{Millis{0}, "the template could not be read", true}});
    }
    auto message = render_message(**tmpl, claim.entry, n.data);
    if (!message) {
        return end_without_call(
            account, std::move(waiting), std::move(claim),
            Rejected{RejectReason::template_failed, false, false, {}, message.error().message});
    }
    const auto number = next_call_++;
    to_submit_[account].push_back(
        {number, waiting.record.delivery, waiting.record.attempt, *std::move(message), n.deadline_at});
    in_flight_.emplace(
        number, Call{std::move(waiting), std::move(claim), *tmpl, account, number, {}, {}, true, asked_at});
}

/// Rule 2: a call starts only while a full call deadline is left of the lease.
bool Sender::may_still_start(Millis asked_at) const {
    return parts_.clock.uptime() - asked_at <= kLeaseMargin;
}

/// It was claimed and nothing is sent: the attempt ends here, and its slot with it.
void Sender::end_without_call(std::size_t account, Waiting waiting, ClaimResult claim, Outcome outcome) {
    accounts_[account].account->breaker.neutral();
    ended_.push_back({std::move(waiting), std::move(claim), nullptr, account, 0, std::move(outcome),
                      parts_.clock.now(), true});
}

/// Rule 7: what is claimed long after planning passes the gates again. One query for the batch, and rule 12:
/// one that cannot be read is found by halving.
Status Sender::pass_gates(std::span<AtGates> batch) {
    if (batch.empty()) return {};
    std::vector<UserRef> users;
    users.reserve(batch.size());
    for (const auto& [waiting, claim] : batch)
        users.push_back({claim.notification->tenant, claim.notification->user_id});
    const auto recipients = parts_.directory.load_recipients(users);
    const bool is_unreadable = !recipients && recipients.error().code == ErrorCode::refused_content;
    if (is_unreadable && batch.size() > 1) {
        const auto half = batch.size() / 2;
        auto first_status = pass_gates(batch.first(half));
        auto second_status = pass_gates(batch.subspan(half));
        return first_status ? std::move(second_status) : std::move(first_status);
    }
    Status first_error;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (is_unreadable) {
            close(batch[i].waiting, DeliveryState::failed, "recipient_unreadable");
            continue;
        }
        auto status = recipients ? pass_gates(batch[i], (*recipients)[i]) : Status(fail(recipients.error()));
        if (status) continue;
        waiting_.push_front(std::move(batch[i].waiting));
        if (first_error) first_error = std::move(status);
    }
    return first_error;
}

Status Sender::pass_gates(AtGates& one, const Recipient& recipient) {
    const auto& n = *one.claim.notification;
    const auto tmpl = parts_.templates.load(n.tenant, n.template_id, n.template_version);
    if (!tmpl && tmpl.error().code != ErrorCode::refused_content) return fail(tmpl.error());
    if (!tmpl || !*tmpl) {
        close(one.waiting, DeliveryState::failed, "template_failed");
    } else if (const auto reason = closed_gate(n, one.claim.entry, recipient, **tmpl)) {
        close(one.waiting, DeliveryState::skipped, *reason);
    } else {
        one.waiting.gates_passed_at = parts_.clock.uptime();
        waiting_.push_front(std::move(one.waiting));
    }
    return {};
}

void Sender::close(const Waiting& waiting, DeliveryState state, std::string reason) {
    closures_.push_back({waiting.record.tenant, waiting.record.delivery, waiting.record.attempt, state,
                         std::move(reason), parts_.clock.now()});
    closing_.push_back(waiting);
}

void Sender::submit() {
    for (std::size_t i = 0; i < accounts_.size(); ++i) {
        // Rendering the batch took its time: what is too late by now does not start.
        std::erase_if(to_submit_[i], [&](const ProviderCall& call) {
            const auto found = in_flight_.find(call.call);
            if (may_still_start(found->second.asked_at)) return false;
            auto late = std::move(found->second);
            in_flight_.erase(found);
            end_without_call(i, std::move(late.waiting), std::move(late.claim), too_late());
            return true;
        });
        if (!to_submit_[i].empty()) accounts_[i].provider->submit(std::exchange(to_submit_[i], {}));
    }
}

Timer Sender::timer_of(const Waiting& waiting, TimerKind kind, TimePoint due, int attempt) const {
    return {lane_, due, kind, waiting.record.tenant, waiting.key, waiting.record.delivery, attempt, route_};
}

Result<Settlement> Sender::settlement_of(const Call& call) const {
    const auto& n = *call.claim.notification;
    // Without its template nobody knows whether it may be sent twice, so it is not.
    auto guarantee = Guarantee::at_most_once;
    if (call.tmpl) {
        guarantee = call.tmpl->guarantee;
    } else {
        const auto tmpl = parts_.templates.load(n.tenant, n.template_id, n.template_version);
        if (!tmpl && tmpl.error().code != ErrorCode::refused_content) return fail(tmpl.error());
        if (tmpl && *tmpl) guarantee = (*tmpl)->guarantee;
    }
    EndedAttempt attempt;
    attempt.number = call.waiting.record.attempt;
    attempt.tries = call.claim.tries;
    attempt.was_unknown = call.claim.was_unknown;
    attempt.channel = call.claim.entry.channel;
    attempt.guarantee = guarantee;
    attempt.now = parts_.clock.now();
    attempt.deadline = n.deadline_at;
    const auto decision = decide(call.outcome, attempt, parts_.retry, parts_.jitter());
    Settlement settlement;
    settlement.tenant = n.tenant;
    settlement.delivery = call.waiting.record.delivery;
    settlement.attempt = call.waiting.record.attempt;
    settlement.state = state_of(call.outcome);
    settlement.verdict = decision.verdict;
    settlement.tries = decision.tries;
    settlement.reason = decision.reason;
    settlement.ended_at = call.ended_at;
    settlement.reckoned_at = attempt.now;
    if (const auto* accepted = std::get_if<Accepted>(&call.outcome))
        settlement.reference = accepted->reference;
    if (decision.retry_at) {
        // The next account takes over at once; without one the record waits for the first probe.
        const bool parked = settlement.state == AttemptState::unusable && !usable_account();
        const auto due = parked ? next_probe() : *decision.retry_at;
        settlement.retry = timer_of(call.waiting, parked ? TimerKind::parked : TimerKind::retry, due,
                                    settlement.attempt + 1);
    }
    if (const auto* rejected = std::get_if<Rejected>(&call.outcome)) {
        const auto& entry = call.claim.entry;
        if (rejected->address_is_dead && entry.channel == Channel::push) {
            settlement.remove_device = {entry.address, rejected->dead_since.value_or(call.ended_at)};
        } else if (rejected->address_is_dead || rejected->suppress) {
            settlement.suppress =
                Suppression{entry.channel, entry.address, std::string(to_string(rejected->reason))};
        }
    }
    return settlement;
}

/// Rule 4: outcomes are always written; one that cannot be written now stays in ended_.
Status Sender::settle() {
    if (ended_.empty()) return {};
    crash_point("ended");
    std::vector<Settlement> settlements;
    for (const auto& call : ended_) {
        auto settlement = settlement_of(call);
        if (!settlement) return fail(settlement.error());
        settlements.push_back(*std::move(settlement));
    }
    auto results = parts_.settlements.run_and_wait(settlements, lane_);
    if (!results) return fail(results.error());
    crash_point("settled");
    for (std::size_t i = 0; i < ended_.size(); ++i) {
        const auto& call = ended_[i];
        const auto& settlement = settlements[i];
        if (call.holds_slot) accounts_[call.account].account->call_ended(lane_);
        report(call, settlement);
        const auto state = (*results)[i].state;
        event(call.waiting, settlement.attempt,
              is_final(state) ? to_string(state) : to_string(settlement.state), settlement.reason,
              settlement.ended_at);
        done_.emplace_back(call.waiting.partition, call.waiting.offset);
    }
    ended_.clear();
    return {};
}

/// Timers and closures that take records over from the log.
Status Sender::flush_side_work() {
    if (!timers_.empty()) {
        if (auto status = parts_.timers.put_timers(timers_); !status) return status;
        for (const auto& waiting : std::exchange(on_timer_, {}))
            done_.emplace_back(waiting.partition, waiting.offset);
        timers_.clear();
    }
    if (closures_.empty()) return {};
    auto results = parts_.closures.run_and_wait(closures_, lane_);
    if (!results) return fail(results.error());
    for (std::size_t i = 0; i < closures_.size(); ++i) {
        // Somebody else was first, or the answer was lost: the next claim tells what stands.
        if (!(*results)[i].raised) {
            waiting_.push_back(closing_[i]);
            continue;
        }
        event(closing_[i], closures_[i].attempt - 1, to_string(closures_[i].state), closures_[i].reason,
              closures_[i].at);
        done_.emplace_back(closing_[i].partition, closing_[i].offset);
    }
    closures_.clear();
    closing_.clear();
    return {};
}

/// Waits for the log only a moment: calls that end meanwhile have to be settled before their leases run out.
Status Sender::append_events() {
    if (!appending_) {
        if (events_.empty()) return {};
        appending_.emplace(
            Appending{{parts_.log, events_}, std::exchange(events_, {}), std::exchange(done_, {})});
    }
    const auto answer = appending_->append.wait_for(kEventsWait);
    if (!answer) return {};
    auto ended = *std::exchange(appending_, std::nullopt);
    auto& places = *answer ? forgettable_ : done_;
    places.insert(places.end(), ended.done.begin(), ended.done.end());
    if (!*answer) events_.insert(events_.begin(), ended.events.begin(), ended.events.end());
    return *answer;
}

Status Sender::forget_finished() {
    if (!appending_ && events_.empty()) {
        forgettable_.insert(forgettable_.end(), done_.begin(), done_.end());
        done_.clear();
    }
    const auto places = std::exchange(forgettable_, {});
    for (const auto& [partition, offset] : places) prefix_.finished(partition, offset);
    auto status = prefix_.commit_to(*consumer_);
    if (!places.empty()) crash_point("finished");
    return status;
}

void Sender::event(const Waiting& waiting, int attempt, std::string_view state, std::string reason,
                   TimePoint at) {
    events_.push_back(event_record(waiting.record.tenant, waiting.key, waiting.record.delivery, attempt,
                                   state, std::move(reason), at));
}

void Sender::report(const Call& call, const Settlement& settlement) const {
    const auto& account = accounts_[call.account].account->traits.name;
    const auto& n = *call.claim.notification;
    parts_.metrics
        .counter("herald_attempts_total", "Attempts by what they ended in.",
                 {{"route", std::string(to_string(route_))},
                  {"account", account},
                  {"outcome", std::string(to_string(settlement.state))}})
        .Increment();
    if (settlement.attempt == 1 && settlement.state == AttemptState::accepted && !n.send_at) {
        since_accepted_.Observe(std::chrono::duration<double>(settlement.ended_at - n.accepted_at).count());
    }
    log::info("delivery.attempt", {{"delivery", to_string(settlement.delivery)},
                                   {"attempt", settlement.attempt},
                                   {"account", account},
                                   {"outcome", to_string(settlement.state)},
                                   {"verdict", to_string(settlement.verdict)},
                                   {"reason", settlement.reason},
                                   {"lane", to_string(lane_)}});
}

}  // namespace herald
