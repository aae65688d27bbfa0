#pragma once

#include <memory>
#include <string>

#include "adapters/providers/http_provider.hpp"
#include "base/result.hpp"

namespace herald {

/// Twilio SendGrid's Mail Send v3 (https://www.twilio.com/docs/sendgrid/api-reference/mail-send).
struct SendgridAccount {
    std::string url = "https://api.sendgrid.com";
    std::string api_key;
    std::string from_email;
    std::string from_name;  ///< may be empty
};

Result<std::unique_ptr<ProviderAccount>> make_sendgrid_account(const SendgridAccount& account,
                                                               AccountTraits traits,
                                                               std::unique_ptr<net::HttpClient> client,
                                                               const Clock& clock);

namespace sendgrid {

ProviderRequest to_request(const SendgridAccount& account, const ProviderCall& call);
Verdict to_outcome(const net::HttpResult& result, TimePoint now);

}  // namespace sendgrid
}  // namespace herald
