#pragma once

#include <set>
#include <string>

#include "model/words.hpp"

namespace herald {

/// What one process does. Every process answers /health, /ready and /metrics; only `api` the rest.
struct Roles {
    std::string name = "serve";  ///< as it was asked for, and as it stands in the log
    bool api = false;
    bool planner = false;    ///< plans requests and applies receipts
    bool scheduler = false;  ///< moves timers, sweeps, and drops what is too old
    std::set<Channel> workers;

    static Roles all() { return {"serve", true, true, true, {kChannels.begin(), kChannels.end()}}; }
    bool is_all() const { return api && planner && scheduler && workers.size() == kChannels.size(); }
};

}  // namespace herald
