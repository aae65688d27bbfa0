#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/crypto.hpp"
#include "base/result.hpp"
#include "model/ids.hpp"
#include "model/words.hpp"

namespace herald {

/// What the 202 and the record say, fixed by the first request with the key.
struct IdempotencyRow {
    TenantId tenant;
    std::string key;
    Sha256Digest body_hash{};
    NotificationId id;
    int template_version = 0;
    Lane lane = Lane::normal;
    TimePoint accepted_at{};
    TimePoint deadline_at{};
    TimePoint in_flight_until{};

    bool operator==(const IdempotencyRow&) const = default;
};

struct Remembered {
    bool first = false;  ///< the row is the caller's own
    IdempotencyRow row;  ///< that stands now
};

/// Thread-safe, synchronous.
class IdempotencyStore {
public:
    virtual ~IdempotencyStore() = default;

    /// Inserts what is not there, one transaction, and returns what stands. A row that was found again with
    /// the same hash and is past its in_flight_until gets the caller's in_flight_until, and is returned with
    /// the old one.
    virtual Result<std::vector<Remembered>> remember(std::span<const IdempotencyRow> rows) = 0;
    /// The row that stands, not older than what `remember` has answered anywhere.
    virtual Result<std::optional<IdempotencyRow>> find(const TenantId& tenant, const std::string& key) = 0;
    /// Removes rows accepted before `before`, at most `limit`; returns how many.
    virtual Result<std::size_t> forget(TimePoint before, std::size_t limit) = 0;
};

}  // namespace herald
