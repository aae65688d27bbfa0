#pragma once

#include <atomic>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>

#include <fmt/format.h>

#include "adapters/sqlite/testing/file_sharing.hpp"
#include "adapters/sqlite/testing/power_loss_disk.hpp"
#include "base/result.hpp"

namespace herald::sqlite {

/// A VFS for SQLite over a PowerLossDisk, which does what SQLite's own does on Linux: the first sync of a new
/// journal or WAL also syncs the folder, that of a database does not. From the loss on every operation fails,
/// and what is left is found by `mount_again`. It must outlive every connection through it. Thread-safe.
class PowerLossVfs {
public:
    explicit PowerLossVfs(std::uint64_t seed) : PowerLossVfs(seed, PowerLossDisk()) {}
    ~PowerLossVfs() { sqlite3_vfs_unregister(&vfs_); }
    PowerLossVfs(const PowerLossVfs&) = delete;
    PowerLossVfs& operator=(const PowerLossVfs&) = delete;

    const std::string& name() const { return name_; }

    void lose_power() {
        std::lock_guard lock(mutex_);
        has_power_ = false;
    }
    /// In the midst of the n-th change (write, truncation, sync, deletion) from now on; 0: not any more.
    void lose_power_at_change(int n) {
        std::lock_guard lock(mutex_);
        changes_left_ = n;
    }
    bool has_power() const {
        std::lock_guard lock(mutex_);
        return has_power_;
    }

    /// The disk when the power is back. Only after a loss; the same seed finds the same.
    std::unique_ptr<PowerLossVfs> mount_again() const {
        std::lock_guard lock(mutex_);
        CHECK(!has_power_);
        Fate fate(seed_);
        auto left = disk_.after_power_loss(fate);
        return std::unique_ptr<PowerLossVfs>(new PowerLossVfs(seed_ + 1, std::move(left)));
    }

    /// Room for this many bytes more: what goes beyond is cut off, and the disk is full.
    void leave_room(std::size_t bytes) {
        std::lock_guard lock(mutex_);
        capacity_ = disk_.bytes() + bytes;
    }
    void make_room() {
        std::lock_guard lock(mutex_);
        capacity_ = std::numeric_limits<std::size_t>::max();
    }

private:
    struct Handle {
        PowerLossDisk::FilePtr file;
        std::shared_ptr<FileSharing> sharing;
        FileSharing::Holder holder;
        std::string delete_on_close;
        bool syncs_folder = false;
    };
    /// What SQLite allocates; it begins with what SQLite knows.
    struct OpenFile {
        sqlite3_file base;
        PowerLossVfs* vfs;
        Handle* handle;
    };

    PowerLossVfs(std::uint64_t seed, PowerLossDisk disk)
        : seed_(seed), name_(fmt::format("power-loss-{}", ++count_)), disk_(std::move(disk)) {
        vfs_.iVersion = 2;
        vfs_.szOsFile = sizeof(OpenFile);
        vfs_.mxPathname = 512;
        vfs_.zName = name_.c_str();
        vfs_.pAppData = this;
        vfs_.xOpen = open;
        vfs_.xDelete = remove;
        vfs_.xAccess = access;
        vfs_.xFullPathname = full_pathname;
        vfs_.xRandomness = [](sqlite3_vfs*, int size, char* out) {
            return real()->xRandomness(real(), size, out);
        };
        vfs_.xSleep = [](sqlite3_vfs*, int us) { return real()->xSleep(real(), us); };
        vfs_.xCurrentTime = [](sqlite3_vfs*, double* day) { return real()->xCurrentTime(real(), day); };
        vfs_.xCurrentTimeInt64 = [](sqlite3_vfs*, sqlite3_int64* ms) {
            return real()->xCurrentTimeInt64(real(), ms);
        };
        vfs_.xGetLastError = [](sqlite3_vfs*, int, char*) { return 0; };
        CHECK(sqlite3_vfs_register(&vfs_, 0) == SQLITE_OK);
    }

    static sqlite3_vfs* real() { return sqlite3_vfs_find(nullptr); }
    static PowerLossVfs& of(sqlite3_vfs* vfs) { return *static_cast<PowerLossVfs*>(vfs->pAppData); }
    static OpenFile& of(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file); }

    /// False when the power goes with this change.
    bool survives_change() {
        if (changes_left_ > 0 && --changes_left_ == 0) has_power_ = false;
        return has_power_;
    }

    std::shared_ptr<FileSharing> sharing_of(const DiskFile* file) {
        auto& known = sharing_[file];
        auto sharing = known.lock();
        if (!sharing) known = sharing = std::make_shared<FileSharing>();
        return sharing;
    }

