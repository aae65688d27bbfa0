#include <future>
#include <random>
#include <set>
#include <thread>

#include "adapters/sqlite/event_log.hpp"
#include "adapters/sqlite/store.hpp"
#include "adapters/sqlite/testing/power_loss_vfs.hpp"
#include "model/records.hpp"
#include "pipeline/intake.hpp"
#include "pipeline/topics.hpp"
#include "ports/testing/builders.hpp"

namespace herald {
namespace {

using sqlite::PowerLossVfs;

constexpr std::uint64_t kRounds = 120;
constexpr const char* kTopic = "requests.normal";
constexpr int kCheckpointPages = 30;  ///< so few that a round sees the WAL begin anew

/// The log and the store of one machine, on one disk.
class Machine {
public:
    explicit Machine(std::uint64_t seed) : random_(seed), disk_(std::make_unique<PowerLossVfs>(seed)) {}

    PowerLossVfs& disk() { return *disk_; }
    ManualClock& clock() { return clock_; }
    SqliteEventLog& log() { return *log_; }
    SqliteStore& store() { return *store_; }
    int pick(int from, int to) { return std::uniform_int_distribution(from, to)(random_); }
    void lose_power_some_time() { disk_->lose_power_at_change(pick(1, 600)); }

    Status open_log() {
        SqliteLogOptions options;
        options.path = "log.db";
        options.clock = &clock_;
        options.groups = {{topics::kPlannerGroup, kTopic}};
        options.partitions = 3;
        options.commit_every = Millis{1};
        options.sweep_every = Millis{1};
        options.checkpoint_pages = kCheckpointPages;
        options.vfs = disk_->name();
        auto opened = SqliteEventLog::open(options);
        if (!opened) return fail(opened.error());
        log_ = *std::move(opened);
        return {};
    }
    Status open_store() {
        SqliteStoreOptions options;
        options.path = "store.db";
        options.clock = &clock_;
        options.checkpoint_pages = kCheckpointPages;
        options.vfs = disk_->name();
        auto opened = SqliteStore::open(options);
        if (!opened) return fail(opened.error());
        store_ = *std::move(opened);
        return {};
    }

    /// Goes dark, and comes back with what the disk has kept; sometimes only at the second try.
    void start_again() {
        go_dark();
        if (pick(0, 1) == 0) {
            disk_->lose_power_at_change(pick(1, 40));
            if (open_log()) (void)open_store().has_value();
            go_dark();
        }
        const auto log = open_log();
        ASSERT_TRUE(log) << log.error().message;
        const auto store = open_store();
        ASSERT_TRUE(store) << store.error().message;
        EXPECT_EQ(check("log.db"), "ok");
        EXPECT_EQ(check("store.db"), "ok");
    }

    std::string check(const std::string& file) {
        auto database = sqlite::Database::open({.path = file, .query_only = true, .vfs = disk_->name()});
        if (!database) return database.error().message;
        auto& connection = (*database)->connection();
        return sqlite::guard("check",
                             [&] { return connection.execAndGet("PRAGMA integrity_check").getString(); })
            .value_or("cannot be checked");
    }

    /// Everything of the topic that the group has not finished.
    std::vector<LogRecord> unfinished() {
        std::vector<LogRecord> all;
        const auto consumer = log_->subscribe(topics::kPlannerGroup, kTopic).value();
        for (;;) {
            const auto polled = consumer->poll(1000, Millis{0}).value();
            if (polled.empty()) return all;
            all.insert(all.end(), polled.begin(), polled.end());
        }
    }

private:
    void go_dark() {
        disk_->lose_power();
        log_.reset();
        store_.reset();
        disk_ = disk_->mount_again();
    }

    std::mt19937_64 random_;
    ManualClock clock_;
    std::unique_ptr<PowerLossVfs> disk_;
    std::unique_ptr<SqliteEventLog> log_;
    std::unique_ptr<SqliteStore> store_;
};

/// What was handed to a log, what it said, and what somebody read and finished before the power went.
class LogJournal {
public:
    using Place = std::pair<int, std::int64_t>;  ///< partition and offset

    void offered(const std::string& append, const std::vector<NewRecord>& records) {
        std::lock_guard lock(mutex_);
        for (const auto& record : records) {
            append_of_[record.value] = append;
            values_of_[append].insert(record.value);
        }
    }
    void acknowledged(const std::string& append) {
        std::lock_guard lock(mutex_);
        acknowledged_.insert(append);
    }
    /// Before the log is told.
    void finished(const std::vector<LogRecord>& records) {
        std::lock_guard lock(mutex_);
        for (const auto& record : records) {
            read_[{record.partition, record.offset}] = record.value;
            finished_.insert(record.value);
        }
    }

    std::size_t acknowledged() const { return acknowledged_.size(); }

