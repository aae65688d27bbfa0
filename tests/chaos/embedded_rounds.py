"""Rounds on the embedded Herald: load, failing providers and kill -9, at random or at a named point of the code."""

import random
import re
import subprocess
import tempfile
import threading
import time

from auditor import Asked, Books, Fault, Verdict, audit
from herald import Herald, Simulators, to_ms, wait_until
from scratch import folder_of_this_run

FAST = dict(
    HERALD_RECONCILE_PUSH_S=0, HERALD_RECONCILE_SMS_S=0, HERALD_RECONCILE_EMAIL_S=0, HERALD_RETRY_BASE_MS=50,
    HERALD_RETRY_CAP_MS=400, HERALD_APNS_CALL_DEADLINE_MS=300, HERALD_FCM_CALL_DEADLINE_MS=300,
    HERALD_TWILIO_CALL_DEADLINE_MS=300, HERALD_SENDGRID_CALL_DEADLINE_MS=300,
    HERALD_RETRY_LIMIT=40,
)
POINTS = ("appended", "planned", "planner_finished", "claimed", "written", "answered", "ended", "settled", "finished",
          "timer_appended")
FAULTS = {
    "errors": {"share": 0.1, "fault": "status", "status": 503, "headers": {"retry-after": "0"}},
    "throttling": {"share": 0.05, "fault": "status", "status": 429, "headers": {"retry-after": "1"}},
    "lost answers": {"share": 0.1, "fault": "answer_lost"},
    "resets": {"share": 0.1, "fault": "reset_after_body"},
    "early resets": {"share": 0.1, "fault": "reset_before_body"},
}


class Load:
    """Requests from a few threads until it is told to stop; whatever has no answer was not promised."""

    def __init__(self, herald, threads=4, limit=400):
        self.herald, self.limit = herald, limit
        self.accepted, self.unanswered, self.stopping = [], 0, False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        while not self.stopping and len(self.accepted) < self.limit:
            try:
                answer = self.herald.send(channels=["push", "sms", "email"])
            except Exception:
                with self.lock:
                    self.unanswered += 1
                time.sleep(0.01)
                continue
            if answer.status == 202:
                with self.lock:
                    self.accepted.append(answer.json["id"])

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()


def peak_in_flight(herald):
    return sum(float(v) for v in re.findall(r"^herald_calls_in_flight_peak\{[^}]*\} (\S+)", herald.metrics(), re.M))


def timers_left(herald):
    found = re.findall(r"^herald_timers_waiting\{[^}]*\} (\S+)", herald.metrics(), re.M)
    assert found, "the metric of the timers is gone"
    return sum(float(v) for v in found)


def settle_down(herald, ids, seconds):
    """A round ends when every 202's GET is final and no timer is left."""
    stories, left = {}, list(ids)
    end = time.monotonic() + seconds
    while left and time.monotonic() < end:
        for id in list(left):
            story = herald.notification(id)
            stories[id] = story
            if story["status"] not in ("accepted", "scheduled", "in_progress"):
                left.remove(id)
        time.sleep(0.02)
    wait_until(lambda: timers_left(herald) == 0, seconds, "no timer left")
    return {id: herald.notification(id) for id in ids}


def call_deadline_of(herald):
    return herald.settings.get("HERALD_APNS_CALL_DEADLINE_MS", 10_000)


def to_books(stories, rows, call_deadline_ms):
    """The books of the auditor, with the store as GET shows it; nothing in the messages tells the requests apart."""
    def ms(time):
        return time and to_ms(time)

    notifications = {id: {"deliveries": [
        {"id": d["id"], "address": d["route"] or d["channel"], "state": d["state"], "reason": d["reason"], "attempts": {
            a["n"]: dict(a, begun_at=ms(a["begun_at"]), ended_at=ms(a["ended_at"])) for a in d["attempts"]}}
        for d in story["deliveries"]]} for id, story in stories.items()}
    asked = [Asked(id, "accepted", {id}) for id in stories]
    return Books(asked, notifications, [dict(row, sender="serve") for row in rows],
                 stories={id: story["status"] for id, story in stories.items()}, call_deadline_ms=call_deadline_ms)


def one_round(herald, rng, point=None, patience_s=40):
    """Returns (verdict, what happened). The kill is random, or where `point` says."""
    herald.simulators.forget()
    for provider in herald.simulators.control:
        rules = [rule for rule in FAULTS.values() if rng.random() < 0.5]
        herald.simulators.faults(provider, *rules, seed=rng.randrange(1 << 30))
    if point:
        herald.process.stop()
        herald.start(HERALD_CRASH_AT=f"{point}:{rng.randint(1, 12)}")
    load = Load(herald)
    peak, kills = 0, []
    end = time.monotonic() + (5 if point else rng.uniform(0.05, 0.6))
    while time.monotonic() < end and herald.process.process.poll() is None:
        try:
            peak = max(peak, peak_in_flight(herald))
        except OSError:
            break
        time.sleep(0.01)
    try:
        died_by_itself = herald.process.process.wait(0.5 if point else 0.001) is not None
    except subprocess.TimeoutExpired:
        died_by_itself = False
    kills.append(time.time() * 1000)
    herald.process.kill()
    time.sleep(rng.uniform(0, 0.05))
    herald.start()
    time.sleep(rng.uniform(0.05, 0.2))
    load.stop()
    began = time.monotonic()
    stories = settle_down(herald, load.accepted, patience_s)
    peak = max(peak, peak_in_flight(herald))
    verdict = audit(to_books(stories, herald.simulators.all_messages(), call_deadline_of(herald)),
                    [Fault("kill", "serve", at, at, int(peak)) for at in kills])
    # Requests whose answer the kill took may have been accepted: they may be sent, and nobody was promised it.
    if load.unanswered:
        verdict.mismatches = [m for m in verdict.mismatches if "belongs to nothing that was asked for" not in m]
    if verdict.in_doubt > peak:
        verdict.mismatches.append(f"{verdict.in_doubt} in doubt after one kill, {peak} were in flight")
    if point and not died_by_itself:
        verdict.mismatches.append(f"the crash point {point} was never reached")
    return verdict, dict(point=point or "random", accepted=len(load.accepted), in_doubt=verdict.in_doubt,
                         peak=int(peak), seconds=round(time.monotonic() - began, 2))


def run(rounds, seed, points=(), report=print, settings=FAST, patience_s=40):
    """Random kills, then each point in turn. One Herald and one data folder all the way."""
    rng = random.Random(seed)
    total = Verdict()
    with tempfile.TemporaryDirectory(prefix="rounds-", dir=folder_of_this_run()) as folder:
        simulators = Simulators(folder)
        herald = Herald(folder=folder, simulators=simulators, binary="herald-crash", **settings)
        try:
            for number, point in enumerate([None] * rounds + list(points), 1):
                verdict, what = one_round(herald, rng, point, patience_s)
                total.add(verdict)
                report(f"round {number}: {what}" + verdict.complaints())
        finally:
            herald.close()
            simulators.stop()
    return total
