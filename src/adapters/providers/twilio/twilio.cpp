#include "adapters/providers/twilio/twilio.hpp"

#include <algorithm>
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

Outcome unusable(Scope scope, std::string detail) {
    return Unusable{.scope = scope, .detail = std::move(detail)};
}

/// The numbers of https://www.twilio.com/docs/api/errors that a message can meet; nothing for any other,
/// since Twilio adds and changes them: then the status decides.
std::optional<Outcome> by_code(std::int64_t code, const net::HttpResponse& response, TimePoint now,
                               std::string detail) {
    const auto wait = [&](Millis otherwise) {
        return wait_for(retry_after(response.headers, now).value_or(otherwise), std::move(detail));
    };
    switch (code) {
        case 20003:  // authentication
        case 20005:  // account not active
        case 20006:  // access denied
        case 20008:  // test credentials
        case 20404:  // no such account
        case 21609:  // our callback URL
            return unusable(Scope::account, std::move(detail));
        case 20429:
        case 20500:
        case 20503:
            return wait(kSoon);

        case 21211:
        case 21217:
        case 21214:
        case 21614:  // not a mobile number
        case 21635:  // a landline
            return bury(RejectReason::invalid_address, std::move(detail));
        case 21610: {
            Rejected opted_out;
            opted_out.reason = RejectReason::recipient_opted_out;
            opted_out.suppress = true;
            opted_out.detail = std::move(detail);
            return opted_out;
        }
        case 21612:
            return refuse(RejectReason::unreachable_region, std::move(detail));
        case 21215:
        case 21408:
            return unusable(Scope::country, std::move(detail));

        case 21212:
        case 21601:
        case 21603:
        case 21606:
        case 21659:
        case 21660:
        case 21658:
        case 21701:
        case 21703:
        case 21704:
        case 21705:
        // A trial account reaches verified numbers only: the others must not close it for those.
        case 21608:
            return unusable(Scope::sender, std::move(detail));

        case 21605:
        case 21617:
            return refuse(RejectReason::payload_too_large, std::move(detail));
        case 21618:
            return refuse(RejectReason::content_refused, std::move(detail));
        case 20004:
        case 21602:
        case 21604:
        case 21619:
        case 21620:
        case 21621:
        case 21622:
        case 21623:
        case 21624:
        case 21654:
        case 21655:
        case 21656:
        case 21657:
            return refuse(RejectReason::bad_request, std::move(detail));

        case 14107:
        case 21611:
            return wait(kBusySender);
        case 63038:
            return wait(kDailyLimit);
        default:
            return std::nullopt;
    }
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
    if (auto outcome = by_code(code, *result, now, detail)) return {std::move(*outcome)};
    // The path names nothing but the account.
    if (result->status == 404) return {unusable(Scope::account, detail)};
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
