#pragma once

#include <memory>
#include <string>

#include "adapters/providers/http_provider.hpp"
#include "base/result.hpp"

namespace herald {

/// Firebase Cloud Messaging, HTTP v1, with a service account.
struct FcmAccount {
    std::string url = "https://fcm.googleapis.com";
    std::string project_id;
    std::string client_email;
    std::string private_key_pem;
    std::string private_key_id;  ///< may be empty
    std::string token_url = "https://oauth2.googleapis.com/token";
    /// Google asks for 60 s after a refusal for quota and 10 s after an error of its own, where it names no
    /// time.
    Millis quota_wait{60'000};
    Millis server_error_wait{10'000};
};

/// `client` speaks to `url`, `token_client` to `token_url`. Fails when the key cannot sign.
Result<std::unique_ptr<ProviderAccount>> make_fcm_account(const FcmAccount& account, AccountTraits traits,
                                                          std::unique_ptr<net::HttpClient> client,
                                                          std::unique_ptr<net::HttpClient> token_client,
                                                          const Clock& clock);

namespace fcm {

ProviderRequest to_request(const FcmAccount& account, const ProviderCall& call, TimePoint now);
Verdict to_outcome(const FcmAccount& account, const net::HttpResult& result, TimePoint now);

}  // namespace fcm
}  // namespace herald
