#include "main/carry_over.hpp"

#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/postgres/store_import.hpp"
#include "adapters/postgres/testing/test_schema.hpp"
#include "adapters/sqlite/event_log.hpp"
#include "adapters/sqlite/store.hpp"
#include "main/carry_mark.hpp"
#include "main/data_folder.hpp"
#include "main/demo.hpp"
#include "pipeline/topics.hpp"
#include "ports/row_codec.hpp"
#include "ports/testing/builders.hpp"
#include "ports/testing/fake_event_log.hpp"

namespace herald {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::AllOf;
using testing::Each;
using testing::Gt;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return *std::move(result);
}
void must(Status status) {
    if (!status) throw std::runtime_error(status.error().message);
}

/// Fails after so many pages, as a process ends that is killed between two of them.
class FailingImport final : public StoreImport {
public:
    FailingImport(StoreImport& behind, int pages) : behind_(behind), left_(pages) {}

    Status write(const DumpTable& table, std::span<const DumpRow> rows) override {
        if (left_-- == 0) return fail(ErrorCode::unavailable, "the network went away");
        return behind_.write(table, rows);
    }

private:
    StoreImport& behind_;
    int left_;
};

std::string tell(const AttemptView& attempt) {
    const auto ended = attempt.ended_at ? to_rfc3339(*attempt.ended_at) : "-";
    return fmt::format("#{} {} {} '{}' '{}' {} {}", attempt.n, attempt.account, to_string(attempt.state),
                       attempt.reason, attempt.reference, to_rfc3339(attempt.begun_at), ended);
}

std::vector<std::string> tell(const Story& story) {
    const auto& n = story.notification;
    std::vector<std::string> lines{
        fmt::format("{} {} {} {} {} {} {} v{} {} {} {} '{}' '{}' '{}' '{}'", to_string(n.id), n.tenant.str(),
                    to_string(n.lane), to_rfc3339(n.accepted_at), to_rfc3339(n.deadline_at),
                    to_rfc3339(n.send_at.value_or(TimePoint{})), n.user_id.str(), n.template_version,
                    encode_channels(n.channels), n.data.dump(), n.metadata.dump(), n.traceparent,
                    story.cancel_reason, story.failed_reason, to_string(story.state()))};
    for (const auto& plan : story.plans) lines.push_back(encode_plan(plan));
    for (const auto& delivery : story.deliveries) {
        lines.push_back(
            fmt::format("{} {} '{}'", to_string(delivery.id), to_string(delivery.state), delivery.reason));
        for (const auto& attempt : delivery.attempts) lines.push_back(tell(attempt));
    }
    return lines;
}

std::string tell(const Timer& timer) {
    return fmt::format("{} {} {} {} #{} {} {}", to_string(timer.lane), to_rfc3339(timer.due),
                       to_string(timer.kind), to_string(timer.delivery), timer.attempt,
                       to_string(timer.route), base64(timer.key));
}

constexpr int kNotifications = 9;

class CarryOverTest : public testing::Test {
protected:
    CarryOverTest() {
        std::filesystem::create_directories(folder_);
        PostgresOptions options;
        options.url = schema_->url();
        options.test_clock = &clock_;
        import_ = must(PostgresStoreImport::open(options));
        target_ = must(PostgresStore::open(options));
    }
    ~CarryOverTest() override { std::filesystem::remove_all(folder_); }

    TimePoint now() const { return clock_.now(); }

    std::unique_ptr<SqliteStore> open_store() {
        SqliteStoreOptions options;
        options.path = folder_ / "store.db";
        options.clock = &clock_;
        return must(SqliteStore::open(options));
    }

    std::unique_ptr<SqliteEventLog> open_log() {
        SqliteLogOptions options;
        options.path = folder_ / "log.db";
        options.clock = &clock_;
        for (auto& [group, topic] : topics::consumed()) options.groups.push_back({group, topic});
        return must(SqliteEventLog::open(options));
    }