    void expect_kept(const std::vector<LogRecord>& found) const {
        auto there = finished_;
        std::map<int, std::int64_t> next;
        for (const auto& record : found) {
            const Place place{record.partition, record.offset};
            EXPECT_TRUE(append_of_.contains(record.value)) << "nobody appended this";
            const auto read = read_.find(place);
            if (read == read_.end()) EXPECT_TRUE(there.insert(record.value).second) << "there twice";
            else EXPECT_EQ(read->second, record.value) << "another record than before";
            const auto [expected, first] = next.try_emplace(record.partition, record.offset);
            EXPECT_EQ(record.offset, expected->second) << "a hole";
            if (first) expect_all_finished_before(place);
            expected->second = record.offset + 1;
        }
        for (const auto& [append, values] : values_of_) {
            const auto kept = std::count_if(values.begin(), values.end(),
                                            [&](const auto& value) { return there.contains(value); });
            if (kept == 0) EXPECT_FALSE(acknowledged_.contains(append)) << append << " is lost";
            else EXPECT_EQ(static_cast<std::size_t>(kept), values.size()) << append << " is torn";
        }
    }

private:
    void expect_all_finished_before(const Place& place) const {
        for (std::int64_t offset = 0; offset < place.second; ++offset) {
            EXPECT_TRUE(read_.contains({place.first, offset})) << "forgotten before it was finished";
        }
    }

