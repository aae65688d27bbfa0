#include "main/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace herald {
namespace {

using Kind = Setting::Kind;

constexpr Setting kTable[] = {
    {"HERALD_DATA_DIR", Kind::text, "./data", "", "",
     "Folder of the embedded engines: log.db, store.db, and the simulators' keys. One process holds it at a "
     "time."},
    {"HERALD_LISTEN", Kind::text, "127.0.0.1:8000", "", "",
     "Address and port of the API. Beyond loopback a key is needed."},
    {"LOG_LEVEL", Kind::choice, "INFO", "DEBUG|INFO|WARNING|ERROR", "",
     "Least level that is logged, as JSON on standard error."},
    {"KAFKA_BOOTSTRAP_SERVERS", Kind::text, "", "", "",
     "Kafka as the log: host:port, several by commas. Unset: the embedded log. `herald migrate` makes the "
     "topics. Any property of librdkafka is set by HERALD_KAFKA_ and its name, dots as underscores: "
     "HERALD_KAFKA_SASL_USERNAME is sasl.username."},
    {"DATABASE_URL", Kind::secret, "", "", "",
     "PostgreSQL as the store: postgres://user:password@host:port/database, with any parameter of libpq. "
     "Unset: the embedded store. `herald migrate` makes the tables."},
    {"REDIS_URL", Kind::secret, "", "", "",
     "Redis for the rate limits that processes share: redis:// or rediss://user:password@host:port/db. "
     "Unset: "
     "each process limits itself."},
    {"HERALD_TOPIC_PREFIX", Kind::text, "herald.", "", "",
     "Before the name of each topic and group of Kafka."},
    {"HERALD_TOPIC_PARTITIONS", Kind::integer, "12", "1..1000", "",
     "Partitions of each topic of Kafka that `herald migrate` makes; no more processes than that can share a "
     "lane."},

    {"HERALD_API_KEY", Kind::secret, "", "", "",
     "The key that requests must show as `Authorization: Bearer`. Unset on loopback: none is needed."},
    {"HERALD_ALLOW_ANONYMOUS", Kind::integer, "0", "0..1", "",
     "1 permits requests without a key on any address."},
    {"HERALD_HTTP_THREADS", Kind::integer, "1", "1..64", "threads", "Threads of the API's HTTP server."},
    {"HERALD_MAX_BODY_BYTES", Kind::integer, "262144", "1024..262144", "bytes", "Longest request body."},
    {"HERALD_MAX_CONNECTIONS", Kind::integer, "4096", "1..1000000", "", "Open connections to the API."},
    {"HERALD_APPEND_DEADLINE_MS", Kind::integer, "1500", "50..60000", "ms",
     "Longest wait for the log before the answer is 503."},
    {"HERALD_STORE_READERS", Kind::integer, "2", "1..64", "threads",
     "Threads that read the store for the API."},
    {"HERALD_STORE_READ_QUEUE", Kind::integer, "1000", "1..100000", "",
     "Requests that may wait for them; more are answered 503 store_busy."},

    {"HERALD_LOG_PARTITIONS", Kind::integer, "4", "1..64", "",
     "Partitions of each topic of the embedded log, fixed at its first start."},
    {"HERALD_LOG_MAX_BYTES", Kind::integer, "1073741824", "1048576..1099511627776", "bytes",
     "Bound of the embedded log; requests are refused at 80 % of it."},
    {"HERALD_LOG_RETENTION_S", Kind::integer, "604800", "259200..31536000", "s",
     "Age at which records are dropped whether or not anybody reads them."},
    {"HERALD_STORE_RETENTION_S", Kind::integer, "3456000", "3456000..315360000", "s",
     "Age at which notifications are dropped from the store with all that belongs to them: at least 33 days "
     "more than the log's."},

    {"HERALD_PUSH_PROVIDERS", Kind::list, "", "apns|fcm|simulator", "",
     "Providers of push. Unset: the simulator, on loopback only."},
    {"HERALD_SMS_PROVIDERS", Kind::list, "", "twilio|simulator", "",
     "Providers of SMS. Unset: the simulator, on loopback only."},
    {"HERALD_EMAIL_PROVIDERS", Kind::list, "", "sendgrid|simulator", "",
     "Providers of email. Unset: the simulator, on loopback only."},
    {"HERALD_CA_FILE", Kind::text, "", "", "",
     "PEM file of the authorities that the certificates of providers and Redis are checked against. Unset: "
     "the system's."},
    {"HERALD_APNS_URL", Kind::text, "https://api.push.apple.com", "", "",
     "Apple's server; the sandbox is https://api.sandbox.push.apple.com."},
    {"HERALD_APNS_KEY_FILE", Kind::text, "", "", "", "The .p8 file of the signing key."},
    {"HERALD_APNS_KEY_ID", Kind::text, "", "", "", "Its id, 10 characters."},
    {"HERALD_APNS_TEAM_ID", Kind::text, "", "", "", "The team it belongs to."},
    {"HERALD_APNS_TOPIC", Kind::text, "", "", "", "Bundle id of the app."},
    {"HERALD_FCM_URL", Kind::text, "https://fcm.googleapis.com", "", "", "Google's server."},
    {"HERALD_FCM_TOKEN_URL", Kind::text, "", "", "",
     "Where access tokens come from. Unset: what the service account says."},
    {"HERALD_FCM_SERVICE_ACCOUNT_FILE", Kind::text, "", "", "", "The service account's JSON file."},
    {"HERALD_TWILIO_URL", Kind::text, "https://api.twilio.com", "", "", "Twilio's server."},
    {"HERALD_TWILIO_ACCOUNT_SID", Kind::text, "", "", "", "AC…"},
    {"HERALD_TWILIO_AUTH_TOKEN", Kind::secret, "", "", "", "The account's auth token."},
    {"HERALD_TWILIO_FROM", Kind::text, "", "", "",
     "Sending number, or the sid of a messaging service (MG…)."},
    {"HERALD_SENDGRID_URL", Kind::text, "https://api.sendgrid.com", "", "", "SendGrid's server."},
    {"HERALD_SENDGRID_API_KEY", Kind::secret, "", "", "", "SG.…"},
    {"HERALD_SENDGRID_FROM", Kind::text, "", "", "", "Sender's address."},
    {"HERALD_SENDGRID_FROM_NAME", Kind::text, "", "", "", "Sender's name."},

    {"HERALD_PUSH_RATE", Kind::integer, "0", "0..1000000", "per second",
     "Calls a second for each account of push; 0 = no limit."},
    {"HERALD_SMS_RATE", Kind::integer, "0", "0..1000000", "per second", "The same for SMS."},
    {"HERALD_EMAIL_RATE", Kind::integer, "0", "0..1000000", "per second", "The same for email."},
    {"HERALD_APNS_RATE", Kind::integer, "", "0..1000000", "per second", "Overrides the channel's rate."},
    {"HERALD_FCM_RATE", Kind::integer, "", "0..1000000", "per second", "Overrides the channel's rate."},
    {"HERALD_TWILIO_RATE", Kind::integer, "", "0..1000000", "per second", "Overrides the channel's rate."},
    {"HERALD_SENDGRID_RATE", Kind::integer, "", "0..1000000", "per second", "Overrides the channel's rate."},
    {"HERALD_APNS_CALL_DEADLINE_MS", Kind::integer, "10000", "50..120000", "ms",
     "Longest call; after it the attempt is unknown. A call that cannot begin within half of it is retried "
     "later."},
    {"HERALD_FCM_CALL_DEADLINE_MS", Kind::integer, "10000", "50..120000", "ms", "Longest call."},
    {"HERALD_TWILIO_CALL_DEADLINE_MS", Kind::integer, "10000", "50..120000", "ms", "Longest call."},
    {"HERALD_SENDGRID_CALL_DEADLINE_MS", Kind::integer, "10000", "50..120000", "ms", "Longest call."},
    {"HERALD_APNS_MAX_IN_FLIGHT", Kind::integer, "500", "1..10000", "",
     "Calls in flight, all lanes together."},
    {"HERALD_FCM_MAX_IN_FLIGHT", Kind::integer, "100", "1..10000", "",
     "Calls in flight, all lanes together."},
    {"HERALD_TWILIO_MAX_IN_FLIGHT", Kind::integer, "64", "1..10000", "",
     "Calls in flight, all lanes together."},
    {"HERALD_SENDGRID_MAX_IN_FLIGHT", Kind::integer, "64", "1..10000", "",
     "Calls in flight, all lanes together."},

    {"HERALD_RETRY_BASE_MS", Kind::integer, "1000", "1..3600000", "ms",
     "First ceiling of the backoff with full jitter; it doubles with each try."},
    {"HERALD_RETRY_CAP_MS", Kind::integer, "300000", "1..86400000", "ms", "Highest ceiling of the backoff."},
    {"HERALD_RETRY_LIMIT", Kind::integer, "10", "1..1000", "tries",
     "Attempts that may end deferred or unknown before a delivery is given up."},
    {"HERALD_RECONCILE_PUSH_S", Kind::integer, "0", "0..86400", "s",
     "Wait for a receipt before an unknown push is sent again."},
    {"HERALD_RECONCILE_SMS_S", Kind::integer, "30", "0..86400", "s", "The same for SMS."},
    {"HERALD_RECONCILE_EMAIL_S", Kind::integer, "30", "0..86400", "s", "The same for email."},
    {"HERALD_SHUTDOWN_S", Kind::integer, "20", "1..600", "s", "Longest orderly shutdown."},

    {"HERALD_SIMULATOR_LISTEN", Kind::text, "127.0.0.1", "", "", "Address that the simulators listen on."},
    {"HERALD_SIMULATOR_HOST", Kind::text, "127.0.0.1", "", "",
     "Host by which they are reached. Set it, or the folder, to use simulators that run elsewhere."},
    {"HERALD_SIMULATOR_DIR", Kind::text, "", "", "",
     "Folder of their ca.pem and test credentials. Unset: `simulator` in the data folder."},
    {"HERALD_SIMULATOR_PORT", Kind::integer, "8101", "0..65000", "",
     "Port of the APNs simulator; FCM, Twilio and SendGrid follow. 0 takes any free ones."},
};

const Setting* find_setting(std::string_view name) {
    const auto* const found =
        std::find_if(std::begin(kTable), std::end(kTable), [&](const Setting& s) { return s.name == name; });
    return found == std::end(kTable) ? nullptr : found;
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const auto end = text.find(separator);
        const auto part = text.substr(0, end);
        if (!part.empty()) parts.emplace_back(part);
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return parts;
}

std::optional<std::int64_t> to_integer(std::string_view text) {
    std::int64_t value = 0;
    const auto [at, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc{} || at != text.data() + text.size()) return std::nullopt;
    return value;
}

bool is_among(std::string_view word, std::string_view words) {
    const auto all = split(words, '|');
    return std::find(all.begin(), all.end(), word) != all.end();
}

constexpr std::string_view kKafkaPrefix = "HERALD_KAFKA_";

/// SASL_USERNAME → sasl.username
std::string property_name(std::string name) {
    for (auto& c : name) c = c == '_' ? '.' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return name;
}

/// What is wrong with the value; empty when nothing is.
std::string complaint(const Setting& setting, const std::string& value) {
    switch (setting.kind) {
        case Kind::text:
        case Kind::secret:
            return "";
        case Kind::choice:
            return is_among(value, setting.range) ? "" : fmt::format("must be one of {}", setting.range);
        case Kind::list:
            for (const auto& word : split(value, ',')) {
                if (!is_among(word, setting.range)) return fmt::format("must be a list of {}", setting.range);
            }
            return "";
        case Kind::integer: {
            const auto dots = setting.range.find("..");
            const auto min = to_integer(setting.range.substr(0, dots));
            const auto max = to_integer(setting.range.substr(dots + 2));
            const auto number = to_integer(value);
            if (number && *number >= *min && *number <= *max) return "";
            return fmt::format("must be a whole number from {} to {}", *min, *max);
        }
    }
    return "";
}

}  // namespace

