#pragma once

#include <string>

#include "net/http.hpp"

namespace herald::api {

/// The request's `traceparent` (W3C Trace Context, section 3.2) when it is one; empty otherwise, as the
/// specification asks.
std::string read_traceparent(const net::Headers& headers);

}  // namespace herald::api
