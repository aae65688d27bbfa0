"""The verdict over a round, from independent books.

What was answered (`asked`), what the store holds (`notifications`), what the simulators' ledgers hold (`rows`), what
the senders' own logs say they settled (`settled`), and what was done to whom (`faults`). Nothing here asks Herald.
"""

import json
from collections import Counter
from dataclasses import dataclass, field

FINAL = {"sent", "delivered", "unknown", "failed", "bounced", "skipped", "expired", "cancelled"}
SENT = {"sent", "delivered"}
NOT_SETTLED = "unknown: its sender did not settle it"
# From a call's last byte to the simulator's note of its head, on a machine that is short of time.
SLACK_MS = 250
# From the answer's last byte to the sender's looking at it.
TRANSIT_MS = 20
STORIES = 10


@dataclass
class Fault:
    """Something that was done to a process or an engine. Times are wall milliseconds."""

    what: str  # kill, stop, cut, silence, delay; death for what ended by itself
    victim: str
    begun_ms: float
    ended_ms: float = float("inf")
    in_flight: int = 0  # the most calls that were claimed and not settled at those whom it concerns

    def overlaps(self, since_ms, until_ms):
        return self.begun_ms <= until_ms and self.ended_ms >= since_ms

    def __str__(self):
        return f"{self.what} {self.victim} {self.begun_ms:.0f}..{self.ended_ms:.0f}, {self.in_flight} in flight"


@dataclass
class Asked:
    """What the load knows of one request. Its reference is in the data, and so in each message that it causes."""

    ref: str
    answer: str  # accepted, maybe, refused
    ids: set = field(default_factory=set)
    expected: dict | None = None  # address → the states that its delivery may end in
    at_most_once: bool = False
    history: list = field(default_factory=list)


@dataclass
class Books:
    asked: list
    notifications: dict  # id → {"ref", "deliveries": [{"id", "address", "state", "reason", "attempts": {n: {…}}}]}
    rows: list
    settled: dict = field(default_factory=dict)  # (delivery, attempt) → [(ms, process, outcome)]
    in_log: set | None = None  # ids of the requests that the log holds
    unfinished: dict = field(default_factory=dict)  # (group, partition) → records that the log still has for it
    stories: dict = field(default_factory=dict)  # id → the status that GET tells
    call_deadline_ms: float = float("inf")  # how long a sender waits for an answer


@dataclass
class Verdict:
    accepted: int = 0
    acceptance_unknown: int = 0
    delivered_once: int = 0
    skipped: Counter = field(default_factory=Counter)
    failed: Counter = field(default_factory=Counter)
    left_unknown: int = 0
    in_doubt: int = 0
    in_doubt_resent: int = 0
    duplicates_answer_not_written: int = 0
    duplicates_answer_too_late: int = 0
    duplicates_by_a_fault: int = 0
    in_flight_over_faults: int = 0
    duplicates_unexplained: list = field(default_factory=list)
    lost: list = field(default_factory=list)
    mismatches: list = field(default_factory=list)

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    @property
    def duplicates_explained(self):
        return self.duplicates_answer_not_written + self.duplicates_answer_too_late + self.duplicates_by_a_fault

    @property
    def good(self):
        return not (self.duplicates_unexplained or self.lost or self.mismatches)

    def complaints(self):
        """The offences, the first of each kind with their whole story; empty when all is well."""
        lines = []
        for name in ("lost", "duplicates_unexplained", "mismatches"):
            for number, story in enumerate(getattr(self, name)):
                told = story if number < STORIES else story.split("\n")[0]
                lines.append(f"\n  {name.replace('_', ' ').upper()}: {told}")
        return "".join(lines)

    def table(self):
        rows = [("accepted", self.accepted), ("acceptance unknown", self.acceptance_unknown),
                ("delivered once", self.delivered_once)]
        for name, reasons in (("skipped", self.skipped), ("failed", self.failed)):
            rows += [(name, reasons.total()), *((f"  {reason}", n) for reason, n in reasons.most_common())]
        rows += [("left unknown", self.left_unknown),
                 ("in doubt: the sender did not settle", self.in_doubt),
                 ("in doubt resent", self.in_doubt_resent),
                 ("duplicates explained", self.duplicates_explained),
                 ("  the answer was not written", self.duplicates_answer_not_written),
                 ("  the answer was written after the deadline", self.duplicates_answer_too_late),
                 ("  a fault before the settle", self.duplicates_by_a_fault),
                 ("  calls in flight over those faults", self.in_flight_over_faults),
                 ("duplicates unexplained", len(self.duplicates_unexplained)), ("lost", len(self.lost)),
                 ("books that disagree, processes that died", len(self.mismatches))]
        return "\n".join(f"{name:<42} {value:>8}" for name, value in rows)


