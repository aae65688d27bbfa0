#include "main/provider_accounts.hpp"

#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "adapters/providers/apns/apns.hpp"
#include "adapters/providers/fcm/fcm.hpp"
#include "adapters/providers/sendgrid/sendgrid.hpp"
#include "adapters/providers/twilio/twilio.hpp"
#include "net/curl_client.hpp"
#include "net/http2_client.hpp"

namespace herald {
namespace {

using AccountResult = Result<std::unique_ptr<ProviderAccount>>;

Result<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream content;
    if (!file || !(content << file.rdbuf())) {
        return fail(ErrorCode::invalid, fmt::format("the file {} cannot be read", path));
    }
    return content.str();
}

std::string joined(const std::string& dir, std::string_view file) { return dir + "/" + std::string(file); }

struct ServiceAccount {
    std::string project_id, client_email, private_key, private_key_id, token_uri;
};

Result<ServiceAccount> read_service_account(const std::string& path) {
    auto text = read_file(path);
    if (!text) return fail(text.error());
    const auto json = Json::parse(*text);
    if (!json) return fail(ErrorCode::invalid, path + ": " + json.error().message);
    ServiceAccount account{std::string(json->text("project_id")), std::string(json->text("client_email")),
                           std::string(json->text("private_key")), std::string(json->text("private_key_id")),
                           std::string(json->text("token_uri"))};
    if (account.project_id.empty() || account.client_email.empty() || account.private_key.empty()) {
        return fail(ErrorCode::invalid, path + " is not a service account");
    }
    return account;
}

/// An account is named after its provider, `simulator.` before it when that stands in.
AccountTraits traits_of(const Settings& settings, std::string_view name) {
    struct Known {
        std::string_view provider, prefix, channel;
        Route route;
    };
    static constexpr Known kKnown[] = {{"apns", "APNS", "PUSH", Route::push_apns},
                                       {"fcm", "FCM", "PUSH", Route::push_fcm},
                                       {"twilio", "TWILIO", "SMS", Route::sms},
                                       {"sendgrid", "SENDGRID", "EMAIL", Route::email}};
    const auto* const known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                           [&](const Known& k) { return name.ends_with(k.provider); });
    CHECK(known != std::end(kKnown));
    const auto setting = [&](std::string_view suffix) {
        return fmt::format("HERALD_{}_{}", known->prefix, suffix);
    };
    const auto own_rate = setting("RATE");
    AccountTraits traits;
    traits.name = std::string(name);
    traits.route = known->route;
    traits.call_deadline = Millis{settings.integer(setting("CALL_DEADLINE_MS"))};
    traits.max_in_flight = static_cast<int>(settings.integer(setting("MAX_IN_FLIGHT")));
    traits.rate_per_second = static_cast<double>(
        settings.is_set(own_rate) ? settings.integer(own_rate)
                                  : settings.integer(fmt::format("HERALD_{}_RATE", known->channel)));
    return traits;
}

/// Makes accounts from one source of values: the settings, or the simulators' credentials.
class AccountMaker {
public:
    AccountMaker(const Settings& settings, const Clock& clock) : settings_(settings), clock_(clock) {}

    AccountResult make_real(std::string_view provider) {
        ca_file_ = settings_.text("HERALD_CA_FILE");
        if (provider == "apns") {
            ApnsAccount account{settings_.text("HERALD_APNS_URL"), "", required("HERALD_APNS_KEY_ID"),
                                required("HERALD_APNS_TEAM_ID"), required("HERALD_APNS_TOPIC")};
            auto key = read_file(required("HERALD_APNS_KEY_FILE"));
            if (!key) return fail(ErrorCode::invalid, "HERALD_APNS_KEY_FILE: " + key.error().message);
            account.key_pem = *std::move(key);
            return apns(account, provider);
        }
        if (provider == "fcm") {
            const auto account = read_service_account(required("HERALD_FCM_SERVICE_ACCOUNT_FILE"));
            if (!account)
                return fail(ErrorCode::invalid,
                            "HERALD_FCM_SERVICE_ACCOUNT_FILE: " + account.error().message);
            const auto& token_url = settings_.text("HERALD_FCM_TOKEN_URL");
            return fcm(*account, settings_.text("HERALD_FCM_URL"),
                       token_url.empty() ? account->token_uri : token_url, provider);
        }
        if (provider == "twilio") {
            return twilio({settings_.text("HERALD_TWILIO_URL"), required("HERALD_TWILIO_ACCOUNT_SID"),
                           required("HERALD_TWILIO_AUTH_TOKEN"), "", ""},
                          required("HERALD_TWILIO_FROM"), provider);
        }
        return sendgrid({settings_.text("HERALD_SENDGRID_URL"), required("HERALD_SENDGRID_API_KEY"),
                         required("HERALD_SENDGRID_FROM"), settings_.text("HERALD_SENDGRID_FROM_NAME")},
                        provider);
    }

    AccountResult make_simulated(std::string_view provider, const std::string& dir, const Json& credentials) {
        ca_file_ = joined(dir, "ca.pem");
        const auto* own = credentials.find(provider);
        if (!own)
            return fail(ErrorCode::invalid,
                        fmt::format("the simulators' credentials.json lacks {}", provider));
        const auto value = [&](std::string_view name) { return std::string(own->text(name)); };
        const auto name = fmt::format("simulator.{}", provider);
        if (provider == "apns") {
            auto key = read_file(joined(dir, value("key_file")));
            if (!key) return fail(key.error());
            return apns({value("url"), *key, value("key_id"), value("team_id"), value("topic")}, name);
        }
        if (provider == "fcm") {
            const auto account = read_service_account(joined(dir, value("service_account_file")));
            if (!account) return fail(account.error());
            return fcm(*account, value("url"), value("token_url"), name);
        }
        if (provider == "twilio") {
            return twilio({value("url"), value("account_sid"), value("auth_token"), "", ""}, value("from"),
                          name);
        }
        return sendgrid({value("url"), value("api_key"), value("from"), "Herald"}, name);
    }

