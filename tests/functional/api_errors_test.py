"""Bad input over the wire: each kind gets its problem+json, and none of it leaves anything behind."""

import json

import pytest
from herald import talk
from problems import assert_problem, errors_of

SEND = "/api/v1/notifications"
GOOD = {"user_id": "user123", "template_id": "welcome", "channels": ["push"], "data": {"username": "john_doe"}}
MAX_BODY = 256 * 1024


@pytest.fixture(scope="module")
def herald(shared_herald):
    return shared_herald


def with_raw(**fields):
    return {k: v for k, v in {**GOOD, **fields}.items() if v is not ...}


def nested(depth):
    return b'{"user_id":"user123","template_id":"welcome","data":{"username":' + b"[" * depth + b"]" * depth + b"}}"


NOT_JSON = {
    "empty": b"",
    "cut off": b'{"user_id": "user123"',
    "no quotes": b"{user_id: 1}",
    "trailing comma": b'{"user_id": "user123",}',
    "two documents": json.dumps(GOOD).encode() * 2,
    "comment": b'/* hello */ {"user_id": "user123"}',
    "not a number": b'{"user_id": NaN}',
    "too large a number": b'{"user_id": 1e999}',
    "leading zero": b'{"ttl_s": 007}',
    "duplicate keys": b'{"user_id":"user123","user_id":"nobody","template_id":"welcome","data":{"username":"x"}}',
    "duplicate keys inside": b'{"user_id":"user123","template_id":"welcome","data":{"username":"x","username":"y"}}',
    "duplicate keys by escape": rb'{"user_id":"user123","template_id":"welcome","data":{"a":"x","\u0061":"y"}}',
    "raw NUL": b'{"user_id":"user\x00123","template_id":"welcome"}',
    "raw NUL after the document": json.dumps(GOOD).encode() + b"\x00",
    "escaped NUL": rb'{"user_id":"user123","template_id":"welcome","data":{"username":"a\u0000b"}}',
    "escaped NUL in a key": rb'{"user_id":"user123","template_id":"welcome","data":{"user\u0000name":"x"}}',
    "half a surrogate pair": rb'{"user_id":"user123","template_id":"welcome","data":{"username":"\ud800"}}',
    "raw line break": b'{"user_id":"user\n123"}',
    "33 deep": nested(31),
    "deep enough to break a stack": b"[" * 100_000,
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_no_json_is_400(herald, body):
    answer = herald.call("POST", SEND, body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 400, "malformed_json")


def test_a_duplicate_key_is_named(herald):
    body = assert_problem(herald.call("POST", SEND, NOT_JSON["duplicate keys"]), 400, "malformed_json")
    assert "user_id" in body["detail"] and "twice" in body["detail"]


NOT_UTF8 = {"a lone byte": b"\xff", "overlong": b"\xc0\xaf", "a surrogate": b"\xed\xa0\x80", "cut off": b"\xe2\x82"}


@pytest.mark.parametrize("text", NOT_UTF8.values(), ids=NOT_UTF8)
def test_what_is_no_utf8_is_400(herald, text):
    body = b'{"user_id":"user123","template_id":"welcome","data":{"username":"' + text + b'"}}'
    assert_problem(herald.call("POST", SEND, body), 400, "invalid_utf8")


WRONG_FIELDS = {
    "not an object": ([1, 2], [":type"]),
    "nothing": ({}, ["template_id:required", "user_id:required"]),
    "nulls": ({"user_id": None, "template_id": None}, ["template_id:required", "user_id:required"]),
    "user id is a number": (with_raw(user_id=42), ["user_id:type"]),
    "user id is empty": (with_raw(user_id=""), ["user_id:length"]),
    "user id too long": (with_raw(user_id="x" * 256), ["user_id:length"]),
    "user id with a control character": (with_raw(user_id="a\u0007b"), ["user_id:format"]),
    "template id is a list": (with_raw(template_id=["welcome"]), ["template_id:type"]),
    "channels is a string": (with_raw(channels="push"), ["channels:type"]),
    "channels is an object": (with_raw(channels={"push": True}), ["channels:type"]),
    "channels is empty": (with_raw(channels=[]), ["channels:length"]),
    "unknown channel": (with_raw(channels=["push", "pigeon"]), ["channels[1]:enum"]),
    "channel is a number": (with_raw(channels=[1]), ["channels[0]:type"]),
    "channel in capitals": (with_raw(channels=["PUSH"]), ["channels[0]:enum"]),
    "channel twice": (with_raw(channels=["sms", "sms"]), ["channels[1]:duplicate"]),
    "too many channels": (with_raw(channels=["push"] * 4), ["channels:length"]),
    "data is a list": (with_raw(data=[]), ["data:type"]),
    "data is a string": (with_raw(data="username"), ["data:type"]),
    "unknown field": (with_raw(colour="red"), ["colour:unknown_field"]),
    "unknown lane": (with_raw(lane="express"), ["lane:enum"]),
    "ttl is a string": (with_raw(ttl_s="60"), ["ttl_s:type"]),
    "ttl is zero": (with_raw(ttl_s=0), ["ttl_s:range"]),
    "ttl too long": (with_raw(ttl_s=259_201), ["ttl_s:range"]),
    "ttl is a fraction": (with_raw(ttl_s=1.5), ["ttl_s:type"]),
    "version is zero": (with_raw(template_version=0), ["template_version:range"]),
    "send_at is no time": (with_raw(send_at="tomorrow"), ["send_at:format"]),
    "send_at has no zone": (with_raw(send_at="2026-01-31T09:00:00"), ["send_at:format"]),
    "send_at too far ahead": (with_raw(send_at="2099-01-01T00:00:00Z"), ["send_at:range"]),
    "metadata is a list": (with_raw(metadata=[]), ["metadata:type"]),
    "metadata too large": (with_raw(metadata={"x": "y" * 4096}), ["metadata:length"]),
    "several at once": (with_raw(user_id=1, channels=["fax"], extra=1),
                        ["channels[0]:enum", "extra:unknown_field", "user_id:type"]),
}


@pytest.mark.parametrize("body, errors", WRONG_FIELDS.values(), ids=WRONG_FIELDS)
def test_a_wrong_field_is_422_and_named(herald, body, errors):
    problem = assert_problem(herald.call("POST", SEND, body), 422, "invalid_request")
    assert errors_of(problem) == errors


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\xe9"], ids=["empty", "too long", "not ASCII"])
def test_a_bad_idempotency_key_is_422(herald, key):
    problem = assert_problem(herald.call("POST", SEND, GOOD, headers={"Idempotency-Key": key}), 422, "invalid_request")
    assert errors_of(problem) == ["Idempotency-Key:format"]


def test_an_unknown_template_is_422_at_once(herald):
    assert_problem(herald.send(template="no-such"), 422, "unknown_template")
    assert_problem(herald.send(template_version=99), 422, "unknown_template")


def test_missing_template_data_is_422_and_names_the_field(herald):
    for data in ({}, {"user_name": "john_doe"}, {"username": None}):
        problem = assert_problem(herald.send(data=data), 422, "missing_data")
        assert errors_of(problem) == ["data.username:missing_data"]


def test_a_channel_that_the_template_lacks_is_422(herald):
    herald.post_template("only-sms", channels={"sms": {"body": "Hello"}})
    problem = assert_problem(herald.send(template="only-sms", channels=["sms", "push"]), 422, "invalid_request")
    assert errors_of(problem) == ["channels[1]:template_lacks_channel"]


def body_of(size):
    """A request that is right in all but, perhaps, its size."""
    shell = json.dumps({**GOOD, "user_id": "nobody-at-all", "data": {"username": ""}}).encode()
    body = shell.replace(b'"username": ""', b'"username": "' + b"x" * (size - len(shell)) + b'"')
    assert len(body) == size
    return body


def test_256_kib_is_accepted_and_one_byte_more_is_413(herald):
    answer = herald.call("POST", SEND, body_of(MAX_BODY))
    assert answer.status == 202, answer
    assert herald.wait_final(answer.json["id"])["reason"] == "unknown_recipient"
    assert_problem(herald.call("POST", SEND, body_of(MAX_BODY + 1)), 413, "body_too_large")


def test_a_body_that_only_announces_too_much_is_413_before_it_is_sent(herald):
    head = f"POST {SEND} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
    assert_problem(talk(herald.url, head.encode()), 413, "body_too_large")


def test_a_chunked_body_is_bounded_too(herald):
    head = f"POST {SEND} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    assert_problem(talk(herald.url, head.encode() + chunk * 9 + b"0\r\n\r\n"), 413, "body_too_large")


WRONG_TYPES = ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/jsonx", ""]


@pytest.mark.parametrize("content_type", WRONG_TYPES)
def test_another_content_type_is_415(herald, content_type):
    answer = herald.call("POST", SEND, GOOD, headers={"Content-Type": content_type})
    assert_problem(answer, 415, "unsupported_media_type")


def test_no_content_type_is_415(herald):
    body = json.dumps(GOOD)
    request = f"POST {SEND} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    assert_problem(talk(herald.url, request.encode()), 415, "unsupported_media_type")


ALLOWED = {
    SEND: {"POST"},
    SEND + "/x": {"GET", "HEAD"},
    "/api/v1/users/x": {"GET", "HEAD", "PUT", "DELETE"},
    "/api/v1/users/x/preferences": {"GET", "HEAD", "PUT"},
    "/api/v1/templates": {"GET", "HEAD", "POST"},
    "/api/v1/templates/x": {"GET", "HEAD"},
    "/health": {"GET", "HEAD"},
    "/ready": {"GET", "HEAD"},
    "/metrics": {"GET", "HEAD"},
}


@pytest.mark.parametrize("path", ALLOWED)
def test_a_wrong_method_is_405_with_allow(herald, path):
    expected = ALLOWED[path] | {"OPTIONS"}
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "BREW"} - expected:
        answer = herald.call(method, path)
        assert_problem(answer, 405, "method_not_allowed")
        assert set(answer.headers["Allow"].split(", ")) == expected, (method, answer.headers["Allow"])


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/api/v2/notifications", SEND + "/", "/api/v1/users/",
                                  "/api/v1/users/x/y", "//health", "/health/", "/../etc/passwd", "/%2e%2e/health"])
