-- One text message a call, as the sender makes them.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.headers["Authorization"] = os.getenv("CALL_AUTHORIZATION")
wrk.body = "To=%2B14155550123&From=%2B15005550006&Body=Welcome%2C+john_doe%21+Good+to+have+you+with+us."
