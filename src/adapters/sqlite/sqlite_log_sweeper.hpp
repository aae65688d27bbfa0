#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "adapters/sqlite/sqlite_log_file.hpp"
#include "adapters/sqlite/sqlite_log_state.hpp"

namespace herald::sqlite {

/// Deletes what every group has finished, and by age what goes by time. For the writer's thread.
class LogSweeper {
public:
    LogSweeper(LogFile& file, LogState& state) : file_(file), state_(state) {}

    struct Swept {
        std::int64_t rows = 0;
        bool more = false;  ///< it stopped at the maximum
    };
    /// One transaction of at most `max_rows`.
    Result<Swept> sweep(std::int64_t max_rows, TimePoint keep_after);

private:
    /// The oldest row that is left; `appended_at` is none while there is no row.
    struct Oldest {
        std::int64_t offset = 0;
        std::optional<TimePoint> appended_at;
    };

    Result<std::int64_t> end_of_sweep(const LogState::Retained& partition, std::int64_t max_rows,
                                      TimePoint keep_after);
    Status look_up_oldest(const LogState::Retained& partition, std::int64_t from);

    LogFile& file_;
    LogState& state_;
    std::unordered_map<std::int64_t, Oldest> oldest_;  ///< by partition id
    std::size_t turn_ = 0;                             ///< the partition to begin with
};

}  // namespace herald::sqlite
