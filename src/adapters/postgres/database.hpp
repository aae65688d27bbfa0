#pragma once

#include <type_traits>
#include <vector>

#include "adapters/postgres/pool.hpp"
#include "base/clock.hpp"

namespace herald::postgres {

/// Which of a round trip's results one wants.
using Ticket = std::size_t;

/// One transaction, READ COMMITTED or a read-only snapshot. Statements are queued and travel together:
/// `queue` notes one down, `execute` sends everything that is queued with itself as the last and gives its
/// rows, `flush` sends without one, `commit` adds the COMMIT. BEGIN and the store's clock travel with the
/// first round trip. The SQL texts are literals and stay the same from call to call; what varies is a
/// parameter, and what is many an array: `... FROM unnest($1, $2) AS k(id, step) ...`.
/// Everything throws DatabaseError. For one thread.
class Transaction {
public:
    enum class Kind { write, snapshot };
    /// `test_clock`: stands in for the server's clock.
    Transaction(Connection& connection, Kind kind, const Clock* test_clock);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    template <class... Values>
    Ticket queue(std::string_view sql, Values&&... values) {
        return queue_all(sql, Parameters::of(std::forward<Values>(values)...));
    }
    template <class... Values>
    Rows execute(std::string_view sql, Values&&... values) {
        const auto ticket = queue(sql, std::forward<Values>(values)...);
        flush();
        return take(ticket);
    }
    Ticket queue_all(std::string_view sql, Parameters parameters);
    void flush();
    /// The rows of a statement that has been sent.
    Rows take(Ticket ticket) const { return results_.at(ticket); }

    /// The store's clock when the transaction began, and the number of the claims that live. With the first
    /// round trip; asked earlier they make one.
    TimePoint now();
    std::int64_t epoch();
    /// What a test's clock shows at present; nothing when the store's clock is the server's.
    std::optional<TimePoint> test_time() const;
    /// Of this machine.
    Millis uptime() const;

    /// `timeout`: no answer came, and it may have taken place. Made by itself after the work of
    /// `Database::write`; work that wants to see what becomes of its last statements makes it.
    void commit();

private:
    void read_facts();

    Connection& connection_;
    const Clock* test_clock_;
    std::size_t queued_ = 0;
    std::vector<Rows> results_;
    bool facts_known_ = false;
    bool finished_ = false;
    TimePoint now_{};
    std::int64_t epoch_ = 0;
};

template <class T>
struct ResultOf {
    using type = Result<T>;
};
template <class T>
struct ResultOf<Result<T>> {
    using type = Result<T>;
};

/// Runs `work`, which may return a value, nothing or a Result, and turns what the adapter throws into errors.
/// `doing` begins the message, as in "claim deliveries".
template <class Work>
auto guard(std::string_view doing, Work&& work) -> typename ResultOf<std::invoke_result_t<Work>>::type {
    try {
        if constexpr (std::is_void_v<std::invoke_result_t<Work>>) {
            work();
            return {};
        } else {
            return work();
        }
    } catch (const DatabaseError& error) {
        return fail(error.code, std::string(doing) + ": " + error.what());
    } catch (const UnreadableRow& row) {
        return fail(ErrorCode::refused_content, std::string(doing) + ": " + row.what());
    } catch (const std::exception& exception) {
        return fail(ErrorCode::internal, std::string(doing) + ": " + exception.what());
    }
}

struct DatabaseOptions {
    ConnectionOptions connection;
    int writers = 4;  ///< connections of the stages
    int readers = 4;  ///< connections of those who read history, so that they do not stand before the stages
    const Clock* test_clock = nullptr;
    Metrics* metrics = nullptr;
};

/// The connections of one process, and the way in which transactions run on them. Thread-safe.
class Database {
public:
    explicit Database(const DatabaseOptions& options);

    /// One transaction for a stage: committed when `work(transaction)` returns anything but an error, rolled
    /// back otherwise, and made again, up to five times, after a serialization failure or a deadlock; so
    /// `work` may run more than once and must not move from what it captured.
    template <class Work>
    auto write(std::string_view doing, Work&& work) {
        return run(doing, writers_, Transaction::Kind::write, work);
    }
    /// A read-only snapshot for a stage.
    template <class Work>
    auto read_for_stage(std::string_view doing, Work&& work) {
        return run(doing, writers_, Transaction::Kind::snapshot, work);
    }
    /// A read-only snapshot for the API.
    template <class Work>
    auto read(std::string_view doing, Work&& work) {
        return run(doing, readers_, Transaction::Kind::snapshot, work);
    }

    /// A connection of the stages', outside of a transaction; for migrations and partitions.
    template <class Work>
    auto with_connection(std::string_view doing, Work&& work) {
        return guard(doing, [&] {
            auto loan = writers_.borrow();
            return work(*loan);
        });
    }

private:
    static constexpr int kAttempts = 5;

    template <class Work>
    auto run(std::string_view doing, Pool& pool, Transaction::Kind kind, Work& work) {
        using Returned = std::invoke_result_t<Work, Transaction&>;
        return guard(doing, [&]() -> typename ResultOf<Returned>::type {
            for (int attempt = 1;; ++attempt) {
                auto loan = pool.borrow();
                try {
                    return run_once<Returned>(*loan, kind, work);
                } catch (const DatabaseError& error) {
                    if (!error.repeatable() || attempt == kAttempts) throw;
                }
            }
        });
    }

    template <class Returned, class Work>
    typename ResultOf<Returned>::type run_once(Connection& connection, Transaction::Kind kind, Work& work) {
        Transaction transaction(connection, kind, test_clock_);
        if constexpr (std::is_void_v<Returned>) {
            work(transaction);
            transaction.commit();
            return {};
        } else {
            typename ResultOf<Returned>::type result = work(transaction);
            if (result) transaction.commit();
            return result;
        }
    }

    const Clock* test_clock_;
    Pool writers_;
    Pool readers_;
};

}  // namespace herald::postgres
