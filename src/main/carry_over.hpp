#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "main/settings.hpp"
#include "ports/event_log.hpp"
#include "ports/store_dump.hpp"

namespace herald {

/// Where the data of an embedded folder goes. What is null stays embedded.
struct CarryTargets {
    StoreImport* store = nullptr;
    std::string store_place;  ///< for people; without a password
    EventLog* log = nullptr;
    std::string log_place;
};

/// Carries a folder, on which nobody runs, over: the store's rows, then each record that a group has not
/// finished, and marks it as spent. `conflict` while somebody holds the folder. Ended at any point, by an
/// error or a kill, it may be repeated; what arrives twice is absorbed. Tells what it did, a line each.
Result<std::vector<std::string>> carry_over(const std::filesystem::path& from, const CarryTargets& targets,
                                            const Clock& clock);

/// `invalid` when HERALD_DATA_DIR holds what an engine of the settings would have to carry on with, or when
/// the settings would run on what was carried over already. Names the way out. Reads beside whoever runs on
/// the folder.
Status check_data_folder(const Settings& settings);

}  // namespace herald
