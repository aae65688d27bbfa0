"""The OpenAPI document against the service that serves it: each path answers as it says."""

import json
import re

import pytest
from herald import in_seconds, talk

MAX_BODY = 256 * 1024
GOOD_SEND = {"user_id": "user123", "template_id": "welcome", "data": {"username": "x"}}


@pytest.fixture(scope="module")
def herald(shared_herald):
    return shared_herald


@pytest.fixture(scope="module")
def document(herald):
    return herald.call("GET", "/openapi.json").json


def resolve(document, node):
    while isinstance(node, dict) and "$ref" in node:
        path = node["$ref"].removeprefix("#/").split("/")
        node = document
        for name in path:
            node = node[name]
    return node


def problems_with(document, schema, value, at="$"):
    """What of `value` breaks the schema: as much of JSON Schema as the document uses."""
    schema = resolve(document, schema)
    if "const" in schema and value != schema["const"]:
        yield f"{at} is {value!r}, not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is {value!r}, not one of {schema['enum']}"
    if "oneOf" in schema and sum(not list(problems_with(document, option, value, at)) for option in schema["oneOf"]) != 1:
        yield f"{at} is not exactly one of its forms"
    types = schema.get("type")
    if types and not any(is_type(value, name) for name in ([types] if isinstance(types, str) else types)):
        yield f"{at} is {value!r}, not {types}"
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        yield from (f"{at} lacks {name}" for name in schema.get("required", []) if name not in value)
        for name, member in value.items():
            if name in properties:
                yield from problems_with(document, properties[name], member, f"{at}.{name}")
            elif others is False:
                yield f"{at} has {name}"
            elif isinstance(others, dict):
                yield from problems_with(document, others, member, f"{at}.{name}")
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from problems_with(document, schema["items"], item, f"{at}[{index}]")
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{at} is {value!r}, not like {schema['pattern']}"
        if len(value) < schema.get("minLength", 0) or len(value) > schema.get("maxLength", 1 << 30):
            yield f"{at} has {len(value)} characters"


def is_type(value, name):
    if name == "null":
        return value is None
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, {"object": dict, "array": list, "string": str, "boolean": bool}[name])


def assert_documented(document, method, path, answer):
    """Status, content type, required headers' names and body are as the document says for this operation."""
    operation = document["paths"][path][method.lower()]
    status = str(answer.status)
    assert status in operation["responses"] or "default" in operation["responses"], f"{method} {path} answered {status}"
    response = resolve(document, operation["responses"].get(status, operation["responses"].get("default")))
    content = response.get("content")
    if content is None:
        assert answer.text == ""
        return
    media_type = answer.headers["Content-Type"].split(";")[0]
    assert media_type in content, f"{method} {path} {status} is {media_type}"
    if media_type.endswith("json"):
        wrong = list(problems_with(document, content[media_type]["schema"], answer.json))
        assert wrong == [], f"{method} {path} {status}: {wrong}"


def test_the_document_is_openapi_3_1_and_every_reference_in_it_leads_somewhere(document):
    assert document["openapi"].startswith("3.1") and document["info"]["title"] == "Herald"
    references = re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))
    assert references
    for reference in set(references):
        assert resolve(document, {"$ref": reference}) is not None
    operations = [op["operationId"] for item in document["paths"].values() for name, op in item.items() if name != "parameters"]
    assert len(operations) == len(set(operations))


def test_both_addresses_serve_the_same_document(herald):
    assert herald.call("GET", "/api/v1/openapi.json").text == herald.call("GET", "/openapi.json").text


def test_every_example_fits_its_schema(document):
    def walk(node):
        if isinstance(node, dict):
            if "schema" in node and "examples" in node:
                for name, example in node["examples"].items():
                    yield name, node["schema"], resolve(document, example)["value"]
            for child in node.values():
                yield from walk(child)
        elif isinstance(node, list):
            for child in node:
                yield from walk(child)

    found = list(walk(document))
    assert len(found) > 20
    for name, schema, value in found:
        assert list(problems_with(document, schema, value)) == [], name


def answers_of(herald):
    """(method, path of the document, answer) for each operation, in an order in which each has what it needs."""
    id = herald.send(channels=["sms"]).json["id"]
    herald.wait_final(id)
    waiting = herald.send(channels=["sms"], send_at=in_seconds(600)).json["id"]
    user = {"email": "o@example.com", "phone": "+14155550401", "locale": "en", "timezone": "Europe/Paris",
            "devices": [{"platform": "web", "token": "openapi-token"}]}
    preferences = {"channels": {"sms": False}, "categories": {"news": False, "offers": {"channels": {"push": True}}}}
    template = {"id": "documented", "channels": {"sms": {"body": "x"}}, "translations": {"fr": {"sms": {"body": "y"}}}}
    calls = [
        ("POST", "/api/v1/notifications", "", GOOD_SEND),
        ("GET", "/api/v1/notifications/{id}", id, None),
        ("GET", "/api/v1/notifications/{id}", waiting, None),
        ("PUT", "/api/v1/users/{id}", "documented", user),
        ("GET", "/api/v1/users/{id}", "documented", None),
        ("PUT", "/api/v1/users/{id}/preferences", "documented", preferences),
        ("GET", "/api/v1/users/{id}/preferences", "documented", None),
        ("DELETE", "/api/v1/users/{id}", "documented", None),
        ("POST", "/api/v1/templates", "", template),
        ("GET", "/api/v1/templates/{id}", "documented", None),
        ("GET", "/api/v1/templates", "", None),
        ("GET", "/api/v1/openapi.json", "", None),
        ("GET", "/openapi.json", "", None),
        ("GET", "/health", "", None),
        ("GET", "/healthz", "", None),
        ("GET", "/ready", "", None),
        ("GET", "/metrics", "", None),
    ]
    return [(method, path, herald.call(method, path.replace("{id}", id), body)) for method, path, id, body in calls]


