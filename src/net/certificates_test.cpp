#include "net/certificates.hpp"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/crypto.hpp"

namespace herald::net {
namespace {

using testing::StartsWith;

struct FreeX509 {
    void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, FreeX509>;

Certificate parse(const std::string& pem) {
    BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    Certificate certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
    BIO_free(bio);
    return certificate;
}

/// X509_V_OK when a TLS client that trusts `authority` accepts `server` under that name or address.
int verdict(const CertificateAndKey& authority, const CertificateAndKey& server, const char* host,
            bool is_address) {
    const auto root = parse(authority.certificate_pem);
    const auto leaf = parse(server.certificate_pem);
    X509_STORE* store = X509_STORE_new();
    X509_STORE_add_cert(store, root.get());
    X509_STORE_CTX* context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, store, leaf.get(), nullptr);
    X509_STORE_CTX_set_default(context, "ssl_server");
    X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
    if (is_address) {
        X509_VERIFY_PARAM_set1_ip_asc(param, host);
    } else {
        X509_VERIFY_PARAM_set1_host(param, host, 0);
    }
    const int good = X509_verify_cert(context);
    const int error = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    EXPECT_EQ(good == 1, error == X509_V_OK);
    return error;
}

TEST(Certificates, ServerIsTrustedUnderItsNamesAndAddresses) {
    const auto authority = make_certificate_authority("Test CA");
    ASSERT_TRUE(authority) << authority.error().message;
    const auto server =
        make_server_certificate(*authority, {"localhost", "127.0.0.1", "::1", "api.example.test"});
    ASSERT_TRUE(server) << server.error().message;
    EXPECT_EQ(verdict(*authority, *server, "localhost", false), X509_V_OK);
    EXPECT_EQ(verdict(*authority, *server, "api.example.test", false), X509_V_OK);
    EXPECT_EQ(verdict(*authority, *server, "127.0.0.1", true), X509_V_OK);
    EXPECT_EQ(verdict(*authority, *server, "::1", true), X509_V_OK);
    EXPECT_EQ(verdict(*authority, *server, "other.example.test", false), X509_V_ERR_HOSTNAME_MISMATCH);
    EXPECT_EQ(verdict(*authority, *server, "127.0.0.2", true), X509_V_ERR_IP_ADDRESS_MISMATCH);
}

TEST(Certificates, AnotherAuthorityOfTheSameNameIsNotTrusted) {
    const auto authority = make_certificate_authority("Test CA");
    const auto impostor = make_certificate_authority("Test CA");
    ASSERT_TRUE(authority && impostor);
    const auto server = make_server_certificate(*impostor, {"localhost"});
    ASSERT_TRUE(server);
    EXPECT_NE(verdict(*authority, *server, "localhost", false), X509_V_OK);
}

TEST(Certificates, AServerCertificateIsNoAuthority) {
    const auto authority = make_certificate_authority("Test CA");
    ASSERT_TRUE(authority);
    const auto server = make_server_certificate(*authority, {"localhost"});
    ASSERT_TRUE(server);
    EXPECT_EQ(X509_check_ca(parse(server->certificate_pem).get()), 0);
    EXPECT_EQ(X509_check_ca(parse(authority->certificate_pem).get()), 1);
}

TEST(Certificates, AreValidForTenYears) {
    const auto authority = make_certificate_authority("Test CA");
    ASSERT_TRUE(authority);
    const auto certificate = parse(authority->certificate_pem);
    int days = 0;
    int seconds = 0;
    ASSERT_EQ(ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate.get())), 1);
    EXPECT_GE(days, 3648);
    EXPECT_LT(X509_cmp_current_time(X509_get0_notBefore(certificate.get())), 0);
}

