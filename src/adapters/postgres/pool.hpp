#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "adapters/postgres/connection.hpp"
#include "base/metrics.hpp"

namespace herald::postgres {

struct PoolOptions {
    std::string name;  ///< as metrics and logs call it
    ConnectionOptions connection;
    int size = 4;
    Millis wait{10'000};  ///< for a free connection; longer is `busy`
    Millis first_pause{50};
    Millis longest_pause{2'000};
    Metrics* metrics = nullptr;
};

/// A bounded number of connections, opened when they are first needed. Thread-safe: whoever finds none free
/// waits for one. When the server cannot be reached, one caller at a time tries again, after a pause that
/// doubles; the others fail at once rather than queue.
class Pool {
public:
    class Loan {
    public:
        Loan(Pool& pool, std::unique_ptr<Connection> connection)
            : pool_(pool), connection_(std::move(connection)) {}
        ~Loan() { pool_.give_back(std::move(connection_)); }
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;
        Connection& operator*() { return *connection_; }

    private:
        Pool& pool_;
        std::unique_ptr<Connection> connection_;
    };

    explicit Pool(PoolOptions options);

    /// Throws DatabaseError: `unavailable` when there is no server, `busy` when all are in use.
    Loan borrow();

private:
    std::unique_ptr<Connection> connect();
    /// Throws when nobody should try now.
    bool begin_try();
    void end_try(bool was_ill, const std::string* failure);
    void give_back(std::unique_ptr<Connection> connection);

    const PoolOptions options_;
    Counter* statements_ = nullptr;
    Counter* round_trips_ = nullptr;
    Counter* connects_ = nullptr;

    std::mutex mutex_;
    std::condition_variable returned_;
    // Guarded by mutex_:
    std::vector<std::unique_ptr<Connection>> idle_;
    int lent_ = 0;
    bool ill_ = false;      ///< the last try to connect failed
    bool probing_ = false;  ///< somebody is trying while it is ill
    Millis pause_;
    std::chrono::steady_clock::time_point next_try_{};
};

}  // namespace herald::postgres
