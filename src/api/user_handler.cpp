#include "api/handlers.hpp"
#include "api/json_body.hpp"

namespace herald::api {
namespace {

net::HttpResponse user_response(const User& user) {
    JsonWriter out;
    write_user(out, user);
    return json_response(200, out.take());
}

}  // namespace

Reply get_user(const ApiParts& parts, const Call& call) {
    const auto id = call.client_id();
    if (!id) return refuse(id.error());
    const auto user = parts.directory.get_user(call.tenant, UserId(*id));
    if (!user) return refuse(user.error());
    if (!*user) return refuse(ProblemCode::not_found, "No user has this id.");
    return user_response(**user);
}

Reply put_user(const ApiParts& parts, const Call& call) {
    const auto id = call.client_id();
    if (!id) return refuse(id.error());
    const auto body = read_json_body(call.request());
    if (!body) return refuse(body.error());
    const auto now = parts.clock.now();
    std::vector<FieldError> errors;
    const auto user = read_user(UserId(*id), *body, now, errors);
    if (!errors.empty()) return refuse_fields(std::move(errors));
    if (const auto put = parts.directory.put_user(call.tenant, user, now); !put) return refuse(put.error());
    return user_response(user);
}

Reply delete_user(const ApiParts& parts, const Call& call) {
    const auto id = call.client_id();
    if (!id) return refuse(id.error());
    const auto erased = parts.directory.erase_user(call.tenant, UserId(*id), parts.clock.now());
    if (!erased) return refuse(erased.error());
    if (!*erased) return refuse(ProblemCode::not_found, "No user has this id.");
    return net::HttpResponse{204, {}, ""};
}

}  // namespace herald::api
