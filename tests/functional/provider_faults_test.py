"""Providers that fail, one by one and together: every delivery ends with the right reason, and the books agree."""

import os

import pytest
from books import compare, taken, too_early
from fast import FAST
from herald import PROVIDERS, wait_until

CHANNELS = ["push", "sms", "email"]
# The same seed lets the same requests fail, by their number; chaos draws a new one each time.
SEED = int(os.environ.get("SEED", 7))
FAULTS = {
    # Without a Retry-After FCM asks for ten seconds at least.
    "500": {"fault": "status", "status": 500, "headers": {"retry-after": "0"}},
    "503": {"fault": "status", "status": 503, "headers": {"retry-after": "0"}},
    "429": {"fault": "status", "status": 429, "headers": {"retry-after": "1"}},
    "hang": {"fault": "hang"},
    "reset_before_body": {"fault": "reset_before_body"},
    "reset_after_body": {"fault": "reset_after_body"},
    "close_connection": {"fault": "close_connection"},
    "answer_lost": {"fault": "answer_lost"},
}
HTTP2_FAULTS = {"goaway": {"fault": "goaway"}, "refused_stream": {"fault": "refused_stream"}}
ALONE = [(provider, name) for name in FAULTS for provider in PROVIDERS]
ALONE += [(provider, name) for name in HTTP2_FAULTS for provider in ("apns", "fcm")]
# It takes every stream of its connection along, so that few would ever be answered.
ALONE = [case for case in ALONE if case not in (("apns", "close_connection"), ("fcm", "close_connection"))]
CHANNEL_OF = {"apns": "push", "fcm": "push", "twilio": "sms", "sendgrid": "email"}


@pytest.fixture(scope="module")
def herald(fast_herald):
    return fast_herald


@pytest.fixture
def one_at_a_time(start_herald):
    return start_herald(**{**FAST, "HERALD_APNS_MAX_IN_FLIGHT": 1, "HERALD_FCM_MAX_IN_FLIGHT": 1})


@pytest.fixture(autouse=True)
def clean_books(request):
    herald = request.getfixturevalue("herald")
    herald.simulators.no_faults()
    herald.simulators.forget()
    yield
    herald.simulators.no_faults()
    herald.wait_idle()


def send_many(herald, count, **fields):
    answers = [herald.send(**{"channels": CHANNELS, **fields}) for _ in range(count)]
    assert all(answer.status == 202 for answer in answers)
    return [answer.json["id"] for answer in answers]


def books_agree(herald, ids, seconds=30):
    """Waits for all to be final; the stories and the ledgers' rows."""
    stories = herald.wait_all_final(ids, seconds)
    herald.wait_idle()
    rows = herald.simulators.all_messages()
    wrong = compare(stories.values(), rows)
    assert wrong == [], "\n".join(wrong[:5])
    return stories, rows


def assert_all_sent(stories):
    states = [d["state"] for story in stories.values() for d in story["deliveries"]]
    assert states == ["sent"] * 4 * len(stories), {state: states.count(state) for state in states}


def acted(rows):
    return [row for row in rows if row["fault"]]


@pytest.mark.parametrize("provider, name", ALONE, ids=lambda value: value)
def test_one_provider_that_fails_three_times_in_ten(herald, provider, name):
    fails_three_times_in_ten(herald, provider, name)


@pytest.mark.parametrize("provider", ["apns", "fcm"])
def test_every_third_connection_closed_under_its_only_stream(one_at_a_time, provider):
    fails_three_times_in_ten(one_at_a_time, provider, "close_connection")


def fails_three_times_in_ten(herald, provider, name):
    rule = {**FAULTS, **HTTP2_FAULTS}[name]
    herald.simulators.faults(provider, {**rule, "share": 0.3}, seed=SEED)
    count = {"429": 20, "goaway": 30, "close_connection": 15}.get(name, 60)
    stories, rows = books_agree(herald, send_many(herald, count, channels=[CHANNEL_OF[provider]]))
    assert {d["state"] for story in stories.values() for d in story["deliveries"]} == {"sent"}
    assert {row["provider"] for row in acted(rows)} == {provider}, "the fault never acted"
    assert too_early(rows, 1) == []
    repeated = [row for row in rows if taken(row)]
    surplus = len(repeated) - sum(len(story["deliveries"]) for story in stories.values())
    # Only a message that was taken without an answer may have been taken twice.
    assert surplus == (len(acted(rows)) if name == "answer_lost" else 0)


def test_all_four_fail_at_once_in_every_way(herald):
    mix = {name: {**rule, "share": 0.3 / len(FAULTS)} for name, rule in FAULTS.items()}
    http2_mix = {**mix, "close_connection": {"fault": "close_connection", "times": 3, "share": 0.05}}
    http2_mix |= {name: {**rule, "share": 0.02} for name, rule in HTTP2_FAULTS.items()}
    for provider in PROVIDERS:
        rules = http2_mix if provider in ("apns", "fcm") else mix
        herald.simulators.faults(provider, *rules.values(), seed=SEED)
    stories, rows = books_agree(herald, send_many(herald, 100))
    assert_all_sent(stories)
    assert {row["provider"] for row in acted(rows)} == set(PROVIDERS)
    assert too_early(rows, 1) == []


