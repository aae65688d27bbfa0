#include "pipeline/intake.hpp"

#include <atomic>

#include <fmt/format.h>

#include "base/thread_name.hpp"
#include "model/records.hpp"
#include "pipeline/topics.hpp"

namespace herald {
namespace {

constexpr std::size_t kMaxIdempotencyBatch = 500;
constexpr std::size_t kMaxIdempotencyQueued = 5'000;

RefusedRequest refused(Refusal refusal, std::string detail) {
    return {refusal, std::move(detail), {}, std::nullopt};
}

RefusedRequest misfit(std::vector<FieldError> errors) {
    const bool only_data =
        std::all_of(errors.begin(), errors.end(), [](const auto& e) { return e.code == "missing_data"; });
    return {only_data ? Refusal::missing_data : Refusal::invalid_request,
            "the request does not fit its template", std::move(errors), std::nullopt};
}

RefusedRequest mismatch() {
    return refused(Refusal::idempotency_mismatch, "this key was used with another body");
}

Notification make_notification(const SendRequest& request, const Template& tmpl, const IdKeys& keys,
                               TimePoint now) {
    Notification n;
    n.tenant = request.tenant;
    n.id = make_notification_id(keys, request.tenant, now);
    n.lane = request.lane.value_or(tmpl.lane);
    n.accepted_at = now;
    n.send_at = request.send_at;
    n.deadline_at = std::max(now, request.send_at.value_or(now)) +
                    std::chrono::seconds(request.ttl_s.value_or(tmpl.ttl_s));
    n.user_id = request.user_id;
    n.template_id = tmpl.id;
    n.template_version = tmpl.version;
    n.channels = request.channels.empty() ? tmpl.channels() : request.channels;
    n.data = request.data;
    n.metadata = request.metadata;
    n.traceparent = request.traceparent;
    return n;
}

}  // namespace

std::string_view to_string(Refusal refusal) {
    switch (refusal) {
        case Refusal::unknown_template:
            return "unknown_template";
        case Refusal::invalid_request:
            return "invalid_request";
        case Refusal::missing_data:
            return "missing_data";
        case Refusal::idempotency_mismatch:
            return "idempotency_mismatch";
        case Refusal::idempotency_in_flight:
            return "idempotency_in_flight";
        case Refusal::log_full:
            return "log_full";
        case Refusal::not_accepted:
            return "not_accepted";
        case Refusal::acceptance_unknown:
            return "acceptance_unknown";
        case Refusal::store_busy:
            return "store_busy";
        case Refusal::store_unavailable:
            return "store_unavailable";
    }
    return "not_accepted";
}

std::vector<FieldError> check_against_template(const std::vector<Channel>& channels, const Json& data,
                                               const Template& tmpl) {
    std::vector<FieldError> errors;
    for (std::size_t i = 0; i < channels.size(); ++i) {
        if (tmpl.has(channels[i])) continue;
        errors.push_back({fmt::format("channels[{}]", i), "template_lacks_channel",
                          fmt::format("the template has no content for {}", to_string(channels[i]))});
    }
    for (const auto& path : tmpl.missing_data(channels.empty() ? tmpl.channels() : channels, data)) {
        errors.push_back({"data." + path, "missing_data", "the template needs it"});
    }
    return errors;
}

/// One record handed to the log. Whoever flips `answered` first, the log or the deadline, gives the answer.
struct Intake::Outstanding {
    AcceptedRequest answer;
    Millis since{};
    Done done;
    std::atomic<bool> answered{false};
    std::atomic<bool> acknowledged{false};