    /// Settings that a named provider needs and that are unset.
    const std::string& missing() const { return missing_; }

private:
    std::string required(std::string_view name) {
        if (!settings_.is_set(name)) missing_ += fmt::format("{}{}", missing_.empty() ? "" : ", ", name);
        return settings_.text(name);
    }

    std::unique_ptr<net::HttpClient> http2(const std::string& origin, const AccountTraits& traits) const {
        net::Http2ClientOptions options;
        options.origin = origin;
        options.thread_name = "http." + traits.name;
        options.ca_file = ca_file_;
        options.max_in_flight = static_cast<std::size_t>(traits.max_in_flight);
        return net::make_http2_client(options);
    }

    std::unique_ptr<net::HttpClient> http1(const AccountTraits& traits,
                                           std::string_view purpose = "http") const {
        net::CurlClientOptions options;
        options.thread_name = fmt::format("{}.{}", purpose, traits.name);
        options.max_in_flight = static_cast<std::size_t>(traits.max_in_flight);
        options.max_connections = options.max_in_flight;
        options.ca_file = ca_file_;
        return net::make_curl_client(options);
    }

    AccountResult apns(const ApnsAccount& account, std::string_view name) const {
        auto t = traits_of(settings_, name);
        auto client = http2(account.url, t);
        return make_apns_account(account, std::move(t), std::move(client), clock_);
    }

    AccountResult fcm(const ServiceAccount& from, std::string url, std::string token_url,
                      std::string_view name) const {
        auto t = traits_of(settings_, name);
        const FcmAccount account{std::move(url),   from.project_id,     from.client_email,
                                 from.private_key, from.private_key_id, std::move(token_url)};
        auto client = http2(account.url, t);
        auto token_client = http1(t, "token");
        return make_fcm_account(account, std::move(t), std::move(client), std::move(token_client), clock_);
    }

    AccountResult twilio(TwilioAccount account, const std::string& from, std::string_view name) const {
        (from.starts_with("MG") ? account.messaging_service_sid : account.from) = from;
        auto t = traits_of(settings_, name);
        auto client = http1(t);
        return make_twilio_account(account, std::move(t), std::move(client), clock_);
    }

    AccountResult sendgrid(const SendgridAccount& account, std::string_view name) const {
        auto t = traits_of(settings_, name);
        auto client = http1(t);
        return make_sendgrid_account(account, std::move(t), std::move(client), clock_);
    }

    const Settings& settings_;
    const Clock& clock_;
    std::string ca_file_;
    std::string missing_;
};

std::vector<std::string_view> simulated_providers(Channel channel) {
    switch (channel) {
        case Channel::push:
            return {"apns", "fcm"};
        case Channel::sms:
            return {"twilio"};
        case Channel::email:
            return {"sendgrid"};
    }
    return {};
}

}  // namespace

std::vector<std::string> providers_of(const Settings& settings, Channel channel) {
    const auto* name = channel == Channel::push  ? "HERALD_PUSH_PROVIDERS"
                       : channel == Channel::sms ? "HERALD_SMS_PROVIDERS"
                                                 : "HERALD_EMAIL_PROVIDERS";
    return settings.is_set(name) ? settings.list(name) : std::vector<std::string>{"simulator"};
}

std::vector<AccountTraits> account_traits(const Settings& settings) {
    std::vector<AccountTraits> all;
    for (const auto channel : kChannels) {
        for (const auto& provider : providers_of(settings, channel)) {
            if (provider != "simulator") {
                all.push_back(traits_of(settings, provider));
                continue;
            }
            for (const auto simulated : simulated_providers(channel))
                all.push_back(traits_of(settings, fmt::format("simulator.{}", simulated)));
        }
    }
    return all;
}

Result<std::vector<std::unique_ptr<ProviderAccount>>> make_provider_accounts(
    const Settings& settings, const std::set<Channel>& channels, const std::string& simulator_dir,
    const Clock& clock) {
    AccountMaker maker(settings, clock);
    std::optional<Json> credentials;
    std::vector<std::unique_ptr<ProviderAccount>> accounts;
    // What is missing is told of all providers at once.
    const auto add = [&](AccountResult account) -> Status {
        if (!maker.missing().empty()) return {};
        if (!account) return fail(account.error());
        accounts.push_back(*std::move(account));
        return {};
    };
    for (const auto channel : channels) {
        for (const auto& provider : providers_of(settings, channel)) {
            if (provider != "simulator") {
                if (auto status = add(maker.make_real(provider)); !status) return fail(status.error());
                continue;
            }
            if (!credentials) {
                auto text = read_file(joined(simulator_dir, "credentials.json"));
                if (!text) return fail(text.error());
                auto json = Json::parse(*text);
                if (!json) return fail(json.error());
                credentials = *std::move(json);
            }
            for (const auto simulated : simulated_providers(channel)) {
                auto status = add(maker.make_simulated(simulated, simulator_dir, *credentials));
                if (!status) return fail(status.error());
            }
        }
    }
    if (!maker.missing().empty()) {
        return fail(ErrorCode::invalid, "providers are named whose settings are missing: " + maker.missing());
    }
    return accounts;
}

}  // namespace herald
