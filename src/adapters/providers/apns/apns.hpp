#pragma once

#include <memory>
#include <string>

#include "adapters/providers/http_provider.hpp"
#include "base/result.hpp"

namespace herald {

/// Apple's push service, with a token signed by a key of the team.
struct ApnsAccount {
    std::string url = "https://api.push.apple.com";
    std::string key_pem;  ///< the .p8: PKCS#8 of an EC P-256 key
    std::string key_id;
    std::string team_id;
    std::string topic;  ///< the app's bundle id
};

/// `client` speaks HTTP/2. Fails when the key cannot sign.
Result<std::unique_ptr<ProviderAccount>> make_apns_account(const ApnsAccount& account, AccountTraits traits,
                                                           std::unique_ptr<net::HttpClient> client,
                                                           const Clock& clock);

namespace apns {

ProviderRequest to_request(const ApnsAccount& account, const ProviderCall& call);
Verdict to_outcome(const net::HttpResult& result, TimePoint now);

}  // namespace apns
}  // namespace herald
