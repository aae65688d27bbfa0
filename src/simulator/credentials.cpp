#include "simulator/credentials.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/crypto.hpp"
#include "base/json.hpp"

namespace herald::simulator {
namespace {

constexpr mode_t kPublic = 0644;
constexpr mode_t kSecret = 0600;

std::optional<std::string> read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(in), {});
}

Status write_file(const std::string& path, std::string_view content, mode_t mode) {
    const auto failed = [&] {
        return fail(ErrorCode::unavailable, fmt::format("writing {}: {}", path, std::strerror(errno)));
    };
    const std::string draft = fmt::format("{}.{}", path, random_hex(6));
    const int fd = ::open(draft.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);
    if (fd < 0) return failed();
    std::string_view rest = content;
    while (!rest.empty()) {
        const auto n = ::write(fd, rest.data(), rest.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        rest.remove_prefix(static_cast<std::size_t>(n));
    }
    const bool closed = ::close(fd) == 0;
    if (rest.empty() && closed && ::rename(draft.c_str(), path.c_str()) == 0) return {};
    const auto error = failed();
    ::unlink(draft.c_str());
    return error;
}

/// The file as it is, or as `make` makes it now.
template <class Make>
Result<std::string> file_or_made(const std::string& path, mode_t mode, Make make) {
    if (auto content = read_file(path)) return std::move(*content);
    Result<std::string> made = make();
    if (!made) return made;
    if (auto written = write_file(path, *made, mode); !written) return fail(written.error());
    return made;
}

bool is_address(const std::string& host) {
    return host.find_first_not_of("0123456789.") == std::string::npos || host.find(':') != std::string::npos;
}

/// Whether the first certificate in `pem` is good for `host`.
bool certifies(const std::string& pem, const std::string& host) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
    if (certificate == nullptr || X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0)
        return false;
    return (is_address(host) ? X509_check_ip_asc(certificate.get(), host.c_str(), 0)
                             : X509_check_host(certificate.get(), host.data(), host.size(), 0, nullptr)) == 1;
}

Result<net::CertificateAndKey> load_or_make_authority(const std::string& dir) {
    auto certificate = read_file(dir + "/ca.pem");
    auto key = read_file(dir + "/ca-key.pem");
    if (certificate && key) return net::CertificateAndKey{std::move(*certificate), std::move(*key)};

    // What the former authority signed goes first, so that a start cut short here cannot leave a pair that
    // differs.
    std::error_code ignored;
    std::filesystem::remove(dir + "/server.pem", ignored);
    std::filesystem::remove(dir + "/ca.pem", ignored);
    auto made = net::make_certificate_authority("Herald simulator");
    if (!made) return made;
    if (auto s = write_file(dir + "/ca-key.pem", made->key_pem, kSecret); !s) return fail(s.error());
    if (auto s = write_file(dir + "/ca.pem", made->certificate_pem, kPublic); !s) return fail(s.error());
    return made;
}

/// server.pem holds the certificate and its key in one file, so that they cannot part.
Result<net::CertificateAndKey> load_or_make_server(const std::string& dir, const std::string& public_host) {
    const auto authority = load_or_make_authority(dir);
    if (!authority) return fail(authority.error());
    const std::string path = dir + "/server.pem";
    if (const auto both = read_file(path)) {
        const auto key_at = both->find("-----BEGIN PRIVATE KEY-----");
        if (key_at != std::string::npos && certifies(*both, public_host)) {
            return net::CertificateAndKey{both->substr(0, key_at), both->substr(key_at)};
        }
    }
    std::vector<std::string> names = {"localhost", "127.0.0.1", "::1"};
    if (std::find(names.begin(), names.end(), public_host) == names.end()) names.push_back(public_host);
    auto made = net::make_server_certificate(*authority, names);
    if (!made) return made;
    if (auto s = write_file(path, made->certificate_pem + made->key_pem, kSecret); !s) return fail(s.error());
    return made;
}

std::string capital_code(std::size_t length) {
    constexpr std::string_view letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    std::string code;
    while (code.size() < length) code.push_back(letters[random_u64() % letters.size()]);
    return code;
}

