#include "adapters/sqlite/event_log.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "adapters/sqlite/sqlite_log_consumer.hpp"
#include "adapters/sqlite/sqlite_log_file.hpp"
#include "adapters/sqlite/sqlite_log_state.hpp"
#include "adapters/sqlite/sqlite_log_writer.hpp"

namespace herald {
namespace {

/// The level from which on records like these are refused. Deliveries may still move when requests may not,
/// or a full log could never become empty; what counts towards no level is never refused for it.
double refused_from(const std::vector<NewRecord>& records) {
    const auto any_in = [&](std::string_view topics) {
        return std::any_of(records.begin(), records.end(),
                           [&](const NewRecord& record) { return record.topic.starts_with(topics); });
    };
    if (any_in("requests.")) return 1.0;
    return any_in("deliveries.") ? 2.0 : std::numeric_limits<double>::infinity();
}

}  // namespace

namespace sqlite {
namespace {

using PartitionsByTopic = std::map<std::string, std::vector<StoredPartition>>;

Status complete_partitions(LogFile& file, const SqliteLogOptions& options, PartitionsByTopic& topics) {
    for (const auto& reading : options.groups) {
        auto& partitions = topics[reading.topic];
        const int there = static_cast<int>(partitions.size());
        if (there >= options.partitions) continue;
        auto created = file.create_partitions(reading.topic, there, options.partitions - there);
        if (!created) return fail(created.error());
        partitions.insert(partitions.end(), created->begin(), created->end());
    }
    return {};
}

Result<GroupPosition> position_in(LogFile& file, const StoredPartition& partition,
                                  std::int64_t stored_offset) {
    const auto head = file.first(partition.id, stored_offset);
    if (!head) return fail(head.error());
    GroupPosition position;
    position.on_disk = stored_offset;
    position.next_offset = *head ? (*head)->offset : partition.next_offset;
    position.bytes_before = *head ? (*head)->bytes_before : partition.bytes;
    if (*head) position.oldest_unfinished = (*head)->appended_at;
    return position;
}

using Offsets = std::map<std::pair<std::string, std::int64_t>, std::int64_t>;  ///< by group and partition

/// A group's first position is written at once: an opening that does not declare it must not take its records
/// for nobody's.
Result<Offsets> offsets_of_groups(LogFile& file, const SqliteLogOptions& options,
                                  const PartitionsByTopic& topics) {
    const auto positions = file.positions();
    if (!positions) return fail(positions.error());
    Offsets offsets;
    for (const auto& position : *positions)
        offsets[{position.group, position.partition_id}] = position.next_offset;
    LogFile::Batch missing;
    for (const auto& reading : options.groups) {
        for (const auto& partition : topics.at(reading.topic)) {
            const bool is_new = offsets.try_emplace({reading.group, partition.id}, 0).second;
            if (is_new) missing.positions.push_back({reading.group, partition.id, 0});
        }
    }
    if (!missing.positions.empty()) {
        if (auto written = file.write(missing); !written) return fail(written.error());
    }
    return offsets;
}

/// One look-up per group and partition: opening takes as long for an empty log as for a full one.
Status load(LogFile& file, const SqliteLogOptions& options, LogState& state) {
    auto stored = file.partitions();
    if (!stored) return fail(stored.error());
    PartitionsByTopic topics;
    std::map<std::int64_t, std::string> topic_of;
    for (auto& partition : *stored) {
        topic_of[partition.id] = partition.topic;
        topics[partition.topic].push_back(std::move(partition));
    }
    if (auto completed = complete_partitions(file, options, topics); !completed) return completed;
    auto offsets = offsets_of_groups(file, options, topics);
    if (!offsets) return fail(offsets.error());

    for (const auto& [topic, partitions] : topics) state.add_topic(partitions);
    for (const auto& [group_and_partition, offset] : *offsets) {
        const auto topic = topic_of.find(group_and_partition.second);
        if (topic != topic_of.end()) state.keep(topic->second);
    }
    for (const auto& reading : options.groups) {
        std::vector<GroupPosition> of_group;
        for (const auto& partition : topics[reading.topic]) {
            auto position = position_in(file, partition, offsets->at({reading.group, partition.id}));
            if (!position) return fail(position.error());
            of_group.push_back(*position);
        }
        state.add_group(reading.topic, reading.group, std::move(of_group));
    }
    return {};
}

}  // namespace
}  // namespace sqlite

SqliteEventLog::SqliteEventLog(const SqliteLogOptions& options)
    : options_(options),
      state_(std::make_shared<sqlite::LogState>(
          sqlite::LogState::Options{options.max_bytes, options.tail_bytes, options.unread})),
      disk_reads_(std::make_shared<std::atomic<std::int64_t>>(0)) {}

Result<std::unique_ptr<SqliteEventLog>> SqliteEventLog::open(const SqliteLogOptions& options) {
    CHECK(options.clock != nullptr && options.partitions > 0 && options.max_bytes > 0);
    auto file = sqlite::LogFile::open(
        {.path = options.path, .vfs = options.vfs, .checkpoint_pages = options.checkpoint_pages});
    if (!file) return fail(file.error());
    std::unique_ptr<SqliteEventLog> log(new SqliteEventLog(options));
    if (auto loaded = sqlite::load(**file, options, *log->state_); !loaded) return fail(loaded.error());
    const sqlite::LogWriter::Options writer_options{
        .queue = {options.queue_max_records, options.queue_max_bytes},
        .partitions = options.partitions,
        .max_record_bytes = options.max_record_bytes,
        .retention = options.retention,
        .commit_every = options.commit_every,
        .sweep_every = options.sweep_every,
    };
    log->writer_ =
        std::make_unique<sqlite::LogWriter>(std::move(*file), *log->state_, *options.clock, writer_options);
    return log;
}

SqliteEventLog::~SqliteEventLog() {
    if (writer_) close();
}

void SqliteEventLog::close() {
    state_->close();
    writer_->close();
}

void SqliteEventLog::append(std::vector<NewRecord> records, std::function<void(Status)> done) {
    Status verdict;
    if (level() >= refused_from(records)) verdict = fail(ErrorCode::busy, "append to the log: it is full");
    writer_->append({std::move(records), std::move(done), std::move(verdict)});
}

Result<std::unique_ptr<LogConsumer>> SqliteEventLog::subscribe(const std::string& group,
                                                               const std::string& topic) {
    auto consumer = std::make_unique<sqlite::SqliteLogConsumer>(
        state_, disk_reads_,
        sqlite::LogFileOptions{.path = options_.path, .vfs = options_.vfs, .query_only = true}, topic);
    if (auto joined = consumer->join(group); !joined) return fail(joined.error());
    return consumer;
}

Result<std::optional<TimePoint>> SqliteEventLog::oldest_unfinished(const std::string& group,
                                                                   const std::string& topic) {
    return state_->oldest_unfinished(group, topic);
}

Result<std::vector<EventLog::Lag>> SqliteEventLog::lag() { return state_->lag(options_.clock->now()); }

double SqliteEventLog::level() const { return state_->level(); }

Status SqliteEventLog::ping() {
    if (writer_->ill()) return fail(ErrorCode::unavailable, "the log's file cannot be written");
    return {};
}

SqliteEventLog::Counts SqliteEventLog::counts() const {
    const auto& counts = writer_->counts();
    return {counts.transactions, counts.records, counts.removed, *disk_reads_};
}

}  // namespace herald
