#include "simulator/faults.hpp"

namespace herald::simulator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Faults::Abilities kPush{.http2 = true, .recipient_in_path = true};

std::vector<FieldError> put(Faults& faults, std::string_view json, std::uint64_t first = 0) {
    const auto parsed = Json::parse(json);
    EXPECT_TRUE(parsed) << json;
    return faults.replace(*parsed, first);
}

/// The faults that act on the requests from `from` on, in order; "-" for none.
std::vector<std::string> acting(Faults& faults, std::uint64_t from, int count,
                                std::string_view recipient = "r") {
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) {
        const auto n = from + static_cast<std::uint64_t>(i);
        auto rule = faults.at_head(n, recipient);
        if (rule == nullptr) rule = faults.at_body(n, recipient).rule;
        names.emplace_back(rule == nullptr ? "-" : to_string(rule->fault));
    }
    return names;
}

TEST(FaultsTest, NothingActsWithoutRules) {
    Faults faults(kPush);
    EXPECT_THAT(acting(faults, 1, 2), ElementsAre("-", "-"));
}

TEST(FaultsTest, ARuleWithoutShareActsOnAll) {
    Faults faults(kPush);
    ASSERT_THAT(put(faults, R"({"rules":[{"fault":"hang"}]})"), IsEmpty());
    EXPECT_THAT(acting(faults, 1, 3), ElementsAre("hang", "hang", "hang"));
}

TEST(FaultsTest, TheSameSeedGivesTheSameFaults) {
    const auto rules = R"({"seed":42,"rules":[{"share":0.3,"fault":"status"},{"share":0.3,"fault":"hang"}]})";
    Faults a(kPush);
    Faults b(kPush);
    ASSERT_THAT(put(a, rules, 1), IsEmpty());
    ASSERT_THAT(put(b, rules, 5001), IsEmpty());
    EXPECT_EQ(acting(a, 1, 200), acting(b, 5001, 200));
}

TEST(FaultsTest, AnotherSeedGivesOthers) {
    Faults a(kPush);
    Faults b(kPush);
    ASSERT_THAT(put(a, R"({"seed":1,"rules":[{"share":0.5,"fault":"hang"}]})"), IsEmpty());
    ASSERT_THAT(put(b, R"({"seed":2,"rules":[{"share":0.5,"fault":"hang"}]})"), IsEmpty());
    EXPECT_NE(acting(a, 0, 100), acting(b, 0, 100));
}

TEST(FaultsTest, SharesAreOfAllRequests) {
    Faults faults(kPush);
    ASSERT_THAT(put(faults, R"({"seed":7,"rules":[{"share":0.3,"fault":"status"},{"share":0.2,"fault":"hang"},
                                                  {"share":0.1,"fault":"reset_before_body"}]})"),
                IsEmpty());
    const auto names = acting(faults, 0, 10'000);
    constexpr double kFiveSigma = 250;
    EXPECT_NEAR(static_cast<double>(std::count(names.begin(), names.end(), "status")), 3000, kFiveSigma);
    EXPECT_NEAR(static_cast<double>(std::count(names.begin(), names.end(), "hang")), 2000, kFiveSigma);
    EXPECT_NEAR(static_cast<double>(std::count(names.begin(), names.end(), "reset_before_body")), 1000,
                kFiveSigma);
    EXPECT_NEAR(static_cast<double>(std::count(names.begin(), names.end(), "-")), 4000, kFiveSigma);
}

TEST(FaultsTest, ARuleEndsAfterItsTimes) {
    Faults faults(kPush);
    ASSERT_THAT(put(faults, R"({"rules":[{"fault":"status","times":2},{"fault":"hang","times":1}]})"),
                IsEmpty());
    EXPECT_THAT(acting(faults, 1, 5), ElementsAre("status", "status", "hang", "-", "-"));
}

TEST(FaultsTest, ActsOnlyOnMatchingRecipients) {
    Faults faults(kPush);
    ASSERT_THAT(
        put(faults, R"({"rules":[{"fault":"hang","match":{"recipient_prefix":"ab"}},{"fault":"status"}]})"),
        IsEmpty());
    EXPECT_THAT(acting(faults, 1, 1, "abc"), ElementsAre("hang"));
    EXPECT_THAT(acting(faults, 2, 1, "xyz"), ElementsAre("status"));
}