    void append(const std::string& topic, const UserId& user, const std::string& value) {
        must(open_log()->append_and_wait({{topic, record_key(default_tenant(), user), value, "00-trace"}}));
    }

    Result<std::vector<std::string>> carry() { return carry_into(*import_); }
    Result<std::vector<std::string>> carry_into(StoreImport& store) {
        CarryTargets targets;
        targets.store = &store;
        targets.store_place = import_->place();
        targets.log = &log_;
        targets.log_place = "the log";
        return carry_over(folder_, targets, clock_);
    }

    std::string refusal(Settings::Environment environment) const {
        environment["HERALD_DATA_DIR"] = folder_.string();
        const auto status = check_data_folder(must(Settings::read(environment)));
        if (status) return "";
        EXPECT_EQ(status.error().code, ErrorCode::invalid);
        return status.error().message;
    }
    std::string refusal_on_engines() const {
        return refusal({{"DATABASE_URL", "postgresql://h/d"}, {"KAFKA_BOOTSTRAP_SERVERS", "h:1"}});
    }

    // Every kind of row.

    void plan(Store& store, const Notification& notification, const Plan& plan) {
        const NewPlan batch[] = {{notification, plan}};
        must(store.store_plans(batch));
    }
    ClaimVerdict claim(Store& store, const DeliveryId& id, int attempt, ClaimToken token = 7) {
        auto request = make_claim(id, attempt);
        request.gates_passed = true;
        const ClaimRequest batch[] = {request};
        return must(store.claim(batch, token)).at(0).verdict;
    }
    void settle(Store& store, Settlement settlement) {
        const Settlement batch[] = {std::move(settlement)};
        must(store.settle(batch));
    }

    void fill_people(Store& store) {
        must(store.put_template(default_tenant(), TemplateId("welcome"), R"({"id":"welcome"})", now()));
        must(store.put_template(default_tenant(), TemplateId("welcome"), R"({"id":"welcome","v":2})", now()));
        for (const auto* id : {"ada", "bob", "carol"}) {
            must(store.put_user(default_tenant(), make_user(id), now()));
        }
        Preferences preferences;
        preferences.channels[Channel::sms] = false;
        must(store.put_preferences(default_tenant(), UserId("bob"), preferences));
        const IdempotencyRow rows[] = {make_idempotency_row("key", 1)};
        must(store.remember(rows));
        must(store.id_keys());
        must(store.put_note("record_schema", "1"));
    }

    void fill_ledger(Store& store) {
        auto first = make_notification(1);
        first.traceparent = "00-trace";
        first.metadata = Json(Json::Object{{"order", Json(7)}});
        plan(store, first, make_plan_of({make_entry(1), make_skipped_entry(2)}));
        claim(store, make_delivery_id(1), 1);
        auto gone = settle_accepted(make_delivery_id(1));
        gone.remove_device = {"ios-bob", now()};
        gone.suppress = Suppression{Channel::email, "ada@example.org", "bounced"};
        settle(store, gone);

        plan(store, make_notification(2), make_plan());
        claim(store, make_delivery_id(2), 1);
        settle(store, settle_retrying(make_delivery_id(2), 1, AttemptState::deferred, now() + minutes(1)));
        claim(store, make_delivery_id(2), 2);
        settle(store, settle_retrying(make_delivery_id(2), 2, AttemptState::unknown, now() + minutes(5)));

        plan(store, make_notification(3), make_plan());
        claim(store, make_delivery_id(3), 1);

        auto waiting = make_notification(4);
        waiting.send_at = now() + minutes(10);
        plan(store, waiting, make_wait(now() + minutes(10)));
        plan(store, make_notification(5), make_wait(now() + minutes(1)));
        plan(store, make_notification(5), make_plan(now(), 1));

        must(store.cancel(default_tenant(), make_id(6), now()));
        must(store.store_dead(default_tenant(), make_id(7), "no such template", now()));
        plan(store, make_notification(8, now(), "carol"), make_plan());
        must(store.erase_user(default_tenant(), UserId("carol"), now()));
        plan(store, make_notification(9), make_plan());
    }

