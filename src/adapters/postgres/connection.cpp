#include "adapters/postgres/connection.hpp"

#include <poll.h>

#include <algorithm>

#include <fmt/format.h>
#include <libpq-fe.h>

namespace herald::postgres {
namespace {

/// The server gives up first, and says why.
constexpr Millis kGrace{2'000};
constexpr int kBinary = 1;

std::string trimmed(const char* message) {
    std::string text = message ? message : "";
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
}

/// Every statement of the store finds rows by their keys, also in a table that nobody has counted yet: plans
/// that read a whole table, or build a hash of one, are never what is meant. A plan that is made for the
/// values at hand sees the length of its arrays and leaves out the days that they do not touch.
std::string session_options(const ConnectionOptions& options) {
    const auto timeout = options.statement_timeout.count();
    return fmt::format(
        "-c statement_timeout={0} -c lock_timeout={0} -c idle_in_transaction_session_timeout={0}"
        " -c plan_cache_mode=force_custom_plan -c jit=off -c enable_seqscan=off -c enable_hashjoin=off"
        " -c enable_mergejoin=off {1}",
        timeout, options.parameters.find("options"));
}

ConnectionParameters complete(const ConnectionOptions& options) {
    auto parameters = options.parameters;
    // libpq counts in seconds, and takes 1 for 2.
    const auto seconds = std::max<std::int64_t>(2, (options.connect_timeout.count() + 999) / 1000);
    parameters.set_default("connect_timeout", std::to_string(seconds));
    parameters.set_default("tcp_user_timeout", std::to_string(options.statement_timeout.count()));
    parameters.set_default("keepalives_idle", "5");
    parameters.set_default("keepalives_interval", "2");
    parameters.set_default("keepalives_count", "3");
    parameters.set_default("fallback_application_name", "herald");
    parameters.set("client_encoding", "UTF8");
    parameters.set("options", session_options(options));
    return parameters;
}

pg_conn* connect(const ConnectionOptions& options) {
    const auto parameters = complete(options);
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    for (const auto& one : parameters.all) {
        keywords.push_back(one.keyword.c_str());
        values.push_back(one.value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    return PQconnectdbParams(keywords.data(), values.data(), 0);
}

DatabaseError error_of(const pg_result* result) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const std::string sqlstate = state ? state : "";
    // The detail of an error may quote a row.
    return {code_of(sqlstate), sqlstate,
            fmt::format("{} ({})", message ? message : trimmed(PQresultErrorMessage(result)), sqlstate)};
}

}  // namespace

ErrorCode code_of(std::string_view sqlstate) {
    const auto group = sqlstate.substr(0, std::min<std::size_t>(2, sqlstate.size()));
    // Data exceptions, broken constraints, and what is longer than the server can hold.
    if (group == "22" || group == "23" || group == "54") return ErrorCode::refused_content;
    // Connections, resources, an operator, the disk; a cancelled statement, a lock that was not free, a
    // server that only reads; and no answer at all.
    if (group == "08" || group == "53" || group == "57" || group == "58" || sqlstate == "55P03" ||
        sqlstate == "25006" || sqlstate == "25P03" || sqlstate == "40001" || sqlstate == "40P01" ||
        sqlstate.empty()) {
        return ErrorCode::unavailable;
    }
    return ErrorCode::internal;
}

Connection::Connection(const ConnectionOptions& options)
    : patience_(options.statement_timeout + kGrace), connection_(connect(options), PQfinish) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) {
        throw DatabaseError(ErrorCode::unavailable, "", trimmed(PQerrorMessage(connection_.get())));
    }
    enter_pipeline();
}

void Connection::enter_pipeline() {
    if (PQsetnonblocking(connection_.get(), 1) != 0 || PQenterPipelineMode(connection_.get()) != 1) {
        lost("the connection cannot be put into pipeline mode");
    }
}

bool Connection::alive() const { return !lost_ && PQstatus(connection_.get()) == CONNECTION_OK; }

bool Connection::in_transaction() const {
    return alive() && PQtransactionStatus(connection_.get()) != PQTRANS_IDLE;
}

bool Connection::still_alive() {
    if (!alive()) return false;
    // Nobody has asked anything: what there is to read is a farewell, or its reason.
    pollfd socket{PQsocket(connection_.get()), POLLIN, 0};
    if (poll(&socket, 1, 0) != 0) lost_ = true;
    return alive();
}

void Connection::queue(std::string_view sql, Parameters parameters) {
    queued_.push_back({std::string(sql), std::move(parameters)});
}

std::pair<const std::string*, bool> Connection::prepare(const Queued& queued) {
    const auto found = prepared_.find(queued.sql);
    if (found != prepared_.end()) return {&found->second, false};
    const auto [added, _] = prepared_.emplace(queued.sql, fmt::format("s{}", ++names_));
    const auto types = queued.parameters.types();
    if (PQsendPrepare(connection_.get(), added->second.c_str(), queued.sql.c_str(),
                      static_cast<int>(types.size()), types.data()) != 1) {
        lost("a statement could not be sent");
    }
    return {&added->second, true};
}

void Connection::send(const Queued& queued, const std::string& name) {
    std::vector<const char*> values;
    std::vector<int> lengths;
    for (const auto& value : queued.parameters.values()) {
        values.push_back(value ? value->data() : nullptr);
        lengths.push_back(value ? static_cast<int>(value->size()) : 0);
    }
    const std::vector<int> formats(values.size(), kBinary);
    if (PQsendQueryPrepared(connection_.get(), name.c_str(), static_cast<int>(values.size()), values.data(),
                            lengths.data(), formats.data(), kBinary) != 1) {
        lost("a statement could not be sent");
    }
    ++counts_.statements;
}

std::vector<Rows> Connection::flush() {
    if (lost_) throw DatabaseError(ErrorCode::unavailable, "", "the connection to the database is lost");
    const auto queued = std::exchange(queued_, {});
    std::vector<bool> prepares;
    for (const auto& one : queued) {
        const auto [name, was_sent] = prepare(one);
        send(one, *name);
        prepares.push_back(was_sent);
    }
    if (PQpipelineSync(connection_.get()) != 1) lost("a statement could not be sent");
    ++counts_.round_trips;

    const auto deadline = std::chrono::steady_clock::now() + patience_;
    std::unique_ptr<DatabaseError> error;
    std::vector<Rows> answers;
    for (std::size_t i = 0; i < queued.size(); ++i) {
        if (prepares[i]) {
            read_answer(deadline, error);
            if (error) prepared_.erase(queued[i].sql);
        }
        answers.push_back(read_answer(deadline, error));
    }
    const Rows sync(next_result(deadline));
    if (error) throw DatabaseError(*error);
    return answers;
}

/// The first error stands; the answers behind it only say that there was one.
Rows Connection::read_answer(Deadline deadline, std::unique_ptr<DatabaseError>& error) {
    auto* result = next_result(deadline);
    if (!result) lost("the server's answers do not match the statements");
    Rows rows(result);
    const auto status = PQresultStatus(result);
    if (status == PGRES_FATAL_ERROR && !error) error = std::make_unique<DatabaseError>(error_of(result));
    if (error && PQstatus(connection_.get()) != CONNECTION_OK) {
        lost_ = true;
        throw DatabaseError(*error);
    }
    if (next_result(deadline) != nullptr) lost("the server's answers do not match the statements");
    return rows;
}

pg_result* Connection::next_result(Deadline deadline) {
    for (;;) {
        const int unsent = PQflush(connection_.get());
        if (unsent < 0) lost(trimmed(PQerrorMessage(connection_.get())));
        if (PQisBusy(connection_.get()) == 0) return PQgetResult(connection_.get());
        wait(unsent > 0, deadline);
        if (PQconsumeInput(connection_.get()) != 1) lost(trimmed(PQerrorMessage(connection_.get())));
    }
}

void Connection::wait(bool for_writing, Deadline deadline) {
    pollfd socket{PQsocket(connection_.get()), static_cast<short>(for_writing ? POLLIN | POLLOUT : POLLIN),
                  0};
    const auto left = std::chrono::ceil<Millis>(deadline - std::chrono::steady_clock::now()).count();
    const int ready = left > 0 ? poll(&socket, 1, static_cast<int>(left)) : 0;
    if (ready == 0) lost("the server did not answer in time");
    if (ready < 0 && errno != EINTR) lost("the connection cannot be waited for");
}

void Connection::lost(const std::string& what) {
    lost_ = true;
    throw DatabaseError(ErrorCode::unavailable, "", what);
}

void Connection::run_script(const std::string& sql) {
    CHECK(queued_.empty());
    if (PQexitPipelineMode(connection_.get()) != 1) lost("the connection cannot leave pipeline mode");
    if (PQsendQuery(connection_.get(), sql.c_str()) != 1) lost("a statement could not be sent");
    const auto deadline = std::chrono::steady_clock::now() + patience_;
    std::unique_ptr<DatabaseError> error;
    while (auto* result = next_result(deadline)) {
        const Rows rows(result);
        if (PQresultStatus(result) == PGRES_FATAL_ERROR)
            error = std::make_unique<DatabaseError>(error_of(result));
    }
    if (!alive()) {
        lost_ = true;
        if (error) throw DatabaseError(*error);
        lost(trimmed(PQerrorMessage(connection_.get())));
    }
    enter_pipeline();
    if (error) throw DatabaseError(*error);
}

}  // namespace herald::postgres
