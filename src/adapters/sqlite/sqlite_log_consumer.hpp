#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "adapters/sqlite/sqlite_log_file.hpp"
#include "adapters/sqlite/sqlite_log_state.hpp"

namespace herald::sqlite {

/// Reads from the log's memory, and through a connection of its own what is not there any more. It may
/// outlive the log, and is told `closed` then.
class SqliteLogConsumer final : public LogConsumer {
public:
    SqliteLogConsumer(std::shared_ptr<LogState> state, std::shared_ptr<std::atomic<std::int64_t>> disk_reads,
                      LogFileOptions file, std::string topic);
    ~SqliteLogConsumer() override;

    Status join(const std::string& group);

    Result<std::vector<LogRecord>> poll(std::size_t max, Millis wait) override;
    Status commit(const std::vector<LogPosition>& positions) override;
    std::vector<int> take_revoked() override { return state_->take_revoked(member_); }

private:
    Status commit(const LogPosition& position);
    Result<std::vector<LogRecord>> read(const LogState::OnDisk& range, std::size_t max);
    Result<LogFile*> reader();

    const std::shared_ptr<LogState> state_;
    const std::shared_ptr<std::atomic<std::int64_t>> disk_reads_;
    const LogFileOptions file_options_;
    const std::string topic_;
    LogMember member_;
    LogState::Subscription subscription_;
    std::unique_ptr<LogFile> reader_;  ///< opened when first needed
};

}  // namespace herald::sqlite
