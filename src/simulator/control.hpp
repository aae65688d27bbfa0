#pragma once

#include "net/server.hpp"
#include "simulator/delayed.hpp"
#include "simulator/faults.hpp"
#include "simulator/ledger.hpp"

namespace herald::simulator {

/// The endpoints through which a test or a person looks into a simulator, beside the provider's own:
///   GET /messages?delivery=&recipient=&verdict=&since=&limit=
///       rows above number `since`, oldest first; `limit` is 1000 unless told, at most 100,000
///   GET /messages?count=1   numbers only, by verdict; the filters apply too
///   DELETE /messages        empties the ledger
///   GET /faults             the rules, each with how often it acted
///   PUT /faults             {"seed": 42, "rules": [{"fault": "status", "status": 503, "share": 0.3}]}
///   DELETE /faults          no faults any more
/// DELETE and PUT of the faults release what hangs. A rule's other members: `headers` and `body` of a status,
/// `ms` of a latency or hang, `times`, and `match` with a `recipient_prefix`.
class Control {
public:
    /// `hang_owner` is the name under which hanging exchanges wait in `delayed`.
    Control(Ledger& ledger, Faults& faults, Delayed& delayed, const void* hang_owner)
        : ledger_(ledger), faults_(faults), delayed_(delayed), hang_owner_(hang_owner) {}

    static bool owns(const net::ServerRequest& request);
    net::HttpResponse answer(const net::ServerRequest& request);

private:
    net::HttpResponse messages(const net::ServerRequest& request);
    net::HttpResponse faults(const net::ServerRequest& request);

    Ledger& ledger_;
    Faults& faults_;
    Delayed& delayed_;
    const void* hang_owner_;
};

}  // namespace herald::simulator
