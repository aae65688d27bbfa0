"""People, what they want, and what is said to them: stored, and in effect on the next send."""

import json
from urllib.parse import parse_qs

import pytest
from herald import in_seconds, wait_until
from problems import assert_problem, errors_of

IOS_TOKEN = "c1" * 32
TEMPLATE_ALL = {
    "push": {"title": "Hi {{ name }}", "body": "push body"},
    "sms": {"body": "Hi {{ name }}, sms body"},
    "email": {"subject": "Hi {{ name }}", "html": "<p>Hi {{ name }}</p>"},
}


@pytest.fixture(scope="module")
def herald(shared_herald):
    shared_herald.post_template("note", channels=TEMPLATE_ALL, category="news")
    shared_herald.post_template("alarm", channels=TEMPLATE_ALL, category="system")
    return shared_herald


def send_and_read(herald, **request):
    request.setdefault("data", {"name": "Ann"})
    answer = herald.send(**request)
    assert answer.status == 202, answer
    return herald.wait_final(answer.json["id"])


def outcomes(story):
    """channel → state or skip reason; of several devices the states in order."""
    found = {}
    for delivery in story["deliveries"]:
        found.setdefault(delivery["channel"], []).append(delivery["reason"] or delivery["state"])
    return {channel: " ".join(sorted(what)) for channel, what in found.items()}


def received(herald, story, channel):
    """What the provider got for the story's only delivery on that channel."""
    delivery, = [d for d in story["deliveries"] if d["channel"] == channel]
    row, = herald.simulators.all_messages(delivery=delivery["id"])
    return row


def text_of(sms_row):
    return parse_qs(sms_row["body"])["Body"][0]


def reachable(herald, id, **more):
    return herald.put_user(id, email=f"{id}@example.com", phone="+14155550199",
                           devices=[{"platform": "android", "token": f"token-of-{id}"}], **more)


def test_a_person_is_stored_replaced_whole_and_read_back(herald):
    put = herald.put_user("ann", email="ann@example.com", phone="+14155550100", locale="fr-CA", timezone="Europe/Paris",
                          devices=[{"platform": "ios", "token": IOS_TOKEN}, {"platform": "web", "token": "web-1"}])
    assert put == herald.call("GET", "/api/v1/users/ann").json
    assert put["devices"] == [{"platform": "ios", "token": IOS_TOKEN}, {"platform": "web", "token": "web-1"}]
    herald.put_user("ann", phone="+14155550101")
    assert herald.call("GET", "/api/v1/users/ann").json == {
        "id": "ann", "email": None, "phone": "+14155550101", "locale": None, "timezone": None, "devices": []}


@pytest.mark.parametrize("id, path", [("a/b c", "a%2Fb%20c"), ("Zoë ☃", "Zo%C3%AB%20%E2%98%83"), ("100%", "100%25"),
                                      ("x" * 255, "x" * 255)])
def test_any_text_can_be_an_id(herald, id, path):
    herald.put_user(path, phone="+14155550102")
    assert herald.call("GET", f"/api/v1/users/{path}").json["id"] == id
    story = send_and_read(herald, user=id, template="note", channels=["sms"])
    assert story["status"] == "sent" and story["user_id"] == id


def test_a_person_nobody_knows_is_404(herald):
    assert_problem(herald.call("GET", "/api/v1/users/nobody"), 404, "not_found")
    assert_problem(herald.call("DELETE", "/api/v1/users/nobody"), 404, "not_found")


def test_a_token_moves_to_its_last_owner(herald):
    token = {"platform": "android", "token": "shared-phone"}
    herald.put_user("first-owner", devices=[token, {"platform": "android", "token": "own-phone"}])
    herald.put_user("second-owner", devices=[token])
    assert herald.call("GET", "/api/v1/users/first-owner").json["devices"] == [{"platform": "android", "token": "own-phone"}]
    assert herald.call("GET", "/api/v1/users/second-owner").json["devices"] == [token]
    story = send_and_read(herald, user="first-owner", template="note", channels=["push"])
    assert received(herald, story, "push")["recipient"] == "own-phone"


