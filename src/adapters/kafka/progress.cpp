#include "adapters/kafka/progress.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "adapters/kafka/log_consumer.hpp"
#include "base/thread_name.hpp"

namespace herald::kafka {
namespace {

constexpr Millis kFresh{1000};
constexpr Millis kPeekWait{300};
constexpr Millis kCaughtUp{500};
constexpr Millis kPartitionsAgain{30'000};
constexpr Millis kFirstKeptAgain{5'000};
constexpr Millis kLevelTrusted{10'000};
constexpr double kRefusedAt = 0.8;
constexpr double kRefusedAge = 0.4;  ///< of the retention

std::chrono::steady_clock::time_point steady_now() { return std::chrono::steady_clock::now(); }

}  // namespace

Progress::Progress(const KafkaLogOptions& options, std::shared_ptr<LogState> state,
                   std::unique_ptr<Inquiry> inquiry)
    : options_(options),
      state_(std::move(state)),
      inquiry_(std::move(inquiry)),
      level_time_ms_(to_millis(options.clock->now())),
      level_at_(steady_now().time_since_epoch().count()) {
    last_.readings.assign(options.groups.size(), fail(ErrorCode::unavailable, "Kafka was not asked yet"));
    thread_ = std::thread([this] { run(); });
}

Result<std::unique_ptr<Progress>> Progress::start(const KafkaLogOptions& options,
                                                  std::shared_ptr<LogState> state) {
    auto inquiry = Inquiry::open(options);
    if (!inquiry) return fail(inquiry.error());
    return std::unique_ptr<Progress>(new Progress(options, std::move(state), *std::move(inquiry)));
}

Progress::~Progress() { stop(); }

void Progress::stop() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Progress::run() {
    name_this_thread("kafka.progress");
    for (;;) {
        const auto next = steady_now() + options_.look_every;
        auto status = look();
        state_->found(std::move(status));
        state_->for_each([](LogConsumer& consumer) { consumer.commit_soon(); });
        std::unique_lock lock(mutex_);
        if (wake_.wait_until(lock, next, [this] { return stop_; })) return;
    }
}

Status Progress::look() {
    Look taken;
    taken.at = steady_now();
    taken.time = options_.clock->now();
    if (partitions_.empty() || taken.at - partitions_at_ > kPartitionsAgain) {
        if (auto status = find_partitions(); !status) return status;
    }
    const auto found = find();
    if (!found) return fail(found.error());
    if (auto status = find_first_kept(taken.time, found->ends); !status) return status;
    find_append_times(*found, taken.time);
    for (std::size_t i = 0; i < options_.groups.size(); ++i)
        taken.readings.push_back(reading_progress(*found, i, taken.time));
    publish(std::move(taken));
    return {};
}

Status Progress::find_partitions() {
    std::set<std::string> topics;
    for (const auto& reading : options_.groups) topics.insert(reading.topic);
    const auto counts = inquiry_->partitions({topics.begin(), topics.end()});
    if (!counts) return fail(counts.error());
    partitions_.clear();
    for (const auto& [topic, count] : *counts) {
        for (int partition = 0; topics.contains(topic) && partition < count; ++partition)
            partitions_.emplace_back(topic, partition);
    }
    partitions_at_ = steady_now();
    return {};
}

/// The ends come first: whatever is appended or finished meanwhile makes the answer older, never wrong.
Result<Progress::Found> Progress::find() {
    auto ends = inquiry_->ends(partitions_);
    if (!ends) return fail(ends.error());
    return Found{*std::move(ends), inquiry_->committed(options_.groups, partitions_)};
}

Status Progress::find_first_kept(TimePoint now, const Inquiry::Offsets& ends) {
    const auto cutoff = now - options_.retention;
    if (!first_kept_.empty() && now - first_kept_at_ < kFirstKeptAgain && first_kept_.size() >= ends.size())
        return {};
    auto first = inquiry_->first_since(partitions_, cutoff);
    if (!first) return fail(first.error());
    for (auto& [key, offset] : *first) {
        const auto end = ends.find(key);
        if (offset < 0) offset = end == ends.end() ? 0 : end->second;
    }
    first_kept_ = *std::move(first);
    first_kept_at_ = now;
    return {};
}

/// Where the group reads on; what is older than the retention counts as finished.
std::int64_t Progress::next_of(const Found& found, std::size_t reading, const PartitionKey& key) const {
    const auto first = first_kept_.find(key);
    const auto kept = first == first_kept_.end() ? 0 : first->second;
    const auto committed = found.committed[reading]->find(key.second);
    return committed == found.committed[reading]->end() ? kept : std::max(kept, committed->second.offset);
}

std::optional<TimePoint> Progress::told_by_note(const Found& found, std::size_t reading,
                                                const PartitionKey& key, std::int64_t next,
                                                TimePoint now) const {
    const auto committed = found.committed[reading]->find(key.second);
    if (committed == found.committed[reading]->end() || committed->second.offset != next) return std::nullopt;
    const auto& note = committed->second.note;
    if (note.oldest_unfinished) return note.oldest_unfinished;
    // The next record is no older than the one before it; a group that keeps up needs no closer look.
    if (note.newest_finished && now - *note.newest_finished < kCaughtUp) return note.newest_finished;
    return std::nullopt;
}

/// Reads the one record that a group would read next, where no note tells when it was appended.
void Progress::find_append_times(const Found& found, TimePoint now) {
    std::map<PartitionKey, std::int64_t> wanted;
    std::vector<std::pair<std::size_t, PartitionKey>> for_whom;
    for (std::size_t i = 0; i < options_.groups.size(); ++i) {
        if (!found.committed[i]) continue;
        for (const auto& [key, end] : found.ends) {
            if (key.first != options_.groups[i].topic) continue;
            const auto next = next_of(found, i, key);
            const auto cached = append_times_.find({i, key.second});
            const bool have = cached != append_times_.end() && cached->second.offset == next;
            if (next >= end || have || told_by_note(found, i, key, next, now)) continue;
            // Two groups at different places of one partition take turns.
            if (wanted.try_emplace(key, next).first->second == next) for_whom.emplace_back(i, key);
        }
    }
    if (wanted.empty()) return;
    const auto times = inquiry_->append_times(wanted, kPeekWait);
    for (const auto& [reading, key] : for_whom) {
        const auto time = times.find(key);
        if (time != times.end()) append_times_[{reading, key.second}] = {wanted[key], time->second};
    }
}

Result<Progress::ReadingProgress> Progress::reading_progress(const Found& found, std::size_t reading,
                                                             TimePoint now) const {
    const auto& [group, topic] = options_.groups[reading];
    if (!found.committed[reading]) return fail(found.committed[reading].error());
    ReadingProgress all;
    for (const auto& key : partitions_) {
        if (key.first != topic) continue;
        const auto end = found.ends.find(key);
        if (end == found.ends.end())
            return fail(ErrorCode::unavailable,
                        fmt::format("{} partition {} could not be asked", topic, key.second));
        const auto next = next_of(found, reading, key);
        PartitionProgress progress{key.second, std::max<std::int64_t>(0, end->second - next), std::nullopt};
        if (progress.records > 0) {
            progress.oldest = told_by_note(found, reading, key, next, now);
            const auto cached = append_times_.find({reading, key.second});
            const bool have = cached != append_times_.end() && cached->second.offset == next;
            if (!progress.oldest && have) progress.oldest = cached->second.time;
            if (!progress.oldest)
                return fail(ErrorCode::unavailable,
                            fmt::format("{} partition {}: the next record of {} could not be read", topic,
                                        key.second, group));
        }
        all.push_back(progress);
    }
    if (all.empty()) return fail(ErrorCode::unavailable, "Kafka has no topic for " + topic);
    return all;
}

void Progress::publish(Look look) {
    std::int64_t oldest = kNothing;
    bool all_known = true;
    for (std::size_t i = 0; i < look.readings.size(); ++i) {
        if (!options_.groups[i].topic.starts_with("requests.")) continue;
        all_known = all_known && look.readings[i];
        if (!look.readings[i]) continue;
        for (const auto& partition : *look.readings[i]) {
            if (partition.oldest) oldest = std::min(oldest, to_millis(*partition.oldest));
        }
    }
    if (all_known) {
        oldest_request_ms_ = oldest;
        level_time_ms_ = to_millis(look.time);
        level_at_ = look.at.time_since_epoch().count();
    }
    std::lock_guard lock(mutex_);
    last_ = std::move(look);
}

Result<Progress::ReadingProgress> Progress::known(std::size_t reading) const {
    if (steady_now() - last_.at > kFresh && last_.at != SteadyTime{})
        return fail(ErrorCode::unavailable, "Kafka has not answered for a second");
    return last_.readings[reading];
}

Result<std::optional<TimePoint>> Progress::oldest_unfinished(const std::string& group,
                                                             const std::string& topic) const {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < options_.groups.size(); ++i) {
        if (options_.groups[i].group != group || options_.groups[i].topic != topic) continue;
        const auto progress = known(i);
        if (!progress) return fail(progress.error());
        std::optional<TimePoint> oldest;
        for (const auto& partition : *progress) {
            if (partition.oldest) oldest = std::min(oldest.value_or(*partition.oldest), *partition.oldest);
        }
        return oldest;
    }
    return fail(ErrorCode::invalid, "group " + group + " is not declared to read " + topic);
}

Result<std::vector<EventLog::Lag>> Progress::lag() const {
    const auto now = options_.clock->now();
    std::lock_guard lock(mutex_);
    std::vector<EventLog::Lag> all;
    for (std::size_t i = 0; i < options_.groups.size(); ++i) {
        const auto progress = known(i);
        if (!progress) return fail(progress.error());
        for (const auto& partition : *progress) {
            all.push_back({options_.groups[i].group, options_.groups[i].topic, partition.partition,
                           partition.records, Millis{0}});
            if (partition.oldest) all.back().age = std::max(Millis{0}, now - *partition.oldest);
        }
    }
    return all;
}

double Progress::level() const {
    auto oldest = oldest_request_ms_.load();
    if (steady_now() - SteadyTime(SteadyTime::duration(level_at_.load())) > kLevelTrusted)
        oldest = std::min(oldest, level_time_ms_.load());
    if (oldest == kNothing) return 0;
    const auto age = std::max(Millis{0}, options_.clock->now() - from_millis(oldest));
    return kRefusedAt * std::chrono::duration<double>(age).count() /
           (kRefusedAge * std::chrono::duration<double>(options_.retention).count());
}

}  // namespace herald::kafka