BREAKS = ["reset_before_body", "reset_after_body", "close_connection"]


@pytest.mark.parametrize("connection", ["fresh", "reused"])
@pytest.mark.parametrize("name", BREAKS)
def test_a_connection_that_breaks(herald, name, connection):
    if connection == "reused":
        books_agree(herald, send_many(herald, 1))
    else:
        herald.process.stop()
        herald.start()
    herald.simulators.forget()
    for provider in PROVIDERS:
        herald.simulators.faults(provider, {**FAULTS[name], "times": 3})
    stories, rows = books_agree(herald, send_many(herald, 10))
    assert_all_sent(stories)
    for provider in PROVIDERS:
        assert sum(row["fault"] == name for row in rows if row["provider"] == provider) == 3


@pytest.fixture
def impatient(start_herald):
    """Gives up after three tries."""
    return start_herald(**{**FAST, "HERALD_RETRY_LIMIT": 3})


def test_a_provider_that_never_recovers_is_given_up_with_its_last_word(impatient):
    for provider in PROVIDERS:
        impatient.simulators.faults(provider, FAULTS["500"])
    stories, rows = books_agree(impatient, send_many(impatient, 1))
    story, = stories.values()
    assert story["status"] == "unknown"
    for delivery in story["deliveries"]:
        assert len(delivery["attempts"]) == 3
        # SendGrid may have taken what it answers 500 to: nobody may say that it failed.
        state, reason = ("unknown", "unknown: 500") if delivery["route"] == "email" \
            else ("failed", "retries exhausted: deferred: 500")
        assert delivery["state"] == state and delivery["reason"].startswith(reason), delivery
    assert len(rows) == 12


def test_at_most_once_is_not_sent_again_when_the_answer_is_lost(impatient):
    channels = impatient.call("GET", "/api/v1/templates/welcome").json["channels"]
    impatient.post_template("once", channels=channels, guarantee="at_most_once")
    for provider in PROVIDERS:
        impatient.simulators.faults(provider, {"fault": "answer_lost"})
    stories, rows = books_agree(impatient, send_many(impatient, 3, template="once"))
    for story in stories.values():
        assert story["status"] == "unknown"
        assert all(d["state"] == "unknown" and len(d["attempts"]) == 1 for d in story["deliveries"])
    assert len(rows) == 12


def test_at_most_once_is_sent_again_when_nothing_was_sent(impatient):
    impatient.post_template("once", channels={"sms": {"body": "x"}}, guarantee="at_most_once")
    impatient.simulators.faults("twilio", {"fault": "status", "status": 503, "times": 2})
    stories, rows = books_agree(impatient, send_many(impatient, 1, template="once", channels=["sms"]))
    assert [story["status"] for story in stories.values()] == ["sent"]
    assert [row["verdict"] for row in rows] == ["503", "503", "201"]


def test_a_resend_carries_what_a_receiver_knows_a_repeat_by(herald):
    for provider in PROVIDERS:
        herald.simulators.faults(provider, {"fault": "answer_lost", "times": 1})
    stories, rows = books_agree(herald, send_many(herald, 1))
    assert_all_sent(stories)
    for provider, mark in {"apns": "apns-id", "fcm": '"tag":"', "sendgrid": "Message-ID"}.items():
        first, second = [row for row in rows if row["provider"] == provider]
        if provider == "apns":
            assert first["headers"][mark] == second["headers"][mark]
            assert first["headers"]["apns-collapse-id"] == second["headers"]["apns-collapse-id"]
        else:
            values = {row["body"].split(mark)[1][:60] for row in (first, second)}
            assert len(values) == 1, values


def refused(herald, person, channel, **address):
    """Sends to an address that its provider refuses for good; the only delivery."""
    herald.put_user(person, **address)
    stories, rows = books_agree(herald, send_many(herald, 1, user=person, channels=[channel]))
    story, = stories.values()
    delivery, = story["deliveries"]
    assert story["status"] == "failed" and len(delivery["attempts"]) == 1 and len(rows) == 1, story
    assert delivery["attempts"][0]["state"] == "rejected"
    return delivery


def ios(prefix):
    return {"platform": "ios", "token": (prefix + "0" * 64)[:64]}


def android(prefix):
    return {"platform": "android", "token": prefix + "-device"}


DEAD_DEVICES = {
    "BadDeviceToken": (ios("bad0"), "invalid_address: 400 BadDeviceToken"),
    "DeviceTokenNotForTopic": (ios("bad1"), "invalid_address: 400 DeviceTokenNotForTopic"),
    "Unregistered": (ios("dead"), "unregistered: 410 Unregistered"),
    "ExpiredToken": (ios("deadeb"), "unregistered: 410 ExpiredToken"),
    "UNREGISTERED": (android("unregistered"), "unregistered: 404 UNREGISTERED"),
    "SENDER_ID_MISMATCH": (android("mismatch"), "invalid_address: 403 SENDER_ID_MISMATCH"),
    "INVALID_ARGUMENT": (android("invalid"), "invalid_address: 400 INVALID_ARGUMENT"),
}


