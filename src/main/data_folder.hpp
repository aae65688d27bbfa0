#pragma once

#include <filesystem>
#include <memory>

#include "base/result.hpp"

namespace herald {

/// The folder of the embedded engines, held by one process at a time: an exclusive lock from open to
/// destruction, which a killed process loses too.
class DataFolder {
public:
    static Result<std::unique_ptr<DataFolder>> open(const std::filesystem::path& path);
    ~DataFolder();
    DataFolder(const DataFolder&) = delete;
    DataFolder& operator=(const DataFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }

private:
    DataFolder(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

    std::filesystem::path path_;
    int lock_;
};

}  // namespace herald
