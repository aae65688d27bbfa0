#include "base/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Json parse(std::string_view text) {
    auto json = Json::parse(text);
    EXPECT_TRUE(json) << text << ": " << json.error().message;
    return json ? *std::move(json) : Json();
}

std::string refusal(std::string_view text, int max_depth = 32) {
    const auto json = Json::parse(text, max_depth);
    EXPECT_FALSE(json) << text;
    if (json) return "";
    EXPECT_EQ(json.error().code, ErrorCode::invalid);
    return json.error().message;
}

std::string nested(int arrays, std::string_view inside = "") {
    const auto depth = static_cast<std::size_t>(arrays);
    return std::string(depth, '[') + std::string(inside) + std::string(depth, ']');
}

TEST(JsonTest, ReadsBackWhatItWrote) {
    const std::vector<std::string> texts = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        R"("")",
        R"("a")",
        "[]",
        "{}",
        R"([1,[2,{"a":null}],"b",false])",
        R"({"z":1,"a":{"":[]},"é":"😀","m":[{},{}]})",
        R"("\"\\\n\r\t\u0001\u001f/é")",
        "\"\x7f\"",
    };
    for (const auto& text : texts) EXPECT_EQ(parse(text).dump(), text);
}

TEST(JsonTest, KeepsTheTextOfNumbers) {
    const std::vector<std::string> numbers = {
        "19.99",
        "1.50",
        "1e3",
        "1E+3",
        "-0",
        "-0.0",
        "0.1",
        "18446744073709551615",
        "-9223372036854775808",
        "123456789012345678901234567890",
        "3.141592653589793238462643383279",
        "1e-400",
        "0e999",
        "1.7976931348623157e308",
    };
    for (const auto& number : numbers) {
        EXPECT_EQ(parse(number).dump(), number);
        const std::string inside = R"({"n":[)" + number + "]}";
        EXPECT_EQ(parse(inside).dump(), inside);
    }
}

TEST(JsonTest, KeepsTheOrderOfMembers) {
    EXPECT_EQ(parse(R"( { "z" : 1 , "a" : 2 , "m" : 3 } )").dump(), R"({"z":1,"a":2,"m":3})");
}

TEST(JsonTest, UnderstandsEveryEscape) {
    EXPECT_EQ(*parse(R"("\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00")").as_string(), "\"\\/\b\f\n\r\té😀");
    EXPECT_EQ(parse(R"({"\u0061":1})").find("a")->as_int(), 1);
}

TEST(JsonTest, RefusesAKeyThatAppearsTwice) {
    EXPECT_THAT(refusal(R"({"a":1,"b":2,"a":1})"), HasSubstr(R"(the key "a" appears twice)"));
    EXPECT_THAT(refusal(R"([{"x":{"k":1,"k":2}}])"), HasSubstr(R"(the key "k" appears twice)"));
    EXPECT_THAT(refusal(R"({"a":1,"\u0061":2})"), HasSubstr("appears twice"));
    EXPECT_THAT(refusal(R"({"":1,"":2})"), HasSubstr("appears twice"));
}

TEST(JsonTest, AllowsOneKeyInSeveralObjects) {
    for (const std::string text : {R"({"a":{"a":{"a":1}}})", R"([{"a":1},{"a":2}])", R"({"a":1,"A":2})"}) {
        EXPECT_EQ(parse(text).dump(), text);
    }
}

TEST(JsonTest, RefusesNumbersBeyondADouble) {
    const std::vector<std::string> numbers = {"1e999", "-1e999", "1e309", "1" + std::string(400, '0'),
                                              "1.8e308"};
    for (const auto& number : numbers) {
        EXPECT_THAT(refusal(number), HasSubstr("number is too large")) << number;
        refusal("[" + number + "]");
        refusal(R"({"a":)" + number + "}");
    }
    refusal("1e99999999999999999999");
}

TEST(JsonTest, RefusesTheNullCharacter) {
    EXPECT_THAT(refusal(R"("a\u0000b")"), HasSubstr("a string contains U+0000"));
    EXPECT_THAT(refusal(R"({"a\u0000":1})"), HasSubstr("a key contains U+0000"));
    refusal(std::string_view("\"a\0b\"", 5));
    refusal(std::string_view("1\0", 2));
}

TEST(JsonTest, RefusesNestingBeyondItsDepth) {
    EXPECT_TRUE(Json::parse(nested(32)));
    EXPECT_THAT(refusal(nested(33)), HasSubstr("nested deeper than 32"));
    EXPECT_TRUE(Json::parse(R"({"a":[1]})", 2));
    EXPECT_THAT(refusal(R"({"a":[{}]})", 2), HasSubstr("nested deeper than 2"));
    refusal(std::string(1'000'000, '['));
}

