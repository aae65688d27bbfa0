#include "api/routes.hpp"

#include <algorithm>

#include "api/handlers.hpp"

namespace herald::api {
namespace {

constexpr Endpoint kEndpoints[] = {
    {"POST", "/api/v1/notifications", Access::keyed, Later{send_notification}},
    {"GET", "/api/v1/notifications/{id}", Access::keyed, OnReader{get_notification}},
    {"GET", "/api/v1/users/{id}", Access::keyed, OnReader{get_user}},
    {"PUT", "/api/v1/users/{id}", Access::keyed, OnReader{put_user}},
    {"DELETE", "/api/v1/users/{id}", Access::keyed, OnReader{delete_user}},
    {"GET", "/api/v1/users/{id}/preferences", Access::keyed, OnReader{get_preferences}},
    {"PUT", "/api/v1/users/{id}/preferences", Access::keyed, OnReader{put_preferences}},
    {"GET", "/api/v1/templates", Access::keyed, OnReader{list_templates}},
    {"POST", "/api/v1/templates", Access::keyed, OnReader{post_template}},
    {"GET", "/api/v1/templates/{id}", Access::keyed, OnReader{get_template}},
    {"GET", "/api/v1/openapi.json", Access::open, AtOnce{get_openapi}},
    {"GET", "/openapi.json", Access::open, AtOnce{get_openapi}},
    {"GET", "/health", Access::open, AtOnce{get_health}},
    {"GET", "/healthz", Access::open, AtOnce{get_health}},
    {"GET", "/ready", Access::open, AtOnce{get_ready}},
    {"GET", "/metrics", Access::open, AtOnce{get_metrics}},
};

/// Takes the text up to the next slash off the front, and the slash.
std::string_view take_segment(std::string_view& path) {
    const auto end = std::min(path.find('/'), path.size());
    const auto segment = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    return segment;
}

/// Splits before it decodes, so that an id may contain an encoded slash.
bool matches(std::string_view pattern, std::string_view path, std::string_view& id) {
    if (std::count(pattern.begin(), pattern.end(), '/') != std::count(path.begin(), path.end(), '/')) {
        return false;
    }
    while (!pattern.empty() || !path.empty()) {
        const auto expected = take_segment(pattern);
        const auto segment = take_segment(path);
        if (expected == "{id}" && !segment.empty()) id = segment;
        else if (expected != segment) return false;
    }
    return true;
}

}  // namespace

std::span<const Endpoint> endpoints() { return kEndpoints; }

RouteMatch find_route(std::string_view method, std::string_view path) {
    RouteMatch match;
    for (const auto& endpoint : kEndpoints) {
        std::string_view id;
        if (!matches(endpoint.pattern, path, id)) continue;
        match.pattern = endpoint.pattern;
        match.id = net::percent_decode(id);
        if (endpoint.method == method || (endpoint.method == "GET" && method == "HEAD")) {
            match.endpoint = &endpoint;
        }
    }
    return match;
}

std::string allowed_methods(std::string_view pattern) {
    std::string allowed;
    for (const auto& endpoint : kEndpoints) {
        if (endpoint.pattern != pattern) continue;
        allowed += std::string(endpoint.method) + ", ";
        if (endpoint.method == "GET") allowed += "HEAD, ";
    }
    return allowed + "OPTIONS";
}

}  // namespace herald::api
