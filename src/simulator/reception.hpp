#pragma once

#include <memory>

#include "net/server.hpp"
#include "simulator/control.hpp"
#include "simulator/delayed.hpp"
#include "simulator/faults.hpp"
#include "simulator/ledger.hpp"
#include "simulator/provider.hpp"

namespace herald::simulator {

/// Receives the requests of one provider: notes each in the ledger, lets a fault act where a rule says so,
/// and otherwise answers what the provider says. Serves the control endpoints on the same port.
class Reception final : public net::RequestHandler {
public:
    /// `provider` and `delayed` must outlive this, and this must outlive the servers it is given to.
    Reception(SimulatedProvider& provider, Faults::Abilities abilities, Delayed& delayed)
        : provider_(provider),
          delayed_(delayed),
          faults_(abilities),
          control_(ledger_, faults_, delayed, this) {}

    void on_head(const std::shared_ptr<net::Exchange>& exchange) override;
    void on_request(std::shared_ptr<net::Exchange> exchange) override;
    net::HttpResponse on_protocol_error(int status, std::string_view detail) override;

    /// All but the provider's messages, for a plain HTTP/1.1 port beside an HTTP/2 one.
    net::RequestHandler& beside_only() { return beside_only_; }

private:
    class BesideOnly final : public net::RequestHandler {
    public:
        explicit BesideOnly(Reception& whole) : whole_(whole) {}
        void on_request(std::shared_ptr<net::Exchange> exchange) override;

    private:
        Reception& whole_;
    };

    bool is_beside(const net::ServerRequest& request) const;
    net::HttpResponse serve_beside(const net::ServerRequest& request);
    void settle(const std::shared_ptr<net::Exchange>& exchange, Judgement judgement);
    void act(const std::shared_ptr<net::Exchange>& exchange, const FaultRule& rule, Millis latency);
    void later(Millis delay, std::function<void()> run);
    void answer(const std::shared_ptr<net::Exchange>& exchange, net::HttpResponse response, Millis latency);

    SimulatedProvider& provider_;
    Delayed& delayed_;
    Ledger ledger_;
    Faults faults_;
    Control control_;
    BesideOnly beside_only_{*this};
};

}  // namespace herald::simulator
