#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"

namespace herald::simulator {

struct MailError {
    std::string message;
    std::string field;  ///< as in `personalizations.0.to.0.email`
};

/// Everything that SendGrid's Mail Send refuses in a body, in its own words.
std::vector<MailError> check_mail(const Json& mail, TimePoint now);

}  // namespace herald::simulator
