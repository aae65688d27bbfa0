#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/postgres/testing/flaky_path.hpp"
#include "adapters/postgres/testing/other_transaction.hpp"
#include "ports/testing/builders.hpp"

namespace herald {
namespace {

using postgres::FlakyPath;
using postgres::OtherTransaction;
using std::chrono::seconds;

/// What callers get when the server refuses, is slow, or goes away.
class StoreErrorsTest : public ::testing::Test {
protected:
    PostgresOptions options(const std::string& url) const {
        PostgresOptions options;
        options.url = url;
        options.test_clock = &clock_;
        return options;
    }
    std::unique_ptr<PostgresStore> open(const PostgresOptions& options) const {
        return PostgresStore::open(options).value();
    }
    std::unique_ptr<PostgresStore> open() const { return open(options(schema_->url())); }
    std::unique_ptr<PostgresStore> open_through(const FlakyPath& path) const {
        return open(options(path.through(schema_->url())));
    }

    template <class T>
    static std::string code(const Result<T>& result) {
        return result ? "fine" : std::string(to_string(result.error().code));
    }
    std::string put_timer(PostgresStore& store, int n = 1) const {
        const Timer timers[] = {make_timer(make_delivery_id(n), clock_.now())};
        return code(store.put_timers(timers));
    }
    /// Until it is fine again, for as long as the pauses may last.
    std::string put_timer_patiently(PostgresStore& store, int n) const {
        const auto give_up = std::chrono::steady_clock::now() + seconds(5);
        auto last = put_timer(store, n);
        while (last != "fine" && std::chrono::steady_clock::now() < give_up) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            last = put_timer(store, n);
        }
        return last;
    }

    ManualClock clock_;
    std::shared_ptr<postgres::TestSchema> schema_ = postgres::TestSchemas::borrow();
};

TEST_F(StoreErrorsTest, TextThatIsNoUtf8IsRefusedForItsContent) {
    EXPECT_EQ(code(open()->put_note("a", "\xff")), "refused_content");
}

TEST_F(StoreErrorsTest, TextWithANulIsRefusedForItsContent) {
    EXPECT_EQ(code(open()->put_note("a", std::string("a\0b", 3))), "refused_content");
}

TEST_F(StoreErrorsTest, TheStoreWorksOnAfterARefusal) {
    const auto store = open();
    ASSERT_EQ(code(store->put_note("a", "\xff")), "refused_content");
    EXPECT_EQ(code(store->put_note("a", "b")), "fine");
    EXPECT_EQ(store->get_note("a").value(), "b");
}

TEST_F(StoreErrorsTest, AServerThatOnlyReadsIsUnavailable) {
    const auto url = postgres::with_parameter(
        postgres::server_url(), "options",
        "-csearch_path%3D" + schema_->name() + "%20-cdefault_transaction_read_only%3Don");
    const auto store = open(options(url));
    EXPECT_EQ(code(store->get_note("a")), "fine");
    EXPECT_EQ(code(store->put_note("a", "b")), "unavailable");
}

TEST_F(StoreErrorsTest, ALockThatIsNotGivenFreeIsUnavailable) {
    auto hasty = options(schema_->url());
    hasty.statement_timeout = Millis{100};
    const auto store = open(hasty);
    OtherTransaction other(schema_->url());
    other.run("LOCK TABLE timers");
    EXPECT_EQ(put_timer(*store), "unavailable");
    other.rollback();
    EXPECT_EQ(put_timer(*store), "fine");
}

TEST_F(StoreErrorsTest, ReadersOfHistoryDoNotStandBeforeTheStages) {
    auto narrow = options(schema_->url());
    narrow.readers = 1;
    const auto store = open(narrow);
    OtherTransaction other(schema_->url());
    other.run("LOCK TABLE notes");
    auto history = std::async([&] { return code(store->get_note("a")); });
    other.wait_until_it_is_in_the_way();
    EXPECT_EQ(put_timer(*store), "fine");
    other.rollback();
    EXPECT_EQ(history.get(), "fine");
}

TEST_F(StoreErrorsTest, AConnectionThatEndedWhileItWasIdleIsReplacedUnseen) {
    const auto store =
        open(options(postgres::with_parameter(schema_->url(), "application_name", schema_->name())));
    ASSERT_EQ(put_timer(*store), "fine");
    const auto ended = schema_->ask(
        "SELECT bool_and(pg_terminate_backend(pid, 5000))::text FROM pg_stat_activity WHERE application_name "
        "= '" +
        schema_->name() + "'");
    ASSERT_EQ(ended, "true");
    EXPECT_EQ(put_timer(*store), "fine");
}

TEST_F(StoreErrorsTest, AConnectionThatEndsBeforeTheCommitLeavesNothing) {
    const auto store = open();
    OtherTransaction other(schema_->url());
    other.run("LOCK TABLE timers IN EXCLUSIVE MODE");
    auto put = std::async([&] { return put_timer(*store); });
    other.wait_until_it_is_in_the_way();
    other.end_those_who_wait();
    EXPECT_NE(put.get(), "fine");
    other.rollback();
    EXPECT_TRUE(store->take_due(Lane::normal, 10).value().empty());
}

TEST_F(StoreErrorsTest, WhoDoesNotHearTheAnswerOfACommitMayRepeatIt) {
    FlakyPath path;
    const auto store = open_through(path);
    path.set(FlakyPath::State::answerless);
    EXPECT_EQ(put_timer(*store), "timeout");
    EXPECT_EQ(schema_->ask("SELECT count(*)::text FROM timers"), "1") << "the commit took place";
    path.set(FlakyPath::State::open);
    EXPECT_EQ(put_timer(*store), "fine");
    EXPECT_EQ(store->take_due(Lane::normal, 10).value().size(), 1u);
}

TEST_F(StoreErrorsTest, AClaimWhoseAnswerWasLostIsGivenToItsOwnerWhenRepeated) {
    const NewPlan plans[] = {{make_notification(1), make_plan()}};
    ASSERT_TRUE(open()->store_plans(plans));
    FlakyPath path;
    const auto store = open_through(path);
    const ClaimRequest requests[] = {make_claim(make_delivery_id(1))};
    path.set(FlakyPath::State::answerless);
    EXPECT_EQ(code(store->claim(requests, 7)), "timeout");
    path.set(FlakyPath::State::open);
    EXPECT_EQ(open()->claim(requests, 8).value().at(0).verdict, ClaimVerdict::busy);
    EXPECT_EQ(store->claim(requests, 7).value().at(0).verdict, ClaimVerdict::claimed);
}

TEST_F(StoreErrorsTest, AServerThatFallsSilentIsUnavailable) {
    FlakyPath path;
    auto hasty = options(path.through(schema_->url()));
    hasty.statement_timeout = Millis{100};
    const auto store = open(hasty);
    ASSERT_EQ(put_timer(*store), "fine");
    path.set(FlakyPath::State::frozen);
    EXPECT_EQ(put_timer(*store, 2), "unavailable");
    path.set(FlakyPath::State::open);
    EXPECT_EQ(put_timer_patiently(*store, 2), "fine");
}

TEST_F(StoreErrorsTest, CallsFailAtOnceWhileTheServerIsAwayAndItRecovers) {
    FlakyPath path;
    const auto store = open_through(path);
    ASSERT_EQ(put_timer(*store), "fine");
    path.set(FlakyPath::State::cut);
    const auto start = std::chrono::steady_clock::now();
    for (int call = 0; call < 1000; ++call) ASSERT_NE(put_timer(*store, 2), "fine");
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(3));
    path.set(FlakyPath::State::open);
    EXPECT_EQ(put_timer_patiently(*store, 2), "fine");
}

