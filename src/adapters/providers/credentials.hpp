#pragma once

#include <functional>
#include <string>
#include <utility>

#include <tl/expected.hpp>

#include "model/delivery.hpp"

namespace herald {

/// The value of the header `authorization`; or why nothing can be sent without it.
using Authorization = tl::expected<std::string, Outcome>;

/// What an account shows to prove who it is. Thread-safe.
class Credentials {
public:
    using Ready = std::function<void(const Authorization&)>;

    virtual ~Credentials() = default;

    /// Calls `ready` exactly once: at once when an authorization is at hand, else on another thread when
    /// there is one or it is clear that there will be none. Never blocks.
    virtual void obtain(Ready ready) = 0;
    /// The provider says that `authorization` has expired. True when the next `obtain` gives another one;
    /// false when this one is so young that another would fare no better.
    virtual bool replace(const std::string& authorization) = 0;
    /// Whoever waits in `obtain` has been answered when this returns.
    virtual void close() {}
};

/// Basic and bearer authorizations that come from the settings.
class FixedCredentials final : public Credentials {
public:
    explicit FixedCredentials(std::string authorization) : authorization_(std::move(authorization)) {}

    void obtain(Ready ready) override { ready(authorization_); }
    bool replace(const std::string&) override { return false; }

private:
    const std::string authorization_;
};

}  // namespace herald
