-- One notification a request, to one of SEND_USERS people after the other.
local users = tonumber(os.getenv("SEND_USERS"))
local channels = os.getenv("SEND_CHANNELS")
local next_user = 0

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

function request()
    next_user = next_user % users + 1
    return wrk.format(nil, nil, nil, string.format(
        '{"user_id":"user-%07d","template_id":"welcome","channels":%s,"data":{"username":"john_doe"}}',
        next_user, channels))
end
