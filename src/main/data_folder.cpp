#include "main/data_folder.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace herald {
namespace {

/// A folder that was just made is durable only once its parent is: power loss could take all of it.
void sync_folder(const std::filesystem::path& path) {
    const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;
    ::fsync(folder);
    ::close(folder);
}

}  // namespace

Result<std::unique_ptr<DataFolder>> DataFolder::open(const std::filesystem::path& path) {
    std::error_code ec;
    const bool is_new = std::filesystem::create_directories(path, ec);
    if (ec)
        return fail(ErrorCode::unavailable,
                    fmt::format("cannot make the folder {}: {}", path.string(), ec.message()));
    if (is_new) sync_folder(std::filesystem::absolute(path).parent_path());
    std::filesystem::permissions(path, std::filesystem::perms::owner_all,
                                 ec);  // addresses and tokens are inside
    const auto file = path / "lock";
    const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0)
        return fail(ErrorCode::unavailable,
                    fmt::format("cannot open {}: {}", file.string(), std::strerror(errno)));
    if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
        ::close(lock);
        return fail(
            ErrorCode::conflict,
            fmt::format("the data folder {} is in use by another Herald; stop it or set HERALD_DATA_DIR",
                        path.string()));
    }
    return std::unique_ptr<DataFolder>(new DataFolder(path, lock));
}

DataFolder::~DataFolder() { ::close(lock_); }

}  // namespace herald