    void fill() {
        auto store = open_store();
        fill_people(*store);
        fill_ledger(*store);
    }

    std::vector<std::string> account_of(Store& store) {
        std::vector<std::string> lines;
        for (int n = 1; n <= kNotifications; ++n) {
            const auto story = must(store.load_story(default_tenant(), make_id(n)));
            if (story) std::ranges::copy(tell(*story), std::back_inserter(lines));
        }
        tell_people(store, lines);
        for (int version = 1; version <= 3; ++version) {
            const auto found = must(store.find_template(default_tenant(), TemplateId("welcome"), version));
            if (found) lines.push_back(found->body + to_rfc3339(found->created_at));
        }
        for (const auto& key : must(store.id_keys())) lines.push_back(base64(key));
        lines.push_back(must(store.get_note("record_schema")).value_or("no note"));
        return lines;
    }

    void tell_people(Store& store, std::vector<std::string>& lines) {
        std::vector<UserRef> refs;
        for (const auto* id : {"ada", "bob", "carol"}) refs.push_back({default_tenant(), UserId(id)});
        for (const auto& recipient : must(store.load_recipients(refs))) {
            JsonWriter user;
            if (recipient.user) write_user(user, *recipient.user);
            lines.push_back(user.take() + encode_preferences(recipient.preferences));
            for (const auto& s : recipient.suppressions) lines.push_back(s.address + " " + s.reason);
            lines.push_back(recipient.erased_at ? to_rfc3339(*recipient.erased_at) : "not erased");
        }
    }

    std::vector<std::string> due_in(Store& store) {
        std::vector<std::string> lines;
        for (const auto& timer : must(store.take_due(Lane::normal, 100))) lines.push_back(tell(timer));
        std::ranges::sort(lines);  // those due at one time come in the engine's own order
        return lines;
    }

    ManualClock clock_{kTestStart};
    const std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / ("herald-carry-" + random_hex(6));
    const std::shared_ptr<postgres::TestSchema> schema_ = postgres::TestSchemas::borrow();
    std::unique_ptr<PostgresStoreImport> import_;
    std::unique_ptr<PostgresStore> target_;
    FakeEventLog log_{FakeLogOptions{.clock = &clock_}};
};

TEST_F(CarryOverTest, TheNewStoreTellsWhatTheOldOneTold) {
    fill();
    const auto before = account_of(*open_store());
    EXPECT_THAT(before, SizeIs(Gt(30)));
    must(carry());
    EXPECT_EQ(account_of(*target_), before);
}

TEST_F(CarryOverTest, TimersComeDueWhenTheyWould) {
    fill();
    must(carry());
    EXPECT_THAT(due_in(*target_), IsEmpty());
    for (int i = 0; i < 11; ++i) {
        clock_.advance(minutes(1));
        EXPECT_EQ(due_in(*target_), due_in(*open_store()));
    }
    EXPECT_THAT(due_in(*target_), SizeIs(4));
}

TEST_F(CarryOverTest, WhatWasDueIsDueNow) {
    fill();
    clock_.advance(hours(1));
    must(carry());
    const auto due = must(target_->take_due(Lane::normal, 100));
    ASSERT_THAT(due, SizeIs(4));
    for (const auto& timer : due) EXPECT_EQ(timer.due, now());
}

TEST_F(CarryOverTest, ALiveClaimOfTheFolderIsInDoubt) {
    fill();
    must(carry());
    EXPECT_EQ(claim(*target_, make_delivery_id(3), 1), ClaimVerdict::in_doubt);
}

TEST_F(CarryOverTest, WhatWaitsForARetryGoesOnWithTheNextAttempt) {
    fill();
    must(carry());
    EXPECT_EQ(claim(*target_, make_delivery_id(2), 2), ClaimVerdict::settled);
    EXPECT_EQ(claim(*target_, make_delivery_id(2), 3), ClaimVerdict::claimed);
}

TEST_F(CarryOverTest, WhatWasSentIsNotSentAgain) {
    fill();
    must(carry());
    EXPECT_EQ(claim(*target_, make_delivery_id(1), 1), ClaimVerdict::settled);
}