def test_every_operation_answers_as_documented(herald, document):
    seen = set()
    for method, path, answer in answers_of(herald):
        assert answer.status < 300, (method, path, answer)
        assert str(answer.status) in document["paths"][path][method.lower()]["responses"]
        assert_documented(document, method, path, answer)
        seen.add((method.lower(), path))
    documented = {(method, path) for path, item in document["paths"].items() for method in item if method != "parameters"}
    assert seen == documented


def test_allow_is_what_is_documented(herald, document):
    for path, item in document["paths"].items():
        documented = {method.upper() for method in item if method != "parameters"}
        answer = herald.call("OPTIONS", path.replace("{id}", "x"))
        assert answer.status == 204
        assert set(answer.headers["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == documented, path


def test_head_is_served_wherever_get_is(herald, document):
    for path, item in document["paths"].items():
        if "get" in item and "{id}" not in path:
            answer = herald.call("HEAD", path)
            assert answer.status == 200 and answer.text == "", path


def refusals(herald):
    """code → (method, path of the document, answer): one for each code that a client alone can provoke."""
    def post(body, **headers):
        return herald.call("POST", "/api/v1/notifications", body, headers=headers)

    send = ("POST", "/api/v1/notifications")
    post(GOOD_SEND, **{"Idempotency-Key": "openapi"})
    yield "malformed_json", *send, post(b"{")
    yield "invalid_utf8", *send, post(b'{"\xff": 1}')
    yield "body_too_large", *send, post(b" " * (MAX_BODY + 1))
    yield "unsupported_media_type", *send, post(GOOD_SEND, **{"Content-Type": "text/plain"})
    yield "invalid_request", *send, post({})
    yield "unknown_template", *send, post({**GOOD_SEND, "template_id": "no-such"})
    yield "missing_data", *send, post({**GOOD_SEND, "data": {}})
    yield "idempotency_in_flight", *send, post(GOOD_SEND, **{"Idempotency-Key": "openapi"})
    yield "idempotency_mismatch", *send, post({**GOOD_SEND, "user_id": "other"}, **{"Idempotency-Key": "openapi"})
    yield "not_found", "GET", "/api/v1/notifications/{id}", herald.call("GET", "/api/v1/notifications/x")
    yield "method_not_allowed", *send, herald.call("PUT", "/api/v1/notifications")
    yield "malformed_request", *send, talk(herald.url, b"nonsense\r\n\r\n")
    yield "head_too_large", *send, talk(herald.url, b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n")


def test_every_refusal_answers_as_documented(herald, document):
    seen = set()
    for code, method, path, answer in refusals(herald):
        assert answer.status >= 400 and answer.json["code"] == code, (code, answer)
        assert_documented(document, method, path, answer)
        example = document["components"]["examples"][code]["value"]
        assert (example["status"], example["title"], example["type"]) == (
            answer.status, answer.json["title"], answer.json["type"]), code
        seen.add(code)
    by_others = {"unauthorized", "not_accepted_or_purged", "request_timeout", "internal", "log_full", "not_accepted",
                 "acceptance_unknown", "store_busy", "store_unavailable"}
    assert seen | by_others == set(document["components"]["examples"])


def test_each_operations_refusals_are_documented_for_it(herald, document):
    bodies = {"PUT": b"{", "POST": b"{"}
    for path, item in document["paths"].items():
        for method in (name.upper() for name in item if name != "parameters"):
            url = path.replace("{id}", "%00" if "users" in path or "templates" in path else "x")
            if "{id}" in path:
                assert_refused(document, method, path, herald.call(method, url, {} if method in bodies else None))
            if method in bodies:
                url = path.replace("{id}", "x")
                assert_refused(document, method, path, herald.call(method, url, bodies[method]))
                assert_refused(document, method, path, herald.call(method, url, b"x" * (MAX_BODY + 1)))
                assert_refused(document, method, path, herald.call(method, url, {}, headers={"Content-Type": "text/plain"}))


def assert_refused(document, method, path, answer):
    assert 400 <= answer.status < 500, (method, path, answer)
    assert str(answer.status) in document["paths"][path][method.lower()]["responses"], (method, path, answer.status)
    assert_documented(document, method, path, answer)
