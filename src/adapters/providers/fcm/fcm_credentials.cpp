#include "adapters/providers/fcm/fcm_credentials.hpp"

#include <algorithm>

#include "adapters/providers/jwt.hpp"
#include "base/json.hpp"
#include "net/certificates.hpp"

namespace herald::fcm {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kScope = "https://www.googleapis.com/auth/firebase.messaging";
constexpr std::chrono::seconds kAssertionLife = 1h;
constexpr std::chrono::seconds kRenewBefore = 300s;
constexpr Millis kPauseAfterFailure = 1s;
/// A token that is refused although it is younger was not refused for its age.
constexpr Millis kYoungestReplaced = 1min;

Result<std::string> sign_assertion(const FcmAccount& account, TimePoint now) {
    const std::int64_t issued_at = to_millis(now) / 1000;
    JsonWriter header;
    header.begin_object().member("alg", "RS256").member("typ", "JWT");
    if (!account.private_key_id.empty()) header.member("kid", account.private_key_id);
    header.end_object();
    JsonWriter claims;
    claims.begin_object().member("iss", account.client_email).member("scope", kScope);
    claims.member("aud", account.token_url);
    claims.member("iat", issued_at).member("exp", issued_at + kAssertionLife.count()).end_object();
    return sign_jwt(header.text(), claims.text(),
                    [&](std::string_view input) { return net::sign_rs256(account.private_key_pem, input); });
}

}  // namespace

Result<net::HttpRequest> to_token_request(const FcmAccount& account, TimePoint now) {
    auto assertion = sign_assertion(account, now);
    if (!assertion) return fail(assertion.error());
    net::HttpRequest request;
    request.url = account.token_url;
    request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
    request.body = net::form_encode({{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                                     {"assertion", std::move(*assertion)}});
    return request;
}

tl::expected<AccessToken, Outcome> to_token(const net::HttpResult& result, TimePoint now) {
    // A repeated request for a token does no harm: even when it was written, nothing is in doubt.
    if (!result) return tl::unexpected(wait_for(kSoon, "token endpoint: " + result.error().detail));
    const Json body = parse_body(*result);
    if (result->status == 200) {
        const std::string_view token = body.text("access_token");
        const std::chrono::seconds life{body.integer("expires_in")};
        constexpr std::chrono::seconds longest = 24h;
        if (!token.empty() && life > 0s) return AccessToken{std::string(token), std::min(life, longest)};
        return tl::unexpected(wait_for(kSoon, "token endpoint: 200 without a token"));
    }
    const std::string detail = "token endpoint: " + detail_of(result->status, body.text("error"));
    const int status = result->status;
    if (status >= 500 || status == 429 || status == 408) {
        return tl::unexpected(wait_for(retry_after(result->headers, now).value_or(kSoon), detail));
    }
    return tl::unexpected(Outcome{Unusable{.scope = Scope::account, .detail = detail}});
}

Result<std::unique_ptr<FcmCredentials>> FcmCredentials::create(const FcmAccount& account,
                                                               std::unique_ptr<net::HttpClient> client,
                                                               Millis fetch_deadline, const Clock& clock) {
    if (const auto assertion = sign_assertion(account, clock.now()); !assertion)
        return fail(assertion.error());
    return std::unique_ptr<FcmCredentials>(
        new FcmCredentials(account, std::move(client), fetch_deadline, clock));
}

void FcmCredentials::obtain(Ready ready) {
    std::optional<Authorization> at_hand;
    bool start = false;
    {
        const std::lock_guard lock(mutex_);
        const Millis now = clock_.uptime();
        if (is_valid(now)) {
            at_hand = authorization_;
            start = now >= renew_at_ && may_fetch(now);
        } else if (!fetching_ && !may_fetch(now)) {
            at_hand = tl::unexpected(*failure_);
        } else {
            waiting_.push_back(ready);
            start = !fetching_;
        }
        fetching_ = fetching_ || start;
    }
    if (start) fetch();
    if (at_hand) ready(*at_hand);
}

bool FcmCredentials::replace(const std::string& authorization) {
    const std::lock_guard lock(mutex_);
    if (authorization != authorization_) return true;
    if (clock_.uptime() - fetched_at_ < kYoungestReplaced) return false;
    authorization_.clear();
    return true;
}

void FcmCredentials::fetch() {
    auto request = to_token_request(account_, clock_.now());
    if (!request) {
        const std::string detail = "the assertion cannot be signed";
        return fetched(tl::unexpected(Outcome{Unusable{.scope = Scope::account, .detail = detail}}));
    }
    request->deadline = fetch_deadline_;
    net::HttpClient::Callbacks callbacks;
    callbacks.done = [this](const net::HttpResult& result) { fetched(to_token(result, clock_.now())); };
    client_->send(std::move(*request), std::move(callbacks));
}

void FcmCredentials::fetched(tl::expected<AccessToken, Outcome> token) {
    std::vector<Ready> waiting;
    Authorization authorization;
    {
        const std::lock_guard lock(mutex_);
        const Millis now = clock_.uptime();
        fetching_ = false;
        failure_.reset();
        if (token) {
            authorization_ = "Bearer " + token->value;
            fetched_at_ = now;
            expires_at_ = now + token->expires_in;
            renew_at_ = now + std::max(token->expires_in - kRenewBefore, token->expires_in / 2);
            authorization = authorization_;
        } else {
            failure_ = token.error();
            next_fetch_at_ = now + kPauseAfterFailure;
            authorization = tl::unexpected(*failure_);
        }
        waiting.swap(waiting_);
    }
    for (const auto& ready : waiting) ready(authorization);
}

}  // namespace herald::fcm