def test_what_a_person_lacks_is_skipped_with_the_reason(herald):
    herald.put_user("bare")
    story = send_and_read(herald, user="bare", template="note", channels=["push", "sms", "email"])
    assert story["status"] == "skipped"
    assert outcomes(story) == {"push": "no_device", "sms": "no_phone", "email": "no_email"}
    assert {"push:no_device", "sms:no_phone", "email:no_email"} <= {r["code"] for r in story["steps"][0]["reasons"]}
    assert story["steps"][0]["action"] == "skip"
    assert herald.simulators.all_messages(delivery=story["deliveries"][0]["id"]) == []


def put_preferences(herald, user, **preferences):
    answer = herald.call("PUT", f"/api/v1/users/{user}/preferences", preferences)
    assert answer.status == 200, answer
    return answer.json


def test_a_person_who_never_said_anything_has_everything_on(herald):
    reachable(herald, "silent")
    answer = herald.call("GET", "/api/v1/users/silent/preferences").json
    assert answer == {"channels": {"push": True, "sms": True, "email": True}, "categories": {}}
    story = send_and_read(herald, user="silent", template="note", channels=["push", "sms", "email"])
    assert outcomes(story) == {"push": "sent", "sms": "sent", "email": "sent"}
    assert [r["code"] for r in story["steps"][0]["reasons"]] == ["push:default_on", "sms:default_on", "email:default_on"]
    assert all(r["text"] != r["code"] for r in story["steps"][0]["reasons"])


def test_preferences_are_replaced_whole_and_read_back(herald):
    put_preferences(herald, "changing", channels={"sms": False}, categories={"news": {"channels": {"email": False}}})
    answer = herald.call("GET", "/api/v1/users/changing/preferences").json
    assert answer["channels"] == {"push": True, "sms": False, "email": True}
    assert answer["categories"] == {"news": {"channels": {"email": False}}}
    put_preferences(herald, "changing", categories={"offers": False})
    answer = herald.call("GET", "/api/v1/users/changing/preferences").json
    assert answer == {"channels": {"push": True, "sms": True, "email": True}, "categories": {"offers": False}}


WISHES = {
    "a channel off": (dict(channels={"sms": False}), {"push": "sent", "sms": "channel_off", "email": "sent"}),
    "a category off": (dict(categories={"news": False}),
                       {"push": "category_off", "sms": "category_off", "email": "category_off"}),
    "a category off on one channel": (dict(categories={"news": {"channels": {"email": False}}}),
                                      {"push": "sent", "sms": "sent", "email": "category_channel_off"}),
    "the category beats the channel": (dict(channels={"push": False, "sms": False}, categories={"news": True}),
                                       {"push": "sent", "sms": "sent", "email": "sent"}),
    "category and channel beat the channel": (
        dict(channels={"sms": False}, categories={"news": {"channels": {"sms": True}}}),
        {"push": "sent", "sms": "sent", "email": "sent"}),
    "another category": (dict(categories={"offers": False}), {"push": "sent", "sms": "sent", "email": "sent"}),
}


@pytest.mark.parametrize("wish, expected", WISHES.values(), ids=WISHES)
def test_preferences_decide_what_is_sent(herald, wish, expected):
    reachable(herald, "choosy")
    put_preferences(herald, "choosy", **wish)
    story = send_and_read(herald, user="choosy", template="note", channels=["push", "sms", "email"])
    assert outcomes(story) == expected
    for delivery in story["deliveries"]:
        rows = herald.simulators.all_messages(delivery=delivery["id"])
        assert len(rows) == (1 if delivery["state"] == "sent" else 0)


def test_system_messages_reach_who_switched_everything_off(herald):
    reachable(herald, "off")
    put_preferences(herald, "off", channels={"push": False, "sms": False, "email": False})
    answer = herald.call("PUT", "/api/v1/users/off/preferences", {"categories": {"system": False}})
    assert errors_of(assert_problem(answer, 422, "invalid_request")) == ["categories.system:system_category"]
    story = send_and_read(herald, user="off", template="alarm", channels=["push", "sms", "email"])
    assert outcomes(story) == {"push": "sent", "sms": "sent", "email": "sent"}
    assert story["steps"][0]["reasons"][0]["code"] == "push:system_category"


