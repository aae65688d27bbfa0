#include "net/certificates.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/crypto.hpp"

namespace herald::net {
namespace {

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, Freer<Free>>;

using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Owned<X509, X509_free>;
using Bio = Owned<BIO, BIO_free_all>;
using Context = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Signature = Owned<ECDSA_SIG, ECDSA_SIG_free>;
using Extension = Owned<X509_EXTENSION, X509_EXTENSION_free>;
using Names = Owned<GENERAL_NAMES, GENERAL_NAMES_free>;

constexpr long kValidSeconds = 10L * 365 * 24 * 3600;
constexpr std::size_t kEs256Half = 32;

tl::unexpected<Error> openssl_failed(std::string_view doing) {
    char reason[256] = "no reason given";
    if (const auto code = ERR_get_error(); code != 0) ERR_error_string_n(code, reason, sizeof(reason));
    ERR_clear_error();
    return fail(ErrorCode::internal, fmt::format("{}: {}", doing, reason));
}

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

Bio reader_of(std::string_view pem) { return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

Key parse_private_key(std::string_view pem) {
    const Bio bio = reader_of(pem);
    // Without a callback OpenSSL asks on the terminal for the passphrase of an encrypted key.
    const auto no_passphrase = [](char*, int, int, void*) { return 0; };
    return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
}

Key parse_public_key(std::string_view pem) {
    const Bio bio = reader_of(pem);
    return Key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
}

Result<std::string> private_key_pem(EVP_PKEY* key) {
    const Bio bio(BIO_new(BIO_s_mem()));
    if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
        return openssl_failed("writing a private key");
    }
    return text_of(bio.get());
}

bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool add_alternative_names(X509* certificate, const std::vector<std::string>& names) {
    const Names list(GENERAL_NAMES_new());
    for (const auto& name : names) {
        GENERAL_NAME* entry = GENERAL_NAME_new();
        if (entry == nullptr || sk_GENERAL_NAME_push(list.get(), entry) == 0) return false;
        if (ASN1_OCTET_STRING* address = a2i_IPADDRESS(name.c_str())) {
            GENERAL_NAME_set0_value(entry, GEN_IPADD, address);
            continue;
        }
        ERR_clear_error();
        ASN1_IA5STRING* dns = ASN1_IA5STRING_new();
        if (dns == nullptr || ASN1_STRING_set(dns, name.data(), static_cast<int>(name.size())) != 1)
            return false;
        GENERAL_NAME_set0_value(entry, GEN_DNS, dns);
    }
    return X509_add1_ext_i2d(certificate, NID_subject_alt_name, list.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

bool set_common_name(X509* certificate, const std::string& name) {
    constexpr std::size_t longest = 64;  // ub-common-name, RFC 5280 appendix A.1
    const int size = static_cast<int>(std::min(name.size(), longest));
    X509_NAME* subject = X509_get_subject_name(certificate);
    const auto* bytes = bytes_of(std::string_view(name));
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, bytes, size, -1, 0) == 1;
}

/// Version, random serial, dates, subject and key; the issuer and extensions are still to come.
Certificate begin_certificate(EVP_PKEY* key, const std::string& common_name) {
    Certificate certificate(X509_new());
    std::array<std::uint8_t, 16> serial;
    fill_random(serial);
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);  // positive, and of a fixed length
    const Owned<BIGNUM, BN_free> number(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
    constexpr long a_day_ago = -24 * 3600;  // clocks differ
    const bool good = certificate && number && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) != nullptr &&
                      X509_gmtime_adj(X509_getm_notBefore(certificate.get()), a_day_ago) != nullptr &&
                      X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kValidSeconds) != nullptr &&
                      set_common_name(certificate.get(), common_name) &&
                      X509_set_pubkey(certificate.get(), key) == 1;
    return good ? std::move(certificate) : nullptr;
}

Result<CertificateAndKey> to_pem(X509* certificate, EVP_PKEY* key) {
    const Bio bio(BIO_new(BIO_s_mem()));
    if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1)
        return openssl_failed("writing a certificate");
    auto key_pem = private_key_pem(key);
    if (!key_pem) return fail(key_pem.error());
    return CertificateAndKey{text_of(bio.get()), std::move(*key_pem)};
}

Result<std::string> sign(const std::string& private_key_pem, int type, std::string_view input) {
    const Key key = parse_private_key(private_key_pem);
    if (!key) return openssl_failed("reading a private key");
    if (EVP_PKEY_get_base_id(key.get()) != type) {
        return fail(ErrorCode::invalid, "signing: the private key is of another kind than the signature");
    }
    const Context context(EVP_MD_CTX_new());
    std::size_t size = 0;
    if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &size, bytes_of(input), input.size()) != 1) {
        return openssl_failed("signing");
    }
    std::string signature(size, '\0');
    if (EVP_DigestSign(context.get(), bytes_of(signature), &size, bytes_of(input), input.size()) != 1) {
        return openssl_failed("signing");
    }
    signature.resize(size);
    return signature;
}

