#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "ports/timer.hpp"

namespace herald {

/// Who holds which timers, as one value that an engine keeps and changes in one transaction.
struct ShardLeases {
    std::map<std::string, TimePoint> owners;        ///< → end of its lease
    std::array<std::string, kTimerShards> holders;  ///< empty: nobody

    /// Drops owners past their lease, takes or lets go until `owner` holds its share, and returns what it
    /// holds.
    TimerShards renew(const std::string& owner, TimePoint now, Millis lease);

    std::string encode() const;
    static Result<ShardLeases> decode(std::string_view json);

    bool operator==(const ShardLeases&) const = default;
};

}  // namespace herald
