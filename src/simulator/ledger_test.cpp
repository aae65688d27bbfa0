#include "simulator/ledger.hpp"

namespace herald::simulator {
namespace {

using testing::ElementsAre;

std::uint64_t arrive(Ledger& ledger, std::string delivery, std::string recipient = "r") {
    return ledger.head_arrived({std::move(delivery), 1, std::move(recipient)}, {});
}

void complete(Ledger& ledger, std::uint64_t n, std::string verdict, std::string body = "{}") {
    ledger.body_arrived(n, {"d" + std::to_string(n), 1, "r"}, body, {std::move(verdict), "", ""});
}

std::vector<std::uint64_t> numbers(const Ledger::Page& page) {
    std::vector<std::uint64_t> out;
    for (const auto& row : page.rows) out.push_back(row.n);
    return out;
}

TEST(LedgerTest, KeepsARowForAHeadWhoseBodyNeverCame) {
    Ledger ledger;
    arrive(ledger, "a.0.1");
    const auto page = ledger.find({});
    ASSERT_EQ(page.rows.size(), 1u);
    EXPECT_EQ(page.rows[0].subject.delivery, "a.0.1");
    EXPECT_FALSE(page.rows[0].body_complete);
    EXPECT_EQ(page.rows[0].verdict, "pending");
    EXPECT_GT(page.rows[0].head_at_ms, 0);
    EXPECT_EQ(page.rows[0].body_at_ms, 0);
}

TEST(LedgerTest, FollowsARequestFromHeadToAnswer) {
    Ledger ledger;
    const auto n = arrive(ledger, "");
    ledger.body_arrived(n, {"a.0.1", 2, "token"}, "payload", {"410", "Unregistered", ""});
    ledger.answered(n, true);
    const auto row = ledger.find({}).rows.at(0);
    EXPECT_EQ(row.subject.delivery, "a.0.1");
    EXPECT_EQ(row.subject.attempt, 2);
    EXPECT_EQ(row.verdict, "410");
    EXPECT_EQ(row.reason, "Unregistered");
    EXPECT_EQ(row.body, "payload");
    EXPECT_TRUE(row.body_complete);
    EXPECT_TRUE(row.answer_written);
    EXPECT_LE(row.head_at_ms, row.body_at_ms);
    EXPECT_LE(row.body_at_ms, row.answered_at_ms);
}

TEST(LedgerTest, SaysWhenAnAnswerWasNotFullyWritten) {
    Ledger ledger;
    const auto n = arrive(ledger, "a");
    complete(ledger, n, "200");
    ledger.answered(n, false);
    EXPECT_FALSE(ledger.find({}).rows.at(0).answer_written);
}

TEST(LedgerTest, FiltersByDeliveryRecipientAndVerdict) {
    Ledger ledger;
    ledger.body_arrived(arrive(ledger, ""), {"a", 1, "x"}, "", {"200", "", ""});
    ledger.body_arrived(arrive(ledger, ""), {"b", 1, "y"}, "", {"200", "", ""});
    ledger.body_arrived(arrive(ledger, ""), {"b", 2, "y"}, "", {"500", "", ""});
    EXPECT_THAT(numbers(ledger.find({.delivery = "b"})), ElementsAre(2u, 3u));
    EXPECT_THAT(numbers(ledger.find({.recipient = "x"})), ElementsAre(1u));
    EXPECT_THAT(numbers(ledger.find({.delivery = "b", .verdict = "200"})), ElementsAre(2u));
}

TEST(LedgerTest, ReadsOnFromANumber) {
    Ledger ledger;
    for (int i = 0; i < 5; ++i) arrive(ledger, "a");
    const auto page = ledger.find({.since = 2, .limit = 2});
    EXPECT_THAT(numbers(page), ElementsAre(3u, 4u));
    EXPECT_EQ(page.count, 3u);
    EXPECT_TRUE(ledger.find({.since = 5}).rows.empty());
    EXPECT_TRUE(ledger.find({.since = 99}).rows.empty());
}

TEST(LedgerTest, CountsByVerdict) {
    Ledger ledger;
    const auto first = arrive(ledger, "a");
    complete(ledger, first, "200");
    ledger.answered(first, true);
    complete(ledger, arrive(ledger, "b"), "hang");
    ledger.settled_unread(arrive(ledger, "c"), {"reset_before_body", "", "reset_before_body"});
    const auto counts = ledger.count({});
    EXPECT_EQ(counts.count, 3u);
    EXPECT_EQ(counts.body_complete, 2u);
    EXPECT_EQ(counts.answer_written, 1u);
    EXPECT_EQ(counts.by_verdict,
              (std::map<std::string, std::size_t>{{"200", 1}, {"hang", 1}, {"reset_before_body", 1}}));
}

TEST(LedgerTest, DropsTheOldestRowsAndCountsThem) {
    Ledger ledger({.rows = 3});
    for (int i = 0; i < 5; ++i) arrive(ledger, "a");
    EXPECT_THAT(numbers(ledger.find({})), ElementsAre(3u, 4u, 5u));
    EXPECT_EQ(ledger.dropped(), 2u);
}

TEST(LedgerTest, IsBoundedInBytesToo) {
    Ledger ledger({.bytes = 4096, .body_bytes = 1000});
    for (int i = 0; i < 50; ++i) complete(ledger, arrive(ledger, "a"), "200", std::string(5000, 'x'));
    const auto page = ledger.find({});
    EXPECT_LT(page.rows.size(), 5u);
    EXPECT_EQ(page.rows.back().body.size(), 1000u);
    EXPECT_EQ(ledger.dropped() + page.rows.size(), 50u);
}

TEST(LedgerTest, IgnoresWhatIsToldAboutARowThatIsGone) {
    Ledger ledger;
    const auto n = arrive(ledger, "a");
    ledger.clear();
    const auto later = arrive(ledger, "b");
    complete(ledger, n, "200");
    ledger.answered(n, true);
    const auto rows = ledger.find({}).rows;
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].n, later);
    EXPECT_EQ(rows[0].verdict, "pending");
}

