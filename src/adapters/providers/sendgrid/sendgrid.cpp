#include "adapters/providers/sendgrid/sendgrid.hpp"

#include <algorithm>
#include <charconv>

namespace herald {
namespace sendgrid {
namespace {

/// The same for every attempt of a delivery: the one handle by which a mailbox recognises a repeat.
std::string message_id(const SendgridAccount& account, const ProviderCall& call) {
    const auto at = account.from_email.rfind('@');
    const std::string domain = at == std::string::npos ? "herald" : account.from_email.substr(at + 1);
    return "<" + to_string(delivery_uuid(call.delivery)) + "@" + domain + ">";
}

void write_content(JsonWriter& out, std::string_view type, const std::string& value) {
    if (value.empty()) return;
    out.begin_object().member("type", type).member("value", value).end_object();
}

std::string write_body(const SendgridAccount& account, const ProviderCall& call, const EmailMessage& email) {
    JsonWriter out;
    out.begin_object();
    out.key("personalizations").begin_array().begin_object();
    out.key("to").begin_array().begin_object().member("email", email.to).end_object().end_array();
    out.end_object().end_array();
    out.key("from").begin_object().member("email", account.from_email);
    if (!account.from_name.empty()) out.member("name", account.from_name);
    out.end_object();
    out.member("subject", email.subject);
    out.key("content").begin_array();
    write_content(out, "text/plain", email.text);
    write_content(out, "text/html", email.html);
    out.end_array();
    out.key("headers").begin_object().member("Message-ID", message_id(account, call)).end_object();
    out.key("custom_args").begin_object();
    out.member("herald_id", to_string(call.delivery));
    out.member("herald_attempt", std::to_string(call.attempt));
    out.end_object();
    out.end_object();
    return out.take();
}

/// `personalizations.<n>.to.<m>.email`
bool is_recipient(std::string_view field) {
    return field.starts_with("personalizations.") && field.find(".to.") != std::string_view::npos &&
           field.ends_with(".email");
}

struct ErrorLine {
    std::string_view message;
    std::string_view field;

    bool says(std::string_view text) const { return message.find(text) != std::string_view::npos; }
};

std::vector<ErrorLine> error_lines(const Json& body) {
    std::vector<ErrorLine> lines;
    const Json* const errors = body.find("errors");
    const auto* const array = errors != nullptr ? errors->as_array() : nullptr;
    if (array == nullptr) return lines;
    for (const auto& error : *array) lines.push_back({error.text("message"), error.text("field")});
    return lines;
}

template <class Matches>
bool any_line(const std::vector<ErrorLine>& lines, Matches matches) {
    return std::any_of(lines.begin(), lines.end(), matches);
}

/// Not Retry-After but the second at which the window ends.
std::optional<Millis> rate_limit_reset(const net::Headers& headers, TimePoint now) {
    const auto value = net::find_header(headers, "x-ratelimit-reset");
    if (!value) return std::nullopt;
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
    if (error != std::errc{} || end != value->data() + value->size()) return std::nullopt;
    return wait_until(seconds, now);
}

Outcome refusal(const net::HttpResponse& response, TimePoint now) {
    const Json body = parse_body(response);
    const auto lines = error_lines(body);
    const std::string detail =
        detail_of(response.status, lines.empty() ? std::string_view{} : lines.front().field);
    // It may follow acceptance, and SendGrid's own body does not tell: there is no code for "not processed".
    if (response.status >= 500) return Unknown{detail};
    switch (response.status) {
        case 400: {
            const auto dead = [](const ErrorLine& line) {
                return is_recipient(line.field) && line.says("valid address");
            };
            if (any_line(lines, dead)) return bury(RejectReason::invalid_address, detail);
            return refuse(RejectReason::bad_request, detail);
        }
        case 401: {
            const bool no_credit =
                any_line(lines, [](const auto& line) { return line.says("Maximum credits"); });
            return Unusable{.scope = Scope::account, .detail = no_credit ? "401 no credits left" : detail};
        }
        case 403: {
            const bool sender = any_line(lines, [](const auto& line) {
                return line.says("verified Sender Identity") || line.field == "from";
            });
            return Unusable{.scope = sender ? Scope::sender : Scope::account, .detail = detail};
        }
        case 429: {
            auto wait = retry_after(response.headers, now);
            if (!wait) wait = rate_limit_reset(response.headers, now);
            return wait_for(wait.value_or(kSoon), detail);
        }
        default:
            return by_status(response, now, detail);
    }
}

}  // namespace

ProviderRequest to_request(const SendgridAccount& account, const ProviderCall& call) {
    const auto* const email = std::get_if<EmailMessage>(&call.message);
    if (email == nullptr) return tl::unexpected(wrong_kind_of_message());
    if (email->text.empty() && email->html.empty()) {
        return tl::unexpected(refuse(RejectReason::bad_request, "the email has no content"));
    }
    auto request = begin_request(call, account.url + "/v3/mail/send", "application/json");
    request.body = write_body(account, call, *email);
    return request;
}

Verdict to_outcome(const net::HttpResult& result, TimePoint now) {
    if (!result) return {no_answer(result.error())};
    // 200 is what the sandbox mode says.
    if (result->status == 202 || result->status == 200) {
        return {Accepted{std::string(net::find_header(result->headers, "x-message-id").value_or(""))}};
    }
    return {refusal(*result, now)};
}

}  // namespace sendgrid

Result<std::unique_ptr<ProviderAccount>> make_sendgrid_account(const SendgridAccount& account,
                                                               AccountTraits traits,
                                                               std::unique_ptr<net::HttpClient> client,
                                                               const Clock& clock) {
    if (account.api_key.empty()) return fail(ErrorCode::invalid, "sendgrid: the API key is missing");
    if (account.from_email.empty())
        return fail(ErrorCode::invalid, "sendgrid: the sender's address is missing");
    HttpAccountParts parts;
    parts.traits = std::move(traits);
    parts.protocol = {
        [account](const ProviderCall& call, TimePoint) { return sendgrid::to_request(account, call); },
        sendgrid::to_outcome};
    parts.credentials = std::make_unique<FixedCredentials>("Bearer " + account.api_key);
    parts.client = std::move(client);
    return make_http_account(std::move(parts), clock);
}

}  // namespace herald