TEST(Certificates, KeysBelongToTheirCertificates) {
    const auto authority = make_certificate_authority("Test CA");
    ASSERT_TRUE(authority);
    const auto server = make_server_certificate(*authority, {"localhost"});
    ASSERT_TRUE(server);
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    const auto certificate = parse(server->certificate_pem);
    EXPECT_EQ(SSL_CTX_use_certificate(context, certificate.get()), 1);
    BIO* bio = BIO_new_mem_buf(server->key_pem.data(), static_cast<int>(server->key_pem.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(context, key), 1);
    EXPECT_EQ(SSL_CTX_check_private_key(context), 1);
    EVP_PKEY_free(key);
    BIO_free(bio);
    SSL_CTX_free(context);
}

TEST(Certificates, ANameLongerThanACommonNameIsKeptWhole) {
    const auto authority = make_certificate_authority("Test CA");
    ASSERT_TRUE(authority);
    const std::string name = std::string(60, 'a') + ".example.test";
    const auto server = make_server_certificate(*authority, {name});
    ASSERT_TRUE(server) << server.error().message;
    EXPECT_EQ(verdict(*authority, *server, name.c_str(), false), X509_V_OK);
}

TEST(Certificates, NeedANameAndAnAuthority) {
    const auto authority = make_certificate_authority("Test CA");
    ASSERT_TRUE(authority);
    EXPECT_FALSE(make_server_certificate(*authority, {}));
    EXPECT_FALSE(make_server_certificate({"nonsense", "nonsense"}, {"localhost"}));
}

TEST(Keys, ArePkcs8) {
    const auto ec = make_ec_key();
    const auto rsa = make_rsa_key();
    ASSERT_TRUE(ec && rsa);
    EXPECT_THAT(*ec, StartsWith("-----BEGIN PRIVATE KEY-----\n"));
    EXPECT_THAT(*rsa, StartsWith("-----BEGIN PRIVATE KEY-----\n"));
    EXPECT_NE(*ec, *make_ec_key());
    const auto open = public_key_of(*ec);
    ASSERT_TRUE(open);
    EXPECT_THAT(*open, StartsWith("-----BEGIN PUBLIC KEY-----\n"));
    EXPECT_FALSE(public_key_of("nonsense"));
}

TEST(Signatures, Es256IsRawAndVerifies) {
    const auto key = make_ec_key();
    const auto open = public_key_of(*key);
    for (int i = 0; i < 50; ++i) {  // r and s have leading zeros now and then
        const auto input = std::to_string(i);
        const auto signature = sign_es256(*key, input);
        ASSERT_TRUE(signature) << signature.error().message;
        ASSERT_EQ(signature->size(), 64u);
        EXPECT_TRUE(verify_es256(*open, input, *signature));
        EXPECT_FALSE(verify_es256(*open, input + "x", *signature));
    }
}

TEST(Signatures, Es256OfAnotherKeyDoesNotVerify) {
    const auto signature = sign_es256(*make_ec_key(), "text");
    EXPECT_FALSE(verify_es256(*public_key_of(*make_ec_key()), "text", *signature));
}

TEST(Signatures, Es256TakesTheExampleOfRfc7515) {
    // RFC 7515 appendix A.3, its key as SubjectPublicKeyInfo.
    const std::string der_head = *base64_decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE");
    const std::string point = *base64_decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU") +
                              *base64_decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    const std::string key =
        "-----BEGIN PUBLIC KEY-----\n" + base64(der_head + point) + "\n-----END PUBLIC KEY-----\n";
    const std::string input =
        "eyJhbGciOiJFUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
        "cnVlfQ";
    const auto signature = base64_decode(
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
    ASSERT_TRUE(signature);
    EXPECT_TRUE(verify_es256(key, input, *signature));
}

/// The ASN.1 form of a raw signature, put together by hand.
std::string der_of(std::string_view raw) {
    const auto integer = [](std::string_view bytes) {
        while (bytes.size() > 1 && bytes.front() == '\0') bytes.remove_prefix(1);
        std::string value(bytes);
        if ((static_cast<unsigned char>(value.front()) & 0x80) != 0) value.insert(0, 1, '\0');
        return std::string("\x02") + static_cast<char>(value.size()) + value;
    };
    const auto both = integer(raw.substr(0, 32)) + integer(raw.substr(32));
    return std::string("\x30") + static_cast<char>(both.size()) + both;
}

TEST(Signatures, Es256TakesDer) {
    const auto key = make_ec_key();
    const auto open = public_key_of(*key);
    const auto signature = sign_es256(*key, "text");
    EXPECT_TRUE(verify_es256(*open, "text", der_of(*signature)));
    EXPECT_FALSE(verify_es256(*open, "other", der_of(*signature)));
}

TEST(Signatures, Rs256Verifies) {
    const auto key = make_rsa_key();
    const auto open = public_key_of(*key);
    const auto signature = sign_rs256(*key, "text");
    ASSERT_TRUE(signature) << signature.error().message;
    EXPECT_EQ(signature->size(), 256u);
    EXPECT_EQ(*signature, *sign_rs256(*key, "text"));  // PKCS#1 v1.5 has no salt, PSS would
    EXPECT_TRUE(verify_rs256(*open, "text", *signature));
    EXPECT_FALSE(verify_rs256(*open, "other", *signature));
}

TEST(Signatures, NeedAKeyOfTheirKind) {
    const auto ec = make_ec_key();
    const auto rsa = make_rsa_key();
    EXPECT_FALSE(sign_es256(*rsa, "text"));
    EXPECT_FALSE(sign_rs256(*ec, "text"));
    EXPECT_FALSE(sign_es256("nonsense", "text"));
    EXPECT_FALSE(verify_rs256(*public_key_of(*ec), "text", *sign_es256(*ec, "text")));
    EXPECT_FALSE(verify_es256(*public_key_of(*ec), "text", "nonsense"));
    EXPECT_FALSE(verify_es256(*public_key_of(*ec), "text", ""));
    EXPECT_FALSE(verify_es256("nonsense", "text", *sign_es256(*ec, "text")));
}

}  // namespace
}  // namespace herald::net
