#include "api/openapi.hpp"

#include <fmt/format.h>

namespace herald::api {
namespace {

/// All but the paths and the components, without the closing brace.
constexpr std::string_view kHead =
    R"json({
  "openapi": "3.1.0",
  "info": {
    "title": "Herald",
    "version": ")json" HERALD_VERSION R"json(",
    "summary": "One call names a person and a template; Herald delivers by push, SMS and email, )json"
    R"json(and says what happened.",
    "description": "Bodies are JSON in UTF-8, at most 256 KiB, nested at most 32 deep, without )json"
    R"json(duplicate keys and without U+0000; unknown fields are refused. Times are RFC 3339 in )json"
    R"json(UTC. Every answer carries X-Request-Id: the client's own (1 to 128 printable ASCII )json"
    R"json(bytes), or a new one. Every path answers OPTIONS with its Allow header, and every GET )json"
    R"json(serves HEAD. Errors are application/problem+json with a stable `code`; never parse )json"
    R"json(`title`, `detail` or `message`."
  },
  "servers": [
    {"url": "/"}
  ],
  "security": [
    {"apiKey": []}
  ],
  "tags": [
    {"name": "notifications", "description": "Send, and see what became of it."},
    {"name": "users", "description": "People: addresses, devices, preferences."},
    {"name": "templates", "description": "What is said, per channel and locale, in Liquid."},
    {"name": "service", "description": "Health, metrics and this document."}
  ])json";

}  // namespace

std::string_view openapi_document() {
    static const std::string document = fmt::format("{},\n\"paths\": {},\n\"components\": {}\n}}\n", kHead,
                                                    openapi_paths(), openapi_components());
    return document;
}

}  // namespace herald::api
