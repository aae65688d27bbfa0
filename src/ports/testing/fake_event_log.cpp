#include "ports/testing/fake_event_log.hpp"

#include <algorithm>
#include <limits>

namespace herald {
namespace {

std::int64_t weight(const NewRecord& record) {
    return static_cast<std::int64_t>(record.key.size() + record.value.size() + record.traceparent.size()) +
           64;
}

/// The level from which on records like these are refused; what counts towards no level never is.
double refused_from(const std::vector<NewRecord>& records) {
    const auto any_in = [&](std::string_view topics) {
        return std::any_of(records.begin(), records.end(),
                           [&](const NewRecord& record) { return record.topic.starts_with(topics); });
    };
    if (any_in("requests.")) return 1.0;
    return any_in("deliveries.") ? 2.0 : std::numeric_limits<double>::infinity();
}

Error closed() { return {ErrorCode::closed, "the log is closed"}; }

Error undeclared(const FakeLogDisk::Group& group) {
    return {ErrorCode::invalid, "group " + group.first + " is not declared to read " + group.second};
}

}  // namespace

class FakeLogConsumer final : public LogConsumer {
public:
    FakeLogConsumer(FakeEventLog& log, FakeLogDisk::Group group) : log_(log), group_(std::move(group)) {
        log_.join(group_, member_);
    }
    ~FakeLogConsumer() override { log_.leave(group_, member_); }

    Result<std::vector<LogRecord>> poll(std::size_t max, Millis wait) override {
        const auto deadline = std::chrono::steady_clock::now() + std::min(wait, Millis{60'000});
        std::unique_lock lock(log_.mutex_);
        for (;;) {
            if (log_.closed_) return fail(closed());
            auto records = log_.collect(group_, member_, max);
            if (!records.empty()) return records;
            if (log_.changed_.wait_until(lock, deadline) == std::cv_status::timeout) return records;
        }
    }

    Status commit(const std::vector<LogPosition>& positions) override {
        std::lock_guard lock(log_.mutex_);
        if (log_.closed_) return fail(closed());
        if (log_.commit_failure_) return fail(*std::exchange(log_.commit_failure_, std::nullopt));
        for (const auto& position : positions) {
            const int number = position.partition;
            if (!member_.cursors.contains(number) || member_.revoked.contains(number)) continue;
            const auto index = static_cast<std::size_t>(number);
            const auto& partition = log_.topic(group_.second).partitions[index];
            const auto end = static_cast<std::int64_t>(partition.records.size());
            auto& stored = log_.positions(group_)[index];
            stored = std::max(stored, std::min(position.next_offset, end));
        }
        return {};
    }

    std::vector<int> take_revoked() override {
        std::lock_guard lock(log_.mutex_);
        std::vector<int> revoked(member_.revoked.begin(), member_.revoked.end());
        member_.revoked.clear();
        return revoked;
    }

private:
    FakeEventLog& log_;
    const FakeLogDisk::Group group_;
    FakeEventLog::Member member_;
};

FakeEventLog::FakeEventLog(FakeLogOptions options, std::shared_ptr<FakeLogDisk> disk)
    : options_(std::move(options)), disk_(std::move(disk)) {
    CHECK(options_.clock != nullptr);
    if (options_.groups) {
        for (const auto& group : *options_.groups) positions(group);
    }
    thread_ = std::thread([this] { run(); });
}

FakeEventLog::~FakeEventLog() {
    close();
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
        changed_.notify_all();
    }
    thread_.join();
}

void FakeEventLog::close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    if (std::exchange(held_, false)) {
        for (auto& append : appends_) append.verdict = fail(closed());
    }
    changed_.notify_all();
}

void FakeEventLog::append(std::vector<NewRecord> records, std::function<void(Status)> done) {
    std::lock_guard lock(mutex_);
    Append append{std::move(records), std::move(done), {}, false};
    if (closed_) {
        append.verdict = fail(closed());
    } else if (level_locked() >= refused_from(append.records)) {
        append.verdict = fail(ErrorCode::busy, "append to the log: it is full");
    } else if (failure_) {
        append.verdict = fail(failure_->error);
        append.stored_all_the_same = failure_->after_storing;
        failure_.reset();
    }
    appends_.push_back(std::move(append));
    changed_.notify_all();
}

void FakeEventLog::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return stop_ || (!held_ && !appends_.empty()); });
        if (appends_.empty()) return;
        Append append = std::move(appends_.front());
        appends_.pop_front();
        if (append.verdict || append.stored_all_the_same) store(append.records);
        lock.unlock();
        append.done(std::move(append.verdict));
        append.done = nullptr;  // what it holds goes without the lock, too
        lock.lock();
    }
}