def was_taken(row):
    """The provider has the message, whatever became of the answer."""
    decided = row["reason"] if row["fault"] == "answer_lost" else row["verdict"]
    return row["body_complete"] and str(decided).startswith("2")


def audit(books, faults):
    return Auditor(books, faults).audit()


class Auditor:
    def __init__(self, books, faults):
        self.books, self.faults = books, faults
        self.verdict = Verdict()
        self.excuses = {}  # id of a fault → how many duplicates it explains
        self.rows = {}
        # A provider that is slow to read may see them in another order.
        for row in sorted(books.rows, key=lambda row: (row["attempt"], row["at_ms"]["head"])):
            self.rows.setdefault(row["delivery"], []).append(row)

    def audit(self):
        by_ref = {}
        for id, notification in self.books.notifications.items():
            by_ref.setdefault(notification.get("ref", id), []).append(id)
        for asked in self.books.asked:
            self.check_request(asked, by_ref.get(asked.ref, []))
        for delivery in self.rows.keys() - self.seen():
            if any(was_taken(row) for row in self.rows[delivery]):
                self.mismatch(delivery, "was sent and belongs to nothing that was asked for")
        self.bound_the_excuses()
        self.check_the_log()
        return self.verdict

    def seen(self):
        asked = {asked.ref for asked in self.books.asked}
        return {delivery["id"] for id, notification in self.books.notifications.items()
                if notification.get("ref", id) in asked for delivery in notification["deliveries"]}

    def check_request(self, asked, ids):
        verdict = self.verdict
        verdict.accepted += asked.answer == "accepted"
        verdict.acceptance_unknown += asked.answer == "maybe"
        if asked.answer == "refused" and ids:
            self.mismatch(asked.ref, f"was refused for certain and is in the store as {ids}")
        if asked.answer == "accepted" and not set(ids) >= asked.ids:
            self.lose(asked.ref, f"was answered 202 as {asked.ids} and is not planned")
        if len(ids) > 1 or len(asked.ids) > 1:
            self.mismatch(asked.ref, f"was asked for once and became {asked.ids or ids}")
        for id in ids:
            notification, lost_before = self.books.notifications[id], len(verdict.lost)
            for delivery in notification["deliveries"]:
                self.check_delivery(asked, delivery, self.rows.get(delivery["id"], []))
            if asked.expected is not None:
                self.check_addresses(asked, notification)
            told = self.books.stories.get(id)
            if told in ("accepted", "scheduled", "in_progress") and len(verdict.lost) == lost_before:
                self.lose(asked.ref, f"is {told} as GET tells it")

    def check_addresses(self, asked, notification):
        """Each address that the load knows of this person has one delivery, which ended in a way that it may."""
        planned = Counter(delivery["address"] for delivery in notification["deliveries"])
        for address, count in planned.items():
            if count > 1 or address not in asked.expected:
                self.mismatch(asked.ref, f"is planned {count} times for {address}, expected {asked.expected}")
        for address, states in asked.expected.items():
            if address not in planned:
                self.lose(asked.ref, f"has no delivery for {address}")
        for delivery in notification["deliveries"]:
            states = asked.expected.get(delivery["address"], FINAL)
            if delivery["state"] in FINAL and delivery["state"] not in states:
                self.mismatch(delivery["id"], f"is {delivery['state']}, which it may not be: {states}")

    def check_delivery(self, asked, delivery, rows):
        verdict, state = self.verdict, delivery["state"]
        if state not in FINAL:
            return self.lose(delivery["id"], f"is {state}")
        reason = (delivery["reason"] or "").split(":")[0]
        taken = [row for row in rows if was_taken(row)]
        if state == "skipped":
            verdict.skipped[reason] += 1
        elif state == "unknown":
            verdict.left_unknown += 1
        elif state not in SENT:
            verdict.failed[f"{state}, {reason}" if reason else state] += 1
        if len(taken) == 1:
            verdict.delivered_once += 1
        self.count_doubt(delivery)
        if state in SENT and not taken:
            self.lose(delivery["id"], f"is {state} and no provider has it")
        if state == "skipped" and taken:
            self.mismatch(delivery["id"], "is skipped and was sent")
        for earlier, later in zip(taken, taken[1:]):
            self.check_duplicate(asked, delivery, earlier, later)
        self.check_attempts(asked, delivery, rows)

    def count_doubt(self, delivery):
        unknown = {n for n, attempt in delivery["attempts"].items() if attempt["state"] == "unknown"}
        last = max(delivery["attempts"], default=0)
        self.verdict.in_doubt_resent += sum(n < last for n in unknown)
        self.verdict.in_doubt += sum(delivery["attempts"][n]["reason"] == NOT_SETTLED for n in unknown)

    def check_duplicate(self, asked, delivery, earlier, later):
        verdict = self.verdict
        fault = None
        attempt = delivery["attempts"].get(earlier["attempt"])
        answer_lost, too_late = not earlier["answer_written"], self.came_too_late(earlier, attempt)
        if not answer_lost and not too_late:
            fault = self.fault_between(delivery["id"], earlier, later, attempt)
        if asked.at_most_once:
            self.no_excuse(delivery["id"], "is sent at most once, and was repeated")
        elif answer_lost:
            verdict.duplicates_answer_not_written += 1
        elif too_late:
            verdict.duplicates_answer_too_late += 1
        elif fault:
            verdict.duplicates_by_a_fault += 1
            self.excuses[id(fault)] = self.excuses.get(id(fault), 0) + 1
        else:
            self.no_excuse(delivery["id"], "was repeated for no reason that is known")

    def came_too_late(self, row, attempt):
        """The answer was not fully written while its sender, who waited as long as it should, was waiting for it."""
        answered = row["at_ms"]["answered"]
        return (attempt is not None and attempt["state"] == "unknown" and answered is not None
                and answered >= attempt["ended_at"] - TRANSIT_MS
                and attempt["ended_at"] - attempt["begun_at"] >= self.books.call_deadline_ms)

    def fault_between(self, delivery, earlier, later, attempt):
        """A fault of that sender, or of the store, between the request and its settle; or, when it never settled,
        before the request that followed. A killed sender settles nothing: its attempt stays unknown."""
        if attempt is None:
            return None
        until = later["at_ms"]["head"]
        for at, process, outcome in self.books.settled.get((delivery, earlier["attempt"]), ()):
            if process == earlier["sender"] and outcome == "accepted":
                until = min(until, at)
        # The provider may have read late what was sent at the earliest when the attempt began.
        since = min(earlier["at_ms"]["head"], attempt["begun_at"]) - SLACK_MS
        until = max(until, since)
        for fault in self.faults:
            if not fault.overlaps(since, until) or fault.what == "delay":
                continue
            if fault.victim == "postgres":
                return fault
            if fault.victim == earlier["sender"]:
                if fault.what not in ("kill", "death") or attempt["state"] == "unknown":
                    return fault
        return None

    def bound_the_excuses(self):
        """Explained duplicates are at most the calls in flight over the faults that explain them."""
        used = [fault for fault in self.faults if id(fault) in self.excuses]
        self.verdict.in_flight_over_faults = sum(fault.in_flight for fault in used)
        if self.verdict.duplicates_by_a_fault > self.verdict.in_flight_over_faults:
            told = "\n".join(f"  {fault}: {self.excuses[id(fault)]} duplicates" for fault in used)
            self.verdict.mismatches.append(
                f"{self.verdict.duplicates_by_a_fault} duplicates are explained by faults with "
                f"{self.verdict.in_flight_over_faults} calls in flight\n{told}")

    def check_attempts(self, asked, delivery, rows):
        """Each whole request is an attempt of its own that the store knows; what the store calls accepted was taken."""
        attempts = delivery["attempts"]
        whole = {row["attempt"] for row in rows if row["body_complete"]}
        # What a simulator reset unread may have been written all the same.
        written = whole | {row["attempt"] for row in rows if row["fault"] == "reset_before_body"}
        for row in rows:
            if row["body_complete"] and row.get("ref", asked.ref) != asked.ref:
                self.mismatch(delivery["id"], f"carried the message of {row['ref']}")
        for n in whole:
            if n not in attempts:
                self.mismatch(delivery["id"], f"was sent as attempt {n}, which the store does not know")
        for n, count in Counter(row["attempt"] for row in rows).items():
            if count > 1:
                self.mismatch(delivery["id"], f"attempt {n} is {count} requests")
        for n, attempt in attempts.items():
            if attempt["state"] == "accepted" and not any(row["attempt"] == n and was_taken(row) for row in rows):
                self.lose(delivery["id"], f"attempt {n} is accepted and no provider has it")
            if attempt["state"] == "begun":
                self.lose(delivery["id"], f"attempt {n} never ended")
            refused_by_herald = attempt["state"] == "rejected" and not rows
            not_settled = attempt["reason"] == NOT_SETTLED and self.faults
            if n in written or attempt["state"] in ("begun", "deferred", "unusable", "none", "accepted"):
                continue
            if not refused_by_herald and not not_settled:
                self.mismatch(delivery["id"], f"attempt {n} is {attempt['state']} and was never received whole")

    def check_the_log(self):
        for place, records in self.books.unfinished.items():
            self.verdict.lost.append(f"{place}: the log still holds {records} records that are not finished")
        if self.books.in_log is None:
            return
        for asked in self.books.asked:
            if asked.answer == "accepted" and not asked.ids <= self.books.in_log:
                self.mismatch(asked.ref, f"was answered 202 as {asked.ids}, and the log does not have it")

    def lose(self, what, why):
        self.verdict.lost.append(self.story(what, why))

    def no_excuse(self, what, why):
        self.verdict.duplicates_unexplained.append(self.story(what, why))

    def mismatch(self, what, why):
        self.verdict.mismatches.append(self.story(what, why))

    def story(self, what, why):
        """All that the books say about one request or delivery, and the faults around it."""
        one_delivery = "." in what
        ids = {what.split(".")[0]} | {id for id, n in self.books.notifications.items() if n.get("ref") == what}
        asked = [one for one in self.books.asked if one.ref == what or one.ids & ids]
        ids = ids.union(*(one.ids for one in asked))

        def concerns(delivery):
            return delivery == what if one_delivery else str(delivery).split(".")[0] in ids

        lines, times = [f"{what} {why}"], []
        for one in asked:
            lines += [f"  asked {one.ref}: {one.answer} {one.ids or ''}", *(f"    {line}" for line in one.history)]
        for delivery in (d for id in ids if id in self.books.notifications
                         for d in self.books.notifications[id]["deliveries"] if concerns(d["id"])):
            lines.append(f"  store {delivery['id']} to {delivery['address']}: {delivery['state']} {delivery['reason']}")
            for n, attempt in sorted(delivery["attempts"].items()):
                lines.append(f"    #{n} {json.dumps(attempt)}")
                times += [at for at in (attempt["begun_at"], attempt["ended_at"]) if at]
        for (delivery, n), said in self.books.settled.items():
            if concerns(delivery):
                lines += [f"  {process} settled {delivery} #{n} as {outcome} {at:.0f}" for at, process, outcome in said]
        for delivery, rows in self.rows.items():
            if concerns(delivery):
                lines += [f"  ledger {row['provider']} {delivery} {brief(row)}" for row in rows]
                times += [row["at_ms"]["head"] for row in rows]
        lines += [f"  fault {fault}" for fault in self.faults
                  if not times or fault.overlaps(min(times) - 10_000, max(times) + 10_000)]
        if self.books.in_log is not None:
            lines.append(f"  log: {'has' if ids & self.books.in_log else 'does not have'} the request")
        return "\n".join(lines)


def brief(row):
    times = {name: round(at, 1) if at else None for name, at in row["at_ms"].items()}
    return (f"#{row['attempt']} by {row['sender']}: {row['verdict']} fault={row['fault']} "
            f"whole={row['body_complete']} answered={row['answer_written']} {times}")
