#include "liquid/template.hpp"

#include <array>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald::liquid {
namespace {

using testing::Each;
using testing::HasSubstr;

Template compile(std::string_view source, Escaping escaping = Escaping::none) {
    auto compiled = Template::compile(source, escaping);
    EXPECT_TRUE(compiled) << source << ": " << compiled.error().message;
    return std::move(compiled).value();
}

std::string print(std::string_view source, std::string_view data, Escaping escaping = Escaping::none) {
    return compile(source, escaping).render(Json::parse(data).value()).value();
}

std::string print_html(std::string_view source, std::string_view data) {
    return print(source, data, Escaping::html);
}

Error refusal(std::string_view source, std::string_view data, const RenderLimits& limits = {}) {
    const auto printed = compile(source).render(Json::parse(data).value(), limits);
    EXPECT_FALSE(printed) << source << " printed " << printed.value();
    return printed.error();
}

TEST(TemplateTest, PrintsNumbersWithTheTextTheyCameWith) {
    EXPECT_EQ(print("{{ a }} {{ b }} {{ c }}", R"({"a":1.50,"b":1e3,"c":123456789012345678901234567890})"),
              "1.50 1e3 123456789012345678901234567890");
    EXPECT_EQ(print("{{ none | default: 9.90 }}", "{}"), "9.90");
}

TEST(TemplateTest, PrintsAnObjectAsJson) {
    EXPECT_EQ(print("{{ a }}", R"({"a":{"b":[1,"x"]}})"), R"({"b":[1,"x"]})");
}

TEST(TemplateTest, ConvertsAnArrayAsItWouldPrint) {
    EXPECT_EQ(print("{{ a | upcase }}", R"({"a":["b",["c",1]]})"), "BC1");
}

TEST(TemplateTest, MovesAndCopiesWithoutLosingItsSource) {
    auto first = compile("Hi {{ a }}");
    const Template copy = first;
    first = compile("other");
    EXPECT_EQ(copy.render(*Json::parse(R"({"a":1})")).value(), "Hi 1");
}

TEST(TemplateTest, EscapesWhatItPrintsInHtml) {
    EXPECT_EQ(print_html("<b>{{ a }}</b>", R"({"a":"<i>\"x\" & 'y'</i>"})"),
              "<b>&lt;i&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/i&gt;</b>");
}

TEST(TemplateTest, EscapesArraysAndObjectsAndLiteralsInHtml) {
    EXPECT_EQ(print_html(R"({{ a }} {{ o }} {{ "<" }})", R"({"a":["<",">"],"o":{"k":"<"}})"),
              "&lt;&gt; {&quot;k&quot;:&quot;&lt;&quot;} &lt;");
    EXPECT_EQ(print_html("{% for m in o %}{{ m }}{% endfor %}", R"({"o":{"<":">"}})"), "&lt;&gt;");
}

TEST(TemplateTest, DoesNotEscapeTwice) {
    EXPECT_EQ(print_html("{{ a | escape }}", R"({"a":"<"})"), "&lt;");
    EXPECT_EQ(print_html("{{ a | escape | escape }}", R"({"a":"<"})"), "&lt;");
    EXPECT_EQ(print_html("{% assign b = a | escape %}{{ b }}", R"({"a":"<"})"), "&lt;");
}

TEST(TemplateTest, KeepsEscapedTextSafeWhenItsCaseChanges) {
    EXPECT_EQ(print_html("{{ a | escape | capitalize }}", R"({"a":"x<Y"})"), "X&lt;y");
}

TEST(TemplateTest, EscapesADefaultToo) {
    EXPECT_EQ(print_html("{{ a | escape | default: b }}", R"({"b":"<"})"), "&lt;");
    EXPECT_EQ(print_html("{{ a | raw | default: b }}", R"({"b":"<"})"), "&lt;");
}

TEST(TemplateTest, PrintsRawUnescaped) {
    EXPECT_EQ(print_html("{{ a | raw }}", R"({"a":"<i>"})"), "<i>");
    EXPECT_EQ(print_html("{{ a | raw | upcase }}", R"({"a":"<i>"})"), "<I>");
}

TEST(TemplateTest, EscapesRawTextWhenAsked) {
    EXPECT_EQ(print_html("{{ a | raw | escape }}", R"({"a":"<"})"), "&lt;");
}

TEST(TemplateTest, LeavesPlainTextAsItIs) { EXPECT_EQ(print("{{ a }}", R"({"a":"<&>"})"), "<&>"); }

