#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "simulator/credentials.hpp"
#include "simulator/provider.hpp"

namespace herald::simulator {

/// FCM's HTTP v1 API (firebase.google.com/docs/reference/fcm/rest) and, beside it, Google's token endpoint
/// under `/token`, which exchanges a signed assertion for an access token (RFC 7523). Access tokens are keyed
/// with the service account's key and carry their own end, so they outlive a restart.
class Fcm final : public SimulatedProvider {
public:
    /// `clock` must outlive this.
    Fcm(FcmCredentials credentials, const Clock& clock);

    Judgement judge(const net::ServerRequest& request) override;
    net::HttpResponse failure(int status, const net::ServerRequest& request) const override;

    bool is_beside(const net::ServerRequest& request) const override { return request.path == "/token"; }
    net::HttpResponse serve_beside(const net::ServerRequest& request) override;

private:
    struct Answer {
        net::HttpResponse response;
        std::string reason;
    };
    struct TokenRefusal {
        std::string_view error;
        std::string_view description;
    };

    Answer answer(const net::ServerRequest& request, const Result<Json>& body);
    Answer answer_message(const Json& request, const Json& message);
    bool is_authorized(const net::Headers& headers) const;
    std::optional<TokenRefusal> check_assertion(std::string_view assertion, std::string_view host) const;
    std::string access_token(std::int64_t until_s) const;

    const FcmCredentials credentials_;
    const std::string token_key_;
    const std::string send_path_;
    const Clock& clock_;
};

}  // namespace herald::simulator
