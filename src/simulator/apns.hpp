#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "simulator/credentials.hpp"
#include "simulator/provider.hpp"

namespace herald::simulator {

/// Apple's provider API (developer.apple.com, "Sending notification requests to APNs"). Checks in this order:
/// duplicate headers, apns-id, provider token, method and path, topic, the other headers, device token,
/// payload; the real service was seen to check the provider token before the device token.
class Apns final : public SimulatedProvider {
public:
    /// `clock` must outlive this.
    Apns(ApnsCredentials credentials, const Clock& clock)
        : credentials_(std::move(credentials)), clock_(clock) {}

    Judgement judge(const net::ServerRequest& request) override;
    Subject subject_of_head(const net::ServerRequest& request) const override;
    net::HttpResponse failure(int status, const net::ServerRequest& request) const override;

private:
    struct Refusal {
        int status;
        std::string_view reason;
        /// For 410: when the token was last known to be invalid.
        std::optional<std::int64_t> timestamp_ms = std::nullopt;
    };
    using Verdict = std::optional<Refusal>;

    Verdict check(const net::ServerRequest& request, const Result<Json>& payload);
    Verdict check_token(const net::Headers& headers);
    /// The `iat` of a provider token whose key and signature are right. Verified ones are remembered.
    std::optional<std::int64_t> issued_at(std::string_view token);
    Verdict check_topic(const net::Headers& headers) const;
    Verdict check_device(std::string_view path) const;

    const ApnsCredentials credentials_;
    const Clock& clock_;
    std::mutex mutex_;
    std::map<std::string, std::int64_t, std::less<>> verified_;  ///< provider token to its iat
};

}  // namespace herald::simulator