void FakeEventLog::store(std::vector<NewRecord>& records) {
    const auto now = options_.clock->now();
    for (auto& record : records) {
        auto& target = topic(record.topic);
        const auto number = std::hash<std::string>{}(record.key) % target.partitions.size();
        auto& partition = target.partitions[number];
        const auto offset = static_cast<std::int64_t>(partition.records.size());
        partition.bytes_before.push_back(partition.bytes);
        partition.bytes += weight(record);
        target.order.emplace_back(static_cast<int>(number), offset);
        partition.records.push_back({std::move(record.topic), static_cast<int>(number), offset,
                                     std::move(record.key), std::move(record.value),
                                     std::move(record.traceparent), now});
    }
    changed_.notify_all();
}

FakeLogDisk::Topic& FakeEventLog::topic(const std::string& name) const {
    auto& found = disk_->topics[name];
    if (found.partitions.empty()) found.partitions.resize(static_cast<std::size_t>(options_.partitions));
    return found;
}

bool FakeEventLog::declared(const FakeLogDisk::Group& group) const {
    return !options_.groups || std::count(options_.groups->begin(), options_.groups->end(), group) > 0;
}

std::vector<std::int64_t>& FakeEventLog::positions(const FakeLogDisk::Group& group) const {
    auto& found = disk_->positions[group];
    found.resize(topic(group.second).partitions.size());
    return found;
}

std::int64_t FakeEventLog::first_kept(const std::string& name,
                                      const FakeLogDisk::Partition& partition) const {
    if (!options_.unread.contains(name)) return 0;
    const auto cutoff = options_.clock->now() - options_.retention;
    const auto first = std::find_if(partition.records.begin(), partition.records.end(),
                                    [&](const LogRecord& record) { return record.appended_at > cutoff; });
    return first - partition.records.begin();
}

std::int64_t FakeEventLog::first_unfinished(const FakeLogDisk::Group& group, std::size_t number) const {
    const auto& partition = topic(group.second).partitions[number];
    return std::max(positions(group)[number], first_kept(group.second, partition));
}

bool FakeEventLog::counts(const std::string& name) const { return !options_.unread.contains(name); }

std::int64_t FakeEventLog::unfinished_bytes(const std::string& name, std::size_t number) const {
    const auto& partition = topic(name).partitions[number];
    auto finished = std::numeric_limits<std::int64_t>::max();
    for (const auto& [group, offsets] : disk_->positions) {
        if (group.second == name && declared(group)) finished = std::min(finished, offsets[number]);
    }
    const auto end = static_cast<std::int64_t>(partition.records.size());
    if (finished >= end) return 0;  // also when there is no group
    return partition.bytes - partition.bytes_before[static_cast<std::size_t>(finished)];
}

double FakeEventLog::level_locked() const {
    std::int64_t bytes = 0;
    for (const auto& [name, topic] : disk_->topics) {
        if (!counts(name)) continue;
        for (std::size_t number = 0; number < topic.partitions.size(); ++number)
            bytes += unfinished_bytes(name, number);
    }
    return static_cast<double>(bytes) / static_cast<double>(options_.max_bytes);
}

Status FakeEventLog::ping() {
    std::lock_guard lock(mutex_);
    return closed_ ? Status(fail(closed())) : Status{};
}

double FakeEventLog::level() const {
    std::lock_guard lock(mutex_);
    return level_locked();
}

Result<std::unique_ptr<LogConsumer>> FakeEventLog::subscribe(const std::string& group,
                                                             const std::string& topic) {
    {
        std::lock_guard lock(mutex_);
        if (closed_) return fail(closed());
        if (!declared({group, topic})) return fail(undeclared({group, topic}));
    }
    return std::make_unique<FakeLogConsumer>(*this, FakeLogDisk::Group{group, topic});
}

