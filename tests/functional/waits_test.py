"""What waits for a clock: send_at, and the end of its time to live."""

import pytest
from fast import FAST
from herald import in_seconds, to_ms, wait_until


@pytest.fixture(scope="module")
def herald(fast_herald):
    return fast_herald


@pytest.fixture(autouse=True)
def no_faults(request):
    yield
    if "herald" in request.fixturenames:
        request.getfixturevalue("herald").simulators.no_faults()


def rows_of(herald, id):
    return [row for row in herald.simulators.all_messages() if row["delivery"].startswith(id)]


def send_later(herald, seconds, **fields):
    at = in_seconds(seconds)
    answer = herald.send(send_at=at, **fields)
    assert answer.status == 202, answer
    return answer.json["id"], to_ms(at)


def test_send_at_is_scheduled_until_then_and_sent_no_earlier(herald):
    id, due = send_later(herald, 1.5, channels=["push", "sms", "email"])
    story = wait_until(lambda: (s := herald.notification(id))["status"] == "scheduled" and s, what="it waits")
    step, = story["steps"]
    assert step["action"] == "wait" and to_ms(step["until"]) == pytest.approx(due, abs=1)
    assert [reason["code"] for reason in step["reasons"]] == ["send_at"]
    assert story["deliveries"] == [] and rows_of(herald, id) == []
    assert to_ms(story["deadline_at"]) == pytest.approx(due + 86_400_000, abs=1)

    story = herald.wait_final(id)
    assert story["status"] == "sent" and [s["action"] for s in story["steps"]] == ["wait", "send"]
    rows = rows_of(herald, id)
    assert len(rows) == 4
    assert min(row["at_ms"]["head"] for row in rows) >= due
    # Whether it is late is a question of the machine's load; that it is not minutes is a question of the timer.
    assert max(row["at_ms"]["head"] for row in rows) < due + 2_000


def test_a_time_that_has_passed_means_now(herald):
    id, _ = send_later(herald, -60, channels=["sms"])
    story = herald.wait_final(id)
    assert story["status"] == "sent" and [s["action"] for s in story["steps"]] == ["send"]


def test_it_is_planned_from_what_is_true_when_it_is_due(herald):
    herald.put_user("mover", phone="+14155550301")
    herald.put_user("quitter", phone="+14155550302")
    moved, _ = send_later(herald, 1, user="mover", channels=["sms"])
    quit, _ = send_later(herald, 1, user="quitter", channels=["sms"])
    for id in (moved, quit):
        wait_until(lambda id=id: herald.notification(id)["status"] == "scheduled", what="it waits")
    herald.put_user("mover", phone="+14155550303")
    assert herald.call("PUT", "/api/v1/users/quitter/preferences", {"channels": {"sms": False}}).status == 200
    assert herald.wait_final(moved)["status"] == "sent"
    assert [row["recipient"] for row in rows_of(herald, moved)] == ["+14155550303"]
    story = herald.wait_final(quit)
    assert (story["status"], story["reason"]) == ("skipped", "channel_off")
    assert rows_of(herald, quit) == []


def test_a_kill_while_it_waits_neither_loses_nor_repeats_it(start_herald):
    herald = start_herald(**FAST)
    ids = [send_later(herald, 1.5, channels=["sms"]) for _ in range(20)]
    herald.process.kill()
    herald.start()
    herald.process.kill()
    herald.start()
    stories = herald.wait_all_final([id for id, _ in ids])
    assert {story["status"] for story in stories.values()} == {"sent"}
    for id, due in ids:
        row, = rows_of(herald, id)
        assert row["at_ms"]["head"] >= due


def test_what_fell_due_while_nobody_was_there_is_sent_at_the_next_start(start_herald):
    herald = start_herald(**FAST)
    id, due = send_later(herald, 0.6, channels=["sms"])
    wait_until(lambda: herald.notification(id)["status"] == "scheduled", what="it waits")
    herald.process.kill()
    wait_until(lambda: to_ms(in_seconds(0)) > due, what="its time has come")
    herald.start()
    assert herald.wait_final(id)["status"] == "sent"
    assert len(rows_of(herald, id)) == 1


def test_what_never_succeeds_within_its_ttl_is_expired(herald):
    herald.simulators.faults("twilio", {"fault": "status", "status": 503})
    answer = herald.send(channels=["sms"], ttl_s=1)
    story = herald.wait_final(answer.json["id"])
    assert story["status"] == "expired" and "deadline" in story["reason"], story
    assert to_ms(story["deadline_at"]) - to_ms(story["accepted_at"]) == 1_000
    rows = rows_of(herald, answer.json["id"])
    assert len(rows) > 1 and max(row["at_ms"]["head"] for row in rows) <= to_ms(story["deadline_at"])
    assert [a["state"] for a in story["deliveries"][0]["attempts"]] == ["deferred"] * len(rows)


def test_a_retry_after_beyond_the_ttl_expires_at_once(herald):
    herald.simulators.faults("twilio", {"fault": "status", "status": 429, "headers": {"retry-after": "30"}})
    id = herald.send(channels=["sms"], ttl_s=5).json["id"]
    story = herald.wait_final(id, seconds=3)
    assert story["status"] == "expired" and len(rows_of(herald, id)) == 1, story


def test_what_hangs_until_its_ttl_ends_is_unknown_and_not_expired(herald):
    """It may have been delivered, so nobody may say that it was not."""
    herald.simulators.faults("twilio", {"fault": "hang"})
    id = herald.send(channels=["sms"], ttl_s=2).json["id"]
    story = herald.wait_final(id)
    assert story["status"] == "unknown", story
    attempts = story["deliveries"][0]["attempts"]
    assert len(attempts) > 1 and {a["state"] for a in attempts} == {"unknown"}
    assert len(rows_of(herald, id)) == len(attempts)


def test_what_waited_for_its_provider_beyond_its_ttl_is_expired_and_not_sent(start_herald):
    """One slot, held by a call that hangs: the second delivery's time ends in the queue."""
    herald = start_herald(**{**FAST, "HERALD_TWILIO_MAX_IN_FLIGHT": 1, "HERALD_TWILIO_CALL_DEADLINE_MS": 2_500})
    herald.simulators.faults("twilio", {"fault": "hang", "times": 1})
    first = herald.send(channels=["sms"], data={"username": "first"}).json["id"]
    wait_until(lambda: herald.simulators.messages("twilio"), what="the call that hangs")
    second = herald.send(channels=["sms"], ttl_s=1).json["id"]
    story = herald.wait_final(second)
    assert (story["status"], story["reason"]) == ("expired", "deadline_passed"), story
    assert rows_of(herald, second) == []
    assert herald.wait_final(first)["status"] == "sent"


def test_a_ttl_counts_from_send_at(herald):
    id, due = send_later(herald, 1.2, channels=["sms"], ttl_s=1)
    story = herald.wait_final(id)
    assert story["status"] == "sent", story
    assert to_ms(story["deadline_at"]) == pytest.approx(due + 1_000, abs=1)
