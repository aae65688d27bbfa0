#include "api/handlers.hpp"
#include "api/json_body.hpp"

namespace herald::api {
namespace {

net::HttpResponse preferences_response(const Preferences& preferences) {
    JsonWriter out;
    write_preferences(out, preferences);
    return json_response(200, out.take());
}

}  // namespace

Reply get_preferences(const ApiParts& parts, const Call& call) {
    const auto id = call.client_id();
    if (!id) return refuse(id.error());
    auto preferences = parts.directory.get_preferences(call.tenant, UserId(*id));
    if (!preferences) return refuse(preferences.error());
    // What was never said is on; shown, so that nobody has to know the default.
    for (const auto channel : kChannels) preferences->channels.try_emplace(channel, true);
    return preferences_response(*preferences);
}

Reply put_preferences(const ApiParts& parts, const Call& call) {
    const auto id = call.client_id();
    if (!id) return refuse(id.error());
    const auto body = read_json_body(call.request());
    if (!body) return refuse(body.error());
    std::vector<FieldError> errors;
    const auto preferences = read_preferences(*body, errors);
    if (!errors.empty()) return refuse_fields(std::move(errors));
    const auto put = parts.directory.put_preferences(call.tenant, UserId(*id), preferences);
    if (!put) return refuse(put.error());
    return preferences_response(preferences);
}

}  // namespace herald::api
