#pragma once

#include <condition_variable>
#include <mutex>

#include "adapters/sqlite/database.hpp"

namespace herald::sqlite {

/// A fixed number of connections that only read. Thread-safe: whoever finds none free waits for one.
class Readers {
public:
    class Loan {
    public:
        Loan(Readers& pool, Database& database) : pool_(pool), database_(database) {}
        ~Loan() { pool_.give_back(database_); }
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;
        Database& operator*() { return database_; }

    private:
        Readers& pool_;
        Database& database_;
    };

    /// Beside the writer that `writer` opened.
    static Result<std::unique_ptr<Readers>> open(const DatabaseOptions& writer, int count);
    Loan borrow();

private:
    Readers() = default;
    void give_back(Database& database);

    std::mutex mutex_;
    std::condition_variable returned_;
    std::vector<std::unique_ptr<Database>> all_;
    std::vector<Database*> free_;
};

}  // namespace herald::sqlite
