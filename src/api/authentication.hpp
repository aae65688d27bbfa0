#pragma once

#include <optional>
#include <vector>

#include "base/crypto.hpp"
#include "model/ids.hpp"
#include "net/http.hpp"

namespace herald {

/// A key is known by its hash alone; it was shown once, to whoever created it.
struct ApiKey {
    Sha256Digest sha256{};
    TenantId tenant;
};

namespace api {

/// Tells whose request it is. Immutable; thread-safe.
class Authentication {
public:
    /// `anonymous`: a request without any key is the default tenant's.
    Authentication(std::vector<ApiKey> keys, bool anonymous)
        : keys_(std::move(keys)), anonymous_(anonymous) {}

    /// Nothing when the request bears no key of ours. A wrong key is refused even where none is needed,
    /// unless there are no keys at all.
    std::optional<TenantId> tenant_of(const net::Headers& headers) const;

private:
    const std::vector<ApiKey> keys_;
    const bool anonymous_;
};

}  // namespace api
}  // namespace herald
