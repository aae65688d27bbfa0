#include "liquid/parser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

namespace herald::liquid {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// `line:column message`, or "compiles".
std::string mistake(std::string_view source, Escaping escaping = Escaping::none) {
    const auto tree = parse(source, escaping);
    if (tree) return "compiles";
    return fmt::format("{}:{} {}", tree.error().line, tree.error().column, tree.error().message);
}

std::string repeat(std::string_view text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += text;
    return out;
}

TEST(ParserTest, RefusesAnUnknownTag) {
    EXPECT_EQ(mistake("a\n{% nope x %}"), "2:4 there is no tag nope");
    EXPECT_EQ(mistake("{% if a %}{% nope %}{% endif %}"), "1:14 there is no tag nope");
}

TEST(ParserTest, RefusesAnUnknownFilter) {
    EXPECT_EQ(mistake("{{ a | nope }}"), "1:8 there is no filter nope");
}

TEST(ParserTest, RefusesTheWrongNumberOfArguments) {
    EXPECT_EQ(mistake("{{ a | upcase: 1 }}"), "1:8 the filter upcase takes 0 arguments, not 1");
    EXPECT_EQ(mistake("{{ a | default: 1, 2 }}"), "1:8 the filter default takes 0 to 1 argument, not 2");
}

TEST(ParserTest, RefusesAnUnknownNamedArgument) {
    EXPECT_EQ(mistake("{{ a | default: 1, allow: true }}"), "1:20 the filter default has no argument allow");
}

TEST(ParserTest, HasTheFilterRawInHtmlOnly) {
    EXPECT_EQ(mistake("{{ a | raw }}", Escaping::none), "1:8 the filter raw exists in HTML parts only");
    EXPECT_EQ(mistake("{{ a | raw }}", Escaping::html), "compiles");
}

TEST(ParserTest, RefusesABlockThatIsNeverClosed) {
    EXPECT_EQ(mistake("a {% if b %}\n c"), "1:6 if is never closed by endif");
    EXPECT_EQ(mistake("{% unless b %}"), "1:4 unless is never closed by endunless");
    EXPECT_EQ(mistake("{% for b in c %}{% else %}"), "1:4 for is never closed by endfor");
    EXPECT_EQ(mistake("x{% raw %}{{ a }}"), "1:2 raw is never closed by endraw");
    EXPECT_EQ(mistake("{% comment %}{% comment %}{% endcomment %}"),
              "1:1 comment is never closed by endcomment");
}

TEST(ParserTest, RefusesBracesThatAreNeverClosed) {
    EXPECT_EQ(mistake("Hi {{ name }"), "1:4 {{ is never closed by }}");
    EXPECT_EQ(mistake("Hi\n  {% if x }}"), "2:3 {% is never closed by %}");
}

TEST(ParserTest, RefusesTagsThatCloseSomethingElse) {
    EXPECT_EQ(mistake("{% if a %}\n{% endfor %}"),
              "2:4 endfor cannot stand here: the if of line 1 is still open");
    EXPECT_EQ(mistake("{% endif %}"), "1:4 endif belongs to nothing that is open");
    EXPECT_EQ(mistake("{% else %}"), "1:4 else belongs to nothing that is open");
    EXPECT_EQ(mistake("{% if a %}{% else %}{% elsif b %}{% endif %}"),
              "1:24 elsif cannot stand here: the if of line 1 is still open");
    EXPECT_EQ(mistake("{% for a in b %}{% elsif c %}{% endfor %}"),
              "1:20 elsif cannot stand here: the for of line 1 is still open");
}

TEST(ParserTest, RefusesWordsAfterATagThatTakesNone) {
    EXPECT_EQ(mistake("{% if a %}{% else if b %}{% endif %}"), "1:19 else takes nothing after its name");
    EXPECT_EQ(mistake("{% if a %}{% endif a %}"), "1:20 endif takes nothing after its name");
    EXPECT_EQ(mistake("{% for a in b %}{% break 2 %}{% endfor %}"),
              "1:26 break takes nothing after its name");
    EXPECT_EQ(mistake("{% raw x %}{% endraw %}"), "1:1 raw takes nothing after its name");
}

TEST(ParserTest, RefusesMarkupItCannotRead) {
    EXPECT_EQ(mistake("{{ a b }}"), "1:6 b is not expected here");
    EXPECT_EQ(mistake("{{ a. }}"), "1:6 expected a name, found the end");
    EXPECT_EQ(mistake("{{ a[0 }}"), "1:7 expected ], found the end");
    EXPECT_EQ(mistake("{{ | upcase }}"), "1:4 expected a value, found |");
    EXPECT_EQ(mistake("{{ a | }}"), "1:7 expected the name of a filter, found the end");
    EXPECT_EQ(mistake("{{ a | default: }}"), "1:16 expected a value, found the end");
    EXPECT_EQ(mistake("{{ 'a }}"), "1:4 this string lacks its '");
    EXPECT_EQ(mistake("{{ a & b }}"), "1:6 this character has no meaning here");
    EXPECT_EQ(mistake("{{ 99999999999999999999 }}"), "1:4 this number is too large");
    EXPECT_EQ(mistake("{% %}"), "1:1 a tag begins with its name");
}

TEST(ParserTest, RefusesConditionsItCannotRead) {
    EXPECT_EQ(mistake("{% if %}{% endif %}"), "1:6 expected a value, found the end");
    EXPECT_EQ(mistake("{% if a == %}{% endif %}"), "1:11 expected a value, found the end");
    EXPECT_EQ(mistake("{% if a = b %}{% endif %}"), "1:9 = is not expected here");
    EXPECT_EQ(mistake("{% if a && b %}{% endif %}"), "1:9 this character has no meaning here");
    EXPECT_EQ(mistake("{% if a %}{% elsif %}{% endif %}"), "1:19 expected a value, found the end");
}

TEST(ParserTest, RefusesLoopsAndAssignmentsItCannotRead) {
    EXPECT_EQ(mistake("{% for a of b %}{% endfor %}"), "1:10 expected in");
    EXPECT_EQ(mistake("{% for a in b limit 2 %}{% endfor %}"), "1:21 expected :, found 2");
    EXPECT_THAT(mistake("{% for a in b by: 2 %}{% endfor %}"), StartsWith("1:15 expected limit: or offset:"));
    EXPECT_THAT(mistake("{% for a in b limit: 2 reversed %}{% endfor %}"),
                StartsWith("1:24 expected limit:"));
    EXPECT_EQ(mistake("{% assign a.b = 1 %}"), "1:12 expected =, found .");
}

TEST(ParserTest, CountsColumnsInCharacters) {
    EXPECT_EQ(mistake("a\nčšž {{ é }}"), "2:8 this character has no meaning here");
}

TEST(ParserTest, ReportsTheFirstMistake) {
    EXPECT_THAT(mistake("{{ a | b }}{{ c | d }}"), HasSubstr("no filter b"));
}

TEST(ParserTest, RefusesALargeSource) {
    EXPECT_EQ(mistake(std::string(kMaxSourceBytes, 'x')), "compiles");
    EXPECT_EQ(mistake(std::string(kMaxSourceBytes + 1, 'x')), "1:1 it has 65537 bytes, more than 65536");
}

TEST(ParserTest, RefusesDeepBlocks) {
    EXPECT_EQ(mistake(repeat("{% if a %}", kMaxNesting) + repeat("{% endif %}", kMaxNesting)), "compiles");
    EXPECT_THAT(mistake(repeat("{% if a %}", kMaxNesting + 1) + repeat("{% endif %}", kMaxNesting + 1)),
                HasSubstr("nested deeper than 32"));
}

TEST(ParserTest, RefusesDeepBrackets) {
    EXPECT_EQ(mistake("{{ " + repeat("a[", 15) + "1" + repeat("]", 15) + " }}"), "compiles");
    EXPECT_THAT(mistake("{{ " + repeat("a[", 9000) + "1" + repeat("]", 9000) + " }}"),
                HasSubstr("deeper than 16"));
    EXPECT_THAT(mistake("{{ " + repeat("(", 9000) + " }}"), HasSubstr("deeper than 16"));
}

TEST(ParserTest, RefusesTooManyTokens) {
    EXPECT_EQ(mistake(repeat("{{a}}", 6000)), "compiles");
    EXPECT_THAT(mistake(repeat("{{a}}", 7000)), HasSubstr("more than 20000 tokens"));
}

TEST(ParserTest, RefusesBytesThatAreNoText) {
    EXPECT_EQ(mistake("fine\nnot \xff fine"), "2:1 this line is not valid UTF-8");
}

}  // namespace
}  // namespace herald::liquid
