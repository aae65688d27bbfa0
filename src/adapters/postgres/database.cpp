#include "adapters/postgres/database.hpp"

namespace herald::postgres {
namespace {

constexpr std::string_view kFacts =
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, epoch FROM claim_epoch";
/// Of a transaction's results: BEGIN is 0.
constexpr Ticket kFactsTicket = 1;

PoolOptions pool_options(const DatabaseOptions& options, std::string name, int size) {
    PoolOptions pool;
    pool.name = std::move(name);
    pool.connection = options.connection;
    pool.size = size;
    pool.wait = options.connection.statement_timeout;
    pool.metrics = options.metrics;
    return pool;
}

}  // namespace

Transaction::Transaction(Connection& connection, Kind kind, const Clock* test_clock)
    : connection_(connection), test_clock_(test_clock) {
    queue(kind == Kind::write ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    queue(kFacts);
}

Transaction::~Transaction() {
    connection_.discard();
    if (finished_ || !connection_.in_transaction()) return;
    try {
        connection_.queue("ROLLBACK", {});
        connection_.flush();
    } catch (const DatabaseError&) {
        // The connection is lost, and the server rolls back by itself.
    }
}

Ticket Transaction::queue_all(std::string_view sql, Parameters parameters) {
    connection_.queue(sql, std::move(parameters));
    return queued_++;
}

void Transaction::flush() {
    auto answers = connection_.flush();
    for (auto& answer : answers) results_.push_back(std::move(answer));
}

void Transaction::read_facts() {
    if (facts_known_) return;
    if (results_.size() <= kFactsTicket) flush();
    auto columns = results_[kFactsTicket].front();
    now_ = columns.time();
    epoch_ = columns.integer64();
    if (test_clock_) now_ = test_clock_->now();
    facts_known_ = true;
}

TimePoint Transaction::now() {
    read_facts();
    return now_;
}

std::int64_t Transaction::epoch() {
    read_facts();
    return epoch_;
}

std::optional<TimePoint> Transaction::test_time() const {
    return test_clock_ ? std::optional(test_clock_->now()) : std::nullopt;
}

Millis Transaction::uptime() const { return test_clock_ ? test_clock_->uptime() : SystemClock().uptime(); }

void Transaction::commit() {
    if (finished_) return;
    queue("COMMIT");
    try {
        flush();
    } catch (const DatabaseError& error) {
        if (!error.sqlstate.empty()) throw;
        throw DatabaseError(ErrorCode::timeout, "", error.what());
    }
    finished_ = true;
}

Database::Database(const DatabaseOptions& options)
    : test_clock_(options.test_clock),
      writers_(pool_options(options, "stages", options.writers)),
      readers_(pool_options(options, "readers", options.readers)) {}

}  // namespace herald::postgres
