#pragma once

#include <memory>
#include <vector>

#include "adapters/providers/provider_account.hpp"
#include "main/settings.hpp"

namespace herald {

/// The accounts that the settings name, in the order of each route. `simulator_dir`: where the simulators'
/// ca.pem and credentials.json are, for routes whose provider is `simulator`.
Result<std::vector<std::unique_ptr<ProviderAccount>>> make_provider_accounts(const Settings& settings,
                                                                             const std::string& simulator_dir,
                                                                             const Clock& clock);

/// The providers of one channel by the settings; `simulator` when none is named.
std::vector<std::string> providers_of(const Settings& settings, Channel channel);

}  // namespace herald