TEST_F(CarryOverTest, WhatHadNotBegunBegins) {
    fill();
    must(carry());
    EXPECT_EQ(claim(*target_, make_delivery_id(9), 1), ClaimVerdict::claimed);
}

TEST_F(CarryOverTest, AKeyKeepsItsId) {
    fill();
    must(carry());
    const IdempotencyRow repeat[] = {make_idempotency_row("key", 99)};
    const auto stood = must(target_->remember(repeat)).at(0);
    EXPECT_FALSE(stood.first);
    EXPECT_EQ(stood.row, make_idempotency_row("key", 1));
}

TEST_F(CarryOverTest, IdsOfBothStoresStayValid) {
    const auto theirs = make_notification_id(must(target_->id_keys()), default_tenant(), now());
    const auto ours = make_notification_id(must(open_store()->id_keys()), default_tenant(), now());
    must(carry());
    const auto keys = must(target_->id_keys());
    EXPECT_TRUE(is_given_out(keys, default_tenant(), theirs));
    EXPECT_TRUE(is_given_out(keys, default_tenant(), ours));
}

TEST_F(CarryOverTest, ARequestOlderThanAnErasureStaysErased) {
    fill();
    must(carry());
    const NewPlan late[] = {{make_notification(20, kTestStart - seconds(1), "carol"), make_plan()}};
    EXPECT_TRUE(must(target_->store_plans(late)).at(0).cancelled);
}

TEST_F(CarryOverTest, ARepeatAfterAnyPageEndsTheSame) {
    fill();
    const auto before = account_of(*open_store());
    int refused = 0;
    for (;; ++refused) {
        FailingImport failing(*import_, refused);
        clock_.advance(seconds(1));
        const auto done = carry_into(failing);
        if (done) break;
        EXPECT_EQ(done.error().code, ErrorCode::unavailable);
    }
    EXPECT_GT(refused, 10);
    EXPECT_EQ(account_of(*target_), before);
    clock_.advance(hours(1));
    EXPECT_THAT(due_in(*target_), SizeIs(4));
}

TEST_F(CarryOverTest, WhatStandsInTheDatabaseStays) {
    fill();
    auto ada = make_user("ada");
    ada.email = "new@example.org";
    must(target_->put_user(default_tenant(), ada, now()));
    must(carry());
    EXPECT_EQ(must(target_->get_user(default_tenant(), UserId("ada")))->email, "new@example.org");
}

TEST_F(CarryOverTest, AnotherTextUnderATemplatesVersionIsRefusedAndLeavesTheFolderAsItWas) {
    fill();
    must(target_->put_template(default_tenant(), TemplateId("welcome"), R"({"id":"other"})", now()));
    const auto done = carry();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::conflict);
    EXPECT_THAT(done.error().message, HasSubstr("version 1 of the template welcome"));
    EXPECT_THAT(refusal({}), IsEmpty());
}

