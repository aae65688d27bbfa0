#pragma once

#include <string>

#include "api/problem.hpp"
#include "base/json.hpp"
#include "net/server.hpp"

namespace herald::api {

inline constexpr std::size_t kMaxBodyBytes = 256 * 1024;

/// The body as JSON: of a known type and size, UTF-8, well-formed. What it must hold is the handler's
/// business.
OrProblem<Json> read_json_body(const net::ServerRequest& request);

net::HttpResponse json_response(int status, std::string body, net::Headers headers = {});

}  // namespace herald::api
