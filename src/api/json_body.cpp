#include "api/json_body.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/utf8.hpp"

namespace herald::api {
namespace {

std::string_view trim(std::string_view text) {
    const auto begin = std::min(text.find_first_not_of(" \t"), text.size());
    text.remove_prefix(begin);
    return text.substr(0, text.find_last_not_of(" \t") + 1);
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

/// application/json, with no other parameter than charset=utf-8 (RFC 9110 section 8.3: names have no case).
bool is_json(std::string_view content_type) {
    const auto text = lower_case(content_type);
    const auto semicolon = std::min(text.find(';'), text.size());
    if (trim(std::string_view(text).substr(0, semicolon)) != "application/json") return false;
    if (semicolon == text.size()) return true;
    const auto parameter = trim(std::string_view(text).substr(semicolon + 1));
    return parameter.empty() || parameter == "charset=utf-8" || parameter == "charset=\"utf-8\"";
}

}  // namespace

OrProblem<Json> read_json_body(const net::ServerRequest& request) {
    const auto content_type = net::find_header(request.headers, "content-type");
    if (!content_type || !is_json(*content_type)) {
        return refuse(ProblemCode::unsupported_media_type, "The body must be application/json in UTF-8.");
    }
    if (request.body.size() > kMaxBodyBytes) {
        return refuse(ProblemCode::body_too_large, fmt::format("The body may have {} bytes.", kMaxBodyBytes));
    }
    if (!is_valid_utf8(request.body)) return refuse(ProblemCode::invalid_utf8, "The body must be UTF-8.");
    auto body = Json::parse(request.body);
    if (!body) return refuse(ProblemCode::malformed_json, body.error().message);
    return *std::move(body);
}

net::HttpResponse json_response(int status, std::string body, net::Headers headers) {
    headers.push_back({"content-type", "application/json"});
    return {status, std::move(headers), std::move(body)};
}

}  // namespace herald::api
