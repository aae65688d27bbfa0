#include "base/crypto.hpp"

#include <set>

#include <gtest/gtest.h>

namespace herald {
namespace {

// FIPS 180-2, appendix B.
TEST(CryptoTest, HashesAsTheStandardSays) {
    EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(to_hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

// RFC 4231, test cases 1 to 4, 6 and 7.
TEST(CryptoTest, SignsAsRfc4231Says) {
    std::string counting;
    for (char c = 1; c <= 25; ++c) counting.push_back(c);
    const std::string long_key(131, '\xaa');
    struct Case {
        std::string key, message, digest;
    };
    const std::vector<Case> cases = {
        {std::string(20, '\x0b'), "Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {"Jefe", "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {std::string(20, '\xaa'), std::string(50, '\xdd'),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {counting, std::string(50, '\xcd'),
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {long_key, "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {long_key,
         "This is a test using a larger than block-size key and a larger than block-size data. The key needs "
         "to be hashed before being used by the HMAC algorithm.",
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };
    for (const auto& c : cases) EXPECT_EQ(to_hex(hmac_sha256(c.key, c.message)), c.digest) << c.message;
}

TEST(CryptoTest, SignsWithTheSameKeyAgainAndWithOthersBetween) {
    const auto first = hmac_sha256("key", "message");
    EXPECT_NE(hmac_sha256("key", "another"), first);
    EXPECT_EQ(hmac_sha256("key", "message"), first);
    EXPECT_NE(hmac_sha256("other", "message"), first);
    EXPECT_EQ(hmac_sha256("key", "message"), first);
}

TEST(CryptoTest, SignsWithAnEmptyKey) {
    EXPECT_EQ(hmac_sha256({}, ""), hmac_sha256("", ""));
    EXPECT_EQ(to_hex(hmac_sha256("", "")),
              "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

// RFC 4648, section 10.
TEST(CryptoTest, WritesBase64AsRfc4648Says) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [bytes, text] : cases) {
        EXPECT_EQ(base64(bytes), text);
        EXPECT_EQ(base64_decode(text), bytes);
        const auto unpadded = text.substr(0, text.find('='));
        EXPECT_EQ(base64url(bytes), unpadded);
        EXPECT_EQ(base64_decode(unpadded), bytes);
    }
}

TEST(CryptoTest, KnowsBothAlphabets) {
    const std::string bytes = "\xfb\xef\xff\xfe";
    EXPECT_EQ(base64(bytes), "++///g==");
    EXPECT_EQ(base64url(bytes), "--___g");
    EXPECT_EQ(base64_decode("++///g=="), bytes);
    EXPECT_EQ(base64_decode("--___g"), bytes);
}

TEST(CryptoTest, DecodesEveryByte) {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
    EXPECT_EQ(base64_decode(base64(bytes)), bytes);
    EXPECT_EQ(base64_decode(base64url(bytes)), bytes);
}

TEST(CryptoTest, RefusesWhatIsNotBase64) {
    for (const std::string text : {"Z", "Zm9vY", "Zm 9v", "Zm9v\n", "Z=g=", "Zm9*", "é"}) {
        EXPECT_EQ(base64_decode(text), std::nullopt) << text;
    }
    EXPECT_EQ(base64_decode(std::string_view("Zm9\0", 4)), std::nullopt);
}

TEST(CryptoTest, WritesHexInLowerCase) {
    const std::array<std::uint8_t, 4> bytes{0x00, 0x0f, 0xa0, 0xff};
    EXPECT_EQ(to_hex(bytes), "000fa0ff");
}

TEST(CryptoTest, DrawsRandomnessOfTheLengthAsked) {
    EXPECT_EQ(random_hex(16).size(), 32u);
    EXPECT_EQ(random_hex(16).find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_NE(random_hex(16), random_hex(16));
    EXPECT_NE(random_u64(), random_u64());
}

TEST(CryptoTest, NeverHandsOutTheSameRandomBytesTwice) {
    std::set<std::string> drawn;
    for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(drawn.insert(random_hex(10)).second);
    EXPECT_EQ(random_hex(1'500).find(std::string(32, '0')), std::string::npos)
        << "more than is kept in advance";
    EXPECT_TRUE(drawn.insert(random_hex(10)).second);
}

TEST(CryptoTest, ComparesWholeTexts) {
    EXPECT_TRUE(equal_in_constant_time("", ""));
    EXPECT_TRUE(equal_in_constant_time("secret", "secret"));
    EXPECT_FALSE(equal_in_constant_time("secret", "secreT"));
    EXPECT_FALSE(equal_in_constant_time("Secret", "secret"));
    EXPECT_FALSE(equal_in_constant_time("secret", "secret1"));
    EXPECT_FALSE(equal_in_constant_time("", "s"));
}

}  // namespace
}  // namespace herald
