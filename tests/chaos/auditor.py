"""The verdict over one round, from independent books: the ids answered 202, the simulators' ledgers, and GET."""

from dataclasses import dataclass, field

FINAL = {"sent", "delivered", "unknown", "failed", "bounced", "skipped", "expired", "cancelled"}
NOT_SETTLED = "unknown: its sender did not settle it"


@dataclass
class Verdict:
    accepted: int = 0
    sent: int = 0
    skipped: int = 0
    failed: int = 0
    unknown: int = 0
    in_doubt: int = 0
    duplicates_explained: int = 0
    duplicates_unexplained: list = field(default_factory=list)
    lost: list = field(default_factory=list)
    mismatches: list = field(default_factory=list)

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    @property
    def good(self):
        return not (self.duplicates_unexplained or self.lost or self.mismatches)

    def table(self):
        rows = {name: len(v) if isinstance(v, list) else v for name, v in vars(self).items()}
        return "\n".join(f"{name.replace('_', ' '):>24}  {value}" for name, value in rows.items())


def was_taken(row):
    """The provider has the message, whatever became of the answer."""
    decided = row["reason"] if row["fault"] == "answer_lost" else row["verdict"]
    return row["body_complete"] and str(decided).startswith("2")


def audit(stories, rows, kills):
    """stories: id → GET of every 202; rows: the ledgers' rows; kills: wall times in ms."""
    verdict = Verdict()
    by_delivery = {}
    for row in rows:
        by_delivery.setdefault(row["delivery"], []).append(row)
    for id, story in stories.items():
        verdict.accepted += 1
        if story["status"] in ("accepted", "scheduled", "in_progress"):
            verdict.lost.append(f"{id} is {story['status']}")
            continue
        for delivery in story["deliveries"]:
            audit_delivery(verdict, delivery, by_delivery.pop(delivery["id"], []), kills)
    for delivery, strays in by_delivery.items():
        if any(was_taken(row) for row in strays):
            # Sent without ever having been answered 202: allowed only for what was answered "unknown".
            verdict.mismatches.append(f"{delivery} was sent and belongs to no accepted request")
    return verdict


def audit_delivery(verdict, delivery, rows, kills):
    state = delivery["state"]
    if state not in FINAL:
        verdict.lost.append(f"{delivery['id']} is {state}")
        return
    for name, states in {"sent": ("sent", "delivered"), "skipped": ("skipped",), "unknown": ("unknown",),
                         "failed": ("failed", "expired", "bounced", "cancelled")}.items():
        if state in states:
            setattr(verdict, name, getattr(verdict, name) + 1)
    rows.sort(key=lambda r: r["at_ms"]["head"])
    taken = [row for row in rows if was_taken(row)]
    attempts = {a["n"]: a for a in delivery["attempts"]}
    verdict.in_doubt += sum(1 for a in attempts.values() if a["reason"] == NOT_SETTLED)
    if state == "sent" and not taken:
        verdict.lost.append(f"{delivery['id']} is sent and no provider has it")
    if state == "skipped" and taken:
        verdict.mismatches.append(f"{delivery['id']} is skipped and was sent")
    for earlier, later in zip(taken, taken[1:]):
        if explains(earlier, later, attempts, kills):
            verdict.duplicates_explained += 1
        else:
            verdict.duplicates_unexplained.append(f"{delivery['id']}: {earlier} then {later}; {attempts}")
    check_attempts(verdict, delivery, rows, attempts, kills)


def explains(earlier, later, attempts, kills):
    if not earlier["answer_written"]:
        return True
    attempt = attempts.get(earlier["attempt"])
    killed_between = any(earlier["at_ms"]["head"] - 5 <= kill <= later["at_ms"]["head"] for kill in kills)
    return killed_between and attempt is not None and attempt["state"] == "unknown"


def check_attempts(verdict, delivery, rows, attempts, kills):
    """Rows with a complete body are the attempts that were written; every other attempt is deferred or unusable, or it
    was killed before it could write. What a simulator reset unread may have been written all the same."""
    written = {row["attempt"] for row in rows if row["body_complete"] or row["fault"] == "reset_before_body"}
    for row in rows:
        if row["body_complete"] and row["attempt"] not in attempts:
            verdict.mismatches.append(f"{delivery['id']} attempt {row['attempt']} was sent and is not known")
    for n, attempt in attempts.items():
        if n in written or attempt["state"] in ("deferred", "unusable", "none"):
            continue
        if attempt["reason"] == NOT_SETTLED and kills:
            continue
        if attempt["state"] == "rejected" and not rows:
            continue  # refused by Herald itself, before the wire
        verdict.mismatches.append(f"{delivery['id']} attempt {n} is {attempt['state']} and was never received whole")