TEST(TemplateTest, ComparesWhatHasNoOrderAsFalse) {
    constexpr std::string_view data = R"({"n":3,"s":"3","a":[1],"o":{"k":1},"t":true,"z":null})";
    for (const std::string left : {"n", "s", "a", "o", "t", "z", "(1..2)", "empty"}) {
        for (const std::string right : {"n", "s", "a", "o", "t", "z", "(1..2)", "empty"}) {
            if (left == right) continue;
            for (const std::string comparison : {"<", ">", "<=", ">="}) {
                const auto source = "{% if " + left + " " + comparison + " " + right + " %}yes{% endif %}";
                EXPECT_EQ(print(source, data), "") << source;
            }
            EXPECT_EQ(print("{% if " + left + " != " + right + " %}yes{% endif %}", data), "yes");
        }
    }
}

TEST(TemplateTest, KnowsBlank) {
    constexpr std::string_view source =
        "{% for x in list %}{% if x == blank %}1{% else %}0{% endif %}{% endfor %}{% if none == blank %}1{% "
        "endif %}";
    EXPECT_EQ(print(source, R"({"list":[null,false,""," \n",[],{},0,true,"x",[1]]})"), "11111100001");
}

TEST(TemplateTest, ContainsAKeyWhoseValueIsNull) {
    EXPECT_EQ(print("{% if o contains 'k' %}yes{% endif %}", R"({"o":{"k":null}})"), "yes");
}

TEST(TemplateTest, TrimsAroundRawButNotWithin) {
    EXPECT_EQ(print("> {%- raw -%} inner {%- endraw -%} <", "{}"), "> inner <");
    EXPECT_EQ(print("> {% raw %} {{ x }} {%- endraw %} <", "{}"), ">  {{ x }}  <");
}

TEST(TemplateTest, EndsACommentAlsoBehindARawThatNeverEnds) {
    EXPECT_EQ(print("{%comment%}{%raw%}{%endcomment%}a{%comment%}{%raw%}{%raw%}{%endcomment%}b", "{}"), "ab");
    EXPECT_EQ(print("{%comment%}{%raw%}{%endcomment%}{%endraw%}{%endcomment%}a"
                    "{%comment%}{%raw%}{%endcomment%}b",
                    "{}"),
              "ab");
}

TEST(TemplateTest, KeepsALoopThatAVariableHolds) {
    EXPECT_EQ(
        print("{% for x in (1..3) %}{% assign l = forloop %}{% endfor %}{{ l.length }}{{ l.last }}", "{}"),
        "3false");
}

TEST(TemplateTest, RefusesALimitThatIsNoWholeNumber) {
    const auto error = refusal("\n {% for x in a limit: n %}{{ x }}{% endfor %}", R"({"a":[1],"n":"many"})");
    EXPECT_EQ(error.code, ErrorCode::invalid);
    EXPECT_EQ(error.message,
              "rendering stopped at line 2, column 5: the template needs n to be a whole number");
}

TEST(TemplateTest, RefusesARangeWhoseEndIsBeyondCounting) {
    EXPECT_EQ(refusal("{% for x in (1..n) %}{% endfor %}", R"({"n":9223372036854775807})").code,
              ErrorCode::invalid);
    EXPECT_EQ(refusal("{% for x in (n..1) %}{% endfor %}", R"({"n":-9223372036854775808})").code,
              ErrorCode::invalid);
}

TEST(TemplateTest, StopsAtTheMostBytesOfOutput) {
    const auto template_ = compile("{% for x in (1..4) %}abc{% endfor %}");
    EXPECT_EQ(template_.render({}, {.max_output_bytes = 12}).value(), "abcabcabcabc");
    const auto error = refusal("{% for x in (1..4) %}abc{% endfor %}", "{}", {.max_output_bytes = 11});
    EXPECT_EQ(error.code, ErrorCode::too_large);
    EXPECT_THAT(error.message, HasSubstr("more than 11 bytes of output"));
}

TEST(TemplateTest, StopsAtTheMostIterationsOfAllLoopsTogether) {
    constexpr std::string_view source = "{% for x in (1..3) %}{% for y in (1..3) %}.{% endfor %}{% endfor %}";
    EXPECT_EQ(compile(source).render({}, {.max_iterations = 12}).value(), ".........");
    const auto error = refusal(source, "{}", {.max_iterations = 11});
    EXPECT_EQ(error.code, ErrorCode::too_large);
    EXPECT_THAT(error.message, HasSubstr("more than 11 iterations"));
}

