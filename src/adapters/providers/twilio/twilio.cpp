#include "adapters/providers/twilio/twilio.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/crypto.hpp"

namespace herald {
namespace twilio {
namespace {

using namespace std::chrono_literals;

constexpr Millis kBusySender = 5min;
constexpr Millis kDailyLimit = 1h;

std::int64_t validity_seconds(const ProviderCall& call, TimePoint now) {
    const auto left = std::chrono::floor<std::chrono::seconds>(call.expires_at - now).count();
    return std::clamp<std::int64_t>(left, 1, 36'000);
}

enum class Meaning {
    account,
    sender,
    country,
    dead_number,
    opted_out,
    no_route,
    too_large,
    content,
    request,
    busy,
    busy_sender,
    daily_limit,
};

struct Row {
    std::int64_t code;
    Meaning meaning;
};

/// The numbers of https://www.twilio.com/docs/api/errors that a message can meet. Twilio adds and changes
/// them: for any other the status decides.
constexpr std::array kRows{
    Row{20003, Meaning::account},  // authentication
    Row{20005, Meaning::account},  // account not active
    Row{20006, Meaning::account},  // access denied
    Row{20008, Meaning::account},  // test credentials
    Row{20404, Meaning::account},  // the path names nothing but the account
    Row{21609, Meaning::account},  // our callback URL

    Row{21212, Meaning::sender},
    Row{21601, Meaning::sender},
    Row{21603, Meaning::sender},
    Row{21606, Meaning::sender},
    // A trial account reaches verified numbers only: the others must not close it for those.
    Row{21608, Meaning::sender},
    Row{21658, Meaning::sender},
    Row{21659, Meaning::sender},
    Row{21660, Meaning::sender},
    Row{21701, Meaning::sender},
    Row{21703, Meaning::sender},
    Row{21704, Meaning::sender},
    Row{21705, Meaning::sender},

    Row{21215, Meaning::country},
    Row{21408, Meaning::country},

    Row{21211, Meaning::dead_number},
    Row{21214, Meaning::dead_number},
    Row{21217, Meaning::dead_number},
    Row{21614, Meaning::dead_number},  // not a mobile number
    Row{21635, Meaning::dead_number},  // a landline
    Row{21610, Meaning::opted_out},
    Row{21612, Meaning::no_route},

    Row{21605, Meaning::too_large},
    Row{21617, Meaning::too_large},
    Row{21618, Meaning::content},
    Row{20004, Meaning::request},  // method
    Row{21602, Meaning::request},
    Row{21604, Meaning::request},
    Row{21619, Meaning::request},
    Row{21620, Meaning::request},
    Row{21621, Meaning::request},
    Row{21622, Meaning::request},
    Row{21623, Meaning::request},
    Row{21624, Meaning::request},
    Row{21654, Meaning::request},
    Row{21655, Meaning::request},
    Row{21656, Meaning::request},
    Row{21657, Meaning::request},

    Row{20429, Meaning::busy},
    Row{20500, Meaning::busy},
    Row{20503, Meaning::busy},
    Row{14107, Meaning::busy_sender},
    Row{21611, Meaning::busy_sender},
    Row{63038, Meaning::daily_limit},
};

std::optional<Meaning> meaning_of(std::int64_t code) {
    const auto row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.code == code; });
    return row != kRows.end() ? std::optional(row->meaning) : std::nullopt;
}

Outcome outcome_of(Meaning meaning, std::optional<Millis> asked, const std::string& detail) {
    const auto unusable = [&](Scope scope) { return Unusable{.scope = scope, .detail = detail}; };
    switch (meaning) {
        case Meaning::account:
            return unusable(Scope::account);
        case Meaning::sender:
            return unusable(Scope::sender);
        case Meaning::country:
            return unusable(Scope::country);
        case Meaning::dead_number:
            return bury(RejectReason::invalid_address, detail);
        case Meaning::opted_out:
            return Rejected{.reason = RejectReason::recipient_opted_out,
                            .suppress = true,
                            .dead_since = {},
                            .detail = detail};
        case Meaning::no_route:
            return refuse(RejectReason::unreachable_region, detail);
        case Meaning::too_large:
            return refuse(RejectReason::payload_too_large, detail);
        case Meaning::content:
            return refuse(RejectReason::content_refused, detail);
        case Meaning::request:
            return refuse(RejectReason::bad_request, detail);
        case Meaning::busy:
            return wait_for(asked.value_or(kSoon), detail);
        case Meaning::busy_sender:
            return wait_for(asked.value_or(kBusySender), detail);
        case Meaning::daily_limit:
            return wait_for(asked.value_or(kDailyLimit), detail);
    }
    return refuse(RejectReason::bad_request, detail);
}

}  // namespace

ProviderRequest to_request(const TwilioAccount& account, const ProviderCall& call, TimePoint now) {
    const auto* const sms = std::get_if<SmsMessage>(&call.message);
    if (sms == nullptr) return tl::unexpected(wrong_kind_of_message());
    std::vector<std::pair<std::string, std::string>> fields{{"To", sms->to}};
    if (!account.from.empty()) fields.emplace_back("From", account.from);
    if (!account.messaging_service_sid.empty()) {
        fields.emplace_back("MessagingServiceSid", account.messaging_service_sid);
    }
    fields.emplace_back("Body", sms->body);
    fields.emplace_back("ValidityPeriod", std::to_string(validity_seconds(call, now)));

    auto request =
        begin_request(call, account.url + "/2010-04-01/Accounts/" + account.account_sid + "/Messages.json",
                      "application/x-www-form-urlencoded");
    request.body = net::form_encode(fields);
    return request;
}

Verdict to_outcome(const net::HttpResult& result, TimePoint now) {
    if (!result) return {no_answer(result.error())};
    const Json body = parse_body(*result);
    if (result->status >= 200 && result->status < 300) {
        if (const auto sid = body.text("sid"); !sid.empty()) return {Accepted{std::string(sid)}};
        return {by_status(*result, now, detail_of(result->status))};
    }
    const std::int64_t code = body.integer("code");
    const std::string detail = detail_of(result->status, code != 0 ? std::to_string(code) : "");
    if (const auto meaning = meaning_of(code)) {
        return {outcome_of(*meaning, retry_after(result->headers, now), detail)};
    }
    if (result->status == 404) return {outcome_of(Meaning::account, std::nullopt, detail)};
    return {by_status(*result, now, detail)};
}

}  // namespace twilio

Result<std::unique_ptr<ProviderAccount>> make_twilio_account(const TwilioAccount& account,
                                                             AccountTraits traits,
                                                             std::unique_ptr<net::HttpClient> client,
                                                             const Clock& clock) {
    if (account.account_sid.empty() || account.auth_token.empty()) {
        return fail(ErrorCode::invalid, "twilio: the account sid or the auth token is missing");
    }
    if (account.from.empty() && account.messaging_service_sid.empty()) {
        return fail(ErrorCode::invalid, "twilio: neither a sender nor a messaging service is named");
    }
    HttpAccountParts parts;
    parts.traits = std::move(traits);
    parts.protocol = {
        [account](const ProviderCall& call, TimePoint now) { return twilio::to_request(account, call, now); },
        twilio::to_outcome};
    parts.credentials =
        std::make_unique<FixedCredentials>("Basic " + base64(account.account_sid + ":" + account.auth_token));
    parts.client = std::move(client);
    return make_http_account(std::move(parts), clock);
}

}  // namespace herald
