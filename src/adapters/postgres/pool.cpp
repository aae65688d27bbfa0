#include "adapters/postgres/pool.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace herald::postgres {

Pool::Pool(PoolOptions options) : options_(std::move(options)), pause_(options_.first_pause) {
    if (!options_.metrics) return;
    const Labels labels{{"pool", options_.name}};
    statements_ = &options_.metrics->counter("herald_postgres_statements_total",
                                             "Statements sent to PostgreSQL.", labels);
    round_trips_ =
        &options_.metrics->counter("herald_postgres_round_trips_total",
                                   "Exchanges with PostgreSQL, each of one or more statements.", labels);
    connects_ = &options_.metrics->counter("herald_postgres_connects_total",
                                           "Connections opened to PostgreSQL.", labels);
}

Pool::Loan Pool::borrow() {
    std::unique_ptr<Connection> connection;
    {
        std::unique_lock lock(mutex_);
        const bool free = returned_.wait_for(lock, options_.wait, [&] { return lent_ < options_.size; });
        if (!free) throw DatabaseError(ErrorCode::busy, "", "every connection to the database is in use");
        ++lent_;
        if (!idle_.empty()) {
            connection = std::move(idle_.back());
            idle_.pop_back();
        }
    }
    // Nothing was sent yet, so a connection that has died while it was idle may be replaced unseen.
    if (connection && connection->still_alive()) return Loan(*this, std::move(connection));
    try {
        return Loan(*this, connect());
    } catch (...) {
        give_back(nullptr);
        throw;
    }
}

std::unique_ptr<Connection> Pool::connect() {
    const bool was_ill = begin_try();
    try {
        auto connection = std::make_unique<Connection>(options_.connection);
        end_try(was_ill, nullptr);
        if (connects_) connects_->Increment();
        return connection;
    } catch (const DatabaseError& error) {
        const std::string reason = error.what();
        end_try(was_ill, &reason);
        throw;
    }
}

bool Pool::begin_try() {
    std::lock_guard lock(mutex_);
    if (!ill_) return false;
    if (probing_ || std::chrono::steady_clock::now() < next_try_) {
        throw DatabaseError(ErrorCode::unavailable, "", "the database cannot be reached");
    }
    probing_ = true;
    return true;
}

void Pool::end_try(bool was_ill, const std::string* failure) {
    bool changed = false;
    {
        std::lock_guard lock(mutex_);
        if (was_ill) probing_ = false;
        changed = ill_ != (failure != nullptr);
        ill_ = failure != nullptr;
        if (failure) {
            next_try_ = std::chrono::steady_clock::now() + pause_;
            pause_ = std::min(2 * pause_, options_.longest_pause);
        } else {
            pause_ = options_.first_pause;
        }
    }
    if (!changed) return;
    if (failure) log::warning("postgres.unreachable", {{"pool", options_.name}, {"reason", *failure}});
    else log::info("postgres.reachable", {{"pool", options_.name}});
}

void Pool::give_back(std::unique_ptr<Connection> connection) {
    if (connection && statements_) {
        const auto counts = connection->take_counts();
        statements_->Increment(static_cast<double>(counts.statements));
        round_trips_->Increment(static_cast<double>(counts.round_trips));
    }
    {
        std::lock_guard lock(mutex_);
        --lent_;
        if (connection && connection->alive()) idle_.push_back(std::move(connection));
    }
    returned_.notify_one();
}

}  // namespace herald::postgres
