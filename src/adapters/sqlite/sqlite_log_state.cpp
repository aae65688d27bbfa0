#include "adapters/sqlite/sqlite_log_state.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace herald::sqlite {
namespace {

/// A poll hands out little more than this, however many records were asked for.
constexpr std::int64_t kMaxPollBytes = 8 * 1024 * 1024;
constexpr Millis kLongestWait{60'000};

Error closed() { return {ErrorCode::closed, "the log is closed"}; }

FirstRecord first_of(const StoredRecord& stored) {
    return {stored.record.offset, stored.bytes_before, stored.record.appended_at};
}

bool in_tail(const LogPartition& partition, std::int64_t offset) {
    return !partition.tail.empty() && offset >= partition.tail.front()->record.offset;
}

const StoredRecord& tail_at(const LogPartition& partition, std::int64_t offset) {
    return *partition.tail[static_cast<std::size_t>(offset - partition.tail.front()->record.offset)];
}

/// What a poll may still hand out.
struct Room {
    std::size_t records = 0;
    std::int64_t bytes = 0;
};

void take_from_tail(const LogPartition& partition, std::int64_t& cursor, Room& room,
                    std::vector<std::shared_ptr<const StoredRecord>>& records) {
    auto index = static_cast<std::size_t>(cursor - partition.tail.front()->record.offset);
    for (; index < partition.tail.size() && room.records > 0 && room.bytes > 0; ++index) {
        records.push_back(partition.tail[index]);
        room.bytes -= weight(records.back()->record);
        --room.records;
        ++cursor;
    }
}

void drop_oldest(LogPartition& partition) {
    partition.tail_bytes -= weight(partition.tail.front()->record);
    partition.tail.pop_front();
}

}  // namespace

void LogState::add_topic(std::vector<StoredPartition> partitions) {
    std::lock_guard lock(mutex_);
    const std::string name = partitions.front().topic;
    auto topic = std::make_unique<LogTopic>();
    topic->by_time = options_.by_time.contains(name);
    for (auto& stored : partitions) topic->partitions.push_back({std::move(stored), {}, 0});
    for (std::size_t number = 0; number < topic->partitions.size(); ++number) {
        places_[topic->partitions[number].stored.id] = {topic.get(), number};
    }
    topics_[name] = std::move(topic);
}

void LogState::add_group(const std::string& topic, const std::string& name,
                         std::vector<GroupPosition> positions) {
    std::lock_guard lock(mutex_);
    auto& target = *topics_.at(topic);
    auto group = std::make_unique<LogGroup>(name, positions.size());
    group->positions = std::move(positions);
    for (std::size_t number = 0; number < target.partitions.size(); ++number) {
        unfinished_bytes_ -= unfinished_bytes({&target, number});
    }
    target.groups.push_back(std::move(group));
    for (std::size_t number = 0; number < target.partitions.size(); ++number) {
        unfinished_bytes_ += unfinished_bytes({&target, number});
    }
}

void LogState::keep(const std::string& topic) {
    std::lock_guard lock(mutex_);
    topics_.at(topic)->kept = true;
}

void LogState::on_commit(std::function<void()> hook) {
    std::lock_guard lock(mutex_);
    on_commit_ = std::move(hook);
}

std::size_t LogState::topics() const {
    std::lock_guard lock(mutex_);
    return topics_.size();
}

std::vector<StoredPartition> LogState::partitions(const std::string& topic) const {
    std::lock_guard lock(mutex_);
    std::vector<StoredPartition> found;
    const auto it = topics_.find(topic);
    if (it == topics_.end()) return found;
    for (const auto& partition : it->second->partitions) found.push_back(partition.stored);
    return found;
}

void LogState::publish(const LogFile::Batch& batch) {
    std::lock_guard lock(mutex_);
    std::set<LogTopic*> touched;
    for (const auto& stored : batch.records) {
        const auto place = places_.at(stored->partition_id);
        auto& partition = place.partition();
        const auto bytes = weight(stored->record);
        partition.stored.next_offset = stored->record.offset + 1;
        partition.stored.bytes += bytes;
        if (place.topic->groups.empty()) continue;
        for (auto& group : place.topic->groups) {
            auto& position = group->positions[place.number];
            if (position.next_offset == stored->record.offset)
                position.oldest_unfinished = stored->record.appended_at;
        }
        if (place.topic->counts()) unfinished_bytes_ += bytes;
        partition.tail.push_back(stored);
        partition.tail_bytes += bytes;
        while (partition.tail_bytes > options_.tail_bytes) drop_oldest(partition);
        touched.insert(place.topic);
    }
    for (auto* topic : touched) {
        for (auto& group : topic->groups) group->changed.notify_all();
    }
}

std::vector<StoredPosition> LogState::take_moved_positions() {
    std::lock_guard lock(mutex_);
    std::vector<StoredPosition> moved;
    for (auto& [name, topic] : topics_) {
        for (auto& group : topic->groups) {
            for (std::size_t number = 0; number < group->positions.size(); ++number) {
                auto& position = group->positions[number];
                if (!std::exchange(position.dirty, false)) continue;
                moved.push_back({group->name, topic->partitions[number].stored.id, position.next_offset});
            }
        }
    }
    return moved;
}

void LogState::positions_written(const std::vector<StoredPosition>& positions, bool written) {
    std::lock_guard lock(mutex_);
    for (const auto& stored : positions) {
        const auto place = places_.at(stored.partition_id);
        for (auto& group : place.topic->groups) {
            if (group->name != stored.group) continue;
            auto& position = group->positions[place.number];
            if (written) position.on_disk = stored.next_offset;
            else position.dirty = true;
        }
    }
}

std::vector<LogState::Retained> LogState::retained() const {
    std::lock_guard lock(mutex_);
    std::vector<Retained> all;
    for (const auto& [name, topic] : topics_) {
        for (std::size_t number = 0; number < topic->partitions.size(); ++number) {
            const auto& stored = topic->partitions[number].stored;
            // Where nobody ever finishes anything only time is left to go by.
            const bool by_time = topic->by_time || (topic->groups.empty() && !topic->kept);
            const bool reader_away = topic->groups.empty() && topic->kept;
            Retained retained{stored.id, by_time, reader_away ? 0 : stored.next_offset, stored.next_offset};
            for (const auto& group : topic->groups) {
                retained.finished = std::min(retained.finished, group->positions[number].on_disk);
            }
            all.push_back(retained);
        }
    }
    return all;
}

void LogState::removed(std::int64_t partition_id, const std::optional<FirstRecord>& first) {
    std::lock_guard lock(mutex_);
    const auto place = places_.at(partition_id);
    const auto next = first ? first->offset : place.partition().stored.next_offset;
    while (!place.partition().tail.empty() && place.partition().tail.front()->record.offset < next) {
        drop_oldest(place.partition());
    }
    for (auto& group : place.topic->groups) {
        if (group->positions[place.number].next_offset < next) move(place, *group, next, first);
    }
}

LogGroup* LogState::find_group(const std::string& name, const std::string& topic) const {
    const auto found = topics_.find(topic);
    if (found == topics_.end()) return nullptr;
    for (auto& group : found->second->groups) {
        if (group->name == name) return group.get();
    }
    return nullptr;
}

Result<LogState::Subscription> LogState::join(const std::string& name, const std::string& topic,
                                              LogMember& member) {
    std::lock_guard lock(mutex_);
    if (closed_) return fail(closed());
    auto* group = find_group(name, topic);
    if (group == nullptr)
        return fail(ErrorCode::invalid, "group " + name + " is not declared to read " + topic);
    group->join(member);
    return Subscription{topics_.at(topic).get(), group};
}

void LogState::leave(const Subscription& subscription, LogMember& member) {
    std::lock_guard lock(mutex_);
    subscription.group->leave(member);
}

Result<LogState::Fetched> LogState::fetch(const Subscription& subscription, LogMember& member,
                                          std::size_t max, Millis wait) {
    const auto deadline = std::chrono::steady_clock::now() + std::min(wait, kLongestWait);
    std::unique_lock lock(mutex_);
    for (;;) {
        if (closed_) return fail(closed());
        auto fetched = collect(*subscription.topic, member, max);
        if (!fetched.records.empty() || fetched.on_disk) return fetched;
        if (subscription.group->changed.wait_until(lock, deadline) == std::cv_status::timeout)
            return Fetched{};
    }
}

LogState::Fetched LogState::collect(const LogTopic& topic, LogMember& member, std::size_t max) {
    Fetched fetched;
    Room room{max, kMaxPollBytes};
    const std::size_t first = member.turn++;
    for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
        const std::size_t number = (first + i) % topic.partitions.size();
        const int partition_number = static_cast<int>(number);
        if (!member.may_read(partition_number)) continue;
        const auto& partition = topic.partitions[number];
        auto& holding = member.holdings[partition_number];
        const auto end = partition.stored.next_offset;
        if (holding.cursor >= end) continue;
        if (in_tail(partition, holding.cursor)) {
            take_from_tail(partition, holding.cursor, room, fetched.records);
        } else if (!fetched.on_disk) {
            const auto below = partition.tail.empty() ? end : partition.tail.front()->record.offset;
            fetched.on_disk =
                OnDisk{partition_number, holding.epoch, {partition.stored.id, holding.cursor, below}};
        }
    }
    return fetched;
}

