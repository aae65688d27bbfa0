#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "adapters/postgres/database.hpp"

namespace herald::postgres {

// The tables that grow with traffic are cut into days by the time in their ids, so that old days are dropped
// whole. What belongs to no day that was made ahead goes to the table's rest (`deliveries_rest`): nothing is
// ever refused for want of a day.

using Day = std::chrono::sys_days;

inline constexpr std::string_view kDailyTables[] = {"notifications", "plans", "deliveries", "attempts"};
/// Made ahead of the server's today.
inline constexpr std::chrono::days kDaysAhead{8};

/// Makes the days from the server's yesterday to `kDaysAhead` that are missing; one whose rows have gone to
/// the rest already stays there. A transaction a day.
void make_days(Connection& connection);

/// Drops what is wholly before that time, a table and day at a time. A day that somebody reads is left to
/// the next call.
void drop_days(Connection& connection, TimePoint before);

}  // namespace herald::postgres
