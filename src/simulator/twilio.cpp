#include "simulator/twilio.hpp"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include "base/crypto.hpp"
#include "base/utf8.hpp"
#include "simulator/magic_addresses.hpp"
#include "simulator/sms_segments.hpp"

namespace herald::simulator {
namespace {

using Form = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kMaxBodyCharacters = 1600;
constexpr std::int64_t kMaxValidityS = 36'000;

std::string_view field(const Form& form, std::string_view name) {
    const auto found =
        std::find_if(form.begin(), form.end(), [&](const auto& entry) { return entry.first == name; });
    return found == form.end() ? std::string_view{} : std::string_view(found->second);
}

/// E.164: plus, then 8 to 15 digits of which the first is none of a leading zero.
bool is_phone_number(std::string_view text) {
    return text.size() >= 9 && text.size() <= 16 && text[0] == '+' && text[1] != '0' &&
           text.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

/// Two letters and 32 hex digits, the shape of all of Twilio's ids.
bool is_sid(std::string_view text, std::string_view kind) {
    return text.size() == 34 && text.starts_with(kind) &&
           text.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string_view::npos;
}

bool is_validity(std::string_view text) {
    return text.size() <= 5 && text.find_first_not_of("0123456789") == std::string_view::npos &&
           std::stoll(std::string(text)) >= 1 && std::stoll(std::string(text)) <= kMaxValidityS;
}

bool is_url(std::string_view text) {
    return (text.starts_with("http://") || text.starts_with("https://")) &&
           text.find(' ') == std::string_view::npos;
}

std::string rfc2822(TimePoint now) {
    const std::time_t seconds = to_millis(now) / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[40];
    return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &parts)};
}

net::Headers answer_headers() {
    return {{"content-type", "application/json"},
            {"twilio-request-id", "RQ" + random_hex(16)},
            {"twilio-concurrent-requests", "1"},
            {"x-api-domain", "api.twilio.com"},
            {"x-home-region", "us1"}};
}

net::HttpResponse error_answer(int status, int code, std::string_view message) {
    JsonWriter body;
    body.begin_object().member("code", code).member("message", message);
    body.member("more_info", fmt::format("https://www.twilio.com/docs/errors/{}", code));
    body.member("status", status).end_object();
    net::HttpResponse response{status, answer_headers(), body.take()};
    if (status == 401) response.headers.push_back({"www-authenticate", "Basic realm=\"Twilio API\""});
    return response;
}

std::string message_of(int code, std::string_view from, std::string_view to) {
    switch (code) {
        case 21211:
            return fmt::format("Invalid 'To' Phone Number: {}", to);
        case 21212:
            return fmt::format("Invalid From Number (caller ID): {}", from);
        case 21408:
            return fmt::format(
                "Permission to send an SMS has not been enabled for the region indicated by the "
                "'To' number: {}",
                to);
        case 21606:
            return fmt::format(
                "The 'From' phone number provided ({}) is not a valid message-capable Twilio phone "
                "number for this destination.",
                from);
        case 21610:
            return "Attempt to send to unsubscribed recipient";
        case 21611:
            return "This 'From' number has exceeded the maximum number of queued messages";
        case 21612:
            return fmt::format(
                "The 'To' phone number: {}, is not currently reachable using the 'From' phone number: "
                "{} via SMS.",
                to, from);
        case 21614:
            return fmt::format("To number: {}, is not a mobile number", to);
        default:
            return "Bad request";
    }
}

struct Failure {
    int code;
    std::string_view message;
};

Failure failure_of(int status) {
    switch (status) {
        case 401:
            return {20003, "Authenticate"};
        case 403:
            return {20005, "Account not active"};
        case 404:
            return {20404, "The requested resource was not found"};
        case 405:
            return {20004, "Method not allowed"};
        case 429:
            return {20429, "Too Many Requests"};
        case 503:
            return {20503, "Service unavailable"};
        default:
            return status >= 500 ? Failure{20500, "Internal Server Error"} : Failure{20001, "Bad request"};
    }
}

}  // namespace

Twilio::Twilio(TwilioCredentials credentials, const Clock& clock)
    : credentials_(std::move(credentials)),
      authorization_("Basic " + base64(credentials_.account_sid + ":" + credentials_.auth_token)),
      messages_path_("/2010-04-01/Accounts/" + credentials_.account_sid + "/Messages.json"),
      clock_(clock) {}

