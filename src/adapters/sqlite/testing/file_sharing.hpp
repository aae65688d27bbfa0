#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include <sqlite3.h>

namespace herald::sqlite {

/// What the connections of one process share of one file besides its bytes: SQLite's five lock levels, and
/// the memory of the WAL's index with its eight locks. All of it is gone when nobody has the file open. For
/// one thread at a time.
class FileSharing {
public:
    /// What one open file holds of it.
    struct Holder {
        int level = SQLITE_LOCK_NONE;
        unsigned memory_shared = 0;  ///< a bit for each lock
        unsigned memory_exclusive = 0;
    };

    int lock(Holder& holder, int level) {
        if (holder.level >= level) return SQLITE_OK;
        const bool others_write = writer_ != nullptr && writer_ != &holder;
        if (level == SQLITE_LOCK_SHARED) {
            if (others_write && writer_->level >= SQLITE_LOCK_PENDING) return SQLITE_BUSY;
            ++readers_;
            holder.level = level;
            return SQLITE_OK;
        }
        if (others_write) return SQLITE_BUSY;
        writer_ = &holder;
        holder.level = level == SQLITE_LOCK_RESERVED ? level : SQLITE_LOCK_PENDING;
        if (level == SQLITE_LOCK_EXCLUSIVE) {
            if (readers_ > 1) return SQLITE_BUSY;
            holder.level = level;
        }
        return SQLITE_OK;
    }

    void unlock(Holder& holder, int level) {
        if (holder.level <= level) return;
        if (writer_ == &holder) writer_ = nullptr;
        if (level == SQLITE_LOCK_NONE) --readers_;
        holder.level = level;
    }

    bool is_reserved() const { return writer_ != nullptr; }

    /// Null when there is no such region and none is to be made.
    void* region(std::size_t number, std::size_t size, bool extend) {
        while (extend && regions_.size() <= number) regions_.push_back(std::make_unique<char[]>(size));
        return number < regions_.size() ? regions_[number].get() : nullptr;
    }

    int lock_memory(Holder& holder, unsigned locks, bool exclusive) {
        for (std::size_t i = 0; i < kLocks; ++i) {
            if ((locks & bit(i)) == 0) continue;
            auto& lock = locks_[i];
            const int own = (holder.memory_shared & bit(i)) != 0 ? 1 : 0;
            if (lock.writer != nullptr && lock.writer != &holder) return SQLITE_BUSY;
            if (exclusive && lock.readers > own) return SQLITE_BUSY;
        }
        for (std::size_t i = 0; i < kLocks; ++i) {
            if ((locks & bit(i)) == 0) continue;
            if (exclusive) locks_[i].writer = &holder;
            else if ((holder.memory_shared & bit(i)) == 0) ++locks_[i].readers;
        }
        (exclusive ? holder.memory_exclusive : holder.memory_shared) |= locks;
        return SQLITE_OK;
    }

    void unlock_memory(Holder& holder, unsigned locks) {
        for (std::size_t i = 0; i < kLocks; ++i) {
            if ((locks & holder.memory_exclusive & bit(i)) != 0) locks_[i].writer = nullptr;
            if ((locks & holder.memory_shared & bit(i)) != 0) --locks_[i].readers;
        }
        holder.memory_exclusive &= ~locks;
        holder.memory_shared &= ~locks;
    }

private:
    static constexpr std::size_t kLocks = SQLITE_SHM_NLOCK;
    static unsigned bit(std::size_t lock) { return 1u << lock; }

    struct MemoryLock {
        int readers = 0;
        const Holder* writer = nullptr;
    };

    int readers_ = 0;
    const Holder* writer_ = nullptr;  ///< the one that holds reserved or more
    std::vector<std::unique_ptr<char[]>> regions_;
    std::array<MemoryLock, kLocks> locks_{};
};

}  // namespace herald::sqlite