def test_a_template_is_read_back_as_posted_and_each_post_is_a_version(herald):
    first = herald.call("POST", "/api/v1/templates", {"id": "versions", "channels": {"sms": {"body": "one"}}})
    assert first.status == 201 and first.json["version"] == 1
    assert first.headers["Location"] == "/api/v1/templates/versions?version=1"
    assert herald.post_template("versions", channels={"sms": {"body": "two"}}, lane="bulk") == 2
    newest = herald.call("GET", "/api/v1/templates/versions").json
    assert newest["version"] == 2 and newest["channels"] == {"sms": {"body": "two"}} and newest["lane"] == "bulk"
    pinned = herald.call("GET", "/api/v1/templates/versions?version=1").json
    assert pinned["version"] == 1 and pinned["channels"] == {"sms": {"body": "one"}} and "lane" not in pinned
    assert_problem(herald.call("GET", "/api/v1/templates/versions?version=3"), 404, "not_found")
    assert_problem(herald.call("GET", "/api/v1/templates/versions?version=x"), 422, "invalid_request")


def test_the_newest_version_is_sent_at_once_and_an_older_one_when_named(herald):
    herald.put_user("reader", phone="+14155550103")
    for number in (1, 2, 3):
        herald.post_template("edition", channels={"sms": {"body": f"edition {number}"}})
        story = send_and_read(herald, user="reader", template="edition", channels=["sms"])
        assert story["template"] == {"id": "edition", "version": number}
        assert text_of(received(herald, story, "sms")) == f"edition {number}"
    story = send_and_read(herald, user="reader", template="edition", channels=["sms"], template_version=1)
    assert story["template"]["version"] == 1
    assert text_of(received(herald, story, "sms")) == "edition 1"


def test_the_version_of_the_202_is_sent_although_a_newer_one_exists_by_then(herald):
    herald.put_user("waiter", phone="+14155550104")
    herald.post_template("slow", channels={"sms": {"body": "before"}})
    herald.simulators.faults("twilio", {"fault": "status", "status": 503, "times": 1})
    answer = herald.send(user="waiter", template="slow", channels=["sms"])
    assert answer.json["template_version"] == 1
    herald.post_template("slow", channels={"sms": {"body": "after"}})
    story = herald.wait_final(answer.json["id"])
    herald.simulators.no_faults()
    assert story["status"] == "sent" and story["template"]["version"] == 1
    rows = herald.simulators.messages("twilio", delivery=story["deliveries"][0]["id"])
    assert [text_of(row) for row in rows] == ["before", "before"]


LOCALES = {"fr": "Bonjour", "fr-CA": "Allo", "pt-BR": "Ola", "pt": "Hello", "de": "Hello", None: "Hello", "fr-BE": "Bonjour"}


@pytest.mark.parametrize("locale, greeting", LOCALES.items(), ids=[str(name) for name in LOCALES])
def test_the_persons_locale_then_its_language_then_the_templates_own(herald, locale, greeting):
    say = lambda word: {"sms": {"body": word + " {{ name }}"}}  # noqa: E731
    herald.post_template("greeting", channels=say("Hello"),
                         translations={"fr": say("Bonjour"), "fr-CA": say("Allo"), "pt-BR": say("Ola")})
    herald.put_user("traveller", phone="+14155550105", locale=locale)
    story = send_and_read(herald, user="traveller", template="greeting", channels=["sms"])
    assert text_of(received(herald, story, "sms")) == f"{greeting} Ann"


def test_required_data_is_that_of_all_locales(herald):
    herald.post_template(
        "demanding",
        channels={"sms": {"body": "{{ a.b }} {{ optional | default: 'x' }} {% if maybe %}{{ maybe }}{% endif %}"},
                  "email": {"subject": "{{ only_mail }}", "text": "x"}},
        translations={"fr": {"sms": {"body": "{{ french }}"}}})
    problem = assert_problem(herald.send(template="demanding", channels=["sms"], data={}), 422, "missing_data")
    assert errors_of(problem) == ["data.a.b:missing_data", "data.french:missing_data"]
    problem = assert_problem(herald.send(template="demanding", channels=None, data={"a": {"b": 1}}), 422, "missing_data")
    assert errors_of(problem) == ["data.french:missing_data", "data.only_mail:missing_data"]
    assert herald.send(template="demanding", channels=["sms"], data={"a": {"b": 1}, "french": "oui"}).status == 202


