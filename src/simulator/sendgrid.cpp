#include "simulator/sendgrid.hpp"

#include <fmt/format.h>

#include "base/crypto.hpp"
#include "simulator/jwt.hpp"
#include "simulator/magic_addresses.hpp"
#include "simulator/mail_rules.hpp"

namespace herald::simulator {
namespace {

constexpr std::string_view kSendPath = "/v3/mail/send";
constexpr std::string_view kHelp =
    "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message.";
constexpr std::string_view kForeignSender =
    "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is "
    "resolved. Visit https://sendgrid.com/docs/for-developers/sending-email/sender-identity/ to see the "
    "Sender Identity requirements";

net::Headers answer_headers() { return {{"server", "nginx"}, {"access-control-allow-origin", "*"}}; }

/// The anchor of a field on SendGrid's page of errors: its path without the indexes.
std::string help_for(std::string_view field) {
    std::string anchor;
    for (std::size_t begin = 0; begin < field.size();) {
        const auto end = std::min(field.find('.', begin), field.size());
        const auto part = field.substr(begin, end - begin);
        if (part.find_first_not_of("0123456789") != std::string_view::npos) {
            if (!anchor.empty()) anchor.push_back('.');
            anchor += part;
        }
        begin = end + 1;
    }
    return std::string(kHelp) + anchor;
}

net::HttpResponse errors_answer(int status, const std::vector<MailError>& errors) {
    JsonWriter out;
    out.begin_object().key("errors").begin_array();
    for (const auto& error : errors) {
        out.begin_object().member("message", error.message);
        if (error.field.empty()) out.member("field", nullptr).member("help", nullptr);
        else out.member("field", error.field).member("help", help_for(error.field));
        out.end_object();
    }
    out.end_array().end_object();
    net::HttpResponse response{status, answer_headers(), out.take()};
    response.headers.push_back({"content-type", "application/json"});
    return response;
}

net::HttpResponse error_answer(int status, std::string_view message, std::string field = "") {
    return errors_answer(status, {{std::string(message), std::move(field)}});
}

net::HttpResponse throttled(std::int64_t now_s) {
    auto response = error_answer(429, "too many requests");
    response.headers.push_back({"x-ratelimit-limit", "600"});
    response.headers.push_back({"x-ratelimit-remaining", "0"});
    response.headers.push_back({"x-ratelimit-reset", std::to_string(now_s + 2)});
    return response;
}

bool is_json(std::string_view content_type) {
    return content_type.substr(0, content_type.find(';')) == "application/json";
}

const Json* first_personalization(const Json& mail) {
    const Json* all = mail.find("personalizations");
    const auto* list = all == nullptr ? nullptr : all->as_array();
    return list == nullptr || list->empty() ? nullptr : &list->front();
}

std::string first_recipient(const Json& mail) {
    const Json* first = first_personalization(mail);
    const Json* to = first == nullptr ? nullptr : first->find("to");
    const auto* list = to == nullptr ? nullptr : to->as_array();
    return list == nullptr || list->empty() ? "" : std::string(list->front().text("email"));
}

Subject subject_of_mail(const Json& mail) {
    Subject subject = subject_from(mail.find("custom_args"), "herald_id", "herald_attempt");
    if (const Json* first = first_personalization(mail)) {
        subject = merge(subject_from(first->find("custom_args"), "herald_id", "herald_attempt"), subject);
    }
    subject.recipient = first_recipient(mail);
    return subject;
}

bool is_sandbox(const Json& mail) {
    const Json* settings = mail.find("mail_settings");
    const Json* mode = settings == nullptr ? nullptr : settings->find("sandbox_mode");
    const Json* enable = mode == nullptr ? nullptr : mode->find("enable");
    return enable != nullptr && enable->as_bool() != nullptr && *enable->as_bool();
}

std::string message_id() {
    std::string bytes(16, '\0');
    fill_random({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
    return base64url(bytes);
}

}  // namespace

Sendgrid::Sendgrid(SendgridCredentials credentials, const Clock& clock)
    : credentials_(std::move(credentials)),
      domain_(credentials_.from.substr(std::min(credentials_.from.find('@'), credentials_.from.size()))),
      clock_(clock) {}

Judgement Sendgrid::judge(const net::ServerRequest& request) {
    const Result<Json> mail = Json::parse(request.body);
    Judgement judgement;
    judgement.subject = merge(subject_of_head(request), mail ? subject_of_mail(*mail) : Subject{});
    Answer given = answer(request, mail);
    judgement.response = std::move(given.response);
    judgement.reason = std::move(given.reason);
    return judgement;
}

net::HttpResponse Sendgrid::failure(int status, const net::ServerRequest&) const {
    switch (status) {
        case 401:
            return error_answer(401, "The provided authorization grant is invalid, expired, or revoked");
        case 403:
            return error_answer(403, "access forbidden");
        case 413:
            return error_answer(413, "payload too large");
        case 429:
            return throttled(to_millis(clock_.now()) / 1000);
        case 502:
        case 504:
            return {status, {{"content-type", "text/html"}}, "<html><title>Error</title></html>\n"};
        default:
            return error_answer(status, status >= 500 ? "Internal server error" : "Bad Request");
    }
}

Sendgrid::Answer Sendgrid::answer(const net::ServerRequest& request, const Result<Json>& mail) const {
    const auto authorization = net::find_header(request.headers, "authorization");
    const auto key = authorization ? bearer_token(*authorization) : std::nullopt;
    if (!key || !equal_in_constant_time(*key, credentials_.api_key))
        return {failure(401, request), "unauthorized"};
    if (request.path != kSendPath) return {error_answer(404, "Not Found"), "not found"};
    if (request.method != "POST") return {error_answer(405, "POST method allowed only"), "method"};
    if (!is_json(net::find_header(request.headers, "content-type").value_or(""))) {
        return {error_answer(415, "Content-Type should be application/json."), "content type"};
    }
    if (!mail || mail->as_object() == nullptr) return {error_answer(400, "Bad Request"), "Bad Request"};
    return answer_mail(*mail);
}

Sendgrid::Answer Sendgrid::answer_mail(const Json& mail) const {
    if (const auto errors = check_mail(mail, clock_.now()); !errors.empty()) {
        return {errors_answer(400, errors), errors.front().field};
    }
    if (!mail.find("from")->text("email").ends_with(domain_)) {
        return {error_answer(403, kForeignSender, "from"), "from"};
    }
    if (const auto* magic = find_magic(kMagicMailboxes, first_recipient(mail))) {
        return {magic->status == 429 ? throttled(to_millis(clock_.now()) / 1000)
                                     : error_answer(magic->status, magic->reason),
                std::string(magic->reason)};
    }
    if (is_sandbox(mail)) return {{200, answer_headers(), ""}, ""};
    net::HttpResponse accepted{202, answer_headers(), ""};
    accepted.headers.push_back({"x-message-id", message_id()});
    return {std::move(accepted), ""};
}

}  // namespace herald::simulator
