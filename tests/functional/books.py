"""Compares Herald's story of each delivery with the provider's ledger: two books kept by two programs."""

from herald import ROUTE_OF, to_ms

PROVIDER_OF = {route: provider for provider, route in ROUTE_OF.items()}
# The stored times are whole milliseconds.
ROUNDING_MS = 2


def taken(row):
    """The provider has the message, whatever became of its answer."""
    decided = row["reason"] if row["fault"] == "answer_lost" else row["verdict"]
    return row["body_complete"] and str(decided).startswith("2")


def compare(stories, rows):
    """Every sentence that does not hold, as text; empty when the books agree. Nothing was killed meanwhile."""
    by_delivery = {}
    for row in sorted(rows, key=lambda row: row["at_ms"]["head"]):
        by_delivery.setdefault(row["delivery"], []).append(row)
    breaking = {row["provider"] for row in rows if row["fault"] in ("close_connection", "goaway")}
    wrong = []
    for story in stories:
        for delivery in story["deliveries"]:
            found = by_delivery.pop(delivery["id"], [])
            wrong += [f"{delivery['id']} ({delivery['route']}) {what}: {describe(delivery, found)}"
                      for what in compare_delivery(delivery, found, breaking)]
    return wrong + [f"nobody asked for {delivery}" for delivery in by_delivery]


def compare_delivery(delivery, rows, breaking=()):
    """`breaking`: providers that ended whole connections, with whatever else was on its way there."""
    attempts = {attempt["n"]: attempt for attempt in delivery["attempts"]}
    last = delivery["attempts"][-1] if attempts else None
    if delivery["state"] == "sent":
        if last["state"] != "accepted" or last["reference"] is None:
            yield "is sent and its last attempt is not accepted"
        if not any(taken(row) for row in rows):
            yield "is sent and the provider never took it"
    if any(row["provider"] != PROVIDER_OF[delivery["route"]] for row in rows):
        yield "went to another route's provider"
    if sorted(attempts) != list(range(1, len(attempts) + 1)):
        yield "has a gap in its attempts"
    if len({row["attempt"] for row in rows}) != len(rows):
        yield "has an attempt of two requests"
    yield from compare_attempts(attempts, rows, PROVIDER_OF[delivery["route"]] in breaking)
    yield from check_order(rows)


def compare_attempts(attempts, rows, connections_broke):
    row_of = {row["attempt"]: row for row in rows}
    for row in rows:
        if row["attempt"] not in attempts:
            yield f"arrived as attempt {row['attempt']}, which is not known"
    for n, attempt in attempts.items():
        row = row_of.get(n)
        if connections_broke and attempt["state"] == "unknown" and not (row and row["answer_written"]):
            continue
        if row and row["body_complete"]:
            if attempt["state"] not in allowed_after(row):
                yield f"attempt {n} is {attempt['state']}"
        elif attempt["state"] not in ("deferred", "unusable") and not was_reset_unread(row):
            yield f"attempt {n} is {attempt['state']} and was never received whole"


def allowed_after(row):
    """What Herald may have concluded from what the provider did with a whole request."""
    if row["fault"] in ("hang", "reset_after_body", "close_connection", "answer_lost"):
        return ("unknown",)
    if row["verdict"].startswith("2"):
        return ("accepted",)
    if leaves_in_doubt(row):
        return ("unknown",)
    return ("deferred", "unusable", "rejected")


def leaves_in_doubt(row):
    """SendGrid may answer any 5xx after it took the mail; FCM's 502 and 504 are a gateway's page, not its own word."""
    return row["verdict"].startswith("5") and (
        row["provider"] == "sendgrid" or (row["provider"] == "fcm" and row["verdict"] in ("502", "504")))


def was_reset_unread(row):
    """The bytes had left when the reset came: Herald cannot know that nobody read them."""
    return row is not None and row["fault"] == "reset_before_body"


def check_order(rows):
    for earlier, later in zip(rows, rows[1:]):
        if later["attempt"] <= earlier["attempt"]:
            yield "has attempts out of order"
        if taken(earlier) and earlier["answer_written"]:
            yield "was repeated after it had been accepted"


def too_early(rows, retry_after_s):
    """Requests that came before the Retry-After of a 429 was over. An answer is never older than its request's body."""
    by_delivery = {}
    for row in sorted(rows, key=lambda row: row["attempt"]):
        by_delivery.setdefault(row["delivery"], []).append(row)
    return [(earlier, later) for row_list in by_delivery.values() for earlier, later in zip(row_list, row_list[1:])
            if earlier["verdict"] == "429" and earlier["answer_written"]
            and later["at_ms"]["head"] < earlier["at_ms"]["body"] + retry_after_s * 1000 - ROUNDING_MS]


def describe(delivery, rows):
    story = [f"#{a['n']} {a['state']} ({a['reason']}) {to_ms(a['begun_at']):.0f}" for a in delivery["attempts"]]
    ledger = [f"#{r['attempt']} {r['verdict']} fault={r['fault']} whole={r['body_complete']} "
              f"answered={r['answer_written']} {r['at_ms']['head']:.0f}" for r in rows]
    return f"{delivery['state']} {delivery['reason']}\n    story: {story}\n    ledger: {ledger}"
