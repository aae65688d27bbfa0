#include "liquid/required_data.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "liquid/template.hpp"

namespace herald::liquid {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> required(std::string_view source) {
    const auto compiled = Template::compile(source, Escaping::html);
    EXPECT_TRUE(compiled) << source << ": " << compiled.error().message;
    std::vector<std::string> paths;
    for (const auto& field : compiled->required()) paths.push_back(field.path);
    return paths;
}

std::vector<std::string> missing(std::string_view source, std::string_view data) {
    return Template::compile(source, Escaping::none)->missing(Json::parse(data).value());
}

TEST(RequiredDataTest, NeedsWhatIsPrinted) {
    EXPECT_THAT(required("Hi {{ user.name | upcase }}, {{ n | raw }}"), ElementsAre("user.name", "n"));
}

TEST(RequiredDataTest, NamesEachPathOnceInOrderOfAppearance) {
    EXPECT_THAT(required(R"({{ b }}{{ a }}{{ b }}{{ a.c }}{{ a["c"] }})"), ElementsAre("b", "a", "a.c"));
}

TEST(RequiredDataTest, WritesIndicesAndOddNames) {
    EXPECT_THAT(required(R"({{ items[0].name }}{{ items[-1] }}{{ a["unit price"] }})"),
                ElementsAre("items[0].name", "items[-1]", R"(a["unit price"])"));
}

TEST(RequiredDataTest, NeedsTheKnownPartOfAPathAndWhatSelectsTheRest) {
    EXPECT_THAT(required("{{ prices[user.currency].amount }}"), ElementsAre("prices", "user.currency"));
}

TEST(RequiredDataTest, DoesNotNeedWhatHasADefault) {
    EXPECT_THAT(required(R"({{ a | default: "x" }}{{ b | upcase | default: c }})"), IsEmpty());
}

TEST(RequiredDataTest, NeedsWhatHasADefaultInOnePlaceOnly) {
    EXPECT_THAT(required(R"({{ a | default: "x" }}{{ a }})"), ElementsAre("a"));
}

TEST(RequiredDataTest, DoesNotNeedWhatOneBranchPrints) {
    EXPECT_THAT(required("{% if vip %}{{ a }}{% endif %}"), IsEmpty());
    EXPECT_THAT(required("{% if vip %}{{ a }}{% else %}{{ b }}{% endif %}"), IsEmpty());
    EXPECT_THAT(required("{% if vip %}{{ a }}{% elsif old %}{{ a }}{% endif %}"), IsEmpty());
    EXPECT_THAT(required("{% unless vip %}{{ a }}{% endunless %}"), IsEmpty());
}

TEST(RequiredDataTest, NeedsWhatEveryBranchPrints) {
    EXPECT_THAT(
        required("{% if vip %}{{ x }}{{ a }}{% elsif old %}{{ a }}{% else %}{{ a }}!{% endif %}{{ b }}"),
        ElementsAre("a", "b"));
    EXPECT_THAT(required("{% unless vip %}{{ a }}{% else %}{{ a }}{% endunless %}"), ElementsAre("a"));
}

TEST(RequiredDataTest, DoesNotNeedWhatAnEnclosingConditionTests) {
    EXPECT_THAT(required("{% if a %}{{ a }}{% else %}{{ a }}{% endif %}"), IsEmpty());
    EXPECT_THAT(required("{% if user %}{{ user.name }}{% else %}{{ user.name }}{% endif %}"), IsEmpty());
    EXPECT_THAT(required("{% if n > 1 and a == 'x' %}{{ a }}{% else %}{{ a }}{% endif %}"), IsEmpty());
    EXPECT_THAT(
        required("{% if a %}{% if b %}{{ a }}{% else %}{{ a }}{% endif %}{% else %}{{ a }}{% endif %}"),
        IsEmpty());
}

TEST(RequiredDataTest, NeedsWhatIsLongerOrOtherThanWhatIsTested) {
    EXPECT_THAT(required("{% if user.name %}{{ user }}{% else %}{{ user }}{% endif %}"), ElementsAre("user"));
    EXPECT_THAT(required("{% if user.name %}{{ user.id }}{% else %}{{ user.id }}{% endif %}"),
                ElementsAre("user.id"));
}

TEST(RequiredDataTest, NeedsWhatIsPrintedOutsideTheConditionThatTestsIt) {
    EXPECT_THAT(required("{% if a %}x{% endif %}{{ a }}"), ElementsAre("a"));
}

TEST(RequiredDataTest, NeedsNothingThatALoopPrints) {
    EXPECT_THAT(required("{% for x in items %}{{ x }}{{ a }}{% else %}{{ b }}{% endfor %}"), IsEmpty());
}

TEST(RequiredDataTest, KnowsALoopVariableFromDataOfTheSameName) {
    EXPECT_THAT(required("{% for x in items %}{{ x }}{% endfor %}{{ x }}"), ElementsAre("x"));
}

TEST(RequiredDataTest, DoesNotNeedWhatIsAssigned) {
    EXPECT_THAT(required("{% assign a = b %}{{ a }}{{ a.c }}"), IsEmpty());
    EXPECT_THAT(required("{% if vip %}{% assign a = 1 %}{% endif %}{{ a }}"), IsEmpty());
    EXPECT_THAT(required("{% for x in y %}{% assign a = x %}{% endfor %}{{ a }}"), IsEmpty());
}

TEST(RequiredDataTest, KnowsWhatAnyBranchAssignsOnlyAfterTheBranches) {
    EXPECT_THAT(
        required("{% if v %}{% assign a = 1 %}{{ b }}{% elsif w %}{{ a }}{{ b }}{% else %}{% assign c = 1 %}"
                 "{{ a }}{{ b }}{% endif %}{{ a }}{{ c }}"),
        ElementsAre("b"));
    EXPECT_THAT(required("{% if v %}{% if w %}{% assign a = 1 %}{% endif %}{{ b }}{% else %}{{ b }}{{ a }}"
                         "{% endif %}{{ a }}"),
                ElementsAre("b"));
    EXPECT_THAT(required("{% assign a = 1 %}{% if v %}{% assign a = 2 %}{% endif %}{{ a }}"), IsEmpty());
}

TEST(RequiredDataTest, DoesNotNeedWhatIsAssignedBehindABreak) {
    EXPECT_THAT(required("{% for x in y %}{% if z %}{% break %}{% endif %}{% assign a = 1 %}{% endfor %}"
                         "{{ a }}"),
                IsEmpty());
}

TEST(RequiredDataTest, NeedsWhatIsPrintedBeforeItIsAssigned) {
    EXPECT_THAT(required("{{ a }}{% assign a = 1 %}"), ElementsAre("a"));
    EXPECT_THAT(required("{% if v %}{% assign a = 1 %}{{ b }}{% else %}{{ a }}{{ b }}{% endif %}"),
                ElementsAre("b"));
}

TEST(RequiredDataTest, NeedsNothingBehindWhatMayEndTheRendering) {
    EXPECT_THAT(required("{{ a }}{% if b %}{% break %}{% endif %}{{ c }}"), ElementsAre("a"));
    EXPECT_THAT(required("{% break %}{% if b %}{{ c }}{% else %}{{ c }}{% endif %}{{ c }}"), IsEmpty());
    EXPECT_THAT(required("{% for x in y %}{% break %}{% endfor %}{{ c }}"), ElementsAre("c"));
    EXPECT_THAT(required("{% for x in y %}{% else %}{% break %}{% endfor %}{{ c }}"), IsEmpty());
}

TEST(RequiredDataTest, NeedsNothingOfLiteralsCommentsAndRawText) {
    EXPECT_THAT(
        required(R"({{ "a" }}{{ 1 }}{% comment %}{{ b }}{% endcomment %}{% raw %}{{ c }}{% endraw %})"),
        IsEmpty());
}

TEST(RequiredDataTest, MissesWhatIsAbsentOrNull) {
    EXPECT_THAT(missing("{{ a }}{{ b }}{{ c.d }}{{ c.e }}", R"({"b":null,"c":{"d":1}})"),
                ElementsAre("a", "b", "c.e"));
}

TEST(RequiredDataTest, DoesNotMissWhatIsEmptyOrFalse) {
    EXPECT_THAT(missing("{{ a }}{{ b }}{{ c }}{{ d }}", R"({"a":"","b":false,"c":0,"d":[]})"), IsEmpty());
}

TEST(RequiredDataTest, LooksIntoArrays) {
    constexpr std::string_view source = "{{ a[1].n }}{{ a.size }}{{ a.last.n }}";
    EXPECT_THAT(missing(source, R"({"a":[{},{"n":1}]})"), IsEmpty());
    EXPECT_THAT(missing(source, R"({"a":[]})"), ElementsAre("a[1].n", "a.last.n"));
}

TEST(RequiredDataTest, MissesEverythingInDataThatIsNoObject) {
    EXPECT_THAT(missing("{{ a }}{{ size }}", "[1]"), ElementsAre("a", "size"));
}

}  // namespace
}  // namespace herald::liquid