std::string api_key_part(std::size_t length) {
    std::string bytes(length, '\0');
    fill_random({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
    return base64url(bytes).substr(0, length);
}

/// What credentials.json of an earlier start says, and new values for whatever it does not.
Credentials known_or_drawn(const std::string& dir) {
    const auto text = read_file(dir + "/credentials.json");
    const auto parsed = text ? Json::parse(*text) : Result<Json>(Json());
    const Json known = parsed ? *parsed : Json();
    const auto value = [&](std::string_view provider, std::string_view name, auto draw) {
        const Json* group = known.find(provider);
        const auto found = group != nullptr ? group->text(name) : std::string_view{};
        return found.empty() ? std::string(draw()) : std::string(found);
    };
    Credentials credentials;
    credentials.apns.key_id = value("apns", "key_id", [] { return capital_code(10); });
    credentials.apns.team_id = value("apns", "team_id", [] { return capital_code(10); });
    credentials.apns.topic = value("apns", "topic", [] { return "com.example.herald"; });
    credentials.fcm.project_id = value("fcm", "project_id", [] { return "herald-simulator"; });
    credentials.twilio.account_sid = value("twilio", "account_sid", [] { return "AC" + random_hex(16); });
    credentials.twilio.auth_token = value("twilio", "auth_token", [] { return random_hex(16); });
    credentials.twilio.from = value("twilio", "from", [] { return "+15005550006"; });
    credentials.sendgrid.api_key =
        value("sendgrid", "api_key", [] { return "SG." + api_key_part(22) + "." + api_key_part(43); });
    credentials.sendgrid.from = value("sendgrid", "from", [] { return "herald@example.com"; });
    return credentials;
}

std::string service_account_json(const FcmCredentials& fcm, const std::string& token_url) {
    JsonWriter out;
    out.begin_object().member("type", "service_account").member("project_id", fcm.project_id);
    out.member("private_key_id", fcm.private_key_id).member("private_key", fcm.private_key_pem);
    out.member("client_email", fcm.client_email).member("client_id", "100000000000000000001");
    out.member("token_uri", token_url).member("universe_domain", "googleapis.com").end_object();
    return out.take();
}

std::string credentials_json(const Credentials& c, const SimulatorUrls& urls) {
    JsonWriter out;
    out.begin_object().member("ca_file", "ca.pem");
    out.key("apns").begin_object().member("url", urls.apns).member("key_id", c.apns.key_id);
    out.member("team_id", c.apns.team_id)
        .member("topic", c.apns.topic)
        .member("key_file", "apns.p8")
        .end_object();
    out.key("fcm").begin_object().member("url", urls.fcm).member("token_url", urls.fcm_token);
    out.member("project_id", c.fcm.project_id).member("service_account_file", "fcm-service-account.json");
    out.end_object();
    out.key("twilio").begin_object().member("url", urls.twilio).member("account_sid", c.twilio.account_sid);
    out.member("auth_token", c.twilio.auth_token).member("from", c.twilio.from).end_object();
    out.key("sendgrid").begin_object().member("url", urls.sendgrid).member("api_key", c.sendgrid.api_key);
    out.member("from", c.sendgrid.from).end_object().end_object();
    return out.take();
}

}  // namespace

Result<Credentials> load_or_make_credentials(const std::string& dir, const std::string& public_host) {
    std::error_code error;
    std::filesystem::create_directories(dir, error);
    if (error)
        return fail(ErrorCode::unavailable, fmt::format("making the folder {}: {}", dir, error.message()));

    Credentials credentials = known_or_drawn(dir);
    auto server = load_or_make_server(dir, public_host);
    if (!server) return fail(server.error());
    credentials.server = std::move(*server);

    const auto apns_key = file_or_made(dir + "/apns.p8", kSecret, net::make_ec_key);
    if (!apns_key) return fail(apns_key.error());
    auto apns_public = net::public_key_of(*apns_key);
    if (!apns_public) return fail(apns_public.error());
    credentials.apns.public_key_pem = std::move(*apns_public);

    auto fcm_key = file_or_made(dir + "/fcm-key.pem", kSecret, net::make_rsa_key);
    if (!fcm_key) return fail(fcm_key.error());
    auto fcm_public = net::public_key_of(*fcm_key);
    if (!fcm_public) return fail(fcm_public.error());
    credentials.fcm.public_key_pem = std::move(*fcm_public);
    credentials.fcm.private_key_pem = std::move(*fcm_key);
    credentials.fcm.private_key_id = to_hex(sha256(credentials.fcm.public_key_pem)).substr(0, 40);
    credentials.fcm.client_email =
        fmt::format("firebase-adminsdk@{}.iam.gserviceaccount.com", credentials.fcm.project_id);
    return credentials;
}

Status publish(const Credentials& credentials, const SimulatorUrls& urls, const std::string& dir) {
    auto written = write_file(dir + "/fcm-service-account.json",
                              service_account_json(credentials.fcm, urls.fcm_token), kSecret);
    if (!written) return written;
    return write_file(dir + "/credentials.json", credentials_json(credentials, urls), kSecret);
}

}  // namespace herald::simulator