def test_another_path_is_404(herald, path):
    assert_problem(herald.call("GET", path), 404, "not_found")


STRANGE_IDS = ["1", "x" * 300, "00000000-0000-7000-8000-000000000000", "018bcfe5-6800-7abc-8def-0123456789ab",
               "%00", "%ff", "%2e%2e", "'%20OR%201=1--"]


@pytest.mark.parametrize("id", STRANGE_IDS)
def test_an_id_that_was_never_given_out_is_404(herald, id):
    assert_problem(herald.call("GET", f"{SEND}/{id}"), 404, "not_found")


def test_a_given_id_with_one_digit_changed_was_never_given_out(herald):
    id = herald.send(user="nobody").json["id"]
    herald.wait_final(id)
    assert_problem(herald.call("GET", f"{SEND}/{id[:-1]}{'0' if id[-1] != '0' else '1'}"), 404, "not_found")
    assert_problem(herald.call("GET", f"{SEND}/{id.upper()}"), 404, "not_found")


@pytest.mark.parametrize("id", ["%00", "a%07b", "%ff", "%c0%af", "x" * 256])
@pytest.mark.parametrize("method, path", [("GET", "/api/v1/users/{}"), ("PUT", "/api/v1/users/{}"),
                                          ("DELETE", "/api/v1/users/{}"), ("GET", "/api/v1/users/{}/preferences"),
                                          ("PUT", "/api/v1/users/{}/preferences"), ("GET", "/api/v1/templates/{}")])
