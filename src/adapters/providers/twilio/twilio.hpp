#pragma once

#include <memory>
#include <string>

#include "adapters/providers/http_provider.hpp"
#include "base/result.hpp"

namespace herald {

/// Twilio Programmable Messaging (https://www.twilio.com/docs/messaging/api/message-resource).
struct TwilioAccount {
    std::string url = "https://api.twilio.com";
    std::string account_sid;
    std::string auth_token;
    std::string from;                   ///< E.164; or
    std::string messaging_service_sid;  ///< one of the two is required
};

Result<std::unique_ptr<ProviderAccount>> make_twilio_account(const TwilioAccount& account,
                                                             AccountTraits traits,
                                                             std::unique_ptr<net::HttpClient> client,
                                                             const Clock& clock);

namespace twilio {

ProviderRequest to_request(const TwilioAccount& account, const ProviderCall& call, TimePoint now);
Verdict to_outcome(const net::HttpResult& result, TimePoint now);

}  // namespace twilio
}  // namespace herald
