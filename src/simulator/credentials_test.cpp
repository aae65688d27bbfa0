#include "simulator/credentials.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/crypto.hpp"
#include "base/json.hpp"

namespace herald::simulator {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
}

class CredentialsTest : public testing::Test {
protected:
    ~CredentialsTest() override { fs::remove_all(parent_); }

    Credentials load(const std::string& public_host = "127.0.0.1") {
        auto credentials = load_or_make_credentials(dir_, public_host);
        EXPECT_TRUE(credentials) << credentials.error().message;
        EXPECT_TRUE(publish(*credentials,
                            {"https://h:1", "https://h:2", "http://h:3/token", "http://h:4", "http://h:5"},
                            dir_));
        return *credentials;
    }
    mode_t mode_of(const std::string& name) {
        struct stat found {};
        EXPECT_EQ(::stat((dir_ + "/" + name).c_str(), &found), 0) << name;
        return found.st_mode & 0777;
    }

    const std::string parent_ = testing::TempDir() + "herald-credentials-" + random_hex(6);
    const std::string dir_ = parent_ + "/nested";
};

TEST_F(CredentialsTest, AreTheSameAtTheNextStart) {
    const auto first = load();
    const auto second = load();
    EXPECT_EQ(first.server.certificate_pem, second.server.certificate_pem);
    EXPECT_EQ(first.server.key_pem, second.server.key_pem);
    EXPECT_EQ(first.apns.public_key_pem, second.apns.public_key_pem);
    EXPECT_EQ(first.apns.key_id, second.apns.key_id);
    EXPECT_EQ(first.fcm.private_key_pem, second.fcm.private_key_pem);
    EXPECT_EQ(first.twilio.auth_token, second.twilio.auth_token);
    EXPECT_EQ(first.sendgrid.api_key, second.sendgrid.api_key);
}

TEST_F(CredentialsTest, TellAClientAllItNeeds) {
    const auto made = load();
    const Json told = Json::parse(content(dir_ + "/credentials.json")).value();
    EXPECT_EQ(told.find("apns")->text("url"), "https://h:1");
    EXPECT_EQ(told.find("apns")->text("key_id").size(), 10u);
    EXPECT_EQ(told.find("apns")->text("key_file"), "apns.p8");
    EXPECT_EQ(told.find("fcm")->text("token_url"), "http://h:3/token");
    EXPECT_EQ(told.find("twilio")->text("account_sid"), made.twilio.account_sid);
    EXPECT_TRUE(told.find("sendgrid")->text("api_key").starts_with("SG."));
    EXPECT_EQ(told.find("sendgrid")->text("api_key").size(), 3u + 22 + 1 + 43);
    const Json account = Json::parse(content(dir_ + "/fcm-service-account.json")).value();
    EXPECT_EQ(account.text("type"), "service_account");
    EXPECT_EQ(account.text("token_uri"), "http://h:3/token");
    EXPECT_EQ(account.text("client_email"), made.fcm.client_email);
}

TEST_F(CredentialsTest, TheKeysThatClientsGetFitTheOnesThatAreChecked) {
    const auto made = load();
    const auto signature = net::sign_es256(content(dir_ + "/apns.p8"), "input").value();
    EXPECT_TRUE(net::verify_es256(made.apns.public_key_pem, "input", signature));
    const Json account = Json::parse(content(dir_ + "/fcm-service-account.json")).value();
    const auto assertion = net::sign_rs256(std::string(account.text("private_key")), "input").value();
    EXPECT_TRUE(net::verify_rs256(made.fcm.public_key_pem, "input", assertion));
}

TEST_F(CredentialsTest, SecretsAreTheOwnersAlone) {
    load();
    for (const auto name : {"ca-key.pem", "server.pem", "apns.p8", "fcm-key.pem", "fcm-service-account.json",
                            "credentials.json"}) {
        EXPECT_EQ(mode_of(name), 0600u) << name;
    }
    EXPECT_EQ(mode_of("ca.pem") & 0600u, 0600u);
}

TEST_F(CredentialsTest, LeaveNoDrafts) {
    load();
    for (const auto& entry : fs::directory_iterator(dir_)) {
        const auto name = entry.path().filename().string();
        EXPECT_TRUE(name.ends_with(".pem") || name.ends_with(".p8") || name.ends_with(".json")) << name;
    }
}

TEST_F(CredentialsTest, AnotherPublicHostGetsANewCertificateUnderTheSameAuthority) {
    const auto first = load();
    const auto authority = content(dir_ + "/ca.pem");
    const auto named = load("push.example.com");
    EXPECT_NE(first.server.certificate_pem, named.server.certificate_pem);
    EXPECT_EQ(content(dir_ + "/ca.pem"), authority);
    EXPECT_EQ(load("push.example.com").server.certificate_pem, named.server.certificate_pem);
    EXPECT_EQ(load("127.0.0.1").server.certificate_pem, named.server.certificate_pem);
}

TEST_F(CredentialsTest, ALostAuthorityIsReplacedTogetherWithWhatItSigned) {
    const auto first = load();
    fs::remove(dir_ + "/ca.pem");
    const auto second = load();
    EXPECT_NE(first.server.certificate_pem, second.server.certificate_pem);
    EXPECT_EQ(first.twilio.auth_token, second.twilio.auth_token);
}

TEST_F(CredentialsTest, SaysWhyTheFolderCannotBeUsed) {
    const auto failed = load_or_make_credentials("/proc/nowhere", "127.0.0.1");
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace herald::simulator