def test_an_id_that_cannot_be_one_is_422(herald, method, path, id):
    answer = herald.call(method, path.format(id), {} if method == "PUT" else None)
    problem = assert_problem(answer, 422, "invalid_request")
    assert errors_of(problem)[0].startswith("id:")


WRONG_USERS = {
    "email": ({"email": "nobody"}, ["email:format"]),
    "phone": ({"phone": "0123"}, ["phone:format"]),
    "email type": ({"email": 1}, ["email:type"]),
    "platform": ({"devices": [{"platform": "palm", "token": "x"}]}, ["devices[0].platform:enum"]),
    "no token": ({"devices": [{"platform": "ios"}]}, ["devices[0].token:required"]),
    "token with a slash": ({"devices": [{"platform": "ios", "token": "a/b"}]}, ["devices[0].token:format"]),
    "device twice": ({"devices": [{"platform": "ios", "token": "a"}] * 2}, ["devices[1]:duplicate"]),
    "too many devices": ({"devices": [{"platform": "ios", "token": str(n)} for n in range(101)]}, ["devices:length"]),
    "another id": ({"id": "somebody"}, ["id:mismatch"]),
    "unknown field": ({"mail": "a@example.com"}, ["mail:unknown_field"]),
    "locale": ({"locale": "e n"}, ["locale:format"]),
}


@pytest.mark.parametrize("body, errors", WRONG_USERS.values(), ids=WRONG_USERS)
def test_a_wrong_person_is_422_and_not_stored(herald, body, errors):
    problem = assert_problem(herald.call("PUT", "/api/v1/users/wrong", body), 422, "invalid_request")
    assert errors_of(problem) == errors
    assert herald.call("GET", "/api/v1/users/wrong").status == 404


