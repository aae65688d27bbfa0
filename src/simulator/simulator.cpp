#include "simulator/simulator.hpp"

#include <fmt/format.h>

#include "base/clock.hpp"
#include "net/http2_server.hpp"
#include "net/http_server.hpp"
#include "simulator/apns.hpp"
#include "simulator/credentials.hpp"
#include "simulator/fcm.hpp"
#include "simulator/reception.hpp"
#include "simulator/sendgrid.hpp"
#include "simulator/twilio.hpp"

namespace herald::simulator {
namespace {

constexpr std::uint16_t kControlPortOffset = 10;
constexpr Millis kStopDeadline{1'000};
/// What the real services announce; FCM allows 100.
constexpr std::uint32_t kApnsStreams = 1000;
constexpr std::uint32_t kFcmStreams = 100;
constexpr std::size_t kMaxBodyBytes = 1024 * 1024;
constexpr std::size_t kMaxMailBytes = 30 * 1024 * 1024;

std::string url(std::string_view scheme, const std::string& host, std::uint16_t port) {
    const bool ipv6 = host.find(':') != std::string::npos;
    return ipv6 ? fmt::format("{}://[{}]:{}", scheme, host, port)
                : fmt::format("{}://{}:{}", scheme, host, port);
}

net::ServerOptions named(net::ServerOptions options, std::string thread_name) {
    options.thread_name = std::move(thread_name);
    return options;
}

class RunningSimulator final : public Simulator {
public:
    explicit RunningSimulator(Credentials credentials)
        : credentials_(std::move(credentials)),
          apns_(credentials_.apns, clock_),
          fcm_(credentials_.fcm, clock_),
          twilio_(credentials_.twilio, clock_),
          sendgrid_(credentials_.sendgrid, clock_) {}
    ~RunningSimulator() override { stop(); }

    Status listen(const SimulatorOptions& options);
    Status publish_credentials(const SimulatorOptions& options) const;
    const Ports& ports() const override { return ports_; }
    void stop() override;

private:
    Status listen_http2(net::ServerOptions options, std::uint16_t port, std::uint32_t streams,
                        Reception& reception, std::uint16_t& bound, std::uint16_t& bound_control);
    Status listen_http(net::ServerOptions options, std::uint16_t port, net::RequestHandler& handler,
                       std::uint16_t& bound);

    const SystemClock clock_;
    const Credentials credentials_;
    Ports ports_;
    Apns apns_;
    Fcm fcm_;
    Twilio twilio_;
    Sendgrid sendgrid_;
    Delayed delayed_;
    Reception at_apns_{apns_, {.http2 = true, .recipient_in_path = true}, delayed_};
    Reception at_fcm_{fcm_, {.http2 = true, .recipient_in_path = false}, delayed_};
    Reception at_twilio_{twilio_, {}, delayed_};
    Reception at_sendgrid_{sendgrid_, {}, delayed_};
    std::vector<std::unique_ptr<net::Http2Server>> http2_servers_;
    std::vector<std::unique_ptr<net::HttpServer>> http_servers_;
};

Status RunningSimulator::listen(const SimulatorOptions& options) {
    net::ServerOptions server;
    server.host = options.listen_host;
    server.max_body_bytes = kMaxBodyBytes;
    server.certificate_pem = credentials_.server.certificate_pem;
    server.key_pem = credentials_.server.key_pem;
    if (auto s = listen_http2(named(server, "simulator.apns"), options.apns_port, kApnsStreams, at_apns_,
                              ports_.apns, ports_.apns_control);
        !s) {
        return s;
    }
    if (auto s = listen_http2(named(server, "simulator.fcm"), options.fcm_port, kFcmStreams, at_fcm_,
                              ports_.fcm, ports_.fcm_control);
        !s) {
        return s;
    }
    if (auto s =
            listen_http(named(server, "simulator.twilio"), options.twilio_port, at_twilio_, ports_.twilio);
        !s)
        return s;
    server.max_body_bytes = kMaxMailBytes;
    return listen_http(named(server, "simulator.sendgrid"), options.sendgrid_port, at_sendgrid_,
                       ports_.sendgrid);
}

Status RunningSimulator::listen_http2(net::ServerOptions options, std::uint16_t port, std::uint32_t streams,
                                      Reception& reception, std::uint16_t& bound,
                                      std::uint16_t& bound_control) {
    options.port = port;
    options.max_concurrent_streams = streams;
    auto server = net::Http2Server::start(options, reception);
    if (!server) return fail(server.error());
    bound = (*server)->port();
    http2_servers_.push_back(std::move(*server));
    const auto control_port = port == 0 ? port : static_cast<std::uint16_t>(port + kControlPortOffset);
    options.thread_name += ".control";
    return listen_http(options, control_port, reception.beside_only(), bound_control);
}

Status RunningSimulator::listen_http(net::ServerOptions options, std::uint16_t port,
                                     net::RequestHandler& handler, std::uint16_t& bound) {
    options.port = port;
    auto server = net::HttpServer::start(options, handler);
    if (!server) return fail(server.error());
    bound = (*server)->port();
    http_servers_.push_back(std::move(*server));
    return {};
}

Status RunningSimulator::publish_credentials(const SimulatorOptions& options) const {
    const std::string& host = options.public_host;
    SimulatorUrls urls;
    urls.apns = url("https", host, ports_.apns);
    urls.fcm = url("https", host, ports_.fcm);
    urls.fcm_token = url("http", host, ports_.fcm_control) + "/token";
    urls.twilio = url("http", host, ports_.twilio);
    urls.sendgrid = url("http", host, ports_.sendgrid);
    return publish(credentials_, urls, options.dir);
}

void RunningSimulator::stop() {
    delayed_.stop();
    for (auto& server : http2_servers_) server->stop(kStopDeadline);
    for (auto& server : http_servers_) server->stop(kStopDeadline);
}

}  // namespace

Result<std::unique_ptr<Simulator>> Simulator::start(const SimulatorOptions& options) {
    auto credentials = load_or_make_credentials(options.dir, options.public_host);
    if (!credentials) return fail(credentials.error());
    auto simulator = std::make_unique<RunningSimulator>(std::move(*credentials));
    if (auto s = simulator->listen(options); !s) return fail(s.error());
    if (auto s = simulator->publish_credentials(options); !s) return fail(s.error());
    return std::unique_ptr<Simulator>(std::move(simulator));
}

}  // namespace herald::simulator