TEST_F(StoreErrorsTest, AServerThatIsNotThereIsUnavailableAtTheOpening) {
    FlakyPath path;
    path.set(FlakyPath::State::cut);
    EXPECT_EQ(code(PostgresStore::open(options(path.through(schema_->url())))), "unavailable");
}

TEST_F(StoreErrorsTest, AUrlThatCannotBeReadIsInvalid) {
    EXPECT_EQ(code(PostgresStore::open(options("mysql://127.0.0.1/herald"))), "invalid");
    EXPECT_EQ(code(PostgresStore::open(options("postgres://127.0.0.1/herald?no_such_thing=1"))), "invalid");
}

TEST_F(StoreErrorsTest, NoErrorTellsThePasswordOrARow) {
    const auto url = "postgres://herald:s3cret@127.0.0.1:1/herald?connect_timeout=2&what=1";
    EXPECT_THAT(PostgresStore::open(options(url)).error().message,
                ::testing::Not(::testing::HasSubstr("s3cret")));
    auto user = make_user("ada@example.org");
    user.email = "\xff secret";
    const auto refused = open()->put_user(default_tenant(), user, clock_.now());
    EXPECT_THAT(refused.error().message, ::testing::Not(::testing::HasSubstr("secret")));
    EXPECT_THAT(refused.error().message, ::testing::Not(::testing::HasSubstr("example")));
}

TEST_F(StoreErrorsTest, TheServersClockIsTheStoresWhenNoTestTurnsOne) {
    auto real = options(schema_->url());
    real.test_clock = nullptr;
    const auto store = open(real);
    const Timer timers[] = {make_timer(make_delivery_id(1), TimePoint{})};
    const auto before = to_millis(SystemClock().now());
    ASSERT_TRUE(store->put_timers(timers));
    const auto due = std::stoll(schema_->ask("SELECT due::text FROM timers"));
    EXPECT_NEAR(static_cast<double>(due), static_cast<double>(before), 5'000);
    EXPECT_EQ(store->take_due(Lane::normal, 10).value().size(), 1u);
}

}  // namespace
}  // namespace herald