    /// By the one who flipped `answered`; keeps nothing of the request afterwards.
    void tell(IntakeAnswer what) { std::exchange(done, {})(std::move(what)); }
};

Intake::Intake(const IntakeOptions& options, const Clock& clock, EventLog& log, TemplateCache& templates,
               IdempotencyStore& idempotency, WorkerPool& readers, IdKeys id_keys, Metrics& metrics)
    : options_(options),
      clock_(clock),
      log_(log),
      templates_(templates),
      rows_(idempotency),
      readers_(readers),
      id_keys_(std::move(id_keys)),
      accepted_(metrics.counter("herald_requests_accepted_total", "Requests answered 202.")),
      metrics_(metrics),
      idempotency_(
          "store.remember",
          [&idempotency](const std::vector<IdempotencyRow>& rows) { return idempotency.remember(rows); },
          kMaxIdempotencyBatch, kMaxIdempotencyQueued),
      overdue_([this] { give_up_overdue(); }) {}

Intake::~Intake() {
    {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    overdue_.join();
}

void Intake::accept(SendRequest request, std::function<void(IntakeAnswer)> done) {
    // The log may answer after this object is gone: what counts the answers belongs to the metrics.
    done = [&metrics = metrics_, &accepted = accepted_, done = std::move(done)](IntakeAnswer answer) {
        if (const auto* refusal = std::get_if<RefusedRequest>(&answer)) {
            metrics
                .counter("herald_requests_refused_total", "Requests not answered 202, by reason.",
                         {{"reason", std::string(to_string(refusal->refusal))}})
                .Increment();
        } else {
            accepted.Increment();
        }
        done(std::move(answer));
    };
    if (auto tmpl = templates_.find(request.tenant, request.template_id, request.template_version)) {
        return with_template(std::move(request), tmpl, std::move(done));
    }
    auto shared = std::make_shared<std::pair<SendRequest, Done>>(std::move(request), std::move(done));
    const bool posted = readers_.post([this, shared] {
        auto& [asked, answer] = *shared;
        load_template(std::move(asked), std::move(answer));
    });
    if (!posted) shared->second(refused(Refusal::store_busy, "too many requests wait for the store"));
}

/// On a reader's thread.
void Intake::load_template(SendRequest request, Done done) {
    const auto tmpl = templates_.load(request.tenant, request.template_id, request.template_version);
    if (!tmpl) return done(refused(Refusal::store_unavailable, "the template could not be read"));
    if (!*tmpl) {
        return done(refused(Refusal::unknown_template, request.template_version
                                                           ? "there is no such version of the template"
                                                           : "there is no template with this id"));
    }
    with_template(std::move(request), *tmpl, std::move(done));
}

void Intake::with_template(SendRequest request, const TemplatePtr& tmpl, Done done) {
    auto errors = check_against_template(request.channels, request.data, *tmpl);
    if (!errors.empty()) {
        auto refusal = misfit(std::move(errors));
        // A version that the body names is the same for its repeat.
        if (!request.idempotency || request.template_version) return done(std::move(refusal));
        return refuse_unless_repeated(std::move(request), std::move(refusal), std::move(done));
    }
    // Before the idempotency row: what is refused here leaves no trace.
    if (log_.level() >= options_.full_at)
        return done(refused(Refusal::log_full, "the log is full; try again later"));
    auto notification = make_notification(request, *tmpl, id_keys_, clock_.now());
    if (request.idempotency) return remember(std::move(notification), std::move(request), std::move(done));
    append(notification, false, std::move(done));
}

/// Rule 10: what does not fit the newest template may repeat what fitted the one that was the newest then.
void Intake::refuse_unless_repeated(SendRequest request, RefusedRequest refusal, Done done) {
    struct Asked {
        SendRequest request;
        RefusedRequest refusal;
        Done done;
    };
    auto asked = std::make_shared<Asked>(Asked{std::move(request), std::move(refusal), std::move(done)});
    const bool posted = readers_.post([this, asked] {
        auto& [repeat, otherwise, answer] = *asked;
        const auto stands = rows_.find(repeat.tenant, repeat.idempotency->key);
        if (!stands)
            return answer(refused(Refusal::store_unavailable, "the idempotency key could not be looked up"));
        if (!*stands) return answer(std::move(otherwise));
        if ((*stands)->body_hash != repeat.idempotency->body_hash) return answer(mismatch());
        repeat.template_version = (*stands)->template_version;
        load_template(std::move(repeat), std::move(answer));
    });
    if (!posted) asked->done(refused(Refusal::store_busy, "too many requests wait for the store"));
}

void Intake::remember(Notification notification, SendRequest request, Done done) {
    const auto& idempotency = *request.idempotency;
    IdempotencyRow row{notification.tenant,
                       idempotency.key,
                       idempotency.body_hash,
                       notification.id,
                       notification.template_version,
                       notification.lane,
                       notification.accepted_at,
                       notification.deadline_at,
                       clock_.now() + options_.append_deadline};
    const auto lane = notification.lane;
    const bool all_channels = request.channels.empty();
    auto shared = std::make_shared<std::pair<Notification, Done>>(std::move(notification), std::move(done));
    idempotency_.submit(
        {row}, lane,
        [this, shared, hash = row.body_hash, all_channels](Result<std::vector<Remembered>> rows) {
            auto& [n, answer] = *shared;
            if (!rows) {
                return answer(
                    rows.error().code == ErrorCode::busy
                        ? refused(Refusal::store_busy, "too many requests wait for the store")
                        : refused(Refusal::store_unavailable, "the idempotency key could not be stored"));
            }
            const auto& [first, stands] = rows->front();
            if (stands.body_hash != hash) return answer(mismatch());
            if (!first && clock_.now() < stands.in_flight_until) {
                return answer(
                    refused(Refusal::idempotency_in_flight, "a request with this key is being accepted"));
            }
            // Rule 10: a repeat appends again under the same id; the planner absorbs it.
            if (all_channels && n.template_version != stands.template_version) {
                const auto tmpl = templates_.load(n.tenant, n.template_id, stands.template_version);
                if (!tmpl || !*tmpl)
                    return answer(refused(Refusal::store_unavailable, "the template could not be read"));
                n.channels = (*tmpl)->channels();
            }
            n.id = stands.id;
            n.template_version = stands.template_version;
            n.lane = stands.lane;
            n.accepted_at = stands.accepted_at;
            n.deadline_at = stands.deadline_at;
            append(n, !first, std::move(answer));
        });
}

void Intake::append(const Notification& notification, bool replayed, Done done) {
    auto entry = std::make_shared<Outstanding>();
    entry->answer = {notification.id, notification.template_version, notification.accepted_at, replayed};
    entry->since = clock_.uptime();
    entry->done = std::move(done);
    {
        std::lock_guard lock(mutex_);
        while (!outstanding_.empty() && outstanding_.front()->acknowledged) outstanding_.pop_front();
        const bool stalled =
            !outstanding_.empty() && entry->since - outstanding_.front()->since > options_.stalled_after;
        if (!stalled && outstanding_.size() < options_.max_outstanding) {
            outstanding_.push_back(entry);
        } else {
            entry->answered = true;
        }
    }
    if (entry->answered)
        return entry->tell(refused(Refusal::not_accepted, "the log does not answer in time"));
    NewRecord record{topics::requests(notification.lane),
                     record_key(notification.tenant, notification.user_id), encode(notification),
                     notification.traceparent};
    std::vector<NewRecord> records;
    records.push_back(std::move(record));
    log_.append(std::move(records), [entry](Status status) {
        entry->acknowledged = true;
        if (entry->answered.exchange(true)) return;  // the deadline was faster
        if (status) return entry->tell(entry->answer);
        if (status.error().code == ErrorCode::busy) {
            return entry->tell(refused(Refusal::log_full, "the log is full; try again later"));
        }
        entry->tell(RefusedRequest{Refusal::acceptance_unknown,
                                   "the log could not say whether it has the request",
                                   {},
                                   entry->answer.id});
    });
}

void Intake::give_up_overdue() {
    name_this_thread("intake.overdue");
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        wake_.wait_for(lock, std::chrono::milliseconds(50));
        const auto now = clock_.uptime();
        std::vector<std::shared_ptr<Outstanding>> overdue;
        while (!outstanding_.empty() && outstanding_.front()->acknowledged) outstanding_.pop_front();
        for (const auto& entry : outstanding_) {
            if (now - entry->since < options_.append_deadline) break;
            if (!entry->answered.exchange(true)) overdue.push_back(entry);
        }
        lock.unlock();
        for (const auto& entry : overdue) {
            entry->tell(RefusedRequest{
                Refusal::acceptance_unknown, "the log did not answer in time", {}, entry->answer.id});
        }
        lock.lock();
    }
}

}  // namespace herald
