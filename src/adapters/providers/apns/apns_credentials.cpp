#include "adapters/providers/apns/apns_credentials.hpp"

#include "adapters/providers/jwt.hpp"
#include "base/json.hpp"
#include "net/certificates.hpp"

namespace herald::apns {
namespace {

TimePoint on_grid(TimePoint now) {
    const Millis since_epoch = now.time_since_epoch();
    return now - since_epoch % Millis(kGrid);
}

}  // namespace

Result<std::unique_ptr<ApnsCredentials>> ApnsCredentials::create(const ApnsAccount& account,
                                                                 const Clock& clock) {
    std::unique_ptr<ApnsCredentials> credentials(new ApnsCredentials(account, clock));
    if (auto status = credentials->sign(on_grid(clock.now())); !status) return fail(status.error());
    return credentials;
}

void ApnsCredentials::obtain(Ready ready) {
    Authorization authorization;
    {
        const std::lock_guard lock(mutex_);
        const TimePoint now = clock_.now();
        // A clock that was set back leaves a token from the future, which Apple refuses.
        const bool fresh = issued_at_ <= now && now - issued_at_ < kRenewalAge;
        if (fresh || sign(on_grid(now))) {
            authorization = authorization_;
        } else {
            authorization = tl::unexpected(
                Outcome{Unusable{.scope = Scope::account, .detail = "the provider token cannot be signed"}});
        }
    }
    ready(authorization);
}

bool ApnsCredentials::replace(const std::string& authorization) {
    const std::lock_guard lock(mutex_);
    if (authorization != authorization_) return true;
    if (clock_.uptime() - signed_at_ < kYoungestReplaced) return false;
    // Off the grid, where the refused one may lie as well.
    return sign(clock_.now()).has_value();
}

Status ApnsCredentials::sign(TimePoint issued_at) {
    JsonWriter header;
    header.begin_object().member("alg", "ES256").member("kid", account_.key_id).end_object();
    JsonWriter claims;
    claims.begin_object()
        .member("iss", account_.team_id)
        .member("iat", to_millis(issued_at) / 1000)
        .end_object();
    const auto token = sign_jwt(header.text(), claims.text(), [&](std::string_view input) {
        return net::sign_es256(account_.key_pem, input);
    });
    if (!token) return fail(token.error());
    authorization_ = "bearer " + *token;
    issued_at_ = issued_at;
    signed_at_ = clock_.uptime();
    return {};
}

}  // namespace herald::apns
