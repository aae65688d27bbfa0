#include "simulator/reception.hpp"

#include <algorithm>

namespace herald::simulator {
namespace {

// An exchange's tag is its row's number, 0 for what is no message.
/// Settled when only the head was there; a body that still comes changes nothing.
constexpr std::uint64_t kSettledUnread = std::uint64_t{1} << 63;

constexpr std::string_view kGoAwayReason = R"({"reason":"Shutdown"})";

void act_on_head(net::Exchange& exchange, Fault fault) {
    if (fault == Fault::goaway) exchange.go_away(kGoAwayReason);
    else if (fault == Fault::refused_stream) exchange.refuse();
    else exchange.reset(false);
}

net::HttpResponse faulty_response(const FaultRule& rule, net::HttpResponse response) {
    for (const auto& header : rule.headers) {
        const auto same = std::find_if(
            response.headers.begin(), response.headers.end(),
            [&](const net::Header& h) { return net::find_header({h}, header.name).has_value(); });
        if (same != response.headers.end()) same->value = header.value;
        else response.headers.push_back(header);
    }
    if (rule.body) response.body = *rule.body;
    return response;
}

}  // namespace

void Reception::on_head(const std::shared_ptr<net::Exchange>& exchange) {
    const auto& request = exchange->request();
    exchange->tag = 0;
    if (is_beside(request)) return;
    Subject subject = provider_.subject_of_head(request);
    const std::string recipient = subject.recipient;
    const std::uint64_t n = ledger_.head_arrived(std::move(subject), request.headers);
    exchange->tag = n;
    if (const auto rule = faults_.at_head(n, recipient)) {
        const std::string name(to_string(rule->fault));
        ledger_.settled_unread(n, {name, "", name});
        exchange->tag = n | kSettledUnread;
        act_on_head(*exchange, rule->fault);
    }
}

void Reception::on_request(std::shared_ptr<net::Exchange> exchange) {
    if (exchange->tag == 0) {
        exchange->respond(serve_beside(exchange->request()));
    } else if ((exchange->tag & kSettledUnread) == 0) {
        settle(exchange, provider_.judge(exchange->request()));
    }
}

net::HttpResponse Reception::on_protocol_error(int status, std::string_view) {
    return provider_.failure(status, {});
}

void Reception::settle(const std::shared_ptr<net::Exchange>& exchange, Judgement judgement) {
    const std::uint64_t n = exchange->tag;
    const Faults::Decision decision = faults_.at_body(n, judgement.subject.recipient);
    Ledger::Settled settled{std::to_string(judgement.response.status), judgement.reason, ""};
    if (decision.rule) {
        settled.fault = to_string(decision.rule->fault);
        const bool answers = decision.rule->fault == Fault::status;
        if (decision.rule->fault == Fault::answer_lost) settled.reason = settled.verdict;
        else settled.reason.clear();
        settled.verdict = answers ? std::to_string(decision.rule->status) : settled.fault;
    } else if (decision.latency > Millis{0}) {
        settled.fault = to_string(Fault::latency);
    }
    ledger_.body_arrived(n, std::move(judgement.subject), exchange->request().body, std::move(settled));
    if (decision.rule) act(exchange, *decision.rule, decision.latency);
    else answer(exchange, std::move(judgement.response), decision.latency);
}

void Reception::act(const std::shared_ptr<net::Exchange>& exchange, const FaultRule& rule, Millis latency) {
    switch (rule.fault) {
        case Fault::status:
            answer(exchange, faulty_response(rule, provider_.failure(rule.status, exchange->request())),
                   latency);
            break;
        case Fault::hang:
            delayed_.after(rule.wait + latency, this, [exchange] { exchange->reset(false); });
            break;
        case Fault::reset_after_body:
        case Fault::answer_lost:
            later(latency, [exchange] { exchange->reset(false); });
            break;
        case Fault::close_connection:
            later(latency, [exchange] { exchange->reset(true); });
            break;
        case Fault::latency:
        case Fault::reset_before_body:
        case Fault::goaway:
        case Fault::refused_stream:
            CHECK(false);
            break;  // these act elsewhere
    }
}

void Reception::answer(const std::shared_ptr<net::Exchange>& exchange, net::HttpResponse response,
                       Millis latency) {
    const std::uint64_t n = exchange->tag;
    auto respond = [this, exchange, n, response = std::move(response)]() mutable {
        exchange->respond(std::move(response), [this, n](bool written) { ledger_.answered(n, written); });
    };
    later(latency, std::move(respond));
}

void Reception::later(Millis delay, std::function<void()> run) {
    if (delay <= Millis{0}) run();
    else delayed_.after(delay, &ledger_, std::move(run));
}

bool Reception::is_beside(const net::ServerRequest& request) const {
    return Control::owns(request) || provider_.is_beside(request);
}

net::HttpResponse Reception::serve_beside(const net::ServerRequest& request) {
    return Control::owns(request) ? control_.answer(request) : provider_.serve_beside(request);
}

void Reception::BesideOnly::on_request(std::shared_ptr<net::Exchange> exchange) {
    const auto& request = exchange->request();
    if (whole_.is_beside(request)) exchange->respond(whole_.serve_beside(request));
    else exchange->respond({404, {{"content-type", "text/plain"}}, "messages arrive on the HTTP/2 port\n"});
}

}  // namespace herald::simulator
