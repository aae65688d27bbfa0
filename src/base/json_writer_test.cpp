#include <gtest/gtest.h>

#include "base/json.hpp"

namespace herald {
namespace {

TEST(JsonWriterTest, PutsCommasBetweenMembersAndItems) {
    JsonWriter out;
    out.begin_object();
    out.member("a", 1)
        .key("b")
        .begin_array()
        .value("x")
        .begin_object()
        .end_object()
        .begin_array()
        .end_array();
    out.value(true).end_array().key("c").begin_object().member("d", nullptr).member("e", 1.5).end_object();
    out.member("f", false).end_object();
    EXPECT_EQ(out.text(), R"({"a":1,"b":["x",{},[],true],"c":{"d":null,"e":1.5},"f":false})");
}

TEST(JsonWriterTest, WritesASingleValue) {
    EXPECT_EQ(JsonWriter().value("x").text(), R"("x")");
    EXPECT_EQ(JsonWriter().begin_object().end_object().text(), "{}");
    EXPECT_EQ(JsonWriter().begin_array().end_array().text(), "[]");
}

TEST(JsonWriterTest, EscapesKeysAndValues) {
    JsonWriter out;
    out.begin_object().member("a\"b\\", std::string("\"\\\b\f\n\r\t\x01\x1f é", 12)).end_object();
    EXPECT_EQ(out.text(), R"({"a\"b\\":"\"\\\u0008\u000c\n\r\t\u0001\u001f é"})");
}

TEST(JsonWriterTest, EscapesEveryControlCharacterSoThatItReadsBack) {
    for (char c = 1; c < 0x20; ++c) {
        const std::string text = {'a', c, 'b'};
        const auto json = Json::parse(JsonWriter().value(text).text());
        ASSERT_TRUE(json) << static_cast<int>(c);
        EXPECT_EQ(*json->as_string(), text);
    }
}

TEST(JsonWriterTest, WritesWholeNumbersOfEveryWidth) {
    JsonWriter out;
    out.begin_array()
        .value(std::numeric_limits<std::int64_t>::min())
        .value(std::numeric_limits<std::uint64_t>::max());
    out.value(static_cast<std::uint8_t>(7)).value(0).end_array();
    EXPECT_EQ(out.text(), "[-9223372036854775808,18446744073709551615,7,0]");
}

TEST(JsonWriterTest, WritesAnEmptyOptionalAsNull) {
    JsonWriter out;
    out.begin_array().value(std::optional<int>(3)).value(std::optional<int>()).end_array();
    EXPECT_EQ(out.text(), "[3,null]");
}

TEST(JsonWriterTest, TakesJsonTextAsItIs) {
    JsonWriter out;
    out.begin_array().raw(R"({"a": 1})").raw("2").end_array();
    EXPECT_EQ(out.text(), R"([{"a": 1},2])");
}

TEST(JsonWriterTest, WritesValuesBetweenItsOwn) {
    const auto json = Json::parse(R"({"a":[1.50,{"b":null}],"c":true})").value();
    JsonWriter out;
    out.begin_object().member("before", 1).member("json", json).member("after", 2).end_object();
    EXPECT_EQ(out.take(), R"({"before":1,"json":{"a":[1.50,{"b":null}],"c":true},"after":2})");
}

}  // namespace
}  // namespace herald
