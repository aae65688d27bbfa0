#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "simulator/credentials.hpp"
#include "simulator/provider.hpp"

namespace herald::simulator {

/// Twilio's Messages resource: creating a message (www.twilio.com/docs/messaging/api/message-resource).
/// Looking messages up and status callbacks are not here yet.
class Twilio final : public SimulatedProvider {
public:
    /// `clock` must outlive this.
    Twilio(TwilioCredentials credentials, const Clock& clock);

    Judgement judge(const net::ServerRequest& request) override;
    net::HttpResponse failure(int status, const net::ServerRequest& request) const override;

private:
    using Form = std::vector<std::pair<std::string, std::string>>;
    struct Refusal {
        int status = 0;  ///< 0 when there is nothing to refuse
        int code = 0;
        std::string message;
    };

    Refusal check(const net::ServerRequest& request, const Form& form) const;
    Refusal check_sender(const Form& form) const;
    std::string created(const Form& form) const;

    const TwilioCredentials credentials_;
    const std::string authorization_;
    const std::string messages_path_;
    const Clock& clock_;
};

}  // namespace herald::simulator
