#include "adapters/sqlite/sqlite_log_file.hpp"

namespace herald::sqlite {
namespace {

// A row's id is (partition id, offset): records of a partition lie together, and both lookups are one seek.
constexpr int kOffsetBits = 44;
constexpr std::int64_t kRowCost = 64;

constexpr std::string_view kSchema = R"sql(
CREATE TABLE partitions (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    number INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    UNIQUE (topic, number)
);
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    appended_at INTEGER NOT NULL,
    bytes_before INTEGER NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    traceparent TEXT NOT NULL
);
CREATE TABLE positions (
    group_name TEXT NOT NULL,
    partition_id INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (group_name, partition_id)
) WITHOUT ROWID;
)sql";

constexpr std::string_view kMigrations[] = {kSchema};

std::int64_t row_id(std::int64_t partition_id, std::int64_t offset) {
    return (partition_id << kOffsetBits) + offset;
}
std::int64_t offset_of(std::int64_t id) { return id & ((std::int64_t{1} << kOffsetBits) - 1); }

std::string blob(const SQLite::Column& column) {
    const auto size = static_cast<std::size_t>(column.getBytes());
    return size == 0 ? std::string() : std::string(static_cast<const char*>(column.getBlob()), size);
}

void bind_blob(SQLite::Statement& statement, int index, const std::string& bytes) {
    statement.bindNoCopy(index, static_cast<const void*>(bytes.data()), static_cast<int>(bytes.size()));
}

}  // namespace

std::int64_t weight(const std::string& key, const std::string& value, const std::string& traceparent) {
    return static_cast<std::int64_t>(key.size() + value.size() + traceparent.size()) + kRowCost;
}

std::int64_t weight(const LogRecord& record) { return weight(record.key, record.value, record.traceparent); }

Result<std::unique_ptr<LogFile>> LogFile::open(const LogFileOptions& options) {
    DatabaseOptions database_options{.path = options.path,
                                     .checkpoint_pages = options.checkpoint_pages,
                                     .query_only = options.query_only,
                                     .vfs = options.vfs};
    if (options.query_only)
        database_options.cache_kib = 512;  // it reads front to back, there is nothing to keep
    auto database = Database::open(database_options);
    if (!database) return fail(database.error());
    if (!options.query_only) {
        if (auto migrated = (*database)->migrate(kMigrations); !migrated) return fail(migrated.error());
    }
    return std::unique_ptr<LogFile>(new LogFile(std::move(*database)));
}

Result<std::vector<StoredPartition>> LogFile::partitions() {
    return guard("read the log's partitions", [&] {
        std::vector<StoredPartition> found;
        auto query =
            database_->query("SELECT id, topic, number, next_offset, bytes FROM partitions ORDER BY id");
        while (query->executeStep()) {
            found.push_back({query->getColumn(0).getInt64(), query->getColumn(1).getString(),
                             query->getColumn(2).getInt(), query->getColumn(3).getInt64(),
                             query->getColumn(4).getInt64()});
        }
        return found;
    });
}

Result<std::vector<StoredPosition>> LogFile::positions() {
    return guard("read the groups' positions", [&] {
        std::vector<StoredPosition> found;
        auto query = database_->query("SELECT group_name, partition_id, next_offset FROM positions");
        while (query->executeStep()) {
            found.push_back({query->getColumn(0).getString(), query->getColumn(1).getInt64(),
                             query->getColumn(2).getInt64()});
        }
        return found;
    });
}

Result<std::vector<StoredPartition>> LogFile::create_partitions(const std::string& topic, int first,
                                                                int count) {
    return database_->transaction("create the partitions of " + topic, [&] {
        std::vector<StoredPartition> created;
        for (int number = first; number < first + count; ++number) {
            auto query = database_->query(
                "INSERT INTO partitions (topic, number, next_offset, bytes) VALUES (?, ?, 0, 0)");
            query->bind(1, topic);
            query->bind(2, number);
            query->exec();
            created.push_back({database_->connection().getLastInsertRowid(), topic, number, 0, 0});
        }
        return created;
    });
}

