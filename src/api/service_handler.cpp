#include "api/handlers.hpp"
#include "api/json_body.hpp"
#include "api/openapi.hpp"

namespace herald::api {
namespace {

std::string health_body(std::string_view status, const std::map<std::string, std::string>& ill_parts) {
    JsonWriter out;
    out.begin_object().member("status", status).member("version", HERALD_VERSION);
    out.key("parts").begin_object();
    for (const auto& [part, why] : ill_parts) out.member(part, why);
    out.end_object().end_object();
    return out.take();
}

}  // namespace

Reply get_openapi(const ApiParts&, const Call&) {
    return json_response(200, std::string(openapi_document()));
}

Reply get_health(const ApiParts& parts, const Call&) {
    const auto ill = parts.readiness.ill_parts();
    return json_response(200, health_body(ill.empty() ? "ok" : "degraded", ill));
}

Reply get_ready(const ApiParts& parts, const Call&) {
    const bool ready = parts.readiness.ready();
    const auto body = health_body(ready ? "ready" : "not_ready", parts.readiness.ill_parts());
    return json_response(ready ? 200 : 503, body);
}

Reply get_metrics(const ApiParts& parts, const Call&) {
    return net::HttpResponse{200, {{"content-type", "text/plain; version=0.0.4"}}, parts.metrics.text()};
}

}  // namespace herald::api
