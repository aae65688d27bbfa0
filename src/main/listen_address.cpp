#include "main/listen_address.hpp"

#include <charconv>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

namespace herald {

Result<ListenAddress> ListenAddress::parse(std::string_view text) {
    const auto colon = text.rfind(':');
    ListenAddress address;
    if (colon != std::string_view::npos) {
        auto host = text.substr(0, colon);
        if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
        const auto port = text.substr(colon + 1);
        const auto [at, ec] = std::from_chars(port.data(), port.data() + port.size(), address.port);
        if (ec == std::errc{} && at == port.data() + port.size() && !host.empty()) {
            address.host = std::string(host);
            return address;
        }
    }
    return fail(ErrorCode::invalid, fmt::format("HERALD_LISTEN is \"{}\": it must be host:port", text));
}

bool ListenAddress::is_loopback() const {
    in_addr v4{};
    if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
    return host == "::1" || host == "localhost";
}

std::string simulator_dir(const Settings& settings) {
    const auto& dir = settings.text("HERALD_SIMULATOR_DIR");
    return dir.empty() ? settings.text("HERALD_DATA_DIR") + "/simulator" : dir;
}

simulator::SimulatorOptions simulator_options(const Settings& settings, const std::string& dir) {
    simulator::SimulatorOptions options;
    options.listen_host = settings.text("HERALD_SIMULATOR_LISTEN");
    options.public_host = settings.text("HERALD_SIMULATOR_HOST");
    options.dir = dir;
    const auto first = static_cast<std::uint16_t>(settings.integer("HERALD_SIMULATOR_PORT"));
    const auto port = [&](int index) { return static_cast<std::uint16_t>(first == 0 ? 0 : first + index); };
    options.apns_port = port(0);
    options.fcm_port = port(1);
    options.twilio_port = port(2);
    options.sendgrid_port = port(3);
    return options;
}

}  // namespace herald
