#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace herald::sqlite {

/// How far a group is in one partition, and what it would read next.
struct GroupPosition {
    std::int64_t next_offset = 0;                ///< everything below is finished
    std::int64_t bytes_before = 0;               ///< of all that is finished, since the partition's beginning
    std::optional<TimePoint> oldest_unfinished;  ///< none: everything is finished
    std::int64_t on_disk = 0;                    ///< the position that would survive a crash
    bool dirty = false;                          ///< moved since the writer last took it
};

/// What one consumer holds. Guarded by the mutex of LogState, like everything here.
struct LogMember {
    struct Holding {
        std::int64_t cursor = 0;  ///< the next offset to hand out
        std::uint64_t epoch = 0;  ///< tells this holding from an earlier one of the same partition
    };
    std::map<int, Holding> holdings;  ///< by partition
    std::set<int> revoked;            ///< lost, and the consumer does not know yet
    std::size_t turn = 0;             ///< which holding a poll begins with

    /// Nothing is handed out before the consumer knows that it had lost the partition in between.
    bool may_read(int partition) const {
        return holdings.contains(partition) && !revoked.contains(partition);
    }
};

/// The consumers of one group and topic, and who of them holds which partition.
struct LogGroup {
    LogGroup(std::string group_name, std::size_t partitions)
        : name(std::move(group_name)), positions(partitions), holders(partitions, nullptr) {}

    void join(LogMember& member);
    void leave(LogMember& member);

    std::string name;
    std::vector<GroupPosition> positions;  ///< by partition
    std::vector<LogMember*> holders;       ///< by partition; null when nobody reads
    std::vector<LogMember*> members;
    std::condition_variable changed;  ///< there may be something to poll

private:
    /// Moves as few partitions as make the shares differ by one at most.
    void rebalance();
    void assign(int partition, LogMember& member);

    std::uint64_t epochs_ = 0;
};

}  // namespace herald::sqlite