bool LogState::advance(LogMember& member, const OnDisk& read, std::int64_t next) {
    std::lock_guard lock(mutex_);
    const auto holding = member.holdings.find(read.partition);
    if (holding == member.holdings.end() || holding->second.epoch != read.epoch) return false;
    holding->second.cursor = std::max(holding->second.cursor, next);
    return true;
}

Result<std::optional<RecordRange>> LogState::commit(const Subscription& subscription, LogMember& member,
                                                    int partition_number, std::int64_t next_offset,
                                                    const std::optional<FirstRecord>& head) {
    std::lock_guard lock(mutex_);
    if (closed_) return fail(closed());
    if (!member.may_read(partition_number)) return std::nullopt;
    const Place place{subscription.topic, static_cast<std::size_t>(partition_number)};
    const auto& partition = place.partition();
    const auto end = partition.stored.next_offset;
    const auto next = std::min(next_offset, end);
    if (next <= subscription.group->positions[place.number].next_offset) return std::nullopt;
    if (next == end) {
        move(place, *subscription.group, end, std::nullopt);
    } else if (in_tail(partition, next)) {
        move(place, *subscription.group, next, first_of(tail_at(partition, next)));
    } else if (head && head->offset >= next) {
        move(place, *subscription.group, head->offset, head);
    } else {
        return RecordRange{partition.stored.id, next, end};
    }
    if (on_commit_) on_commit_();
    return std::nullopt;
}

