#pragma once

#include <concepts>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/result.hpp"

namespace herald::sqlite {

struct DatabaseOptions {
    std::filesystem::path path = {};
    int busy_timeout_ms = 5000;
    int cache_kib = 8 * 1024;
    std::int64_t mmap_bytes = 64 * 1024 * 1024;
    int checkpoint_pages = 4000;  ///< size of the WAL at which a commit also checkpoints
    bool query_only = false;      ///< a reader; the file must be there
    std::string vfs = {};         ///< empty = the system's
};

/// What the exception means to the caller: a full, locked or ill disk is `unavailable`, a row that can never
/// be stored `refused_content`, the rest `internal`.
Error to_error(std::string_view doing, const SQLite::Exception& exception);

/// A row holds what this program cannot read: it fails whatever batch it is in, now and later.
struct UnreadableRow : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <class T>
struct ResultOf {
    using type = Result<T>;
};
template <class T>
struct ResultOf<Result<T>> {
    using type = Result<T>;
};

/// Runs `work`, which may return a value, nothing or a Result, and turns SQLiteCpp's exceptions into errors.
/// `doing` begins the message, as in "claim deliveries". Every use of SQLiteCpp happens inside of one.
template <class Work>
auto guard(std::string_view doing, Work&& work) -> typename ResultOf<std::invoke_result_t<Work>>::type {
    try {
        if constexpr (std::is_void_v<std::invoke_result_t<Work>>) {
            work();
            return {};
        } else {
            return work();
        }
    } catch (const SQLite::Exception& exception) {
        return fail(to_error(doing, exception));
    } catch (const UnreadableRow& row) {
        return fail(ErrorCode::refused_content, std::string(doing) + ": " + row.what());
    } catch (const std::exception& exception) {
        return fail(ErrorCode::internal, std::string(doing) + ": " + exception.what());
    }
}

/// A prepared statement on loan from its connection: fresh when given, reset when it goes, so that no read
/// transaction outlives it. The same text may not be on loan twice at a time.
class Query {
public:
    struct Cached {
        SQLite::Statement statement;
        bool lent = false;
    };

    explicit Query(Cached& cached);
    ~Query();
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    SQLite::Statement* operator->() { return &cached_.statement; }
    SQLite::Statement& operator*() { return cached_.statement; }

private:
    Cached& cached_;
};

/// One connection: WAL, synchronous=FULL, no foreign keys. For one thread at a time.
class Database {
public:
    static Result<std::unique_ptr<Database>> open(const DatabaseOptions& options);

    /// Brings the schema to `migrations.size()`, each migration in a transaction of its own. A schema that is
    /// newer than the list is a `conflict`. Several processes may call it at once.
    Status migrate(std::span<const std::string_view> migrations);

    /// A statement from the cache. Throws SQLite::Exception: only inside of a guard.
    Query query(std::string_view sql);

    /// Runs `work` in BEGIN IMMEDIATE … COMMIT, and rolls back when it throws or returns an error. An error
    /// of the commit itself leaves open whether it took place.
    template <class Work>
    auto transaction(std::string_view doing, Work&& work) ->
        typename ResultOf<std::invoke_result_t<Work>>::type {
        using Returned = std::invoke_result_t<Work>;
        return guard(doing, [&]() -> typename ResultOf<Returned>::type {
            SQLite::Transaction transaction(connection_, SQLite::TransactionBehavior::IMMEDIATE);
            if constexpr (std::is_void_v<Returned>) {
                work();
                transaction.commit();
                return {};
            } else {
                typename ResultOf<Returned>::type result = work();
                if (result) transaction.commit();
                return result;
            }
        });
    }

    SQLite::Database& connection() { return connection_; }

private:
    explicit Database(const DatabaseOptions& options);

    SQLite::Database connection_;
    std::map<std::string, Query::Cached, std::less<>> statements_;
};

}  // namespace herald::sqlite
