#pragma once

#include <memory>
#include <set>
#include <vector>

#include "adapters/providers/provider_account.hpp"
#include "main/settings.hpp"

namespace herald {

/// What the settings say of every account, in the order of each route. Needs no credentials: planner and
/// scheduler know by it which routes somebody serves, and for how long a call may last.
std::vector<AccountTraits> account_traits(const Settings& settings);

/// The accounts of those channels, as account_traits() names them. `simulator_dir`: where the simulators'
/// ca.pem and credentials.json are, for routes whose provider is `simulator`.
Result<std::vector<std::unique_ptr<ProviderAccount>>> make_provider_accounts(
    const Settings& settings, const std::set<Channel>& channels, const std::string& simulator_dir,
    const Clock& clock);

/// The providers of one channel by the settings; `simulator` when none is named.
std::vector<std::string> providers_of(const Settings& settings, Channel channel);

}  // namespace herald
