"""What every refusal must look like."""

import json


def assert_problem(answer, status, code):
    """problem+json with a stable code, its status, and the request's id in body and header."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json", answer.headers
    body = json.loads(answer.text)
    assert body["code"] == code, answer
    assert body["status"] == status and body["type"] == f"/problems/{code}"
    assert body["title"] and isinstance(body["detail"], str)
    assert body["request_id"] and body["request_id"] == answer.headers["X-Request-Id"]
    assert isinstance(body["errors"], list)
    assert all(set(error) == {"path", "code", "message"} for error in body["errors"]), body
    return body


def errors_of(body):
    return sorted(f"{error['path']}:{error['code']}" for error in body["errors"])
