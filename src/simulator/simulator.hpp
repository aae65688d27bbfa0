#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace herald::simulator {

struct SimulatorOptions {
    std::string listen_host = "127.0.0.1";
    std::string public_host =
        "127.0.0.1";  ///< the name in the certificate and the URLs that clients are given
    std::string dir;  ///< keeps keys and credentials from one start to the next
    /// 0 takes any free one.
    std::uint16_t apns_port = 8101;
    std::uint16_t fcm_port = 8102;
    std::uint16_t twilio_port = 8103;
    std::uint16_t sendgrid_port = 8104;
};

/// Servers that behave like APNs, FCM, Twilio and SendGrid, with faults on demand and a ledger of what
/// arrived (control.hpp says how to ask). APNs and FCM speak HTTP/2 over TLS; what is not a message of
/// theirs, FCM's token endpoint included, is also served over plain HTTP/1.1 ten ports higher.
class Simulator {
public:
    struct Ports {
        std::uint16_t apns = 0;
        std::uint16_t fcm = 0;
        std::uint16_t twilio = 0;
        std::uint16_t sendgrid = 0;
        std::uint16_t apns_control = 0;
        std::uint16_t fcm_control = 0;
    };

    /// Serves from here on, and has written credentials.json, which tells clients all they need, to the
    /// folder.
    static Result<std::unique_ptr<Simulator>> start(const SimulatorOptions& options);

    virtual ~Simulator() = default;
    virtual const Ports& ports() const = 0;
    /// Answers or breaks off what is open, closes and joins. A second call does nothing.
    virtual void stop() = 0;
};

}  // namespace herald::simulator
