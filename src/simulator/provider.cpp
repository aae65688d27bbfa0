#include "simulator/provider.hpp"

#include <charconv>

namespace herald::simulator {
namespace {

std::int64_t whole_number(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() && number > 0 ? number : 0;
}

}  // namespace

Subject SimulatedProvider::subject_of_head(const net::ServerRequest& request) const {
    Subject subject;
    subject.delivery = net::find_header(request.headers, "x-herald-delivery").value_or("");
    subject.attempt = whole_number(net::find_header(request.headers, "x-herald-attempt").value_or(""));
    return subject;
}

Subject merge(Subject head, Subject body) {
    if (head.delivery.empty()) head.delivery = std::move(body.delivery);
    if (head.attempt == 0) head.attempt = body.attempt;
    if (head.recipient.empty()) head.recipient = std::move(body.recipient);
    return head;
}

Subject subject_from(const Json* object, std::string_view id_key, std::string_view attempt_key) {
    Subject subject;
    if (object == nullptr) return subject;
    subject.delivery = object->text(id_key);
    const Json* attempt = object->find(attempt_key);
    if (attempt == nullptr) return subject;
    if (const auto* text = attempt->as_string()) subject.attempt = whole_number(*text);
    else if (const auto number = attempt->as_int()) subject.attempt = std::max<std::int64_t>(*number, 0);
    return subject;
}

}  // namespace herald::simulator