    static int open(sqlite3_vfs* base, const char* path, sqlite3_file* file, int flags, int* flags_out) {
        auto& vfs = of(base);
        auto& opened = of(file);
        opened.base.pMethods = nullptr;
        std::lock_guard lock(vfs.mutex_);
        if (!vfs.has_power_) return SQLITE_CANTOPEN;
        const std::string name = path != nullptr ? path : fmt::format("temporary-{}", ++vfs.temporaries_);
        auto found = vfs.disk_.find(name);
        if (!found && (flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
        if (!found) found = vfs.disk_.create(name);
        auto handle = std::make_unique<Handle>();
        handle->sharing = vfs.sharing_of(found.get());
        handle->file = std::move(found);
        if ((flags & SQLITE_OPEN_DELETEONCLOSE) != 0) handle->delete_on_close = name;
        const int journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
        handle->syncs_folder = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & journals) != 0;
        if (flags_out != nullptr) *flags_out = flags;
        opened = {{&kMethods}, &vfs, handle.release()};
        return SQLITE_OK;
    }

    static int remove(sqlite3_vfs* base, const char* path, int sync_folder) {
        auto& vfs = of(base);
        std::lock_guard lock(vfs.mutex_);
        if (!vfs.has_power_) return SQLITE_IOERR_DELETE;
        if (!vfs.disk_.find(path)) return SQLITE_IOERR_DELETE_NOENT;
        vfs.disk_.remove(path);
        if (!vfs.survives_change()) return SQLITE_IOERR_DELETE;
        if (sync_folder != 0) vfs.disk_.sync_folder();
        return SQLITE_OK;
    }

    /// A file without bytes does not count as one, as with SQLite's own.
    static int access(sqlite3_vfs* base, const char* path, int, int* found) {
        auto& vfs = of(base);
        std::lock_guard lock(vfs.mutex_);
        if (!vfs.has_power_) return SQLITE_IOERR_ACCESS;
        const auto file = vfs.disk_.find(path);
        *found = file && !file->bytes().empty() ? 1 : 0;
        return SQLITE_OK;
    }

    static int full_pathname(sqlite3_vfs*, const char* path, int size, char* out) {
        if (std::strlen(path) >= static_cast<std::size_t>(size)) return SQLITE_CANTOPEN;
        std::strcpy(out, path);
        return SQLITE_OK;
    }

    static int close(sqlite3_file* base) {
        auto& [file, vfs, handle] = of(base);
        std::lock_guard lock(vfs->mutex_);
        handle->sharing->unlock(handle->holder, SQLITE_LOCK_NONE);
        handle->sharing->unlock_memory(handle->holder, ~0u);
        if (vfs->has_power_ && !handle->delete_on_close.empty()) vfs->disk_.remove(handle->delete_on_close);
        const auto* content = handle->file.get();
        delete handle;
        if (vfs->sharing_[content].expired()) vfs->sharing_.erase(content);
        return SQLITE_OK;
    }

    static int read(sqlite3_file* base, void* out, int size, sqlite3_int64 offset) {
        auto& [file, vfs, handle] = of(base);
        std::lock_guard lock(vfs->mutex_);
        if (!vfs->has_power_) return SQLITE_IOERR_READ;
        const std::string_view bytes(handle->file->bytes());
        const auto wanted = static_cast<std::size_t>(size);
        const auto there = bytes.substr(std::min(bytes.size(), static_cast<std::size_t>(offset)), wanted);
        std::memset(out, 0, wanted);
        std::memcpy(out, there.data(), there.size());
        return there.size() == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
    }

    static int write(sqlite3_file* base, const void* data, int size, sqlite3_int64 offset) {
        auto& [file, vfs, handle] = of(base);
        std::lock_guard lock(vfs->mutex_);
        if (!vfs->has_power_) return SQLITE_IOERR_WRITE;
        const std::string_view bytes(static_cast<const char*>(data), static_cast<std::size_t>(size));
        const auto at = static_cast<std::size_t>(offset);
        const auto used = vfs->disk_.bytes();
        const auto free = vfs->capacity_ > used ? vfs->capacity_ - used : 0;
        const auto end = handle->file->bytes().size();
        const bool full = at + bytes.size() > end && at + bytes.size() - end > free;
        const auto fits = full ? bytes.substr(0, end + free > at ? end + free - at : 0) : bytes;
        if (!fits.empty()) handle->file->write(at, fits);
        if (!vfs->survives_change()) return SQLITE_IOERR_WRITE;
        return full ? SQLITE_FULL : SQLITE_OK;
    }

    static int truncate(sqlite3_file* base, sqlite3_int64 size) {
        auto& [file, vfs, handle] = of(base);
        std::lock_guard lock(vfs->mutex_);
        if (!vfs->has_power_) return SQLITE_IOERR_TRUNCATE;
        handle->file->resize(static_cast<std::size_t>(size));
        return vfs->survives_change() ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
    }

    static int sync(sqlite3_file* base, int) {
        auto& [file, vfs, handle] = of(base);
        std::lock_guard lock(vfs->mutex_);
        if (!vfs->has_power_ || !vfs->survives_change()) return SQLITE_IOERR_FSYNC;
        handle->file->sync();
        if (!handle->syncs_folder) return SQLITE_OK;
        if (!vfs->survives_change()) return SQLITE_IOERR_DIR_FSYNC;
        vfs->disk_.sync_folder();
        handle->syncs_folder = false;
        return SQLITE_OK;
    }

    static int file_size(sqlite3_file* base, sqlite3_int64* size) {
        auto& [file, vfs, handle] = of(base);
        std::lock_guard lock(vfs->mutex_);
        if (!vfs->has_power_) return SQLITE_IOERR_FSTAT;
        *size = static_cast<sqlite3_int64>(handle->file->bytes().size());
        return SQLITE_OK;
    }

    static int lock(sqlite3_file* base, int level) {
        auto& [file, vfs, handle] = of(base);
        std::lock_guard lock(vfs->mutex_);
        return vfs->has_power_ ? handle->sharing->lock(handle->holder, level) : SQLITE_IOERR_LOCK;
    }

    static int unlock(sqlite3_file* base, int level) {
        auto& [file, vfs, handle] = of(base);
        std::lock_guard lock(vfs->mutex_);
        handle->sharing->unlock(handle->holder, level);
        return SQLITE_OK;
    }

    static int is_reserved(sqlite3_file* base, int* reserved) {
        auto& [file, vfs, handle] = of(base);
        std::lock_guard lock(vfs->mutex_);
        if (!vfs->has_power_) return SQLITE_IOERR_CHECKRESERVEDLOCK;
        *reserved = handle->sharing->is_reserved() ? 1 : 0;
        return SQLITE_OK;
    }

    static int map_memory(sqlite3_file* base, int number, int size, int extend, void volatile** out) {
        auto& [file, vfs, handle] = of(base);
        std::lock_guard lock(vfs->mutex_);
        if (!vfs->has_power_) return SQLITE_IOERR_SHMMAP;
        *out = handle->sharing->region(static_cast<std::size_t>(number), static_cast<std::size_t>(size),
                                       extend != 0);
        return SQLITE_OK;
    }

    static int lock_memory(sqlite3_file* base, int first, int count, int flags) {
        auto& [file, vfs, handle] = of(base);
        std::lock_guard lock(vfs->mutex_);
        const auto locks = ((1u << count) - 1) << first;
        if ((flags & SQLITE_SHM_UNLOCK) != 0) {
            handle->sharing->unlock_memory(handle->holder, locks);
            return SQLITE_OK;
        }
        if (!vfs->has_power_) return SQLITE_IOERR_SHMLOCK;
        return handle->sharing->lock_memory(handle->holder, locks, (flags & SQLITE_SHM_EXCLUSIVE) != 0);
    }

    static void barrier(sqlite3_file* base) { std::lock_guard lock(of(base).vfs->mutex_); }

    static int unmap_memory(sqlite3_file* base, int) {
        auto& [file, vfs, handle] = of(base);
        std::lock_guard lock(vfs->mutex_);
        handle->sharing->unlock_memory(handle->holder, ~0u);
        return SQLITE_OK;
    }

    /// Version 2: without xFetch nothing is read past the VFS.
    static constexpr sqlite3_io_methods kMethods{
        2,
        close,
        read,
        write,
        truncate,
        sync,
        file_size,
        lock,
        unlock,
        is_reserved,
        [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; },
        [](sqlite3_file*) { return 4096; },
        [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; },
        map_memory,
        lock_memory,
        barrier,
        unmap_memory,
        nullptr,
        nullptr,
    };

    static inline std::atomic<int> count_ = 0;

    const std::uint64_t seed_;
    const std::string name_;
    sqlite3_vfs vfs_{};
    mutable std::mutex mutex_;
    PowerLossDisk disk_;
    std::map<const DiskFile*, std::weak_ptr<FileSharing>> sharing_;
    std::size_t capacity_ = std::numeric_limits<std::size_t>::max();
    int changes_left_ = 0;
    bool has_power_ = true;
    int temporaries_ = 0;
};

}  // namespace herald::sqlite