Judgement Twilio::judge(const net::ServerRequest& request) {
    const Form form = net::form_decode(request.body);
    Judgement judgement;
    judgement.subject = merge(subject_of_head(request), Subject{"", 0, std::string(field(form, "To"))});
    const Refusal refused = check(request, form);
    if (refused.status != 0) {
        judgement.response = error_answer(refused.status, refused.code, refused.message);
        judgement.reason = std::to_string(refused.code);
    } else {
        judgement.response = {201, answer_headers(), created(form)};
    }
    return judgement;
}

net::HttpResponse Twilio::failure(int status, const net::ServerRequest&) const {
    const Failure known = failure_of(status);
    return error_answer(status, known.code, known.message);
}

Twilio::Refusal Twilio::check(const net::ServerRequest& request, const Form& form) const {
    const auto given = net::find_header(request.headers, "authorization").value_or("");
    if (!equal_in_constant_time(given, authorization_)) return {401, 20003, "Authenticate"};
    if (request.path != messages_path_) {
        return {404, 20404, fmt::format("The requested resource {} was not found", request.path)};
    }
    if (request.method != "POST") return {405, 20004, "Method not allowed"};
    const bool readable =
        std::all_of(form.begin(), form.end(), [](const auto& f) { return is_valid_utf8(f.second); });
    if (!readable) return {400, 20001, "The form is not valid UTF-8"};

    const auto from = field(form, "From");
    const auto to = field(form, "To");
    const auto body = field(form, "Body");
    const auto refuse = [&](int code) { return Refusal{400, code, message_of(code, from, to)}; };
    if (to.empty()) return {400, 21604, "A 'To' phone number is required."};
    if (Refusal sender = check_sender(form); sender.status != 0) return sender;
    if (const int code = magic_code(kMagicTwilioRecipients, to); code != 0) return refuse(code);
    if (!is_phone_number(to)) return refuse(21211);
    if (body.empty() && field(form, "MediaUrl").empty() && field(form, "ContentSid").empty()) {
        return {400, 21602, "Message body is required."};
    }
    if (count_characters(body) > kMaxBodyCharacters) {
        return {400, 21617, "The concatenated message body exceeds the 1600 character limit"};
    }
    const auto callback = field(form, "StatusCallback");
    if (!callback.empty() && !is_url(callback)) {
        return {400, 21609, fmt::format("The 'StatusCallback' URL {} is not a valid URL.", callback)};
    }
    const auto validity = field(form, "ValidityPeriod");
    if (!validity.empty() && !is_validity(validity)) {
        return {400, 21624, "The ValidityPeriod is invalid. Enter a number between 1 and 36000."};
    }
    return {};
}

Twilio::Refusal Twilio::check_sender(const Form& form) const {
    const auto from = field(form, "From");
    const auto service = field(form, "MessagingServiceSid");
    if (from.empty() && service.empty()) return {400, 21603, "A 'From' phone number is required."};
    if (!service.empty() && !is_sid(service, "MG")) {
        return {400, 21701, "The Messaging Service does not exist"};
    }
    if (from.empty() || from == kTwilioGoodSender || from == credentials_.from) return {};
    const int magic = magic_code(kMagicTwilioSenders, from);
    const int code = magic != 0 ? magic : 21606;
    return {400, code, message_of(code, from, field(form, "To"))};
}

std::string Twilio::created(const Form& form) const {
    const std::string sid = "SM" + random_hex(16);
    const auto service = field(form, "MessagingServiceSid");
    const std::string resource =
        fmt::format("/2010-04-01/Accounts/{}/Messages/{}", credentials_.account_sid, sid);
    const auto body = field(form, "Body");
    const std::string now = rfc2822(clock_.now());
    const auto or_null = [](std::string_view text) {
        return text.empty() ? std::optional<std::string>() : std::string(text);
    };
    JsonWriter out;
    out.begin_object().member("account_sid", credentials_.account_sid).member("api_version", "2010-04-01");
    out.member("body", body)
        .member("date_created", now)
        .member("date_sent", nullptr)
        .member("date_updated", now);
    out.member("direction", "outbound-api").member("error_code", nullptr).member("error_message", nullptr);
    out.member("from", or_null(field(form, "From"))).member("messaging_service_sid", or_null(service));
    out.member("num_media", field(form, "MediaUrl").empty() ? "0" : "1");
    // A messaging service picks the sender later, and only then knows the number of segments.
    out.member("num_segments", service.empty() ? std::to_string(sms_segments(body)) : "0");
    out.member("price", nullptr).member("price_unit", nullptr).member("sid", sid);
    out.member("status", service.empty() ? "queued" : "accepted");
    out.key("subresource_uris").begin_object().member("media", resource + "/Media.json").end_object();
    out.member("to", field(form, "To")).member("uri", resource + ".json").end_object();
    return out.take();
}

}  // namespace herald::simulator
