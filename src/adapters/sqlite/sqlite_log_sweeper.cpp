#include "adapters/sqlite/sqlite_log_sweeper.hpp"

#include <algorithm>

namespace herald::sqlite {

Result<LogSweeper::Swept> LogSweeper::sweep(std::int64_t max_rows, TimePoint keep_after) {
    const auto partitions = state_.retained();
    std::vector<RecordRange> ranges;
    std::vector<LogState::Retained> swept;
    std::int64_t left = max_rows;
    for (std::size_t i = 0; i < partitions.size() && left > 0; ++i) {
        const auto& partition = partitions[(turn_ + i) % partitions.size()];
        const auto below = end_of_sweep(partition, left, keep_after);
        if (!below) return fail(below.error());
        const auto from = oldest_[partition.partition_id].offset;
        if (*below <= from) continue;
        ranges.push_back({partition.partition_id, from, *below});
        swept.push_back(partition);
        left -= *below - from;
    }
    ++turn_;
    if (ranges.empty()) return Swept{};
    if (auto removed = file_.remove(ranges); !removed) return fail(removed.error());
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        if (auto found = look_up_oldest(swept[i], ranges[i].below); !found) return fail(found.error());
    }
    return Swept{max_rows - left, left == 0};
}

Result<std::int64_t> LogSweeper::end_of_sweep(const LogState::Retained& partition, std::int64_t max_rows,
                                              TimePoint keep_after) {
    auto& oldest = oldest_[partition.partition_id];
    if (!oldest.appended_at && oldest.offset < partition.end) {
        if (auto found = look_up_oldest(partition, oldest.offset); !found) return fail(found.error());
    }
    if (!partition.by_time) return std::min(partition.finished, oldest.offset + max_rows);
    if (!oldest.appended_at || *oldest.appended_at > keep_after) return oldest.offset;
    return file_.first_younger(
        {partition.partition_id, oldest.offset, std::min(partition.end, oldest.offset + max_rows)},
        keep_after);
}

Status LogSweeper::look_up_oldest(const LogState::Retained& partition, std::int64_t from) {
    const auto first = file_.first(partition.partition_id, from);
    if (!first) return fail(first.error());
    auto& oldest = oldest_[partition.partition_id];
    if (*first) oldest = {(*first)->offset, (*first)->appended_at};
    else oldest = {partition.end, std::nullopt};
    if (partition.by_time) state_.removed(partition.partition_id, *first);
    return {};
}

}  // namespace herald::sqlite
