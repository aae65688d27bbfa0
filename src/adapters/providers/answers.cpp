#include "adapters/providers/answers.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/clock.hpp"

namespace herald {
namespace {

/// No notification lives longer; it also keeps absurd numbers from overflowing.
constexpr std::chrono::hours kLongestWait{7 * 24};

bool is_code_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

std::optional<std::int64_t> parse_whole(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// IMF-fixdate, the only form that a sender may still write: `Sun, 06 Nov 1994 08:49:37 GMT`.
std::optional<std::int64_t> parse_http_date(std::string_view text) {
    std::tm parts{};
    const std::string copy(text);
    const char* const end = strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end == nullptr || *end != '\0') return std::nullopt;
    return timegm(&parts);
}

Millis bounded(std::int64_t seconds) {
    const std::int64_t longest = std::chrono::seconds(kLongestWait).count();
    return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, longest));
}

}  // namespace

Outcome no_answer(const net::HttpFailure& failure) {
    if (failure.request_written) return Unknown{failure.detail};
    return Deferred{.wait = kSoon, .detail = failure.detail, .at_once = failure.not_processed};
}

Millis wait_until(std::int64_t seconds, TimePoint now) {
    const std::int64_t now_seconds = to_millis(now) / 1000;
    if (seconds <= now_seconds) return Millis{0};
    const Millis rest{to_millis(now) % 1000};
    return bounded(seconds - now_seconds) - rest;
}

std::optional<Millis> retry_after(const net::Headers& headers, TimePoint now) {
    const auto value = net::find_header(headers, "retry-after");
    if (!value) return std::nullopt;
    if (const auto seconds = parse_whole(*value)) {
        return *seconds >= 0 ? std::optional(bounded(*seconds)) : std::nullopt;
    }
    if (const auto date = parse_http_date(*value)) return wait_until(*date, now);
    return std::nullopt;
}

Json parse_body(const net::HttpResponse& response) {
    auto parsed = Json::parse(response.body);
    return parsed ? std::move(*parsed) : Json{};
}

std::string safe_word(std::string_view word, std::string_view otherwise) {
    constexpr std::size_t longest = 60;
    // Ten digits in a row may be somebody's phone number; a long run of hex may be a token.
    constexpr std::ptrdiff_t most_digits = 9;
    const auto digits = std::count_if(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
    const bool safe = !word.empty() && word.size() <= longest && digits <= most_digits &&
                      std::all_of(word.begin(), word.end(), is_code_character);
    return std::string(safe ? word : otherwise);
}

std::string detail_of(int status, std::string_view code) {
    std::string detail = std::to_string(status);
    if (const auto word = safe_word(code); !word.empty()) detail += " " + word;
    return detail;
}

Outcome by_status(const net::HttpResponse& response, TimePoint now, std::string detail) {
    const int status = response.status;
    // A gateway answers for a server that may have had the request: 502 and 504, but also 500 and 503 when
    // the connection to it broke. Only who names the time at which it serves again has not taken it up.
    const auto asked = retry_after(response.headers, now);
    if (status >= 500 && !(status == 503 && asked)) return Unknown{std::move(detail)};
    if (status == 503 || status == 408 || status == 425 || status == 429) {
        return wait_for(asked.value_or(kSoon), std::move(detail));
    }
    if (status == 401 || status == 403 || (status >= 300 && status < 400)) {
        return Unusable{.scope = Scope::account, .detail = std::move(detail)};
    }
    if (status == 413) return refuse(RejectReason::payload_too_large, std::move(detail));
    // Accepted in form, without the words that the provider says it with: it may have the message.
    if (status < 300) return Unknown{std::move(detail)};
    return refuse(RejectReason::bad_request, std::move(detail));
}

Outcome wait_for(Millis wait, std::string detail) {
    return Deferred{.wait = wait, .detail = std::move(detail)};
}

Outcome refuse(RejectReason reason, std::string detail) {
    return Rejected{.reason = reason, .dead_since = {}, .detail = std::move(detail)};
}

Outcome bury(RejectReason reason, std::string detail, std::optional<TimePoint> dead_since) {
    return Rejected{
        .reason = reason, .address_is_dead = true, .dead_since = dead_since, .detail = std::move(detail)};
}

}  // namespace herald
