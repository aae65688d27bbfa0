#include "adapters/sqlite/log_export.hpp"

#include <algorithm>

namespace herald {

using namespace sqlite;

Result<std::unique_ptr<SqliteLogExport>> SqliteLogExport::open(
    const std::filesystem::path& path, const std::vector<SqliteLogOptions::Reading>& groups, Access access) {
    LogFileOptions options;
    options.path = path;
    options.query_only = access == Access::beside;
    auto file = LogFile::open(options);
    if (!file) return fail(file.error());
    std::unique_ptr<SqliteLogExport> opened(new SqliteLogExport(*std::move(file)));
    if (auto status = opened->find_ranges(groups); !status) return fail(status.error());
    return opened;
}

Status SqliteLogExport::find_ranges(const std::vector<SqliteLogOptions::Reading>& groups) {
    const auto partitions = file_->partitions();
    if (!partitions) return fail(partitions.error());
    const auto positions = file_->positions();
    if (!positions) return fail(positions.error());
    const auto position_of = [&](const std::string& group, std::int64_t partition) {
        const auto found = std::find_if(positions->begin(), positions->end(), [&](const auto& position) {
            return position.group == group && position.partition_id == partition;
        });
        return found == positions->end() ? 0 : found->next_offset;
    };
    for (const auto& partition : *partitions) {
        auto from = partition.next_offset;
        for (const auto& [group, topic] : groups) {
            if (topic == partition.topic) from = std::min(from, position_of(group, partition.id));
        }
        if (from < partition.next_offset) {
            ranges_.push_back({partition.topic, {partition.id, from, partition.next_offset}});
        }
    }
    return {};
}

Result<std::vector<NewRecord>> SqliteLogExport::next(std::size_t max, std::int64_t max_bytes) {
    std::vector<NewRecord> records;
    while (records.empty() && !ranges_.empty()) {
        auto& range = ranges_.front();
        auto read = file_->read(range.records, max, max_bytes);
        if (!read) return fail(read.error());
        for (auto& record : read->records) {
            records.push_back(
                {range.topic, std::move(record.key), std::move(record.value), std::move(record.traceparent)});
        }
        range.records.from = read->next;
        if (range.records.from >= range.records.below) ranges_.pop_front();
    }
    return records;
}

std::int64_t SqliteLogExport::left() const {
    std::int64_t left = 0;
    for (const auto& range : ranges_) left += range.records.below - range.records.from;
    return left;
}

}  // namespace herald