std::span<const Setting> setting_table() { return kTable; }

Result<Settings> Settings::read(const Environment& environment, std::span<const std::string_view> tolerated) {
    Settings settings;
    for (const auto& setting : kTable) settings.values_.emplace(setting.name, setting.fallback);
    std::string complaints;
    for (const auto& [name, value] : environment) {
        const auto* setting = find_setting(name);
        if (!setting) {
            if (name.starts_with(kKafkaPrefix) && name.size() > kKafkaPrefix.size()) {
                settings.kafka_properties_[property_name(name.substr(kKafkaPrefix.size()))] = value;
                continue;
            }
            const bool ours = name.starts_with("HERALD_");
            if (ours && std::find(tolerated.begin(), tolerated.end(), name) == tolerated.end()) {
                complaints +=
                    fmt::format("{} is not a setting of this version; `herald config` lists them\n", name);
            }
            continue;
        }
        if (value.empty()) continue;  // set to nothing is unset
        if (const auto why = complaint(*setting, value); !why.empty()) {
            complaints += setting->kind == Kind::secret
                              ? fmt::format("{} {}\n", name, why)
                              : fmt::format("{} is \"{}\": it {}\n", name, value, why);
            continue;
        }
        settings.values_.insert_or_assign(name, value);
        settings.set_[name] = true;
    }
    if (!complaints.empty()) {
        complaints.pop_back();
        return fail(ErrorCode::invalid, complaints);
    }
    return settings;
}

