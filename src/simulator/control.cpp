#include "simulator/control.hpp"

#include <charconv>

namespace herald::simulator {
namespace {

constexpr std::size_t kMaxLimit = 100'000;

net::HttpResponse json(int status, std::string body) {
    return {status, {{"content-type", "application/json"}}, std::move(body)};
}

net::HttpResponse refused(int status, const std::vector<FieldError>& errors) {
    JsonWriter out;
    out.begin_object().key("errors").begin_array();
    for (const auto& error : errors) {
        out.begin_object()
            .member("path", error.path)
            .member("code", error.code)
            .member("message", error.message);
        out.end_object();
    }
    out.end_array().end_object();
    return json(status, out.take());
}

net::HttpResponse method_not_allowed(const char* allowed) {
    auto response = refused(405, {{"", "method", std::string("use one of ") + allowed}});
    response.headers.push_back({"allow", allowed});
    return response;
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

struct Query {
    Ledger::Filter filter;
    bool count_only = false;
    std::vector<FieldError> errors;
};

Query read_query(std::string_view text) {
    Query query;
    for (auto& field : net::form_decode(text)) {
        // Bindings cannot be captured by what clang 14 knows of C++20.
        auto& name = field.first;
        auto& value = field.second;
        const auto number = [&](auto& into) {
            if (!read_number(value, into)) query.errors.push_back({name, "type", "must be a whole number"});
        };
        if (name == "delivery") query.filter.delivery = value;
        else if (name == "recipient") query.filter.recipient = value;
        else if (name == "verdict") query.filter.verdict = value;
        else if (name == "since") number(query.filter.since);
        else if (name == "limit") number(query.filter.limit);
        else if (name == "count") query.count_only = value != "0";
        else query.errors.push_back({name, "unknown_field", "no such filter"});
    }
    query.filter.limit = std::min(query.filter.limit, kMaxLimit);
    return query;
}

std::string counts_json(const Ledger::Counts& counts, std::uint64_t dropped) {
    JsonWriter out;
    out.begin_object().member("count", counts.count).member("body_complete", counts.body_complete);
    out.member("answer_written", counts.answer_written).member("dropped", dropped);
    out.key("by_verdict").begin_object();
    for (const auto& [verdict, count] : counts.by_verdict) out.member(verdict, count);
    out.end_object().end_object();
    return out.take();
}

std::string page_json(const Ledger::Page& page, std::uint64_t dropped) {
    JsonWriter out;
    out.begin_object().member("count", page.count).member("dropped", dropped).key("data").begin_array();
    for (const auto& row : page.rows) write_json(out, row);
    out.end_array().end_object();
    return out.take();
}

}  // namespace

bool Control::owns(const net::ServerRequest& request) {
    return request.path == "/messages" || request.path == "/faults";
}

net::HttpResponse Control::answer(const net::ServerRequest& request) {
    return request.path == "/messages" ? messages(request) : faults(request);
}

net::HttpResponse Control::messages(const net::ServerRequest& request) {
    if (request.method == "DELETE") {
        ledger_.clear();
        return {204, {}, ""};
    }
    if (request.method != "GET") return method_not_allowed("GET, DELETE");
    const Query query = read_query(request.query);
    if (!query.errors.empty()) return refused(400, query.errors);
    if (query.count_only) return json(200, counts_json(ledger_.count(query.filter), ledger_.dropped()));
    return json(200, page_json(ledger_.find(query.filter), ledger_.dropped()));
}

net::HttpResponse Control::faults(const net::ServerRequest& request) {
    if (request.method == "GET") return json(200, faults_.describe());
    if (request.method == "DELETE") {
        faults_.clear();
        delayed_.release(hang_owner_);
        return {204, {}, ""};
    }
    if (request.method != "PUT") return method_not_allowed("GET, PUT, DELETE");
    const auto body = Json::parse(request.body);
    if (!body) return refused(400, {{"", "malformed", body.error().message}});
    const auto errors = faults_.replace(*body, ledger_.next());
    if (!errors.empty()) return refused(400, errors);
    delayed_.release(hang_owner_);
    return json(200, faults_.describe());
}

}  // namespace herald::simulator
