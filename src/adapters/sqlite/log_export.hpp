#pragma once

#include <deque>
#include <filesystem>
#include <memory>

#include "adapters/sqlite/event_log.hpp"
#include "adapters/sqlite/sqlite_log_file.hpp"

namespace herald {

/// What the groups have not finished in a log's file, in order within each partition. For one thread.
class SqliteLogExport {
public:
    enum class Access {
        owned,   ///< the caller holds the file: it is brought up to this program's schema
        beside,  ///< somebody may be running on it; nothing is changed
    };
    static Result<std::unique_ptr<SqliteLogExport>> open(const std::filesystem::path& path,
                                                         const std::vector<SqliteLogOptions::Reading>& groups,
                                                         Access access);

    /// The next of them, at most `max`, and not much more than `max_bytes`. None: that was all.
    Result<std::vector<NewRecord>> next(std::size_t max, std::int64_t max_bytes);

    /// How many there are at most, from now on.
    std::int64_t left() const;

private:
    struct Range {
        std::string topic;
        sqlite::RecordRange records;
    };
    explicit SqliteLogExport(std::unique_ptr<sqlite::LogFile> file) : file_(std::move(file)) {}
    Status find_ranges(const std::vector<SqliteLogOptions::Reading>& groups);

    std::unique_ptr<sqlite::LogFile> file_;
    std::deque<Range> ranges_;
};

}  // namespace herald
