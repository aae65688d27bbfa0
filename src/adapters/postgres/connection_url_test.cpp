#include "adapters/postgres/connection_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace herald::postgres {
namespace {

ConnectionParameters parse(std::string_view url) { return parse_connection_url(url).value(); }

std::string refusal(std::string_view url) {
    const auto parsed = parse_connection_url(url);
    if (parsed) return "";
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid);
    return parsed.error().message;
}

TEST(ConnectionUrl, ReadsHostPortUserPasswordAndDatabase) {
    for (const auto* scheme : {"postgres", "postgresql", "postgresql+asyncpg", "postgres+psycopg2"}) {
        const auto parameters = parse(std::string(scheme) + "://ada:s%40crt@db.example.org:6543/herald");
        EXPECT_EQ(parameters.find("host"), "db.example.org") << scheme;
        EXPECT_EQ(parameters.find("port"), "6543");
        EXPECT_EQ(parameters.find("user"), "ada");
        EXPECT_EQ(parameters.find("password"), "s@crt");
        EXPECT_EQ(parameters.find("dbname"), "herald");
    }
}

TEST(ConnectionUrl, ReadsEveryParameterOfLibpq) {
    const auto parameters = parse(
        "postgresql://db/herald?sslmode=verify-full&sslrootcert=/ca.pem&application_name=x&connect_timeout=7"
        "&target_session_attrs=read-write&options=-csearch_path%3Dherald");
    EXPECT_EQ(parameters.find("sslmode"), "verify-full");
    EXPECT_EQ(parameters.find("sslrootcert"), "/ca.pem");
    EXPECT_EQ(parameters.find("application_name"), "x");
    EXPECT_EQ(parameters.find("connect_timeout"), "7");
    EXPECT_EQ(parameters.find("target_session_attrs"), "read-write");
    EXPECT_EQ(parameters.find("options"), "-csearch_path=herald");
}

TEST(ConnectionUrl, ReadsTheSslOfAsyncpg) {
    EXPECT_EQ(parse("postgresql+asyncpg://db/herald?ssl=verify-full").find("sslmode"), "verify-full");
    EXPECT_EQ(parse("postgresql+asyncpg://db/herald?user=a&ssl=require").find("sslmode"), "require");
}

TEST(ConnectionUrl, ReadsSeveralHostsAndTheForm) {
    EXPECT_EQ(parse("postgresql://a:1,b:2/herald").find("port"), "1,2");
    EXPECT_EQ(parse("host=/run/postgresql dbname=herald").find("host"), "/run/postgresql");
}

TEST(ConnectionUrl, SaysWhatIsWrong) {
    EXPECT_THAT(refusal("mysql://db/herald"), ::testing::HasSubstr("postgresql://"));
    EXPECT_NE(refusal(""), "");
    EXPECT_NE(refusal("herald"), "");
    EXPECT_NE(refusal("postgresql://db/herald?no_such_parameter=1"), "");
    EXPECT_NE(refusal("postgresql://db:port/herald"), "");
    EXPECT_NE(refusal("postgresql://db:70000/herald"), "");
    EXPECT_NE(refusal("postgresql://db/herald?sslmode=verify"), "");
}

TEST(ConnectionUrl, ARefusalTellsNoPassword) {
    EXPECT_THAT(refusal("postgresql://ada:s3cret%zz@db/herald"),
                ::testing::Not(::testing::HasSubstr("s3cret")));
    EXPECT_THAT(refusal("mysql://ada:s3cret@db/herald"), ::testing::Not(::testing::HasSubstr("s3cret")));
}

TEST(ConnectionUrl, ADefaultYieldsToTheUrl) {
    auto parameters = parse("postgresql://db/herald?connect_timeout=7");
    parameters.set_default("connect_timeout", "3");
    parameters.set_default("keepalives_idle", "5");
    EXPECT_EQ(parameters.find("connect_timeout"), "7");
    EXPECT_EQ(parameters.find("keepalives_idle"), "5");
}

}  // namespace
}  // namespace herald::postgres
