"""One Idempotency-Key, one notification: repeated, at once, and after a restart."""

import threading
import uuid

import pytest
from herald import wait_until
from problems import assert_problem

APPEND_DEADLINE_MS = 200


@pytest.fixture
def herald(start_herald):
    """The same request within the append deadline is 409; a short one keeps the test short."""
    return start_herald(HERALD_APPEND_DEADLINE_MS=APPEND_DEADLINE_MS, HERALD_RECONCILE_SMS_S=0)


def send(herald, key, **fields):
    return herald.send(channels=["sms"], headers={"Idempotency-Key": key}, **fields)


def repeat(herald, key, **fields):
    """Until it is not 409 any more."""
    return wait_until(lambda: (a := send(herald, key, **fields)).status != 409 and a, what="the end of the first request")


def assert_one_delivery(herald, id):
    assert herald.wait_final(id)["status"] == "sent"
    herald.wait_idle()
    rows = herald.simulators.messages("twilio")
    assert [row["delivery"] for row in rows] == [f"{id}.0.1"], rows


def test_the_same_body_gets_the_same_answer_and_is_sent_once(herald):
    first = send(herald, "key-1")
    assert first.status == 202 and first.headers["Idempotency-Replayed"] is None
    for _ in range(3):
        again = repeat(herald, "key-1")
        assert again.status == 202 and again.json == first.json
        assert again.headers["Idempotency-Replayed"] == "true"
    assert_one_delivery(herald, first.json["id"])


def test_another_request_while_the_first_is_being_accepted_is_409(start_herald):
    herald = start_herald(HERALD_APPEND_DEADLINE_MS=60_000)
    first = send(herald, "key-1")
    problem = send(herald, "key-1")
    assert_problem(problem, 409, "idempotency_in_flight")
    assert problem.headers["Retry-After"] == "1"
    assert_one_delivery(herald, first.json["id"])


def test_another_body_under_the_same_key_is_422_and_not_sent(herald):
    first = send(herald, "key-1")
    assert_problem(send(herald, "key-1", data={"username": "somebody else"}), 422, "idempotency_mismatch")
    assert_one_delivery(herald, first.json["id"])
    assert_problem(send(herald, "key-1", data={"username": "somebody else"}), 422, "idempotency_mismatch")


def test_a_refused_request_does_not_use_up_its_key(herald):
    assert_problem(send(herald, "key-1", template="no-such"), 422, "unknown_template")
    assert_problem(send(herald, "key-1", data={}), 422, "missing_data")
    answer = send(herald, "key-1")
    assert answer.status == 202 and answer.headers["Idempotency-Replayed"] is None
    assert_one_delivery(herald, answer.json["id"])


def test_other_keys_are_other_notifications(herald):
    ids = {send(herald, f"key-{n}").json["id"] for n in range(5)}
    assert len(ids) == 5
    herald.wait_all_final(ids)
    assert len(herald.simulators.messages("twilio")) == 5


def test_twenty_at_once_are_one_notification_and_one_delivery(herald):
    key, answers, barrier = str(uuid.uuid4()), [], threading.Barrier(20)

    def client():
        barrier.wait()
        answers.append(send(herald, key))

    threads = [threading.Thread(target=client) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 20 and {answer.status for answer in answers} <= {202, 409}, answers
    fresh = [a for a in answers if a.status == 202 and a.headers["Idempotency-Replayed"] is None]
    assert len(fresh) == 1
    again = repeat(herald, key)
    assert {a.json["id"] for a in [again, *answers] if a.status == 202} == {fresh[0].json["id"]}
    assert_one_delivery(herald, fresh[0].json["id"])


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restart_forgets_no_key(herald, end):
    first = send(herald, "key-1")
    getattr(herald.process, end)()
    herald.start()
    again = repeat(herald, "key-1")
    assert again.status == 202 and again.json == first.json and again.headers["Idempotency-Replayed"] == "true"
    assert_problem(send(herald, "key-1", data={"username": "x"}), 422, "idempotency_mismatch")
    assert herald.wait_final(first.json["id"])["status"] == "sent"
    herald.wait_idle()
    rows = herald.simulators.messages("twilio")
    assert {row["delivery"] for row in rows} == {f"{first.json['id']}.0.1"}
    assert len(rows) == 1 or end == "kill"


def test_the_version_of_the_first_answer_stands(herald):
    herald.post_template("news", channels={"sms": {"body": "one"}})
    first = send(herald, "key-1", template="news")
    herald.post_template("news", channels={"sms": {"body": "two"}})
    again = repeat(herald, "key-1", template="news")
    assert again.json == first.json and again.json["template_version"] == 1
    assert_one_delivery(herald, first.json["id"])