void LogFile::insert(const StoredRecord& stored) {
    auto query = database_->query("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)");
    query->bind(1, row_id(stored.partition_id, stored.record.offset));
    query->bind(2, to_millis(stored.record.appended_at));
    query->bind(3, stored.bytes_before);
    bind_blob(*query, 4, stored.record.key);
    bind_blob(*query, 5, stored.record.value);
    query->bindNoCopy(6, stored.record.traceparent);
    query->exec();
}

Status LogFile::write(const Batch& batch) {
    return database_->transaction("append to the log", [&] {
        for (const auto& stored : batch.records) insert(*stored);
        for (const auto& partition : batch.partitions) {
            auto query = database_->query("UPDATE partitions SET next_offset = ?, bytes = ? WHERE id = ?");
            query->bind(1, partition.next_offset);
            query->bind(2, partition.bytes);
            query->bind(3, partition.id);
            query->exec();
        }
        for (const auto& position : batch.positions) {
            auto query = database_->query("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)");
            query->bind(1, position.group);
            query->bind(2, position.partition_id);
            query->bind(3, position.next_offset);
            query->exec();
        }
    });
}

Status LogFile::remove(std::span<const RecordRange> ranges) {
    return database_->transaction("delete finished records", [&] {
        for (const auto& range : ranges) {
            auto query = database_->query("DELETE FROM records WHERE id >= ? AND id < ?");
            query->bind(1, row_id(range.partition_id, range.from));
            query->bind(2, row_id(range.partition_id, range.below));
            query->exec();
        }
    });
}

Result<std::optional<FirstRecord>> LogFile::first(std::int64_t partition_id, std::int64_t from) {
    return guard("find the oldest record of a partition", [&]() -> std::optional<FirstRecord> {
        auto query = database_->query(
            "SELECT id, bytes_before, appended_at FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT 1");
        query->bind(1, row_id(partition_id, from));
        query->bind(2, row_id(partition_id + 1, 0));
        if (!query->executeStep()) return std::nullopt;
        return FirstRecord{offset_of(query->getColumn(0).getInt64()), query->getColumn(1).getInt64(),
                           from_millis(query->getColumn(2).getInt64())};
    });
}

Result<std::int64_t> LogFile::first_younger(const RecordRange& range, TimePoint cutoff) {
    return guard("find the first record to keep", [&] {
        auto query = database_->query(
            "SELECT id FROM records WHERE id >= ? AND id < ? AND appended_at > ? ORDER BY id LIMIT 1");
        query->bind(1, row_id(range.partition_id, range.from));
        query->bind(2, row_id(range.partition_id, range.below));
        query->bind(3, to_millis(cutoff));
        return query->executeStep() ? offset_of(query->getColumn(0).getInt64()) : range.below;
    });
}

Result<LogFile::Read> LogFile::read(const RecordRange& range, std::size_t max, std::int64_t max_bytes) {
    return guard("read the log", [&] {
        Read read{{}, range.below};
        auto query = database_->query(
            "SELECT id, appended_at, key, value, traceparent FROM records WHERE id >= ? AND id < ? ORDER BY "
            "id");
        query->bind(1, row_id(range.partition_id, range.from));
        query->bind(2, row_id(range.partition_id, range.below));
        std::int64_t bytes = 0;
        while (query->executeStep()) {
            LogRecord record;
            record.offset = offset_of(query->getColumn(0).getInt64());
            if (read.records.size() == max || bytes >= max_bytes) {
                read.next = record.offset;
                break;
            }
            record.appended_at = from_millis(query->getColumn(1).getInt64());
            record.key = blob(query->getColumn(2));
            record.value = blob(query->getColumn(3));
            record.traceparent = query->getColumn(4).getString();
            bytes += weight(record);
            read.records.push_back(std::move(record));
        }
        return read;
    });
}

}  // namespace herald::sqlite