bool verify(const std::string& public_key_pem, int type, std::string_view input, std::string_view signature) {
    const Key key = parse_public_key(public_key_pem);
    const Context context(EVP_MD_CTX_new());
    const bool good = key && context && EVP_PKEY_get_base_id(key.get()) == type &&
                      EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
                      EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(input),
                                       input.size()) == 1;
    ERR_clear_error();
    return good;
}

std::string der_from_raw(std::string_view raw) {
    const Signature signature(ECDSA_SIG_new());
    const auto number = [&](std::size_t at) {
        return BN_bin2bn(bytes_of(raw.substr(at)), static_cast<int>(kEs256Half), nullptr);
    };
    if (!signature || ECDSA_SIG_set0(signature.get(), number(0), number(kEs256Half)) != 1) return {};
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(signature.get(), &der);
    if (size <= 0) return {};
    std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return out;
}

Result<std::string> raw_from_der(std::string_view der) {
    const unsigned char* at = bytes_of(der);
    const Signature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    std::string raw(2 * kEs256Half, '\0');
    constexpr int half = kEs256Half;
    if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), bytes_of(raw), half) != half ||
        BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), bytes_of(raw) + kEs256Half, half) != half) {
        return openssl_failed("signing: the key is not on P-256");
    }
    return raw;
}

}  // namespace

Result<CertificateAndKey> make_certificate_authority(const std::string& common_name) {
    const Key key(EVP_EC_gen("P-256"));
    if (!key) return openssl_failed("making a key");
    const Certificate certificate = begin_certificate(key.get(), common_name);
    X509* const self = certificate.get();
    if (!certificate || X509_set_issuer_name(self, X509_get_subject_name(self)) != 1 ||
        !add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE") ||
        !add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(self, self, NID_subject_key_identifier, "hash") ||
        X509_sign(self, key.get(), EVP_sha256()) == 0) {
        return openssl_failed("making a certificate authority");
    }
    return to_pem(self, key.get());
}

Result<CertificateAndKey> make_server_certificate(const CertificateAndKey& authority,
                                                  const std::vector<std::string>& names) {
    if (names.empty()) return fail(ErrorCode::invalid, "making a server certificate: no name was given");
    const Key authority_key = parse_private_key(authority.key_pem);
    const Bio bio = reader_of(authority.certificate_pem);
    const Certificate issuer(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!authority_key || !issuer) return openssl_failed("reading the certificate authority");

    const Key key(EVP_EC_gen("P-256"));
    if (!key) return openssl_failed("making a key");
    const Certificate certificate = begin_certificate(key.get(), names.front());
    X509* const self = certificate.get();
    if (!certificate || X509_set_issuer_name(self, X509_get_subject_name(issuer.get())) != 1 ||
        !add_extension(self, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(self, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
        !add_extension(self, issuer.get(), NID_ext_key_usage, "serverAuth") ||
        !add_extension(self, issuer.get(), NID_subject_key_identifier, "hash") ||
        !add_extension(self, issuer.get(), NID_authority_key_identifier, "keyid:always") ||
        !add_alternative_names(self, names) || X509_sign(self, authority_key.get(), EVP_sha256()) == 0) {
        return openssl_failed("making a server certificate");
    }
    return to_pem(self, key.get());
}

Result<std::string> make_ec_key() {
    const Key key(EVP_EC_gen("P-256"));
    if (!key) return openssl_failed("making a key");
    return private_key_pem(key.get());
}

Result<std::string> make_rsa_key() {
    constexpr std::size_t bits = 2048;
    const Key key(EVP_RSA_gen(bits));
    if (!key) return openssl_failed("making a key");
    return private_key_pem(key.get());
}

Result<std::string> public_key_of(const std::string& private_key_pem) {
    const Key key = parse_private_key(private_key_pem);
    const Bio bio(BIO_new(BIO_s_mem()));
    if (!key || !bio || PEM_write_bio_PUBKEY(bio.get(), key.get()) != 1)
        return openssl_failed("reading a private key");
    return text_of(bio.get());
}

Result<std::string> sign_es256(const std::string& private_key_pem, std::string_view input) {
    auto der = sign(private_key_pem, EVP_PKEY_EC, input);
    if (!der) return der;
    return raw_from_der(*der);
}

Result<std::string> sign_rs256(const std::string& private_key_pem, std::string_view input) {
    return sign(private_key_pem, EVP_PKEY_RSA, input);
}

bool verify_es256(const std::string& public_key_pem, std::string_view input, std::string_view signature) {
    if (signature.size() == 2 * kEs256Half &&
        verify(public_key_pem, EVP_PKEY_EC, input, der_from_raw(signature))) {
        return true;
    }
    return verify(public_key_pem, EVP_PKEY_EC, input, signature);
}

bool verify_rs256(const std::string& public_key_pem, std::string_view input, std::string_view signature) {
    return verify(public_key_pem, EVP_PKEY_RSA, input, signature);
}

}  // namespace herald::net