TEST_F(CarryOverTest, RecordsThatAGroupHasNotFinishedGoToTheNewLog) {
    append("requests.normal", UserId("ada"), "finished");
    {
        const auto log = open_log();
        const auto consumer = must(log->subscribe(topics::kPlannerGroup, "requests.normal"));
        const auto read = must(consumer->poll(10, Millis{1'000}));
        must(consumer->commit({{read.at(0).partition, read.at(0).offset + 1, std::nullopt}}));
    }
    append("requests.normal", UserId("ada"), "one");
    append("deliveries.sms.bulk", UserId("bob"), "two");
    append(topics::kReceipts, UserId("bob"), "three");
    append(topics::kEvents, UserId("bob"), "nobody's");
    must(carry());
    const auto requests = log_.records("requests.normal");
    ASSERT_THAT(requests, SizeIs(1));
    EXPECT_EQ(requests[0].value, "one");
    EXPECT_EQ(requests[0].key, record_key(default_tenant(), UserId("ada")));
    EXPECT_EQ(requests[0].traceparent, "00-trace");
    EXPECT_THAT(log_.records("deliveries.sms.bulk"), SizeIs(1));
    EXPECT_THAT(log_.records(topics::kReceipts), SizeIs(1));
    EXPECT_THAT(log_.records(topics::kEvents), IsEmpty());
}

TEST_F(CarryOverTest, NoRecordArrivesBeforeAllRows) {
    fill();
    append("requests.normal", UserId("ada"), "one");
    FailingImport failing(*import_, 10);
    ASSERT_FALSE(carry_into(failing));
    EXPECT_THAT(log_.records("requests.normal"), IsEmpty());
}

TEST_F(CarryOverTest, AppendsAgainWhatMayNotHaveArrived) {
    fill();
    append("requests.normal", UserId("ada"), "one");
    log_.fail_next_append_after_storing({ErrorCode::timeout, "lost the answer"});
    ASSERT_FALSE(carry());
    EXPECT_THAT(refusal_on_engines(), HasSubstr("unfinished records"));
    must(carry());
    EXPECT_THAT(log_.records("requests.normal"), SizeIs(2));
    EXPECT_THAT(refusal_on_engines(), IsEmpty());
}

TEST_F(CarryOverTest, ASecondTimeCarriesNothing) {
    fill();
    append("requests.normal", UserId("ada"), "one");
    must(carry());
    must(target_->erase_user(default_tenant(), UserId("ada"), now()));
    EXPECT_THAT(must(carry()), Each(HasSubstr("before")));
    EXPECT_FALSE(must(target_->get_user(default_tenant(), UserId("ada"))));
    EXPECT_THAT(log_.records("requests.normal"), SizeIs(1));
}

TEST_F(CarryOverTest, RefusesWhileSomebodyHoldsTheFolder) {
    fill();
    const auto held = must(DataFolder::open(folder_));
    const auto done = carry();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::conflict);
}

TEST_F(CarryOverTest, RefusesAFolderThatIsNone) {
    const auto done = carry();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::invalid);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "store.db"));
}

TEST_F(CarryOverTest, WhatWasCarriedIsNotRunOnAgain) {
    fill();
    append("requests.normal", UserId("ada"), "one");
    must(carry());
    EXPECT_THAT(refusal({}), AllOf(HasSubstr("was carried over to " + import_->place()),
                                   HasSubstr("DATABASE_URL"), Not(HasSubstr("herald@"))));
    EXPECT_THAT(refusal({{"DATABASE_URL", "postgresql://h/d"}}), HasSubstr("KAFKA_BOOTSTRAP_SERVERS"));
    EXPECT_THAT(refusal_on_engines(), IsEmpty());
    std::filesystem::remove(folder_ / CarryMarks::kFile);
    EXPECT_THAT(refusal({}), IsEmpty());
}

TEST_F(CarryOverTest, WhatIsPartlyCarriedRunsNowhere) {
    fill();
    FailingImport failing(*import_, 5);
    ASSERT_FALSE(carry_into(failing));
    EXPECT_THAT(refusal({}), HasSubstr("is partly carried over"));
    EXPECT_THAT(refusal_on_engines(), HasSubstr("herald migrate --from"));
}

TEST_F(CarryOverTest, DoesNotGoOnInAnotherPlace) {
    fill();
    FailingImport failing(*import_, 5);
    ASSERT_FALSE(carry_into(failing));
    CarryTargets elsewhere;
    elsewhere.store = import_.get();
    elsewhere.store_place = "postgresql://elsewhere:5432/herald";
    const auto done = carry_over(folder_, elsewhere, clock_);
    ASSERT_FALSE(done);
    EXPECT_THAT(done.error().message, HasSubstr(import_->place()));
}

TEST_F(CarryOverTest, EnginesRefuseAFolderThatHoldsData) {
    fill();
    append("requests.normal", UserId("ada"), "one");
    EXPECT_THAT(
        refusal_on_engines(),
        AllOf(HasSubstr("users, preferences, templates, suppressions, erasures, notifications, timers, "
                        "unfinished records"),
              HasSubstr("herald migrate --from " + folder_.string())));
}

