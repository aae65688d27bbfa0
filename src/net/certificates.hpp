#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace herald::net {

struct CertificateAndKey {
    std::string certificate_pem;
    std::string key_pem;  ///< PKCS#8
};

/// A self-signed EC P-256 certificate authority, valid for ten years.
Result<CertificateAndKey> make_certificate_authority(const std::string& common_name);
/// An EC P-256 server certificate under `authority` for DNS names and IP addresses, valid for ten years.
Result<CertificateAndKey> make_server_certificate(const CertificateAndKey& authority,
                                                  const std::vector<std::string>& names);

/// PKCS#8 PEM.
Result<std::string> make_ec_key();
Result<std::string> make_rsa_key();
/// SubjectPublicKeyInfo PEM of a private key in PEM.
Result<std::string> public_key_of(const std::string& private_key_pem);

/// JOSE signatures over `input` (RFC 7515): ES256 as raw r‖s of 64 bytes, RS256 as PKCS#1 v1.5. Raw bytes.
Result<std::string> sign_es256(const std::string& private_key_pem, std::string_view input);
Result<std::string> sign_rs256(const std::string& private_key_pem, std::string_view input);
/// ES256 takes raw r‖s and ASN.1 DER, since Apple accepts both.
bool verify_es256(const std::string& public_key_pem, std::string_view input, std::string_view signature);
bool verify_rs256(const std::string& public_key_pem, std::string_view input, std::string_view signature);

}  // namespace herald::net