TEST(LedgerTest, NumbersGoOnAfterClearing) {
    Ledger ledger;
    arrive(ledger, "a");
    ledger.clear();
    EXPECT_EQ(arrive(ledger, "b"), 2u);
}

TEST(LedgerTest, NeverKeepsCredentials) {
    Ledger ledger;
    ledger.head_arrived(
        {}, {{"Authorization", "bearer secret"}, {"apns-topic", "com.example"}, {"Content-Type", "x"}});
    const auto headers = ledger.find({}).rows.at(0).headers;
    EXPECT_EQ(headers, "apns-topic: com.example\nContent-Type: x\n");
}

TEST(LedgerTest, WritesARowAsJson) {
    Ledger ledger;
    const auto n = ledger.head_arrived({"a.0.1", 0, ""}, {{"apns-id", "42"}, {"user-agent", "u: v"}});
    complete(ledger, n, "200", "{\"a\":1}");
    JsonWriter out;
    write_json(out, ledger.find({}).rows.at(0));
    const auto json = Json::parse(out.text());
    ASSERT_TRUE(json) << out.text();
    EXPECT_EQ(json->text("verdict"), "200");
    EXPECT_EQ(json->text("body"), "{\"a\":1}");
    EXPECT_TRUE(json->find("reason")->is_null());
    EXPECT_EQ(json->find("headers")->text("user-agent"), "u: v");
    EXPECT_TRUE(json->find("at_ms")->find("answered")->is_null());
    EXPECT_TRUE(json->find("at_ms")->find("body")->as_number() != nullptr);
}

TEST(LedgerTest, ShowsABodyThatIsNoTextAsBase64) {
    Ledger ledger;
    complete(ledger, arrive(ledger, "a"), "200", "\xff\xfe");
    JsonWriter out;
    write_json(out, ledger.find({}).rows.at(0));
    EXPECT_EQ(Json::parse(out.text())->text("body_base64"), "//4=");
}

}  // namespace
}  // namespace herald::simulator