TEST(FaultsTest, LatencyGoesTogetherWithAnotherFault) {
    Faults faults(kPush);
    ASSERT_THAT(put(faults, R"({"rules":[{"fault":"latency","ms":50},{"fault":"status","status":503}]})"),
                IsEmpty());
    const auto decision = faults.at_body(1, "r");
    ASSERT_NE(decision.rule, nullptr);
    EXPECT_EQ(decision.rule->status, 503);
    EXPECT_EQ(decision.latency, Millis{50});
}

TEST(FaultsTest, LeavesRequestsAloneThatArrivedBeforeTheRules) {
    Faults faults(kPush);
    ASSERT_THAT(put(faults, R"({"rules":[{"fault":"hang"}]})", 10), IsEmpty());
    EXPECT_THAT(acting(faults, 9, 2), ElementsAre("-", "hang"));
}

TEST(FaultsTest, WhatActsOnTheHeadDoesNotActOnTheBody) {
    Faults faults(kPush);
    ASSERT_THAT(put(faults, R"({"rules":[{"fault":"refused_stream"}]})"), IsEmpty());
    EXPECT_EQ(faults.at_body(1, "r").rule, nullptr);
    ASSERT_NE(faults.at_head(1, "r"), nullptr);
}

TEST(FaultsTest, ClearEndsThem) {
    Faults faults(kPush);
    ASSERT_THAT(put(faults, R"({"rules":[{"fault":"hang"}]})"), IsEmpty());
    faults.clear();
    EXPECT_THAT(acting(faults, 1, 1), ElementsAre("-"));
}

TEST(FaultsTest, SaysHowOftenEachActed) {
    Faults faults(kPush);
    ASSERT_THAT(put(faults, R"({"seed":3,"rules":[{"fault":"hang","times":2}]})"), IsEmpty());
    acting(faults, 1, 5);
    EXPECT_EQ(faults.describe(), R"({"seed":3,"rules":[{"fault":"hang","times":2,"acted":2}]})");
}

TEST(FaultsTest, ReadsHeadersAndBodyOfAStatus) {
    Faults faults(kPush);
    ASSERT_THAT(
        put(faults,
            R"({"rules":[{"fault":"status","status":429,"headers":{"retry-after":"2"},"body":{"a":1}}]})"),
        IsEmpty());
    const auto rule = faults.at_body(1, "r").rule;
    ASSERT_NE(rule, nullptr);
    ASSERT_EQ(rule->headers.size(), 1u);
    EXPECT_EQ(rule->headers[0].value, "2");
    EXPECT_EQ(rule->body, R"({"a":1})");
}

TEST(FaultsTest, RefusesWhatItDoesNotUnderstandAndKeepsTheOldRules) {
    Faults faults(kPush);
    ASSERT_THAT(put(faults, R"({"rules":[{"fault":"hang"}]})"), IsEmpty());
    for (const auto bad :
         {R"({})", R"({"rules":{}})", R"({"rules":[{}]})", R"({"rules":[1]})",
          R"({"rules":[{"fault":"explode"}]})", R"({"rules":[{"fault":"hang","share":1.5}]})",
          R"({"rules":[{"fault":"status","status":99}]})", R"({"rules":[{"fault":"hang","when":1}]})",
          R"({"rules":[{"fault":"hang","times":0}]})", R"({"rules":[{"fault":"hang","match":{}}]})",
          R"({"rules":[{"fault":"status","headers":{"a":1}}]})", R"({"rules":[],"sed":1})"}) {
        EXPECT_FALSE(put(faults, bad).empty()) << bad;
    }
    EXPECT_THAT(acting(faults, 1, 1), ElementsAre("hang"));
}

TEST(FaultsTest, RefusesHttp2FaultsWithoutHttp2) {
    Faults faults({});
    EXPECT_FALSE(put(faults, R"({"rules":[{"fault":"goaway"}]})").empty());
    EXPECT_FALSE(put(faults, R"({"rules":[{"fault":"refused_stream"}]})").empty());
}

TEST(FaultsTest, RefusesToChooseByABodyThatIsNotReadYet) {
    Faults faults({.http2 = true, .recipient_in_path = false});
    EXPECT_FALSE(
        put(faults, R"({"rules":[{"fault":"reset_before_body","match":{"recipient_prefix":"a"}}]})").empty());
    EXPECT_FALSE(put(faults, R"({"rules":[{"fault":"hang","match":{"recipient_prefix":"a"}},
                                          {"fault":"reset_before_body"}]})")
                     .empty());
    EXPECT_THAT(put(faults, R"({"rules":[{"fault":"reset_before_body","share":0.1},
                                         {"fault":"hang","match":{"recipient_prefix":"a"}}]})"),
                IsEmpty());
}

}  // namespace
}  // namespace herald::simulator
