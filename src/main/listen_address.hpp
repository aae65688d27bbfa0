#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "main/settings.hpp"
#include "simulator/simulator.hpp"

namespace herald {

/// `host:port` or `[v6]:port`.
struct ListenAddress {
    std::string host;
    std::uint16_t port = 0;

    static Result<ListenAddress> parse(std::string_view text);
    bool is_loopback() const;
};

/// The folder of the simulators' ca.pem and test credentials.
std::string simulator_dir(const Settings& settings);
/// Where the simulators listen and keep their keys.
simulator::SimulatorOptions simulator_options(const Settings& settings, const std::string& dir);

}  // namespace herald
