#include "adapters/postgres/parameters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/postgres/testing/test_schema.hpp"
#include "ports/testing/builders.hpp"

namespace herald::postgres {
namespace {

using ::testing::ElementsAre;

/// What goes in comes out again, by way of the server.
class ParametersTest : public ::testing::Test {
protected:
    template <class... Values>
    Rows ask(std::string_view sql, Values&&... values) {
        connection_.queue(sql, Parameters::of(std::forward<Values>(values)...));
        return connection_.flush().at(0);
    }
    template <class T>
    static Array<T> array(std::initializer_list<T> values) {
        Array<T> built;
        for (const auto& value : values) built.add(value);
        return built;
    }
    std::vector<std::string> texts(const Rows& rows) {
        std::vector<std::string> all;
        for (auto columns : rows) all.push_back(columns.is_null() ? "null" : columns.text());
        return all;
    }

    Connection connection_{connection_options(server_url())};
};

TEST_F(ParametersTest, TheServerReadsEveryKindOfValue) {
    const auto rows =
        ask("SELECT $1::text, $2::text, $3::text, $4::text, $5::text, encode($6, 'hex'), $7::text", true, -2,
            std::int64_t{1} << 40, kTestStart, "zoë", wire::Bytes{std::string_view("\0\xff", 2)}, make_id(7));
    auto columns = rows.front();
    EXPECT_EQ(columns.text(), "true");
    EXPECT_EQ(columns.text(), "-2");
    EXPECT_EQ(columns.text(), "1099511627776");
    EXPECT_EQ(columns.text(), "1700000000000");
    EXPECT_EQ(columns.text(), "zoë");
    EXPECT_EQ(columns.text(), "00ff");
    EXPECT_EQ(columns.text(), to_string(make_id(7)));
}

TEST_F(ParametersTest, EveryKindOfValueIsReadBack) {
    const auto rows =
        ask("SELECT true, (-2)::int2, -3, (-4)::int8, 'a'::text, '\\x00ff'::bytea, $1, NULL::int8, 5::int8",
            make_id(7));
    auto columns = rows.front();
    EXPECT_TRUE(columns.boolean());
    EXPECT_EQ(columns.integer(), -2);
    EXPECT_EQ(columns.integer(), -3);
    EXPECT_EQ(columns.integer64(), -4);
    EXPECT_EQ(columns.text(), "a");
    EXPECT_EQ(columns.text(), std::string("\0\xff", 2));
    EXPECT_EQ(columns.id(), make_id(7));
    EXPECT_EQ(columns.maybe_time(), std::nullopt);
    EXPECT_EQ(columns.maybe_time(), from_millis(5));
}

TEST_F(ParametersTest, ArraysComeInTheirOrder) {
    EXPECT_THAT(texts(ask("SELECT unnest($1::int4[])::text", array<int>({3, -1, 2}))),
                ElementsAre("3", "-1", "2"));
    EXPECT_THAT(texts(ask("SELECT unnest($1)", array<std::string_view>({"b", "", "a"}))),
                ElementsAre("b", "", "a"));
    EXPECT_THAT(texts(ask("SELECT unnest($1::int8[])::text", array<TimePoint>({kTestStart}))),
                ElementsAre("1700000000000"));
    EXPECT_THAT(
        texts(ask("SELECT unnest($1::uuid[])::text", array<NotificationId>({make_id(2), make_id(1)}))),
        ElementsAre(to_string(make_id(2)), to_string(make_id(1))));
    EXPECT_THAT(texts(ask("SELECT encode(unnest($1), 'hex')", array<wire::Bytes>({{"\x01\x02"}}))),
                ElementsAre("0102"));
    EXPECT_THAT(texts(ask("SELECT unnest($1::bool[])::text", array<bool>({true, false}))),
                ElementsAre("true", "false"));
}

TEST_F(ParametersTest, AnEmptyArrayHasNoElements) {
    EXPECT_TRUE(ask("SELECT unnest($1)", Array<std::string_view>()).empty());
}

TEST_F(ParametersTest, ElementsMayBeNull) {
    Array<std::string_view> values;
    values.add_null();
    values.add_unless_empty("");
    values.add_unless_empty("a");
    values.add(std::optional<std::string_view>());
    EXPECT_THAT(texts(ask("SELECT unnest($1)", std::move(values))), ElementsAre("null", "null", "a", "null"));
}

TEST_F(ParametersTest, AValueMayBeNull) {
    auto rows = ask("SELECT $1, $2", std::optional<std::string>(), std::optional<TimePoint>());
    auto columns = rows.front();
    EXPECT_TRUE(columns.is_null());
    columns.skip();
    EXPECT_TRUE(columns.is_null());
}

TEST_F(ParametersTest, ManyThousandElementsArriveWhileTheAnswersComeBack) {
    // More than the sockets hold in either direction.
    const std::string text(1000, 'x');
    for (int statement = 0; statement < 8; ++statement) {
        Array<std::string_view> values;
        for (int i = 0; i < 2000; ++i) values.add(text);
        connection_.queue("SELECT unnest($1)", Parameters::of(std::move(values)));
    }
    for (const auto& rows : connection_.flush()) EXPECT_EQ(rows.size(), 2000u);
}

}  // namespace
}  // namespace herald::postgres
