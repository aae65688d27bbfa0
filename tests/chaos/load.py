"""A load whose every request can be told from all others, wherever it turns up."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from auditor import Asked
from herald import call

PATIENCE_S = 60  # until a key has its 202, once all is well
CERTAINLY_REFUSED = {"not_accepted", "log_full", "store_busy", "store_unavailable"}
SENT = {"sent", "delivered", "unknown", "failed", "expired"}  # what may become of what was meant to be sent
NEVER = {"failed", "skipped", "expired", "unknown"}
IOS = "c0ffee{:058x}"
FCM = "demo-android:chaos-{}"
TEMPLATES = {
    "chaos-welcome": dict(category="transactional", lane="normal"),
    "chaos-code": dict(category="system", lane="critical"),
    "chaos-news": dict(category="marketing", lane="bulk"),
    "chaos-once": dict(category="transactional", lane="normal", guarantee="at_most_once"),
}
CHANNELS = {
    "push": {"title": "Hello", "body": "{{ ref }}"},
    "sms": {"body": "Your word is {{ ref }}"},
    "email": {"subject": "{{ ref }}", "html": "<p>{{ ref }}</p>", "text": "{{ ref }}"},
}


class Person:
    """`may_end`: address → the states that a delivery to it may end in. What is skipped goes by its channel."""

    def __init__(self, id, phone="", email="", ios=0, android=0, no_sms=False, bad=False):
        self.id, self.phone, self.email, self.no_sms, self.bad = id, phone, email, no_sms, bad
        number = int(id.removeprefix("person-"))
        self.devices = [{"platform": "ios", "token": IOS.format(number * 10 + i)} for i in range(ios)]
        self.devices += [{"platform": "android", "token": FCM.format(number * 10 + i)} for i in range(android)]

    def may_end(self, channel, category):
        if channel == "sms":
            if self.no_sms and category != "system":
                return {"sms": {"skipped"}}
            return {self.phone or "sms": (NEVER if self.bad else SENT) if self.phone else {"skipped"}}
        if channel == "email":
            return {self.email or "email": SENT if self.email else {"skipped"}}
        return {device["token"]: SENT for device in self.devices} or {"push": {"skipped"}}


PEOPLE = [
    Person("person-0", "+14155550100", "p0@example.com", ios=1, android=1),
    Person("person-1", "+14155550101", "p1@example.com", android=2),
    Person("person-2", "", "p2@example.com", ios=1),
    Person("person-3", "+14155550103", "p3@example.com"),
    Person("person-4", "+14155550104", "p4@example.com", ios=2, no_sms=True),
    Person("person-5", "+15005550001", "p5@example.com", android=1, bad=True),
    Person("person-6", "+14155550106", "", ios=1, android=1),
]
STRANGER = "nobody-knows-me"


def prepare(client):
    """The people and templates of the load, all at once."""
    def put(person):
        addresses = {"phone": person.phone, "email": person.email}
        client.put_user(person.id, devices=person.devices, **{name: text for name, text in addresses.items() if text})
        if person.no_sms:
            answer = client.call("PUT", f"/api/v1/users/{person.id}/preferences", {"channels": {"sms": False}})
            assert answer.status == 200, answer

    with ThreadPoolExecutor(8) as threads:
        done = [threads.submit(put, person) for person in PEOPLE]
        done += [threads.submit(client.post_template, id, channels=CHANNELS, **fields)
                 for id, fields in TEMPLATES.items()]
        for one in done:
            one.result()


class Load:
    """Requests from a few threads to whichever api process answers, until it is told to stop.

    A part carries an Idempotency-Key: those are repeated until they are answered 202, as a careful client does, and
    some once more after that. What has no key is asked for once.
    """

    def __init__(self, urls, seed, threads=6, pause_s=0.02, timeout_s=3):
        self.urls, self.pause_s, self.timeout_s = urls, pause_s, timeout_s
        self.asked, self.lock = [], threading.Lock()
        self.stopping, self.patient_until, self.ended = False, float("inf"), 0
        self.never_answered = []
        self.threads = [threading.Thread(target=self._run, args=(random.Random(f"{seed}.{n}"),), daemon=True)
                        for n in range(threads)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """When everything is well again: what carries a key gets its answer now."""
        self.patient_until = time.monotonic() + PATIENCE_S
        self.stopping = True
        for thread in self.threads:
            thread.join()
        assert self.ended == len(self.threads), "a thread of the load broke"
        return self.asked

    def ids(self):
        return {id for asked in self.asked if asked.answer == "accepted" for id in asked.ids}

    def _run(self, rng):
        unanswered = []  # with a key: asked for again beside what is new
        while not self.stopping or unanswered and time.monotonic() < self.patient_until:
            if not self.stopping:
                self._one(rng, unanswered)
            if unanswered and (self.stopping or rng.random() < 0.3):
                self._repeat(rng, unanswered)
            time.sleep(rng.uniform(0, 2 * self.pause_s))
        with self.lock:
            self.never_answered += [asked.ref for asked, _, _ in unanswered if asked.answer != "accepted"]
            self.ended += 1

    def _one(self, rng, unanswered):
        with self.lock:
            asked = Asked(f"ref-{len(self.asked):05}", "refused")
            self.asked.append(asked)
        template = rng.choice(list(TEMPLATES))
        person = rng.choice(PEOPLE + [None] * (rng.random() < 0.3))
        channels = rng.choice([["push", "sms", "email"], ["push", "email"], ["sms"], ["push"], ["email", "sms"]])
        self._expect(asked, template, person, channels)
        body = {"user_id": person.id if person else STRANGER, "template_id": template, "channels": channels,
                "data": {"ref": asked.ref}}
        key = {"Idempotency-Key": asked.ref} if rng.random() < 0.3 else {}
        self._ask(rng, asked, body, key)
        if key:
            unanswered.append((asked, body, key))

    def _repeat(self, rng, unanswered):
        """The oldest once more. It is done with when it was answered 202, and perhaps once more after that."""
        asked, body, key = unanswered.pop(0)
        was_accepted = asked.answer == "accepted"
        if not was_accepted or rng.random() < 0.5:
            self._ask(rng, asked, body, key)
        if not was_accepted:
            unanswered.append((asked, body, key))

    def _expect(self, asked, template, person, channels):
        asked.at_most_once = TEMPLATES[template].get("guarantee") == "at_most_once"
        asked.expected = {}
        for channel in channels:
            asked.expected.update(person.may_end(channel, TEMPLATES[template]["category"]) if person
                                  else {channel: {"skipped"}})

    def _ask(self, rng, asked, body, headers):
        while not (urls := self.urls()):
            time.sleep(0.02)
        url = rng.choice(urls)
        begun = time.time() * 1000
        try:
            answer = call("POST", url + "/api/v1/notifications", body, headers, self.timeout_s)
            status, told = answer.status, answer.json
        except (OSError, ValueError) as error:  # the connection, or a body cut short
            status, told = 0, {"code": repr(error)}
        asked.history.append(f"{begun:.0f} +{time.time() * 1000 - begun:.0f} ms {url}: {status} "
                             f"{told.get('code', '')} {told.get('id', '')}")
        if "id" in told:
            asked.ids.add(told["id"])
        if status == 202:
            asked.answer = "accepted"
            return
        if asked.answer == "refused" and not (status in (409, 422) or told.get("code") in CERTAINLY_REFUSED):
            asked.answer = "maybe"
        time.sleep(0.1)