def test_html_is_escaped_and_the_other_parts_are_plain(herald):
    reachable(herald, "hacker")
    story = send_and_read(herald, user="hacker", template="note", channels=["email", "push"],
                          data={"name": "<b>Bob & \"Co\"</b>"})
    mail = json.loads(received(herald, story, "email")["body"])
    assert mail["subject"] == 'Hi <b>Bob & "Co"</b>'
    html, = [part["value"] for part in mail["content"] if part["type"] == "text/html"]
    assert "<b>" not in html and "&lt;b&gt;Bob &amp; &quot;Co&quot;&lt;/b&gt;" in html
    push = json.loads(received(herald, story, "push")["body"])
    assert push["message"]["notification"]["title"] == 'Hi <b>Bob & "Co"</b>'


def test_templates_are_listed_in_pages_by_cursor(herald):
    for number in range(7):
        herald.post_template(f"list-{number}")
    ids, cursor, pages = [], "", 0
    while True:
        page = herald.call("GET", f"/api/v1/templates?limit=3{cursor}").json
        assert len(page["data"]) <= 3 and page["has_more"] == (page["next_cursor"] is not None)
        ids += [entry["id"] for entry in page["data"]]
        pages += 1
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert ids == sorted(set(ids)) and {f"list-{n}" for n in range(7)} | {"welcome"} <= set(ids)
    assert pages == -(-len(ids) // 3)
    everything = herald.call("GET", "/api/v1/templates?limit=200").json
    assert [entry["id"] for entry in everything["data"]] == ids and not everything["has_more"]
    for query in ("limit=0", "limit=201", "limit=x", "cursor=%21"):
        assert_problem(herald.call("GET", f"/api/v1/templates?{query}"), 422, "invalid_request")


def test_erasing_removes_the_person_and_cancels_what_is_open(herald):
    reachable(herald, "leaver")
    put_preferences(herald, "leaver", channels={"sms": False})
    sent = send_and_read(herald, user="leaver", template="note", channels=["email"])
    herald.simulators.faults("fcm", {"fault": "status", "status": 503, "headers": {"retry-after": "1"}})
    retrying = herald.send(user="leaver", template="note", channels=["push"], data={"name": "Ann"}).json["id"]
    wait_until(lambda: herald.notification(retrying)["deliveries"][0:1] and
               herald.notification(retrying)["deliveries"][0]["state"] == "retrying", what="a first attempt")
    waiting = herald.send(user="leaver", template="note", channels=["email"], data={"name": "Ann"},
                          send_at=in_seconds(1)).json["id"]
    wait_until(lambda: herald.notification(waiting)["status"] == "scheduled", what="a scheduled one")

    assert herald.call("DELETE", "/api/v1/users/leaver").status == 204
    herald.simulators.no_faults()
    assert_problem(herald.call("GET", "/api/v1/users/leaver"), 404, "not_found")
    assert_problem(herald.call("DELETE", "/api/v1/users/leaver"), 404, "not_found")
    assert herald.call("GET", "/api/v1/users/leaver/preferences").json["channels"]["sms"] is True
    story = herald.wait_final(retrying)
    assert (story["status"], story["reason"]) == ("cancelled", "erased"), story
    assert herald.wait_final(waiting)["status"] == "cancelled"
    assert herald.notification(sent["id"])["status"] == "sent"
    herald.wait_idle()
    assert len(herald.simulators.all_messages(delivery=f"{retrying}.0.1")) == 1
    assert herald.notification(waiting)["status"] == "cancelled"
    assert not any(row["delivery"].startswith(waiting) for row in herald.simulators.messages("sendgrid"))


def test_who_comes_back_after_an_erasure_is_reached_again(herald):
    reachable(herald, "returner")
    assert herald.call("DELETE", "/api/v1/users/returner").status == 204
    assert send_and_read(herald, user="returner", template="note", channels=["email"])["status"] == "skipped"
    reachable(herald, "returner")
    assert send_and_read(herald, user="returner", template="note", channels=["email"])["status"] == "sent"
