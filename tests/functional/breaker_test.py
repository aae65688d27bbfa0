"""An account that cannot send opens its breaker: nothing is used up, nobody else notices, and it recovers by itself."""

import json

import pytest
from books import compare
from fast import FAST
from herald import ROUTE_OF, wait_until

REFUSALS = {"twilio": 401, "sendgrid": 401, "apns": 403, "fcm": 401}
ACCOUNTS = {provider: f"simulator.{provider}" for provider in REFUSALS}
BREAKER_OPEN = (1, 2)  # open, or trying whether it is well again


@pytest.fixture(scope="module")
def shared(fast_herald):
    return fast_herald


@pytest.fixture
def herald(shared):
    shared.simulators.no_faults()
    shared.simulators.forget()
    yield shared
    shared.simulators.no_faults()
    shared.wait_idle(30)


def breaker(herald, provider):
    return {labels["account"]: value for labels, value in herald.metric("herald_breaker_state")}[ACCOUNTS[provider]]


def send_many(herald, count, **fields):
    answers = [herald.send(channels=["push", "sms", "email"], **fields) for _ in range(count)]
    assert all(answer.status == 202 for answer in answers)
    return [answer.json["id"] for answer in answers]


def deliveries(herald, ids, route):
    return [d for id in ids for d in herald.notification(id)["deliveries"] if d["route"] == route]


def assert_others_are_sent(herald, ids, provider):
    for other in set(REFUSALS) - {provider}:
        wait_until(lambda other=other: [d["state"] for d in deliveries(herald, ids, ROUTE_OF[other])] == ["sent"] * len(ids),
                   what=f"{other} delivers")
        assert breaker(herald, other) == 0


@pytest.mark.parametrize("provider", REFUSALS)
def test_refused_credentials_stop_one_account_and_nobody_else(herald, provider):
    herald.simulators.faults(provider, {"fault": "status", "status": REFUSALS[provider]})
    first = send_many(herald, 1)
    wait_until(lambda: breaker(herald, provider) in BREAKER_OPEN, what="an open breaker")
    ids = first + send_many(herald, 30)
    assert_others_are_sent(herald, ids, provider)

    wait_until(lambda: len(herald.simulators.messages(provider)) > 1, what="a probe that fails")
    assert len(herald.simulators.messages(provider)) <= 5, "the breaker lets calls through"
    waiting = deliveries(herald, ids, ROUTE_OF[provider])
    assert {d["state"] for d in waiting} <= {"planned", "retrying", "sending"}
    attempts = [a for d in waiting for a in d["attempts"]]
    assert len(attempts) <= 5 and {a["state"] for a in attempts} <= {"unusable", "deferred", "begun"}, attempts

    herald.simulators.no_faults()
    stories = herald.wait_all_final(ids)
    assert {story["status"] for story in stories.values()} == {"sent"}
    assert {d["state"] for s in stories.values() for d in s["deliveries"]} == {"sent"}
    wait_until(lambda: breaker(herald, provider) == 0, what="a closed breaker")
    herald.wait_idle()
    assert compare(stories.values(), herald.simulators.all_messages()) == []


def test_what_waits_at_an_open_breaker_costs_no_try(start_herald):
    """With one try in all, a delivery that had been charged for the refusals could not be sent any more."""
    herald = start_herald(**{**FAST, "HERALD_RETRY_LIMIT": 1})
    herald.simulators.faults("twilio", {"fault": "status", "status": 401})
    ids = [herald.send(channels=["sms"]).json["id"] for _ in range(5)]
    wait_until(lambda: len(herald.simulators.messages("twilio")) >= 2, what="a probe that fails")
    herald.simulators.no_faults()
    assert {story["status"] for story in herald.wait_all_final(ids).values()} == {"sent"}


def test_a_provider_that_always_fails_opens_it_too(herald):
    """Not by a refusal but by most of the calls: the rest waits instead of using up its tries."""
    herald.simulators.faults("sendgrid", {"fault": "status", "status": 500})
    ids = send_many(herald, 40)
    wait_until(lambda: breaker(herald, "sendgrid") in BREAKER_OPEN, what="an open breaker")
    assert_others_are_sent(herald, ids, "sendgrid")
    herald.simulators.no_faults()
    stories = herald.wait_all_final(ids)
    assert {story["status"] for story in stories.values()} == {"sent"}
    assert compare(stories.values(), herald.simulators.all_messages()) == []


def test_three_in_ten_failures_do_not_open_it(herald):
    herald.simulators.faults("sendgrid", {"fault": "status", "status": 500, "share": 0.3}, seed=7)
    ids = [herald.send(channels=["email"]).json["id"] for _ in range(100)]
    seen = set()
    wait_until(lambda: seen.add(breaker(herald, "sendgrid")) or all(herald.notification(id)["status"] == "sent" for id in ids),
               what="all of them sent")
    assert seen == {0}


def test_throttling_does_not_open_it(herald):
    herald.simulators.faults("twilio", {"fault": "status", "status": 429, "headers": {"retry-after": "1"}, "times": 40})
    ids = [herald.send(channels=["sms"]).json["id"] for _ in range(40)]
    wait_until(lambda: len(herald.simulators.messages("twilio", verdict="429")) == 40, what="forty refusals")
    assert breaker(herald, "twilio") == 0
    assert {story["status"] for story in herald.wait_all_final(ids).values()} == {"sent"}


def test_other_keys_at_the_provider_are_noticed_and_the_old_ones_back_are_too(start_herald, returning_simulators):
    """The provider itself is restarted with another secret, as when somebody rotates it on one side only."""
    simulators = returning_simulators
    herald = start_herald(simulators=simulators, **FAST)
    credentials = simulators.dir / "credentials.json"
    known = credentials.read_text()

    def restart_with(text):
        simulators.stop()
        credentials.write_text(text)
        simulators.start()

    rotated = json.loads(known)
    rotated["twilio"]["auth_token"] = "f" * 32
    restart_with(json.dumps(rotated))
    ids = [herald.send(channels=["sms", "email"]).json["id"] for _ in range(10)]
    wait_until(lambda: breaker(herald, "twilio") in BREAKER_OPEN, what="an open breaker")
    wait_until(lambda: [d["state"] for d in deliveries(herald, ids, "email")] == ["sent"] * 10, what="email delivers")
    assert {row["verdict"] for row in simulators.messages("twilio")} == {"401"}
    restart_with(known)
    stories = herald.wait_all_final(ids)
    assert {story["status"] for story in stories.values()} == {"sent"}


def test_it_stays_what_it_is_across_a_restart(herald):
    """The breaker is in memory: after a restart the first call finds out again, and nothing is lost."""
    herald.simulators.faults("twilio", {"fault": "status", "status": 401})
    ids = [herald.send(channels=["sms"]).json["id"] for _ in range(10)]
    wait_until(lambda: breaker(herald, "twilio") in BREAKER_OPEN, what="an open breaker")
    herald.process.kill()
    herald.start()
    wait_until(lambda: breaker(herald, "twilio") in BREAKER_OPEN, what="an open breaker again")
    herald.simulators.no_faults()
    assert {story["status"] for story in herald.wait_all_final(ids).values()} == {"sent"}
