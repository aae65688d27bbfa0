#include "api/request_meter.hpp"

#include <algorithm>
#include <array>

#include "base/log.hpp"

namespace herald::api {
namespace {

/// The method as a label: whatever a client makes up counts as one.
std::string_view known_method(std::string_view method) {
    constexpr std::array<std::string_view, 7> known{"GET",   "HEAD",   "POST",   "PUT",
                                                    "PATCH", "DELETE", "OPTIONS"};
    const auto found = std::find(known.begin(), known.end(), method);
    return found == known.end() ? "other" : *found;
}

}  // namespace

void RequestMeter::answered(const AnsweredRequest& request) {
    const auto route = request.route.empty() ? std::string_view("none") : request.route;
    const auto method = known_method(request.method);
    const auto counted = instruments(route, method, request.status);
    counted.total->Increment();
    counted.seconds->Observe(static_cast<double>(request.took.count()) / 1000.0);

    const auto level = request.status >= 500 ? log::Level::info : log::Level::debug;
    if (!log::enabled(level)) return;
    log::write(level, "http.request",
               {{"method", method},
                {"route", route},
                {"status", request.status},
                {"ms", request.took.count()},
                {"request_id", request.request_id},
                {"cause", request.cause}});
}

RequestMeter::Instruments RequestMeter::instruments(std::string_view route, std::string_view method,
                                                    int status) {
    std::lock_guard lock(mutex_);
    auto& found = instruments_[{route, method, status}];
    if (found.total) return found;
    found.total = &metrics_.counter(
        "herald_http_requests_total", "Requests answered.",
        {{"route", std::string(route)}, {"method", std::string(method)}, {"status", std::to_string(status)}});
    found.seconds = &metrics_.histogram("herald_http_request_seconds",
                                        "From the whole request to its answer being handed over.",
                                        latency_bounds(), {{"route", std::string(route)}});
    return found;
}

}  // namespace herald::api
