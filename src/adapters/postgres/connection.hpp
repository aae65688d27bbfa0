#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/postgres/connection_url.hpp"
#include "adapters/postgres/parameters.hpp"
#include "adapters/postgres/rows.hpp"
#include "base/result.hpp"

struct pg_conn;

namespace herald::postgres {

/// What went wrong with a statement or its connection. Thrown inside of the adapter, and never past it.
struct DatabaseError : std::runtime_error {
    DatabaseError(ErrorCode error_code, std::string state, const std::string& message)
        : std::runtime_error(message), code(error_code), sqlstate(std::move(state)) {}

    ErrorCode code;
    std::string sqlstate;  ///< five characters; empty when the server did not answer

    /// A repeat of the whole transaction may succeed: a serialization failure or a deadlock.
    bool repeatable() const { return sqlstate == "40001" || sqlstate == "40P01"; }
};

/// What a SQLSTATE means to the caller.
ErrorCode code_of(std::string_view sqlstate);

struct ConnectionOptions {
    ConnectionParameters parameters;
    Millis connect_timeout{10'000};
    Millis statement_timeout{10'000};
};

/// One connection in pipeline mode: statements are queued, and sent and answered together. For one thread at
/// a time. Everything throws DatabaseError; after one that broke the connection `alive` is false for good.
class Connection {
public:
    explicit Connection(const ConnectionOptions& options);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Adds a statement to those that the next `flush` sends. The connection prepares each text once, so
    /// texts are literals, of which there are few.
    void queue(std::string_view sql, Parameters parameters);
    /// Sends what is queued and gives back the results in its order. What is queued outside of BEGIN and
    /// COMMIT is one transaction. Throws the first error; what follows it has then not been made.
    std::vector<Rows> flush();
    /// Forgets what is queued.
    void discard() { queued_.clear(); }

    /// Several statements in one text, with nothing queued; for migrations.
    void run_script(const std::string& sql);

    bool alive() const;
    /// Notices a server that has hung up; for a connection that has been idle.
    bool still_alive();
    /// Whether a transaction is open, failed or not.
    bool in_transaction() const;

    struct Counts {
        std::uint64_t statements = 0;
        std::uint64_t round_trips = 0;
    };
    /// Since they were taken last.
    Counts take_counts() { return std::exchange(counts_, {}); }

private:
    using Deadline = std::chrono::steady_clock::time_point;
    struct Queued {
        std::string sql;
        Parameters parameters;
    };

    void enter_pipeline();
    /// The name under which the text is prepared, and whether that had to be sent.
    std::pair<const std::string*, bool> prepare(const Queued& queued);
    void send(const Queued& queued, const std::string& name);
    pg_result* next_result(Deadline deadline);
    Rows read_answer(Deadline deadline, std::unique_ptr<DatabaseError>& error);
    void wait(bool for_writing, Deadline deadline);
    [[noreturn]] void lost(const std::string& what);

    const Millis patience_;  ///< for the answers of one flush
    std::unique_ptr<pg_conn, void (*)(pg_conn*)> connection_;
    std::map<std::string, std::string, std::less<>> prepared_;  ///< text → name
    std::uint64_t names_ = 0;
    std::vector<Queued> queued_;
    bool lost_ = false;
    Counts counts_;
};

}  // namespace herald::postgres
