-- One notification a request, as the README sends it.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"user_id":"user123","template_id":"welcome","channels":["push","email"],"data":{"username":"john_doe"}}'
