#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "adapters/providers/apns/apns.hpp"
#include "adapters/providers/credentials.hpp"
#include "base/clock.hpp"

namespace herald::apns {

/// Apple wants a provider token renewed at least once in 60 minutes and at most once in 20. Its `iat` lies on
/// a grid, so that several processes show the same one; with a grid of 30 minutes and a renewal at the age of
/// 50, a token that was signed at the end of its half hour is still shown for 20 minutes.
inline constexpr std::chrono::minutes kGrid{30};
inline constexpr std::chrono::minutes kRenewalAge{50};
inline constexpr std::chrono::minutes kYoungestReplaced{20};

/// The JSON Web Token of the account, one for all its connections. Thread-safe; who comes while it is being
/// signed waits for that signature, which takes less than a millisecond.
class ApnsCredentials final : public Credentials {
public:
    /// Signs the first token. `clock` must outlive this object.
    static Result<std::unique_ptr<ApnsCredentials>> create(const ApnsAccount& account, const Clock& clock);

    void obtain(Ready ready) override;
    bool replace(const std::string& authorization) override;

private:
    ApnsCredentials(const ApnsAccount& account, const Clock& clock) : account_(account), clock_(clock) {}

    Status sign(TimePoint issued_at);

    const ApnsAccount account_;
    const Clock& clock_;
    std::mutex mutex_;
    std::string authorization_;
    TimePoint issued_at_{};
    Millis signed_at_{0};  ///< on the clock's uptime
};

}  // namespace herald::apns
