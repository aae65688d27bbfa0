#pragma once

#include <memory>

#include "ports/provider.hpp"

namespace herald {

/// One account at one provider: its connections, credentials and tokens, shared by the lanes. Thread-safe.
class ProviderAccount {
public:
    /// Ends every call that is in flight. Nothing may be submitted afterwards; what has finished can still be
    /// taken.
    virtual ~ProviderAccount() = default;

    virtual const AccountTraits& traits() const = 0;
    /// For one lane's thread.
    virtual std::unique_ptr<Provider> open() = 0;
};

}  // namespace herald
