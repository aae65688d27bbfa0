#pragma once

#include <thread>

#include "adapters/postgres/testing/test_schema.hpp"

namespace herald::postgres {

/// Somebody else's transaction, held open for as long as a test needs it. It is rolled back unless it
/// commits.
class OtherTransaction {
public:
    explicit OtherTransaction(const std::string& url)
        : connection_(connection_options(url)), watcher_(connection_options(url)) {
        run("BEGIN");
        connection_.queue("SELECT pg_backend_pid()", {});
        pid_ = connection_.flush().at(0).front().integer();
    }

    void run(const std::string& sql) { connection_.run_script(sql); }
    void commit() { run("COMMIT"); }
    void rollback() { run("ROLLBACK"); }

    /// Returns once `count` statements of others wait for what this transaction holds.
    void wait_until_it_is_in_the_way(std::int64_t count = 1) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (waiting() < count) {
            if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error("nobody waits for it");
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
    /// Ends the connection of whoever waits for this transaction, as an operator or a failing server would.
    void end_those_who_wait() {
        watcher_.queue(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))",
            Parameters::of(pid_));
        watcher_.flush();
    }

private:
    /// Directly, or behind somebody who does.
    std::int64_t waiting() {
        watcher_.queue(
            "WITH RECURSIVE behind AS (SELECT $1 AS pid UNION SELECT a.pid FROM pg_stat_activity a, behind b"
            " WHERE b.pid = ANY (pg_blocking_pids(a.pid))) SELECT count(*) - 1 FROM behind",
            Parameters::of(pid_));
        return watcher_.flush().at(0).front().integer64();
    }

    Connection connection_;
    Connection watcher_;
    int pid_ = 0;
};

}  // namespace herald::postgres