void LogState::move(const Place& place, LogGroup& group, std::int64_t next_offset,
                    const std::optional<FirstRecord>& head) {
    const auto before = unfinished_bytes(place);
    auto& position = group.positions[place.number];
    position.next_offset = next_offset;
    position.bytes_before = head ? head->bytes_before : place.partition().stored.bytes;
    position.oldest_unfinished = head ? std::optional(head->appended_at) : std::nullopt;
    position.dirty = true;
    unfinished_bytes_ += unfinished_bytes(place) - before;
    if (auto* holder = group.holders[place.number]) {
        auto& cursor = holder->holdings[static_cast<int>(place.number)].cursor;
        cursor = std::max(cursor, next_offset);
    }
    trim_tail(place);
}

void LogState::trim_tail(const Place& place) {
    auto finished = std::numeric_limits<std::int64_t>::max();
    for (const auto& group : place.topic->groups) {
        finished = std::min(finished, group->positions[place.number].next_offset);
    }
    auto& partition = place.partition();
    while (!partition.tail.empty() && partition.tail.front()->record.offset < finished)
        drop_oldest(partition);
}

std::int64_t LogState::unfinished_bytes(const Place& place) const {
    if (!place.topic->counts()) return 0;
    auto finished = std::numeric_limits<std::int64_t>::max();
    for (const auto& group : place.topic->groups) {
        finished = std::min(finished, group->positions[place.number].bytes_before);
    }
    return place.partition().stored.bytes - finished;
}

std::vector<int> LogState::take_revoked(LogMember& member) {
    std::lock_guard lock(mutex_);
    std::vector<int> revoked(member.revoked.begin(), member.revoked.end());
    member.revoked.clear();
    return revoked;
}

void LogState::close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    on_commit_ = nullptr;
    for (auto& [name, topic] : topics_) {
        for (auto& group : topic->groups) group->changed.notify_all();
    }
}

Result<std::optional<TimePoint>> LogState::oldest_unfinished(const std::string& name,
                                                             const std::string& topic) const {
    std::lock_guard lock(mutex_);
    if (closed_) return fail(closed());
    const auto* group = find_group(name, topic);
    if (group == nullptr)
        return fail(ErrorCode::invalid, "group " + name + " is not declared to read " + topic);
    std::optional<TimePoint> oldest;
    for (const auto& position : group->positions) {
        if (!position.oldest_unfinished) continue;
        oldest = oldest ? std::min(*oldest, *position.oldest_unfinished) : *position.oldest_unfinished;
    }
    return oldest;
}

std::vector<EventLog::Lag> LogState::lag(TimePoint now) const {
    std::lock_guard lock(mutex_);
    std::vector<EventLog::Lag> all;
    for (const auto& [name, topic] : topics_) {
        for (const auto& group : topic->groups) {
            for (std::size_t number = 0; number < group->positions.size(); ++number) {
                const auto& position = group->positions[number];
                const auto records = topic->partitions[number].stored.next_offset - position.next_offset;
                const auto age = now - position.oldest_unfinished.value_or(now);
                all.push_back(
                    {group->name, name, static_cast<int>(number), records, std::max(age, Millis{0})});
            }
        }
    }
    return all;
}

double LogState::level() const {
    return static_cast<double>(unfinished_bytes_.load()) / static_cast<double>(options_.max_bytes);
}

}  // namespace herald::sqlite
