#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "adapters/providers/credentials.hpp"
#include "adapters/providers/fcm/fcm.hpp"
#include "base/clock.hpp"

namespace herald::fcm {

struct AccessToken {
    std::string value;
    std::chrono::seconds expires_in{0};
};

/// The request that trades a signed assertion for an access token (RFC 7523).
Result<net::HttpRequest> to_token_request(const FcmAccount& account, TimePoint now);
/// The token; or what calls end in without one: Deferred while the endpoint is ill, Unusable when it refuses
/// us.
tl::expected<AccessToken, Outcome> to_token(const net::HttpResult& result, TimePoint now);

/// Google's access token, one for all calls of the account. At most one request for it is under way; a new
/// one is fetched five minutes before the old one ends, which is shown until then. Thread-safe.
class FcmCredentials final : public Credentials {
public:
    /// Fails when the key cannot sign. `clock` must outlive this object.
    static Result<std::unique_ptr<FcmCredentials>> create(const FcmAccount& account,
                                                          std::unique_ptr<net::HttpClient> client,
                                                          Millis fetch_deadline, const Clock& clock);

    void obtain(Ready ready) override;
    bool replace(const std::string& authorization) override;
    void close() override { client_.reset(); }

private:
    FcmCredentials(const FcmAccount& account, std::unique_ptr<net::HttpClient> client, Millis fetch_deadline,
                   const Clock& clock)
        : account_(account), fetch_deadline_(fetch_deadline), clock_(clock), client_(std::move(client)) {}

    bool is_valid(Millis now) const { return !authorization_.empty() && now < expires_at_; }
    bool may_fetch(Millis now) const { return !fetching_ && (!failure_ || now >= next_fetch_at_); }
    void fetch();
    void fetched(tl::expected<AccessToken, Outcome> token);

    const FcmAccount account_;
    const Millis fetch_deadline_;
    const Clock& clock_;
    std::unique_ptr<net::HttpClient> client_;

    std::mutex mutex_;
    // All times on the clock's uptime.
    std::string authorization_;
    Millis fetched_at_{0};
    Millis renew_at_{0};
    Millis expires_at_{0};
    bool fetching_ = false;
    std::optional<Outcome> failure_;  ///< of the last fetch
    Millis next_fetch_at_{0};         ///< after a failure
    std::vector<Ready> waiting_;
};

}  // namespace herald::fcm