TEST(JsonTest, RefusesInvalidUtf8) {
    const std::vector<std::string> bytes = {
        "\xff", "\xc3", "\xc3(", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"};
    for (const auto& invalid : bytes) {
        refusal("\"" + invalid + "\"");
        refusal("{\"" + invalid + "\":1}");
    }
}

TEST(JsonTest, RefusesWhatIsNoJson) {
    const std::vector<std::string> texts = {
        "nul",
        "True",
        "NaN",
        "Infinity",
        "-",
        "+1",
        "01",
        "1.",
        ".5",
        "1e",
        "0x10",
        "'a'",
        "\"a",
        "\"\n\"",
        "\"\t\"",
        R"("\x")",
        R"("\ud800")",
        R"("\ude00")",
        R"("\u12")",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{a:1}",
        "{1:2}",
        "[1}",
        "]",
        "// c\n1",
        "[1]/* c */",
        "\xef\xbb\xbf{}",
        "{\"a\":1",
    };
    for (const auto& text : texts) EXPECT_THAT(refusal(text), StartsWith("not valid JSON at byte ")) << text;
}

TEST(JsonTest, SaysWhereItStopped) {
    EXPECT_THAT(refusal("[1, x]"), StartsWith("not valid JSON at byte 4: "));
    EXPECT_EQ(refusal("[1"), "not valid JSON at byte 2: it ends too early");
    EXPECT_EQ(refusal(""), "not valid JSON at byte 0: it ends too early");
    EXPECT_EQ(refusal("  "), "not valid JSON at byte 2: it ends too early");
    EXPECT_EQ(refusal("{} {}"), "not valid JSON at byte 3: something follows the value");
}

TEST(JsonTest, TellsWholeNumbersFromOthers) {
    EXPECT_EQ(parse("-9223372036854775808").as_int(), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(parse("9223372036854775807").as_int(), std::numeric_limits<std::int64_t>::max());
    for (const std::string other : {"9223372036854775808", "1.0", "1e3", R"("1")", "true", "null", "[]"}) {
        EXPECT_EQ(parse(other).as_int(), std::nullopt) << other;
    }
}

TEST(JsonTest, ReadsNumbersAsDoubles) {
    EXPECT_EQ(parse("19.99").as_double(), 19.99);
    EXPECT_EQ(parse("1e3").as_double(), 1000.0);
    EXPECT_EQ(parse(R"("1")").as_double(), std::nullopt);
}

TEST(JsonTest, WritesDoublesSoThatTheyReadBack) {
    for (const double number : {0.0, 0.1, 19.99, -2.5, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 1.0 / 3}) {
        EXPECT_EQ(parse(Json(number).dump()).as_double(), number);
    }
}

TEST(JsonTest, FindsMembersByName) {
    const auto json = parse(R"({"a":"x","n":7,"o":{"a":1},"z":null})");
    EXPECT_EQ(json.find("o")->find("a")->as_int(), 1);
    EXPECT_TRUE(json.find("z")->is_null());
    EXPECT_EQ(json.find("none"), nullptr);
    EXPECT_EQ(parse("[1]").find("a"), nullptr);
}

TEST(JsonTest, ReadsTextAndIntegersOrTheirAbsence) {
    const auto json = parse(R"({"a":"x","n":7,"d":1.5})");
    EXPECT_EQ(json.text("a"), "x");
    EXPECT_EQ(json.text("n"), "");
    EXPECT_EQ(json.text("none"), "");
    EXPECT_EQ(json.integer("n"), 7);
    EXPECT_EQ(json.integer("d", -1), -1);
    EXPECT_EQ(json.integer("a", -1), -1);
    EXPECT_EQ(json.integer("none", 3), 3);
}

TEST(JsonTest, NamesItsTypes) {
    const std::vector<std::pair<std::string, std::string>> types = {{"null", "null"}, {"true", "boolean"},
                                                                    {"1", "number"},  {R"("")", "string"},
                                                                    {"[]", "array"},  {"{}", "object"}};
    for (const auto& [text, type] : types) EXPECT_EQ(parse(text).type_name(), type);
}

TEST(JsonTest, ComparesNumbersByTheirText) {
    EXPECT_EQ(parse(R"({"a":[1,"b"]})"), parse(R"({ "a": [ 1, "b" ] })"));
    EXPECT_FALSE(parse("1.0") == parse("1.00"));
    EXPECT_FALSE(parse(R"({"a":1,"b":2})") == parse(R"({"b":2,"a":1})"));
}

}  // namespace
}  // namespace herald
