#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace herald::sqlite {

/// What becomes of everything that was never synced when the power goes. The share that stays is drawn once,
/// from nothing to all of it; then each change has its own luck.
class Fate {
public:
    explicit Fate(std::uint64_t seed) : random_(seed) { share_ = 0.25 * static_cast<double>(pick(5)); }

    bool keeps() { return chance(share_); }
    bool tears() { return chance(0.3); }
    /// From 0 up to, not including, `count`.
    std::size_t pick(std::size_t count) {
        return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
    }

private:
    bool chance(double share) { return std::bernoulli_distribution(share)(random_); }

    std::mt19937_64 random_;
    double share_ = 0;
};

/// A file's bytes as everybody reads them, the bytes that a sync has made safe, and the changes between the
/// two.
class DiskFile {
public:
    /// What a disk writes whole or not at all. A longer write may be torn between two of these.
    static constexpr std::size_t kSector = 512;

    DiskFile() = default;
    explicit DiskFile(std::string safe) : bytes_(safe), safe_(std::move(safe)) {}

    const std::string& bytes() const { return bytes_; }
    void write(std::size_t offset, std::string_view bytes) { add({offset, std::string(bytes), false}); }
    void resize(std::size_t size) { add({size, {}, true}); }
    void sync() {
        for (const auto& change : unsynced_) apply(change, safe_);
        unsynced_.clear();
    }

    std::string after_power_loss(Fate& fate) const {
        auto left = safe_;
        for (const auto& change : unsynced_) {
            if (change.resizes || !fate.tears()) {
                if (fate.keeps()) apply(change, left);
                continue;
            }
            for (const auto& sector : sectors_of(change)) {
                if (fate.keeps()) apply(sector, left);
            }
        }
        return left;
    }

private:
    struct Change {
        std::size_t offset = 0;  ///< or the new size
        std::string bytes;
        bool resizes = false;
    };

    void add(Change change) {
        apply(change, bytes_);
        unsynced_.push_back(std::move(change));
    }

    static void apply(const Change& change, std::string& bytes) {
        if (change.resizes) {
            bytes.resize(change.offset);
            return;
        }
        bytes.resize(std::max(bytes.size(), change.offset + change.bytes.size()));
        bytes.replace(change.offset, change.bytes.size(), change.bytes);
    }

    static std::vector<Change> sectors_of(const Change& change) {
        std::vector<Change> sectors;
        for (std::size_t at = 0; at < change.bytes.size();) {
            const auto size = kSector - (change.offset + at) % kSector;
            sectors.push_back({change.offset + at, change.bytes.substr(at, size), false});
            at += size;
        }
        return sectors;
    }

    std::string bytes_;
    std::string safe_;
    std::vector<Change> unsynced_;
};

/// A disk with one folder, in memory. A name that was given or taken away is safe once the folder is synced,
/// the bytes of a file once the file is, and neither makes the other safe. For one thread at a time.
class PowerLossDisk {
public:
    using FilePtr = std::shared_ptr<DiskFile>;

    /// Null when there is none.
    FilePtr find(const std::string& name) const {
        const auto found = names_.find(name);
        return found == names_.end() ? nullptr : found->second.now();
    }
    FilePtr create(const std::string& name) {
        auto file = std::make_shared<DiskFile>();
        names_[name].unsynced.push_back(file);
        return file;
    }
    void remove(const std::string& name) { names_[name].unsynced.push_back(nullptr); }

    void sync_folder() {
        for (auto& [name, entry] : names_) {
            entry.safe = entry.now();
            entry.unsynced.clear();
        }
    }

    std::size_t bytes() const {
        std::size_t sum = 0;
        for (const auto& [name, entry] : names_) sum += entry.now() ? entry.now()->bytes().size() : 0;
        return sum;
    }

    /// What is found when the power is back; all of it is safe then.
    PowerLossDisk after_power_loss(Fate& fate) const {
        PowerLossDisk left;
        for (const auto& [name, entry] : names_) {
            auto file = entry.safe;
            for (const auto& later : entry.unsynced) {
                if (fate.keeps()) file = later;
            }
            if (file) left.names_[name].safe = std::make_shared<DiskFile>(file->after_power_loss(fate));
        }
        return left;
    }

private:
    /// What a name stands for; null is nothing.
    struct Entry {
        FilePtr safe;
        std::vector<FilePtr> unsynced;
        const FilePtr& now() const { return unsynced.empty() ? safe : unsynced.back(); }
    };

    std::map<std::string, Entry> names_;
};

}  // namespace herald::sqlite