WRONG_PREFERENCES = {
    "unknown channel": ({"channels": {"fax": True}}, ["channels.fax:unknown_field"]),
    "not a boolean": ({"channels": {"push": "yes"}}, ["channels.push:type"]),
    "category is a string": ({"categories": {"news": "no"}}, ["categories.news:type"]),
    "system off": ({"categories": {"system": False}}, ["categories.system:system_category"]),
    "system off on a channel": ({"categories": {"system": {"channels": {"sms": False}}}},
                                ["categories.system:system_category"]),
}


@pytest.mark.parametrize("body, errors", WRONG_PREFERENCES.values(), ids=WRONG_PREFERENCES)
def test_wrong_preferences_are_422(herald, body, errors):
    problem = assert_problem(herald.call("PUT", "/api/v1/users/user123/preferences", body), 422, "invalid_request")
    assert errors_of(problem) == errors


WRONG_TEMPLATES = {
    "no channels": ({}, ["channels:required"]),
    "no channel": ({"channels": {}}, ["channels:length"]),
    "push without a body": ({"channels": {"push": {"title": "x"}}}, ["channels.push.body:required"]),
    "email without content": ({"channels": {"email": {"subject": "x"}}}, ["channels.email.html:required"]),
    "unknown lane": ({"channels": {"sms": {"body": "x"}}, "lane": "fast"}, ["lane:enum"]),
    "unknown guarantee": ({"channels": {"sms": {"body": "x"}}, "guarantee": "exactly_once"}, ["guarantee:enum"]),
    "own locale translated": ({"channels": {"sms": {"body": "x"}}, "translations": {"en": {"sms": {"body": "x"}}}},
                              ["translations.en:duplicate"]),
    "open tag": ({"channels": {"sms": {"body": "{{ x"}}}, ["channels.sms.body:liquid"]),
    "unknown filter": ({"channels": {"sms": {"body": "{{ x | shout }}"}}}, ["channels.sms.body:liquid"]),
    "unknown tag": ({"channels": {"sms": {"body": "a\n{% teleport %}"}}}, ["channels.sms.body:liquid"]),
}


@pytest.mark.parametrize("body, errors", WRONG_TEMPLATES.values(), ids=WRONG_TEMPLATES)
def test_a_wrong_template_is_422_and_not_stored(herald, body, errors):
    problem = assert_problem(herald.call("POST", "/api/v1/templates", {"id": "wrong", **body}), 422, "invalid_request")
    assert errors_of(problem) == errors
    assert herald.call("GET", "/api/v1/templates/wrong").status == 404


def test_liquid_that_does_not_compile_is_refused_with_line_and_column(herald):
    body = {"id": "wrong", "channels": {"sms": {"body": "a\n  {% teleport %}"}}}
    problem = assert_problem(herald.call("POST", "/api/v1/templates", body), 422, "invalid_request")
    assert "line 2, column 6" in problem["errors"][0]["message"]


def test_a_head_that_is_too_large_is_431(herald):
    request = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 20_000 + b"\r\n\r\n"
    assert_problem(talk(herald.url, request), 431, "head_too_large")


GARBAGE = {
    "bytes": bytes(range(256)),
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32,
    "no version": b"GET /health\r\n\r\n",
    "HTTP/9": b"GET /health HTTP/9.9\r\n\r\n",
    "a header without a colon": b"GET /health HTTP/1.1\r\nHost x\r\n\r\n",
    "two lengths": b"POST /api/v1/notifications HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "length and chunks": b"POST /api/v1/notifications HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative length": b"POST /api/v1/notifications HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "NUL in a header": b"GET /health HTTP/1.1\r\nX: a\x00b\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_http_is_400_and_the_connection_ends(herald, request_bytes):
    assert_problem(talk(herald.url, request_bytes), 400, "malformed_request")


def test_the_clients_request_id_comes_back_and_a_bad_one_is_replaced(herald):
    answer = herald.call("POST", SEND, {}, headers={"X-Request-Id": "my-request-1"})
    assert assert_problem(answer, 422, "invalid_request")["request_id"] == "my-request-1"
    answer = herald.call("POST", SEND, {}, headers={"X-Request-Id": "x" * 129})
    assert assert_problem(answer, 422, "invalid_request")["request_id"] != "x" * 129


def test_after_all_of_it_the_service_is_well_and_nothing_was_sent(herald):
    for _ in ("as it stands", "after a restart"):
        assert herald.call("GET", "/health").json["status"] == "ok"
        assert herald.call("GET", "/ready").status == 200
        herald.wait_idle()
        assert not any(value for _, value in herald.metric("herald_records_dead_total"))
        assert herald.simulators.all_messages() == []
        herald.process.stop()
        herald.start()
    story = herald.wait_final(herald.send(channels=["sms"]).json["id"])
    assert story["status"] == "sent"
    assert len(herald.simulators.all_messages()) == 1
