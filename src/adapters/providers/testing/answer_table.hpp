#pragma once

#include <ostream>
#include <string>

#include <fmt/format.h>

#include "adapters/providers/answers.hpp"
#include "ports/provider.hpp"

namespace herald {

/// A row of a provider's table in its test: an answer and what becomes of the attempt, as `describe` puts it.
struct AnswerCase {
    std::string name;
    net::HttpResult result;
    std::string expected;
};
inline void PrintTo(const AnswerCase& row, std::ostream* out) { *out << row.name; }

/// When the tables' answers arrive: 2023-11-14T22:13:20Z.
inline constexpr TimePoint kAnsweredAt{Millis{1'700'000'000'000}};

inline net::HttpResult http(int status, std::string body = "", net::Headers headers = {}) {
    return net::HttpResponse{status, std::move(headers), std::move(body)};
}
inline net::HttpResult never_written() {
    return tl::unexpected(net::HttpFailure{.request_written = false, .detail = "connection refused"});
}
inline net::HttpResult not_processed() {
    return tl::unexpected(net::HttpFailure{.not_processed = true, .detail = "refused stream"});
}
inline net::HttpResult never_answered() {
    return tl::unexpected(net::HttpFailure{.request_written = true, .detail = "connection reset"});
}

inline constexpr const char* kHtmlPage = "<html><head><title>502 Bad Gateway</title></head></html>";

inline std::string detail_in(const Outcome& outcome) {
    struct Visitor {
        std::string operator()(const Accepted&) const { return ""; }
        std::string operator()(const Rejected& rejected) const { return rejected.detail; }
        std::string operator()(const Deferred& deferred) const { return deferred.detail; }
        std::string operator()(const Unknown& unknown) const { return unknown.detail; }
        std::string operator()(const Unusable& unusable) const { return unusable.detail; }
    };
    return std::visit(Visitor{}, outcome);
}

inline std::string describe(const Outcome& outcome) {
    struct Visitor {
        std::string operator()(const Accepted& accepted) const { return "accepted " + accepted.reference; }
        std::string operator()(const Rejected& rejected) const {
            std::string text = fmt::format("rejected {}", to_string(rejected.reason));
            if (rejected.address_is_dead) text += " dead";
            if (rejected.dead_since) text += " since " + to_rfc3339(*rejected.dead_since);
            if (rejected.suppress) text += " suppress";
            return text;
        }
        std::string operator()(const Deferred& deferred) const {
            std::string text = "deferred";
            if (deferred.wait > Millis{0}) text += fmt::format(" {}ms", deferred.wait.count());
            return deferred.at_once ? text + " at once" : text;
        }
        std::string operator()(const Unknown&) const { return "unknown"; }
        std::string operator()(const Unusable& unusable) const {
            return fmt::format("unusable {}", to_string(unusable.scope));
        }
    };
    return std::visit(Visitor{}, outcome);
}

inline std::string describe(const Verdict& verdict) {
    return describe(verdict.outcome) + (verdict.credential_expired ? ", credential expired" : "");
}

/// The call of the tests: delivery 1 of a fixed notification, attempt 2, an hour to go at `kAnsweredAt`.
inline ProviderCall call_with(Message message) {
    ProviderCall call;
    call.call = 1;
    call.delivery = {*NotificationId::parse("01890a5d-ac96-774b-bcce-b302099a8057"), 0, 1};
    call.attempt = 2;
    call.message = std::move(message);
    call.expires_at = kAnsweredAt + std::chrono::hours(1);
    return call;
}

}  // namespace herald
