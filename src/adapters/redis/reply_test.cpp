#include "adapters/redis/reply.hpp"

#include <gtest/gtest.h>

namespace herald::redis {
namespace {

TEST(FormatCommand, CountsItsBytes) {
    EXPECT_EQ(format_command({"SET", "key", ""}), "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$0\r\n\r\n");
    EXPECT_EQ(format_command({std::string("a\0b", 3)}), std::string("*1\r\n$3\r\na\0b\r\n", 13));
}

TEST(ReplyReader, CutsAStreamWhereverItBreaks) {
    const std::string stream =
        "+OK\r\n:-7\r\n$-1\r\n$3\r\nabc\r\n*2\r\n:1\r\n:2\r\n-NOSCRIPT No matching script\r\n";
    ReplyReader reader;
    std::vector<Reply> replies;
    for (const char byte : stream) {
        ASSERT_TRUE(reader.feed({&byte, 1}));
        auto reply = reader.next();
        ASSERT_TRUE(reply);
        if (*reply) replies.push_back(**reply);
    }
    ASSERT_EQ(replies.size(), 6U);
    EXPECT_EQ(replies[0].text, "OK");
    EXPECT_EQ(replies[1].integer, -7);
    EXPECT_EQ(replies[2].kind, Reply::Kind::nil);
    EXPECT_EQ(replies[3].text, "abc");
    EXPECT_EQ(replies[4].list[1].integer, 2);
    EXPECT_TRUE(replies[5].is_error("NOSCRIPT"));
    EXPECT_FALSE(replies[5].is_error("NO"));
}

TEST(ReplyReader, RefusesWhatIsNoReply) {
    ReplyReader reader;
    ASSERT_TRUE(reader.feed("HTTP/1.1 200 OK\r\n"));
    EXPECT_FALSE(reader.next());
}

TEST(ReplyReader, RefusesAReplyThatDoesNotEnd) {
    ReplyReader reader;
    const std::string flood(64 * 1024, 'x');
    ASSERT_TRUE(reader.feed("$100000000\r\n"));
    bool refused = false;
    for (int i = 0; i < 32 && !refused; ++i) {
        refused = !reader.feed(flood);
        const auto reply = reader.next();
        EXPECT_TRUE(!reply || !*reply);
    }
    EXPECT_TRUE(refused);
}

}  // namespace
}  // namespace herald::redis