@pytest.mark.parametrize("device, reason", DEAD_DEVICES.values(), ids=DEAD_DEVICES)
def test_a_dead_token_takes_its_device_away(herald, device, reason):
    assert refused(herald, "reader", "push", devices=[device])["reason"] == reason
    assert herald.call("GET", "/api/v1/users/reader").json["devices"] == []
    story = herald.wait_final(herald.send(user="reader", channels=["push"]).json["id"])
    assert (story["status"], story["reason"]) == ("skipped", "no_device")


def test_a_token_that_was_dead_before_it_was_registered_stays(herald):
    delivery = refused(herald, "returner", "push", devices=[ios("dead01d")])
    assert delivery["reason"] == "unregistered: 410 Unregistered"
    assert herald.call("GET", "/api/v1/users/returner").json["devices"] == [ios("dead01d")]


def test_the_other_devices_of_a_dead_token_are_reached_and_stay(herald):
    herald.put_user("two-phones", devices=[ios("dead"), ios("a1"), android("good")])
    stories, _ = books_agree(herald, send_many(herald, 1, user="two-phones", channels=["push"]))
    story, = stories.values()
    assert story["status"] == "sent"
    assert [d["state"] for d in story["deliveries"]] == ["failed", "sent", "sent"]
    assert herald.call("GET", "/api/v1/users/two-phones").json["devices"] == [ios("a1"), android("good")]


SUPPRESSED = {
    "opted out": ("sms", {"phone": "+15005550004"}, "recipient_opted_out: 400 21610"),
    "no such number": ("sms", {"phone": "+15005550001"}, "invalid_address: 400 21211"),
    "not a mobile": ("sms", {"phone": "+15005550009"}, "invalid_address: 400 21614"),
    "no such mailbox": ("email", {"email": "invalid@example.com"}, "invalid_address: 400"),
}


@pytest.mark.parametrize("channel, address, reason", SUPPRESSED.values(), ids=SUPPRESSED)
def test_an_address_that_must_not_be_used_is_suppressed_for_everybody(herald, channel, address, reason):
    assert refused(herald, "first", channel, **address)["reason"].startswith(reason)
    herald.simulators.forget()
    herald.put_user("second", **address)
    for person in ("first", "second"):
        story = herald.wait_final(herald.send(user=person, channels=[channel]).json["id"])
        assert (story["status"], story["reason"]) == ("skipped", "suppressed"), story
        assert f"{channel}:suppressed" in [r["code"] for r in story["steps"][0]["reasons"]]
    assert herald.simulators.all_messages() == []


REFUSED = {
    "no route": ("+15005550002", "unreachable_region: 400 21612"),
    "country not enabled": ("+15005550003", "unusable country: 400 21408"),
}


@pytest.mark.parametrize("phone, reason", REFUSED.values(), ids=REFUSED)
def test_a_number_that_cannot_be_reached_now_fails_and_is_not_suppressed(herald, phone, reason):
    herald.put_user("abroad", phone=phone)
    for _ in range(2):
        herald.simulators.forget()
        story = herald.wait_final(herald.send(user="abroad", channels=["sms"]).json["id"])
        assert story["status"] == "failed" and story["reason"].startswith(reason), story
        assert len(herald.simulators.messages("twilio")) == 1


def test_a_refused_address_does_not_disturb_the_others(herald):
    """Twenty refusals in a row say nothing about the provider."""
    herald.put_user("abroad", phone="+15005550003")
    ids = send_many(herald, 40, user="abroad", channels=["sms"])
    stories, _ = books_agree(herald, send_many(herald, 10, channels=["sms"]) + ids)
    assert [story["status"] for story in stories.values()] == ["sent"] * 10 + ["failed"] * 40


def test_a_message_that_is_too_large_fails_before_it_is_sent(herald):
    herald.post_template("long", channels={"push": {"title": "x", "body": "{{ text }}"}})
    ids = send_many(herald, 1, template="long", channels=["push"], data={"text": "y" * 5000})
    story = herald.wait_all_final(ids)[ids[0]]
    assert story["status"] == "failed"
    assert all(d["reason"].startswith("payload_too_large") for d in story["deliveries"])
    assert herald.simulators.all_messages() == []


def test_a_provider_that_is_not_there_is_waited_for(start_herald, returning_simulators):
    """Nothing listens at its port: no attempt is in doubt, and all is sent when it is back."""
    herald = start_herald(simulators=returning_simulators, **FAST)
    books_agree(herald, send_many(herald, 1))
    herald.simulators.stop()
    ids = send_many(herald, 5)

    def attempts():
        return [[a["state"] for a in d["attempts"]] for id in ids for d in herald.notification(id)["deliveries"]]

    wait_until(lambda: len(attempts()) == 20 and all(len(states) > 1 for states in attempts()), what="repeated attempts")
    assert {state for states in attempts() for state in states} <= {"deferred", "begun"}
    herald.simulators.start()
    stories, _ = books_agree(herald, ids)
    assert_all_sent(stories)
