#pragma once

#include <memory>

#include "api/call.hpp"
#include "api/parts.hpp"
#include "api/problem.hpp"

namespace herald::api {

// What each row of the route table does. Stateless; all may run at the same time.

void send_notification(const ApiParts& parts, std::shared_ptr<Call> call);
Reply get_notification(const ApiParts& parts, const Call& call);

Reply get_user(const ApiParts& parts, const Call& call);
Reply put_user(const ApiParts& parts, const Call& call);
Reply delete_user(const ApiParts& parts, const Call& call);

Reply get_preferences(const ApiParts& parts, const Call& call);
Reply put_preferences(const ApiParts& parts, const Call& call);

Reply list_templates(const ApiParts& parts, const Call& call);
Reply post_template(const ApiParts& parts, const Call& call);
Reply get_template(const ApiParts& parts, const Call& call);

Reply get_openapi(const ApiParts& parts, const Call& call);
Reply get_health(const ApiParts& parts, const Call& call);
Reply get_ready(const ApiParts& parts, const Call& call);
Reply get_metrics(const ApiParts& parts, const Call& call);

}  // namespace herald::api
