#pragma once

#include <string>

#include "base/clock.hpp"
#include "simulator/credentials.hpp"
#include "simulator/provider.hpp"

namespace herald::simulator {

/// SendGrid's v3 Mail Send (www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send). The domain of
/// the credentials' `from` is its one authenticated domain. Events are not here yet.
class Sendgrid final : public SimulatedProvider {
public:
    /// `clock` must outlive this.
    Sendgrid(SendgridCredentials credentials, const Clock& clock);

    Judgement judge(const net::ServerRequest& request) override;
    net::HttpResponse failure(int status, const net::ServerRequest& request) const override;

private:
    struct Answer {
        net::HttpResponse response;
        std::string reason;
    };
    Answer answer(const net::ServerRequest& request, const Result<Json>& mail) const;
    Answer answer_mail(const Json& mail) const;

    const SendgridCredentials credentials_;
    const std::string domain_;  ///< with the @
    const Clock& clock_;
};

}  // namespace herald::simulator
