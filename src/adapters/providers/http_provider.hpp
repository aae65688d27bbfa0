#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "adapters/providers/answers.hpp"
#include "adapters/providers/credentials.hpp"
#include "adapters/providers/provider_account.hpp"
#include "base/clock.hpp"
#include "net/http.hpp"

namespace herald {

/// A request without its authorization; or what the call ends in when this provider could not carry it.
using ProviderRequest = tl::expected<net::HttpRequest, Outcome>;

/// All knowledge of a provider: two pure functions.
struct HttpProtocol {
    std::function<ProviderRequest(const ProviderCall&, TimePoint now)> to_request;
    std::function<Verdict(const net::HttpResult&, TimePoint now)> to_outcome;
};

struct HttpAccountParts {
    AccountTraits traits;
    HttpProtocol protocol;
    std::unique_ptr<Credentials> credentials;
    std::unique_ptr<net::HttpClient> client;
};

/// An account that is spoken to with one HTTP request per attempt, never more. `clock` must outlive it.
std::unique_ptr<ProviderAccount> make_http_account(HttpAccountParts parts, const Clock& clock);

/// A POST to `url` with the delivery and the attempt in headers, which providers ignore and simulators read.
net::HttpRequest begin_request(const ProviderCall& call, std::string url, std::string_view content_type);

/// The call carries another kind of message than this provider takes.
Outcome wrong_kind_of_message();

}  // namespace herald
