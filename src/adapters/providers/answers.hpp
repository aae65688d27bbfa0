#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "model/delivery.hpp"
#include "net/http.hpp"

namespace herald {

/// What an answer, or its absence, means for the attempt.
struct Verdict {
    Outcome outcome;
    /// The provider refused the credential as expired: `outcome` holds only when there is no other to be had.
    bool credential_expired = false;
};

/// The retry policy's own backoff is enough.
inline constexpr Millis kSoon{0};

/// No whole answer came: Unknown when the request was written, else Deferred.
Outcome no_answer(const net::HttpFailure& failure);

/// What Retry-After (RFC 9110 section 10.2.3: seconds or a date) asks for, counted from `now`. Nothing when
/// there is none or it makes no sense.
std::optional<Millis> retry_after(const net::Headers& headers, TimePoint now);

/// What is left until `seconds` since the epoch, never negative.
Millis wait_until(std::int64_t seconds, TimePoint now);

/// The body when it is JSON; null otherwise, as for a proxy's page in HTML.
Json parse_body(const net::HttpResponse& response);

/// `word` when it looks like a code or a path of fields. Anything else may hold an address or a secret, and
/// details are logged and shown: then `otherwise`.
std::string safe_word(std::string_view word, std::string_view otherwise = "");

/// "429 TooManyRequests": the status and the provider's own code, as far as it is safe to show.
std::string detail_of(int status, std::string_view code = "");

/// What a status alone says when the provider's table has no row for the answer: 408, 425, 429 and a 503 that
/// names its Retry-After wait, any other 5xx leaves in doubt whether the message was taken, 401, 403 and
/// redirects concern the account, 413 the size, and any other refusal the request.
Outcome by_status(const net::HttpResponse& response, TimePoint now, std::string detail);

// Outcomes in the words of the tables.
Outcome wait_for(Millis wait, std::string detail);
Outcome refuse(RejectReason reason, std::string detail);
Outcome bury(RejectReason reason, std::string detail, std::optional<TimePoint> dead_since = std::nullopt);

}  // namespace herald