TEST_F(CarryOverTest, OnlyWhatAnEngineReplacesIsLeftBehind) {
    must(open_store()->put_user(default_tenant(), make_user(), now()));
    append("requests.normal", UserId("ada"), "one");
    EXPECT_THAT(refusal({}), IsEmpty());
    EXPECT_THAT(refusal({{"REDIS_URL", "redis://h"}}), IsEmpty());
    EXPECT_THAT(refusal({{"DATABASE_URL", "postgresql://h/d"}}),
                AllOf(HasSubstr("users"), Not(HasSubstr("records"))));
    EXPECT_THAT(refusal({{"KAFKA_BOOTSTRAP_SERVERS", "h:1"}}),
                AllOf(HasSubstr("unfinished records"), Not(HasSubstr("users"))));
}

class LeftBehindTest : public CarryOverTest {
protected:
    /// As a first start leaves it, with a notification for the demo's person on its way.
    LeftBehindTest() {
        auto store = open_store();
        must(write_demo(*store, now()));
        auto notification = make_notification(1, now(), "user123");
        plan(*store, notification, make_wait(now() + minutes(1)));
        auto timer = make_timer(make_delivery_id(1), now() + minutes(1));
        timer.key = record_key(default_tenant(), UserId("user123"));
        const Timer timers[] = {timer};
        must(store->put_timers(timers));
        append("requests.normal", UserId("user123"), "one");
    }
};

TEST_F(LeftBehindTest, WhatConcernsOnlyTheDemoIsNobodysData) { EXPECT_THAT(refusal_on_engines(), IsEmpty()); }

TEST_F(LeftBehindTest, AUserOfOnesOwnIsData) {
    must(open_store()->put_user(default_tenant(), make_user(), now()));
    EXPECT_THAT(refusal_on_engines(), HasSubstr("still holds users, which"));
}

TEST_F(LeftBehindTest, ATemplateOfOnesOwnIsData) {
    must(open_store()->put_template(default_tenant(), TemplateId("welcome"), R"({"id":"welcome"})", now()));
    EXPECT_THAT(refusal_on_engines(), HasSubstr("still holds templates, which"));
}

TEST_F(LeftBehindTest, ATimerOfSomebodyElseIsData) {
    const Timer timers[] = {make_timer(make_delivery_id(2), now() + minutes(1))};
    must(open_store()->put_timers(timers));
    EXPECT_THAT(refusal_on_engines(), HasSubstr("still holds timers, which"));
}

TEST_F(LeftBehindTest, ANotificationOfSomebodyElseIsData) {
    plan(*open_store(), make_notification(2), make_plan());
    EXPECT_THAT(refusal_on_engines(), HasSubstr("still holds notifications, which"));
}

TEST_F(LeftBehindTest, ARecordAboutSomebodyElseIsData) {
    append("requests.normal", UserId("ada"), "two");
    EXPECT_THAT(refusal_on_engines(), HasSubstr("still holds unfinished records, which"));
}

TEST_F(LeftBehindTest, IsLookedForBesideWhoeverRunsOnTheFolder) {
    const auto held = must(DataFolder::open(folder_));
    const auto store = open_store();
    const auto log = open_log();
    must(store->put_user(default_tenant(), make_user(), now()));
    EXPECT_THAT(refusal_on_engines(), HasSubstr("users"));
}

TEST(LeftBehindInNothingTest, FilesThatWereNeverFilledHoldNothing) {
    const auto folder = std::filesystem::temp_directory_path() / ("herald-carry-" + random_hex(6));
    std::filesystem::create_directories(folder / "simulator");
    std::ofstream(folder / "store.db");
    const auto settings = must(Settings::read({{"HERALD_DATA_DIR", folder.string()},
                                               {"DATABASE_URL", "postgresql://h/d"},
                                               {"KAFKA_BOOTSTRAP_SERVERS", "h:1"}}));
    EXPECT_TRUE(check_data_folder(settings));
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace herald
