#pragma once

#include <string>

#include "base/result.hpp"
#include "net/certificates.hpp"

namespace herald::simulator {

struct ApnsCredentials {
    std::string key_id;
    std::string team_id;
    std::string topic;
    std::string public_key_pem;
};

struct FcmCredentials {
    std::string project_id;
    std::string client_email;
    std::string private_key_id;
    std::string private_key_pem;
    std::string public_key_pem;
};

struct TwilioCredentials {
    std::string account_sid;
    std::string auth_token;
    std::string from;
};

struct SendgridCredentials {
    std::string api_key;
    std::string from;
};

/// Everything that the simulators check requests against.
struct Credentials {
    net::CertificateAndKey server;
    ApnsCredentials apns;
    FcmCredentials fcm;
    TwilioCredentials twilio;
    SendgridCredentials sendgrid;
};

struct SimulatorUrls {
    std::string apns;
    std::string fcm;
    std::string fcm_token;
    std::string twilio;
    std::string sendgrid;
};

/// Reads what an earlier start left in `dir` and makes what is missing. The server's certificate is for
/// localhost, 127.0.0.1, ::1 and `public_host`, under the certificate authority of ca.pem. Files are written
/// whole or not at all; whatever holds a secret is readable by its owner only.
Result<Credentials> load_or_make_credentials(const std::string& dir, const std::string& public_host);

/// Writes credentials.json and fcm-service-account.json, which tell a client where and as whom to call. File
/// names in them are relative to `dir`.
Status publish(const Credentials& credentials, const SimulatorUrls& urls, const std::string& dir);

}  // namespace herald::simulator