Result<std::optional<TimePoint>> FakeEventLog::oldest_unfinished(const std::string& group_name,
                                                                 const std::string& topic_name) {
    const FakeLogDisk::Group group{group_name, topic_name};
    std::lock_guard lock(mutex_);
    if (closed_) return fail(closed());
    if (!declared(group)) return fail(undeclared(group));
    std::optional<TimePoint> oldest;
    const auto& partitions = topic(topic_name).partitions;
    for (std::size_t number = 0; number < partitions.size(); ++number) {
        const auto first = static_cast<std::size_t>(first_unfinished(group, number));
        if (first >= partitions[number].records.size()) continue;
        const auto at = partitions[number].records[first].appended_at;
        oldest = oldest ? std::min(*oldest, at) : at;
    }
    return oldest;
}

Result<std::vector<EventLog::Lag>> FakeEventLog::lag() {
    std::lock_guard lock(mutex_);
    const auto now = options_.clock->now();
    std::vector<Lag> all;
    for (const auto& [group, offsets] : disk_->positions) {
        const auto& partitions = topic(group.second).partitions;
        for (std::size_t number = 0; number < partitions.size(); ++number) {
            const auto& records = partitions[number].records;
            const auto first = first_unfinished(group, number);
            Lag lag{group.first, group.second, static_cast<int>(number),
                    static_cast<std::int64_t>(records.size()) - first, Millis{0}};
            if (lag.records > 0) lag.age = now - records[static_cast<std::size_t>(first)].appended_at;
            all.push_back(std::move(lag));
        }
    }
    return all;
}

std::vector<LogRecord> FakeEventLog::records(const std::string& name) const {
    std::lock_guard lock(mutex_);
    std::vector<LogRecord> all;
    const auto& found = topic(name);
    for (const auto& [number, offset] : found.order) {
        const auto& partition = found.partitions[static_cast<std::size_t>(number)];
        all.push_back(partition.records[static_cast<std::size_t>(offset)]);
    }
    return all;
}

void FakeEventLog::fail_next_append(Error error) {
    std::lock_guard lock(mutex_);
    failure_ = Failure{std::move(error), false};
}

void FakeEventLog::fail_next_append_after_storing(Error error) {
    std::lock_guard lock(mutex_);
    failure_ = Failure{std::move(error), true};
}

void FakeEventLog::fail_next_commit(Error error) {
    std::lock_guard lock(mutex_);
    commit_failure_ = std::move(error);
}

void FakeEventLog::hold_appends() {
    std::lock_guard lock(mutex_);
    held_ = true;
}

void FakeEventLog::release_appends() {
    std::lock_guard lock(mutex_);
    held_ = false;
    changed_.notify_all();
}

void FakeEventLog::join(const FakeLogDisk::Group& group, Member& member) {
    std::lock_guard lock(mutex_);
    positions(group);
    members_[group].push_back(&member);
    share(group);
}

void FakeEventLog::leave(const FakeLogDisk::Group& group, Member& member) {
    std::lock_guard lock(mutex_);
    std::erase(members_[group], &member);
    auto& holders = holders_[group];
    std::replace(holders.begin(), holders.end(), &member, static_cast<Member*>(nullptr));
    share(group);
}

/// Partition n goes to member n modulo their number.
void FakeEventLog::share(const FakeLogDisk::Group& group) {
    const auto& members = members_[group];
    const auto& offsets = positions(group);
    auto& holders = holders_[group];
    holders.resize(offsets.size(), nullptr);
    for (std::size_t number = 0; number < holders.size() && !members.empty(); ++number) {
        auto* next = members[number % members.size()];
        if (holders[number] == next) continue;
        if (holders[number] != nullptr) {
            holders[number]->cursors.erase(static_cast<int>(number));
            holders[number]->revoked.insert(static_cast<int>(number));
        }
        holders[number] = next;
        next->cursors[static_cast<int>(number)] = offsets[number];
    }
    changed_.notify_all();
}

std::vector<LogRecord> FakeEventLog::collect(const FakeLogDisk::Group& group, Member& member,
                                             std::size_t max) const {
    std::vector<LogRecord> collected;
    for (auto& [number, cursor] : member.cursors) {
        // Nothing comes from a partition that was lost and won back before its member knows of the loss.
        if (member.revoked.contains(number)) continue;
        const auto index = static_cast<std::size_t>(number);
        const auto& records = topic(group.second).partitions[index].records;
        cursor = std::max(cursor, first_unfinished(group, index));
        while (static_cast<std::size_t>(cursor) < records.size() && collected.size() < max) {
            collected.push_back(records[static_cast<std::size_t>(cursor++)]);
        }
    }
    return collected;
}

}  // namespace herald