TEST(TemplateTest, DoesNotCountOutARangeToRefuseIt) {
    EXPECT_EQ(refusal("{% for x in (1..999999999999999) %}{% endfor %}", "{}").code, ErrorCode::too_large);
}

TEST(TemplateTest, StopsAtTheMostSteps) {
    const auto error = refusal("{% for x in (1..9) %}{{ x }}{{ x }}{% endfor %}", "{}", {.max_steps = 18});
    EXPECT_EQ(error.code, ErrorCode::too_large);
    EXPECT_THAT(error.message, HasSubstr("more than 18 steps"));
}

/// What a loop of `iterations` does with `data`, and whether that was within the default limits.
bool is_affordable(const std::string& work, const Json& data, int iterations = 10'000) {
    const auto source = "{% for i in (1.." + std::to_string(iterations) + ") %}" + work + "{% endfor %}";
    const auto printed = compile(source).render(data);
    if (printed) return true;
    EXPECT_THAT(printed.error().message, HasSubstr("takes more than 100000 steps"));
    return false;
}

TEST(TemplateTest, CountsTheTextThatContainsSearches) {
    const Json data = Json::Object{{"a", std::string(200'000, 'a')}, {"b", std::string(100'000, 'a') + "b"}};
    EXPECT_TRUE(is_affordable("{% if a contains b %}{% endif %}", data, 10));
    EXPECT_FALSE(is_affordable("{% if a contains b %}{% endif %}", data, 30));
}

Json object_of(int members, bool backwards) {
    Json::Object object;
    for (int i = 0; i < members; ++i) {
        object.push_back({"k" + std::to_string(backwards ? members - i : i + 1), 1});
    }
    return object;
}

TEST(TemplateTest, CountsTheMembersThatEqualitySearches) {
    const auto data = [](int members) {
        return Json(Json::Object{{"a", object_of(members, false)}, {"b", object_of(members, true)}});
    };
    EXPECT_EQ(compile("{% if a == b %}same{% endif %}").render(data(1'000)).value(), "same");
    EXPECT_FALSE(is_affordable("{% if a == b %}{% endif %}", data(20'000), 1));
}

TEST(TemplateTest, CountsWhatItLooksAtInEveryWay) {
    const Json data = Json::Object{{"text", std::string(100'000, ' ')},
                                   {"same", std::string(100'000, ' ')},
                                   {"list", Json::Array(20'000, Json(Json::Array{}))},
                                   {"object", object_of(20'000, false)}};
    for (const std::string work :
         {"{% if text.size == 1 %}{% endif %}", "{% if text == blank %}{% endif %}",
          "{% if text == same %}{% endif %}", "{% if text < same %}{% endif %}",
          "{% if list contains 1 %}{% endif %}", "{% if list == list %}{% endif %}",
          "{% if object contains 'k' %}{% endif %}", "{% if object.k %}{% endif %}", "{{ list }}",
          "{% assign x = list | upcase %}", "{% if (1..999999999999999) contains 'x' %}{% endif %}"}) {
        EXPECT_FALSE(is_affordable(work, data)) << work;
    }
}

TEST(TemplateTest, DoesNotCountWhatItOnlyPassesOn) {
    const Json data = Json::Object{{"list", Json::Array(20'000, Json(1))}};
    EXPECT_TRUE(is_affordable("{% assign x = list | default: 'none' %}{% if x %}{% endif %}", data));
}

TEST(TemplateTest, StopsAtTheMostBytesThatFiltersReturn) {
    constexpr std::string_view source = "{% for x in (1..9) %}{% assign y = 'abcd' | upcase %}{% endfor %}";
    EXPECT_TRUE(compile(source).render({}, {.max_filtered_bytes = 36}));
    EXPECT_THAT(refusal(source, "{}", {.max_filtered_bytes = 35}).message,
                HasSubstr("more than 35 bytes from filters"));
}

TEST(TemplateTest, RendersInSeveralThreadsAtOnce) {
    const auto shared = compile("{% for x in a %}{{ x | upcase }}{{ forloop.index }}{% endfor %}");
    const auto data = Json::parse(R"({"a":["x","y"]})").value();
    std::array<std::string, 4> printed;
    std::vector<std::thread> threads;
    for (auto& out : printed) threads.emplace_back([&] { out = shared.render(data).value(); });
    for (auto& thread : threads) thread.join();
    EXPECT_THAT(printed, Each("X1Y2"));
}

TEST(TemplateTest, RendersDataThatIsNoObject) { EXPECT_EQ(print("[{{ a }}{{ size }}]", "[1,2]"), "[]"); }

}  // namespace
}  // namespace herald::liquid