Settings::Environment Settings::process_environment() {
    Environment environment;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const auto equals = text.find('=');
        if (equals != std::string_view::npos)
            environment.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return environment;
}

const std::string& Settings::text(std::string_view name) const {
    const auto found = values_.find(name);
    CHECK(found != values_.end());
    return found->second;
}

std::int64_t Settings::integer(std::string_view name) const { return to_integer(text(name)).value_or(0); }
std::vector<std::string> Settings::list(std::string_view name) const { return split(text(name), ','); }
bool Settings::is_set(std::string_view name) const { return set_.find(name) != set_.end(); }

std::string describe(const Settings& settings) {
    std::string out;
    for (const auto& setting : kTable) {
        const auto& value = settings.text(setting.name);
        const bool hidden = setting.kind == Kind::secret && !value.empty();
        out += fmt::format("{} = {}{}\n", setting.name, hidden ? "••••" : value,
                           settings.is_set(setting.name) ? "   (set)" : "");
    }
    for (const auto& [property, value] : settings.kafka_properties())
        out += fmt::format("HERALD_KAFKA_…: {} = ••••   (set)\n", property);
    return out;
}

std::string settings_markdown() {
    std::string out =
        "# Configuration\n\n"
        "Herald is configured by environment variables only. This page is made by `herald config --markdown` "
        "from the one\n"
        "table in the code; `herald config` prints the values in force.\n\n"
        "| name | default | range | meaning |\n|---|---|---|---|\n";
    for (const auto& setting : kTable) {
        std::string range(setting.range);
        std::replace(range.begin(), range.end(), '|', ',');
        if (!setting.unit.empty()) range += fmt::format(" {}", setting.unit);
        out += fmt::format("| `{}` | {} | {} | {} |\n", setting.name,
                           setting.fallback.empty() ? "unset" : fmt::format("`{}`", setting.fallback), range,
                           setting.meaning);
    }
    return out;
}

}  // namespace herald
