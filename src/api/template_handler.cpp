#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "api/handlers.hpp"
#include "api/json_body.hpp"

namespace herald::api {
namespace {

constexpr int kDefaultLimit = 50;
constexpr int kMaxLimit = 200;
/// A page ends early rather than grow beyond this by much.
constexpr std::size_t kMaxPageBytes = 4 * 1024 * 1024;

/// A whole number of the query from 1 to `max`; nothing when the query lacks it.
OrProblem<std::optional<int>> read_number(const Call& call, std::string_view name, int max) {
    const auto text = call.query(name);
    if (!text) return std::nullopt;
    int number = 0;
    const char* const end = text->data() + text->size();
    const auto [at, ec] = std::from_chars(text->data(), end, number);
    if (ec == std::errc{} && at == end && number >= 1 && number <= max) return number;
    return refuse_fields(
        {{std::string(name), "range", fmt::format("must be a whole number from 1 to {}", max)}});
}

/// The id after which the page begins. Clients are to take the cursor as it is, hence base64url.
OrProblem<std::string> read_cursor(const Call& call) {
    const auto cursor = call.query("cursor");
    if (!cursor) return std::string();
    auto after = base64_decode(*cursor);
    if (after && is_valid_client_id(*after)) return *std::move(after);
    return refuse_fields({{"cursor", "format", "must be the next_cursor of an earlier page"}});
}

/// The members of the body as it was posted, then what the store added.
OrProblem<std::string> template_body(const StoredTemplate& stored) {
    const auto body = Json::parse(stored.body);
    if (!body || !body->as_object()) {
        return refuse(Error{ErrorCode::internal, "a stored template is not a JSON object"});
    }
    JsonWriter out;
    out.begin_object();
    for (const auto& [name, value] : *body->as_object()) {
        // What an earlier GET said may have been posted back.
        if (name != "version" && name != "created_at") out.member(name, value);
    }
    out.member("version", stored.version).member("created_at", to_rfc3339(stored.created_at)).end_object();
    return out.take();
}

OrProblem<std::string> page_body(const std::vector<StoredTemplate>& found, std::size_t limit) {
    JsonWriter out;
    out.begin_object().key("data").begin_array();
    std::size_t shown = 0;
    for (; shown < std::min(found.size(), limit) && out.text().size() < kMaxPageBytes; ++shown) {
        const auto body = template_body(found[shown]);
        if (!body) return refuse(body.error());
        out.raw(*body);
    }
    const bool has_more = shown < found.size();
    out.end_array().key("next_cursor");
    if (has_more) out.value(base64url(found[shown - 1].id.str()));
    else out.value(nullptr);
    out.member("has_more", has_more).end_object();
    return out.take();
}

}  // namespace

Reply list_templates(const ApiParts& parts, const Call& call) {
    const auto wanted = read_number(call, "limit", kMaxLimit);
    if (!wanted) return refuse(wanted.error());
    const auto after = read_cursor(call);
    if (!after) return refuse(after.error());
    const auto limit = static_cast<std::size_t>(wanted->value_or(kDefaultLimit));
    const auto found = parts.templates.list_templates(call.tenant, *after, limit + 1);
    if (!found) return refuse(found.error());
    auto body = page_body(*found, limit);
    if (!body) return refuse(std::move(body.error()));
    return json_response(200, *std::move(body));
}

Reply post_template(const ApiParts& parts, const Call& call) {
    const auto body = read_json_body(call.request());
    if (!body) return refuse(body.error());
    std::vector<FieldError> errors;
    const auto id = read_template(*body, errors).id;
    if (!errors.empty()) return refuse_fields(std::move(errors));
    const auto now = parts.clock.now();
    const auto version = parts.templates.put_template(call.tenant, id, call.request().body, now);
    if (!version) return refuse(version.error());
    parts.template_cache.forget_head(call.tenant, id);

    JsonWriter out;
    out.begin_object().member("id", id.str()).member("version", *version);
    out.member("created_at", to_rfc3339(now)).end_object();
    const auto segment = net::form_encode({{id.str(), ""}});  // `<id>=`
    net::Headers headers{
        {"location", fmt::format("/api/v1/templates/{}?version={}",
                                 std::string_view(segment).substr(0, segment.size() - 1), *version)}};
    return json_response(201, out.take(), std::move(headers));
}

Reply get_template(const ApiParts& parts, const Call& call) {
    const auto id = call.client_id();
    if (!id) return refuse(id.error());
    const auto version = read_number(call, "version", std::numeric_limits<int>::max());
    if (!version) return refuse(version.error());
    const auto stored = parts.templates.find_template(call.tenant, TemplateId(*id), *version);
    if (!stored) return refuse(stored.error());
    if (!*stored) return refuse(ProblemCode::not_found, "No template has this id and version.");
    auto body = template_body(**stored);
    if (!body) return refuse(std::move(body.error()));
    return json_response(200, *std::move(body));
}

}  // namespace herald::api
