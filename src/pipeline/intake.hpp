#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "model/notification.hpp"
#include "pipeline/store_batcher.hpp"
#include "pipeline/template_cache.hpp"
#include "pipeline/worker_pool.hpp"
#include "ports/event_log.hpp"
#include "ports/idempotency_store.hpp"

namespace herald {

/// A request to notify somebody, well-formed in itself.
struct SendRequest {
    TenantId tenant;
    UserId user_id;
    TemplateId template_id;
    std::optional<int> template_version;
    std::vector<Channel> channels;  ///< empty: all that the template has
    Json data = Json(Json::Object{});
    Json metadata = Json(Json::Object{});
    std::optional<TimePoint> send_at;
    std::optional<std::int64_t> ttl_s;  ///< the template's when not said
    std::optional<Lane> lane;           ///< the template's when not said
    std::string traceparent;

    struct Idempotency {
        std::string key;
        Sha256Digest body_hash{};
    };
    std::optional<Idempotency> idempotency;
};

/// Accepted, durably.
struct AcceptedRequest {
    NotificationId id;
    int template_version = 0;
    TimePoint accepted_at{};
    bool replayed = false;
};

enum class Refusal {
    unknown_template,       ///< 422
    invalid_request,        ///< 422, `errors` say where
    missing_data,           ///< 422, `errors` name the fields
    idempotency_mismatch,   ///< 422: the key was used with another body
    idempotency_in_flight,  ///< 409: another request with this key is being accepted
    log_full,               ///< 503: certainly not accepted
    not_accepted,           ///< 503: certainly not accepted
    acceptance_unknown,     ///< 503: handed to the log, whose answer did not come in time; `id` resolves it
                            ///< later
    store_busy,             ///< 503: certainly not accepted
    store_unavailable,      ///< 503: certainly not accepted
};
std::string_view to_string(Refusal refusal);

struct RefusedRequest {
    Refusal refusal = Refusal::not_accepted;
    std::string detail;
    std::vector<FieldError> errors;
    std::optional<NotificationId> id;
};

using IntakeAnswer = std::variant<AcceptedRequest, RefusedRequest>;

/// What a request needs beyond being well-formed: channels that the template has, and its data.
std::vector<FieldError> check_against_template(const std::vector<Channel>& channels, const Json& data,
                                               const Template& tmpl);

struct IntakeOptions {
    Millis append_deadline{1'500};
    Millis stalled_after{500};  ///< nothing is enqueued while the oldest unacknowledged record is older
    double full_at = 0.8;       ///< share of the log's bound
    std::size_t max_outstanding = 50'000;
};

/// Takes requests in: the id, the one record, and the answer once the log has it. Asynchronous and
/// thread-safe; nothing here blocks the caller.
class Intake {
public:
    Intake(const IntakeOptions& options, const Clock& clock, EventLog& log, TemplateCache& templates,
           IdempotencyStore& idempotency, WorkerPool& readers, IdKeys id_keys, Metrics& metrics);
    ~Intake();

    /// `done` is called exactly once, on any thread, and must not block.
    void accept(SendRequest request, std::function<void(IntakeAnswer)> done);

    const IdKeys& id_keys() const { return id_keys_; }

private:
    using Done = std::function<void(IntakeAnswer)>;
    struct Outstanding;

    void load_template(SendRequest request, Done done);
    void with_template(SendRequest request, const TemplatePtr& tmpl, Done done);
    void refuse_unless_repeated(SendRequest request, RefusedRequest refusal, Done done);
    void remember(Notification notification, SendRequest request, Done done);
    void append(const Notification& notification, bool replayed, Done done);
    void give_up_overdue();

    const IntakeOptions options_;
    const Clock& clock_;
    EventLog& log_;
    TemplateCache& templates_;
    IdempotencyStore& rows_;
    WorkerPool& readers_;
    const IdKeys id_keys_;
    Counter& accepted_;
    Metrics& metrics_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::shared_ptr<Outstanding>> outstanding_;  ///< oldest first
    bool stopping_ = false;
    /// After everything that its answers touch.
    StoreBatcher<IdempotencyRow, Remembered> idempotency_;
    std::thread overdue_;
};

}  // namespace herald