    std::mutex mutex_;
    std::map<std::string, std::string> append_of_;
    std::map<std::string, std::set<std::string>> values_of_;
    std::set<std::string> acknowledged_;
    std::map<Place, std::string> read_;
    std::set<std::string> finished_;
};

/// Appends one to three records at a time.
void append_until_power_is_lost(SqliteEventLog& log, const PowerLossVfs& disk, LogJournal& journal,
                                int thread, std::size_t size) {
    for (int n = 0; disk.has_power(); ++n) {
        const auto name = fmt::format("{}.{}", thread, n);
        std::vector<NewRecord> records;
        for (int i = 0; i <= n % 3; ++i) {
            const auto key = fmt::format("key {}", (n + i) % 7);
            const auto value =
                fmt::format("{}.{} {}", name, i, std::string(size, static_cast<char>('a' + n % 26)));
            records.push_back({kTopic, key, value, ""});
        }
        journal.offered(name, records);
        const auto status = log.append_and_wait(std::move(records));
        if (status) journal.acknowledged(name);
        else EXPECT_FALSE(disk.has_power()) << status.error().message;
    }
}

/// Finishes what comes before the offset `stuck` of each partition.
void finish_until_power_is_lost(SqliteEventLog& log, const PowerLossVfs& disk, LogJournal& journal,
                                std::int64_t stuck) {
    const auto consumer = log.subscribe(topics::kPlannerGroup, kTopic).value();
    FinishedPrefix prefix;
    while (disk.has_power()) {
        auto polled = consumer->poll(20, Millis{1}).value_or(std::vector<LogRecord>{});
        for (const auto& record : polled) prefix.polled(record);
        std::erase_if(polled, [&](const auto& record) { return record.offset >= stuck; });
        journal.finished(polled);
        for (const auto& record : polled) prefix.finished(record.partition, record.offset);
        EXPECT_TRUE(consumer->commit(prefix.take_positions()) || !disk.has_power());
    }
}

/// How many appends were acknowledged before the loss.
std::size_t lose_power_while_appending(std::uint64_t seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Machine machine(seed);
    LogJournal journal;
    EXPECT_TRUE(machine.open_log());
    const std::size_t sizes[] = {30, 3'000, 60'000};
    const auto size = sizes[seed % 3];
    machine.lose_power_some_time();
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 3; ++thread) {
        threads.emplace_back([&, thread] {
            append_until_power_is_lost(machine.log(), machine.disk(), journal, thread, size);
        });
    }
    if (seed % 2 == 0)
        finish_until_power_is_lost(machine.log(), machine.disk(), journal, machine.pick(1, 100));
    for (auto& thread : threads) thread.join();
    machine.start_again();
    journal.expect_kept(machine.unfinished());
    EXPECT_TRUE(machine.log().append_and_wait({NewRecord{kTopic, "after", "the loss", ""}}));
    return journal.acknowledged();
}

TEST(PowerLossTest, TheLogKeepsEveryAppendThatItAcknowledged) {
    std::size_t acknowledged = 0;
    for (std::uint64_t seed = 1; seed <= kRounds && !testing::Test::HasFailure(); ++seed)
        acknowledged += lose_power_while_appending(seed);
    EXPECT_GT(acknowledged, kRounds);
}

/// One notification's way through the store; a step that was made is true in all steps before it, too.
enum class Step { planned, claimed, settled, timed, remembered };
constexpr Step kSteps[] = {Step::planned, Step::claimed, Step::settled, Step::timed, Step::remembered};

bool is_retried(int n) { return n % 4 < 2; }
DeliveryId timed_delivery(int n) { return make_delivery_id(n, 9); }

Status make_step(Store& store, int n, Step step, TimePoint now) {
    const auto status_of = [](const auto& result) { return result ? Status{} : fail(result.error()); };
    const auto id = make_delivery_id(n);
    switch (step) {
        case Step::planned: {
            auto notification = make_notification(n, now);
            notification.data =
                Json(Json::Object{{"text", Json(std::string(static_cast<std::size_t>(n % 5) * 3'000, 'x'))}});
            const NewPlan batch[] = {{notification, make_plan(now)}};
            return status_of(store.store_plans(batch));
        }
        case Step::claimed: {
            const ClaimRequest batch[] = {make_claim(id)};
            return status_of(store.claim(batch, static_cast<ClaimToken>(n)));
        }
        case Step::settled: {
            const Settlement batch[] = {
                is_retried(n) ? settle_retrying(id, 1, AttemptState::deferred, now + std::chrono::seconds(5))
                              : settle_accepted(id)};
            return status_of(store.settle(batch));
        }
        case Step::timed: {
            const Timer batch[] = {make_timer(timed_delivery(n), now)};
            return store.put_timers(batch);
        }
        case Step::remembered: {
            const IdempotencyRow batch[] = {make_idempotency_row(fmt::format("key {}", n), n, now)};
            return status_of(store.remember(batch));
        }
    }
    return {};
}

/// What is found of a step afterwards.
class StoreFound {
public:
    explicit StoreFound(Machine& machine) : store_(machine.store()), now_(machine.clock().now()) {
        machine.clock().advance(std::chrono::minutes(1));
        const auto due = store_.take_due(Lane::normal, 1'000'000);
        EXPECT_TRUE(due);
        for (const auto& timer : *due) timers_.insert(timer.delivery);
    }

    bool has(int n, Step step) {
        const auto story = store_.load_story(default_tenant(), make_id(n)).value();
        const bool planned = story && story->plans == std::vector{make_plan(now_)};
        const auto* delivery = planned ? &story->deliveries.at(0) : nullptr;
        switch (step) {
            case Step::planned:
                return planned;
            case Step::claimed:
                return delivery && delivery->attempts.size() == 1;
            case Step::settled: {
                const auto settled = is_retried(n) ? DeliveryState::retrying : DeliveryState::sent;
                const bool is_settled = delivery && delivery->state == settled;
                EXPECT_EQ(timers_.contains(make_delivery_id(n)), is_retried(n) && is_settled)
                    << n << " is torn";
                return is_settled;
            }
            case Step::timed:
                return timers_.contains(timed_delivery(n));
            case Step::remembered:
                return is_remembered(n);
        }
        return false;
    }

private:
    bool is_remembered(int n) {
        const IdempotencyRow batch[] = {make_idempotency_row(fmt::format("key {}", n), n + 1'000'000, now_)};
        const auto stands = store_.remember(batch).value().at(0);
        return !stands.first && stands.row.id == make_id(n);
    }

    Store& store_;
    const TimePoint now_;
    std::set<DeliveryId> timers_;
};

/// The steps that the store said it had made, in their order, for the notifications first, first + 2, …
std::vector<std::pair<int, Step>> work_until_power_is_lost(Machine& machine, int first) {
    std::vector<std::pair<int, Step>> made;
    for (int n = first; machine.disk().has_power(); n += 2) {
        for (const auto step : kSteps) {
            const auto status = make_step(machine.store(), n, step, machine.clock().now());
            EXPECT_TRUE(status || !machine.disk().has_power()) << status.error().message;
            if (!status) return made;
            made.emplace_back(n, step);
        }
    }
    return made;
}

std::size_t lose_power_while_storing(std::uint64_t seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Machine machine(seed);
    EXPECT_TRUE(machine.open_log());
    EXPECT_TRUE(machine.open_store());
    machine.lose_power_some_time();
    auto even = std::async(std::launch::async, [&] { return work_until_power_is_lost(machine, 2); });
    const auto odd = work_until_power_is_lost(machine, 1);
    const std::vector made{odd, even.get()};
    machine.start_again();
    StoreFound found(machine);
    for (const auto& steps : made) {
        for (const auto& [n, step] : steps)
            EXPECT_TRUE(found.has(n, step)) << n << " step " << static_cast<int>(step);
        if (!steps.empty()) found.has(steps.back().first, Step::settled);
    }
    return made[0].size() + made[1].size();
}

TEST(PowerLossTest, TheStoreKeepsEveryStepThatItSaidItMade) {
    std::size_t made = 0;
    for (std::uint64_t seed = 1; seed <= kRounds && !testing::Test::HasFailure(); ++seed)
        made += lose_power_while_storing(seed);
    EXPECT_GT(made, kRounds);
}

/// What takes requests in, on a machine that has power.
class Api {
public:
    explicit Api(Machine& machine)
        : templates_(machine.store(), machine.clock()),
          intake_(IntakeOptions{}, machine.clock(), machine.log(), templates_, machine.store(), readers_,
                  machine.store().id_keys().value(), metrics_) {}

    IntakeAnswer accept(int n) {
        SendRequest request;
        request.tenant = default_tenant();
        request.user_id = UserId(fmt::format("user {}", n % 10));
        request.template_id = TemplateId("welcome");
        request.metadata = Json(Json::Object{{"n", Json(n)}});
        if (n % 3 != 0) {
            const auto key = fmt::format("key {}", n);
            request.idempotency = SendRequest::Idempotency{key, sha256(key)};
        }
        const auto answer = std::make_shared<std::promise<IntakeAnswer>>();
        intake_.accept(std::move(request),
                       [answer](IntakeAnswer given) { answer->set_value(std::move(given)); });
        return answer->get_future().get();
    }

private:
    Metrics metrics_;
    TemplateCache templates_;
    WorkerPool readers_{"store.read", 2, 100};
    Intake intake_;
};

constexpr const char* kTemplate = R"({"id": "welcome", "channels": {"sms": {"body": "Hello"}}})";
constexpr int kClients = 3;

/// The answers to the requests client, client + 3, …
std::map<int, IntakeAnswer> send_until_power_is_lost(Api& api, const PowerLossVfs& disk, int client) {
    std::map<int, IntakeAnswer> answers;
    for (int n = client; disk.has_power(); n += kClients) {
        const auto answer = api.accept(n);
        EXPECT_TRUE(std::holds_alternative<AcceptedRequest>(answer) || !disk.has_power());
        answers.emplace(n, answer);
    }
    return answers;
}

std::map<int, IntakeAnswer> send_from_all_clients(Machine& machine) {
    Api api(machine);
    EXPECT_TRUE(std::holds_alternative<AcceptedRequest>(api.accept(1'000'000)));  // reads the template
    machine.lose_power_some_time();
    std::vector<std::future<std::map<int, IntakeAnswer>>> clients;
    for (int client = 1; client <= kClients; ++client) {
        clients.push_back(std::async(std::launch::async, [&, client] {
            return send_until_power_is_lost(api, machine.disk(), client);
        }));
    }
    std::map<int, IntakeAnswer> answers;
    for (auto& client : clients) answers.merge(client.get());
    return answers;
}

/// How often each request is in the log, by the id that it has there.
std::map<NotificationId, int> requests_in(const std::vector<LogRecord>& records) {
    std::map<NotificationId, int> requests;
    for (const auto& record : records) {
        const auto request = decode_request(record.value);
        EXPECT_TRUE(request) << record.value;
        ++requests[std::get<Notification>(*request).id];
    }
    return requests;
}

/// The id that the answer gives, if any.
std::optional<NotificationId> id_in(const IntakeAnswer& answer) {
    const auto* accepted = std::get_if<AcceptedRequest>(&answer);
    return accepted ? std::optional(accepted->id) : std::get<RefusedRequest>(answer).id;
}

std::size_t lose_power_while_accepting(std::uint64_t seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Machine machine(seed);
    EXPECT_TRUE(machine.open_log());
    EXPECT_TRUE(machine.open_store());
    EXPECT_TRUE(machine.store().put_template(default_tenant(), TemplateId("welcome"), kTemplate,
                                             machine.clock().now()));
    const auto answers = send_from_all_clients(machine);
    machine.start_again();
    const auto requests = requests_in(machine.unfinished());
    for (const auto& [id, times] : requests) EXPECT_EQ(times, 1) << to_string(id);
    machine.clock().advance(std::chrono::seconds(2));  // what was in flight is not any more
    Api api(machine);
    std::size_t accepted = 0;
    for (const auto& [n, answer] : answers) {
        const auto id = id_in(answer);
        if (std::holds_alternative<AcceptedRequest>(answer)) {
            ++accepted;
            EXPECT_TRUE(requests.contains(*id)) << n << " is lost";
        }
        if (n % 3 == 0 || !id) continue;
        const auto again = api.accept(n);
        const auto* repeated = std::get_if<AcceptedRequest>(&again);
        EXPECT_TRUE(repeated && repeated->replayed && repeated->id == *id) << n << " got another id";
    }
    return accepted;
}

TEST(PowerLossTest, EveryRequestThatWasAnswered202IsStillThere) {
    std::size_t accepted = 0;
    for (std::uint64_t seed = 1; seed <= kRounds && !testing::Test::HasFailure(); ++seed)
        accepted += lose_power_while_accepting(seed);
    EXPECT_GT(accepted, kRounds);
}

}  // namespace
}  // namespace herald
