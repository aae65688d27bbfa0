#pragma once

#include <string_view>

namespace herald::api {

/// The OpenAPI 3.1 description of every route of the table, as JSON.
std::string_view openapi_document();

// Its two large members, each a JSON object.
std::string_view openapi_paths();
std::string_view openapi_components();

}  // namespace herald::api
