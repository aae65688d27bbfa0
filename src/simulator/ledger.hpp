#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "net/http.hpp"
#include "simulator/provider.hpp"

namespace herald::simulator {

/// Wall time in milliseconds with a fraction: rate limits are measured by it.
double wall_ms();

/// One request whose head arrived. Times are wall milliseconds, 0 while it has not happened.
struct LedgerRow {
    std::uint64_t n = 0;  ///< counts from 1 in the order in which heads arrived, and never starts again
    Subject subject;
    bool body_complete = false;
    /// The status that was answered, the name of the fault that took the answer's place, or `pending`.
    std::string verdict = "pending";
    std::string reason;  ///< the provider's word for a refusal; what was decided, when the answer was lost
    std::string fault;   ///< the fault that acted, also when it only chose a status; empty for none
    bool answer_written = false;
    double head_at_ms = 0;
    double body_at_ms = 0;
    double answered_at_ms = 0;
    std::string headers;  ///< the kept ones, `name: value\n` each; credentials are never kept
    std::string body;

    std::size_t bytes() const;
};

void write_json(JsonWriter& out, const LedgerRow& row);

/// What arrived at one provider. Thread-safe; every note is O(1) under one mutex.
class Ledger {
public:
    struct Limits {
        std::size_t rows = 1'000'000;
        std::size_t bytes = std::size_t{1} << 30;
        std::size_t body_bytes = 16 * 1024;  ///< a longer body is kept cut off
    };
    struct Filter {
        std::optional<std::string> delivery = std::nullopt;
        std::optional<std::string> recipient = std::nullopt;
        std::optional<std::string> verdict = std::nullopt;
        std::uint64_t since = 0;  ///< rows above this number
        std::size_t limit = 1000;
    };
    struct Page {
        std::size_t count = 0;  ///< all that match, also beyond the limit
        std::vector<LedgerRow> rows;
    };
    struct Counts {
        std::size_t count = 0;
        std::size_t body_complete = 0;
        std::size_t answer_written = 0;
        std::map<std::string, std::size_t> by_verdict;
    };
    struct Settled {
        std::string verdict;
        std::string reason;
        std::string fault;
    };

    Ledger() : Ledger(Limits{}) {}
    explicit Ledger(Limits limits) : limits_(limits) {}

    /// Notes a head and gives the row's number. Later notes about a row that is gone do nothing.
    std::uint64_t head_arrived(Subject subject, const net::Headers& headers);
    void body_arrived(std::uint64_t n, Subject subject, std::string_view body, Settled settled);
    /// For a request that is settled unread.
    void settled_unread(std::uint64_t n, Settled settled);
    void answered(std::uint64_t n, bool written);

    /// The number that the next head will get.
    std::uint64_t next() const;
    Page find(const Filter& filter) const;
    Counts count(const Filter& filter) const;
    /// Rows that had to make room.
    std::uint64_t dropped() const;
    void clear();

private:
    LedgerRow* row(std::uint64_t n);
    void make_room();
    template <class Visit>
    void each_match(const Filter& filter, Visit visit) const;

    const Limits limits_;
    mutable std::mutex mutex_;
    std::deque<LedgerRow> rows_;  ///< numbers without a gap, up to next_ - 1
    std::uint64_t next_ = 1;
    std::size_t bytes_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace herald::simulator
