#include "net/tls.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "net/certificates.hpp"
#include "net/socket.hpp"

namespace herald::net {
namespace {

struct TlsTest : testing::Test {
    std::string ca_file = std::filesystem::temp_directory_path() / fmt::format("tls_test_{}.pem", getpid());
    Fd client_fd, server_fd;
    std::shared_ptr<TlsContext> client_context, server_context;

    void SetUp() override {
        std::signal(SIGPIPE, SIG_IGN);
        const auto authority = make_certificate_authority("Test authority");
        ASSERT_TRUE(authority);
        const auto certificate = make_server_certificate(*authority, {"example.test"});
        ASSERT_TRUE(certificate);
        std::ofstream(ca_file) << authority->certificate_pem;
        server_context = *TlsContext::for_server(certificate->certificate_pem, certificate->key_pem);
        client_context = *TlsContext::for_client(ca_file);
        int pair[2];
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        client_fd = Fd(pair[0]);
        server_fd = Fd(pair[1]);
    }
    void TearDown() override { std::filesystem::remove(ca_file); }

    static bool shake_hands(TlsStream& client, TlsStream& server) {
        auto a = TlsProgress::blocked;
        auto b = TlsProgress::blocked;
        for (int i = 0; i < 10 && (a == TlsProgress::blocked || b == TlsProgress::blocked); ++i) {
            a = client.handshake();
            b = server.handshake();
        }
        return a == TlsProgress::done && b == TlsProgress::done;
    }
};

TEST_F(TlsTest, ReadsWhatCameBeforeAWriteFailed) {
    auto client = TlsStream::for_client(*client_context, client_fd.get(), "example.test");
    auto server = TlsStream::for_server(*server_context, server_fd.get());
    ASSERT_TRUE(shake_hands(client, server));
    std::size_t size = 0;
    ASSERT_EQ(server.write("last words", size), TlsProgress::done);
    server_fd.reset();

    EXPECT_EQ(client.write("too late", size), TlsProgress::failed);
    char buffer[100];
    ASSERT_EQ(client.read(buffer, sizeof buffer, size), TlsProgress::done);
    EXPECT_EQ(std::string(buffer, size), "last words");
}

TEST_F(TlsTest, CountsNothingAsTakenThatIsNotAWholeRecord) {
    auto client = TlsStream::for_client(*client_context, client_fd.get(), "example.test");
    auto server = TlsStream::for_server(*server_context, server_fd.get());
    ASSERT_TRUE(shake_hands(client, server));
    const std::string block(16 * 1024, 'x');
    std::size_t taken_bytes = 0;
    std::size_t taken = 0;
    while (client.write(block, taken) == TlsProgress::done) taken_bytes += taken;
    ASSERT_TRUE(client.wants_write());

    std::size_t read_bytes = 0;
    std::size_t got = 0;
    std::string buffer(block.size(), '\0');
    while (server.read(buffer.data(), buffer.size(), got) == TlsProgress::done) read_bytes += got;
    EXPECT_EQ(read_bytes, taken_bytes);
}

TEST_F(TlsTest, RefusesACertificateForAnotherName) {
    auto client = TlsStream::for_client(*client_context, client_fd.get(), "other.test");
    auto server = TlsStream::for_server(*server_context, server_fd.get());
    EXPECT_FALSE(shake_hands(client, server));
    EXPECT_NE(client.detail().find("mismatch"), std::string::npos) << client.detail();
}

TEST_F(TlsTest, NamesAFileOfAuthoritiesThatCannotBeRead) {
    const auto context = TlsContext::for_client("/nonexistent/ca.pem");
    ASSERT_FALSE(context);
    EXPECT_NE(context.error().message.find("/nonexistent/ca.pem"), std::string::npos);
}

}  // namespace
}  // namespace herald::net
