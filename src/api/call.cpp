#include "api/call.hpp"

#include <algorithm>

#include "base/uuid.hpp"

namespace herald::api {
namespace {

constexpr std::size_t kMaxRequestIdBytes = 128;

}  // namespace

void OpenCalls::begin() {
    std::lock_guard lock(mutex_);
    ++open_;
}

void OpenCalls::end() {
    // Told under the lock: whoever waits may destroy this as soon as it is released.
    std::lock_guard lock(mutex_);
    if (--open_ == 0) none_.notify_all();
}

void OpenCalls::wait_for_none() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return open_ == 0; });
}

std::string request_id_of(const net::Headers& headers, TimePoint now) {
    const auto given = net::find_header(headers, "x-request-id");
    const bool usable =
        given && !given->empty() && given->size() <= kMaxRequestIdBytes &&
        std::all_of(given->begin(), given->end(), [](char c) { return c >= 0x20 && c < 0x7f; });
    return usable ? std::string(*given) : to_string(Uuid::v7(now));
}

Call::Call(std::shared_ptr<net::Exchange> exchange, RouteMatch route, const Clock& clock, RequestMeter& meter,
           OpenCalls& open)
    : exchange_(std::move(exchange)),
      route_(std::move(route)),
      clock_(clock),
      meter_(meter),
      open_(open),
      began_(clock.uptime()),
      request_id_(request_id_of(exchange_->request().headers, clock.now())) {
    open_.begin();
}

OrProblem<std::string> Call::client_id() const {
    if (is_valid_client_id(route_.id)) return route_.id;
    return refuse_fields({{"id", "format", "must have 1 to 255 bytes of UTF-8 without control characters"}});
}

std::optional<std::string> Call::query(std::string_view name) const {
    for (auto& [field, value] : net::form_decode(request().query)) {
        if (field == name) return value;
    }
    return std::nullopt;
}

void Call::answer(Reply reply) {
    const auto cause = reply ? std::string() : reply.error().cause;
    auto response = reply ? *std::move(reply) : to_response(reply.error(), request_id_);
    response.headers.push_back({"x-request-id", request_id_});
    response.headers.push_back({"cache-control", "no-store"});
    meter_.answered({.route = route_.pattern,
                     .method = request().method,
                     .status = response.status,
                     .took = clock_.uptime() - began_,
                     .request_id = request_id_,
                     .cause = cause});
    // Whoever still holds the call, such as a queue, is not to hold its body.
    std::exchange(exchange_, nullptr)->respond(std::move(response));
    open_.end();
}

}  // namespace herald::api
