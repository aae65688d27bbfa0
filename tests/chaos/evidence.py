"""Reads the books of a round on a stack from those who keep them: PostgreSQL, simulators, Kafka, processes' logs."""

import json
import re
import subprocess
from datetime import datetime

from auditor import Books
from broker import Broker

REF = re.compile(r"\bref-\d{5}\b")
STORE = """
SELECT json_build_object(
    'notifications', (SELECT coalesce(json_agg(json_build_object('id', id, 'data', data, 'plan', plan,
                                                                 'failed', failed_reason)), '[]') FROM notifications),
    'deliveries', (SELECT coalesce(json_agg(d), '[]') FROM deliveries d),
    'attempts', (SELECT coalesce(json_agg(a), '[]') FROM attempts a))
"""
# A delivery that is planned and has no row, or whose row is not final, is open.
OPEN = """
SELECT (SELECT count(*) FROM timers)
     + (SELECT count(*) FROM notifications n CROSS JOIN json_array_elements(n.plan::json -> 'entries') e
        LEFT JOIN deliveries d ON d.id = n.id AND d.step = 0 AND d.ordinal = (e ->> 'ordinal')::int
        WHERE e ->> 'state' = 'planned' AND coalesce(d.state, 'planned') IN ('planned', 'sending', 'retrying'))
"""


def read_store(cluster):
    """Id → what became of it, by SQL."""
    store = json.loads(cluster.query(STORE))
    notifications = {n["id"]: to_notification(n) for n in store["notifications"]}
    deliveries = {}
    for notification in notifications.values():
        deliveries.update((delivery["id"], delivery) for delivery in notification["deliveries"])
    for row in store["deliveries"]:
        delivery = deliveries[name_of(row)]
        delivery.update(state=row["state"], reason=row["reason"])
        if row["attempt"] > 0:
            delivery["attempts"][row["attempt"]] = {
                "state": row["attempt_state"], "reason": row["attempt_reason"], "begun_at": row["begun_at"],
                "ended_at": row["ended_at"]}
    for row in store["attempts"]:
        deliveries[name_of(row)]["attempts"][row["n"]] = {
            name: row[name] for name in ("state", "reason", "begun_at", "ended_at")}
    return notifications


def name_of(row):
    return f"{row['id']}.{row['step']}.{row['ordinal']}"


def to_notification(row):
    plan = json.loads(row["plan"]) if row["plan"] else {"entries": []}
    found = REF.search(row["data"] or "")
    return {"ref": found.group() if found else row["id"], "deliveries": [
        {"id": f"{row['id']}.0.{entry['ordinal']}", "address": entry.get("address") or entry["channel"],
         "state": entry["state"], "reason": entry.get("reason"), "attempts": {}} for entry in plan["entries"]]}


def is_settled(cluster, ids):
    """Every one of these is planned, nothing in the store is open and no timer is left; asked of PostgreSQL alone."""
    wanted = ",".join(f"'{id}'" for id in ids) or "NULL"
    planned = f"SELECT count(*) FROM notifications WHERE plan IS NOT NULL AND id::text IN ({wanted})"
    return cluster.query(f"SELECT ({planned}), ({OPEN})") == f"{len(ids)}|0"


def read_ledger(simulators, number):
    """The ledger's rows, each with its sender: every set of workers has simulators of its own."""
    channel_of = {"apns": "push", "fcm": "push", "twilio": "sms", "sendgrid": "email"}
    rows = simulators.all_messages()
    for row in rows:
        row["sender"] = f"worker {channel_of[row['provider']]}" + (f" {number}" if number > 1 else "")
        found = REF.search(row.get("body") or "")
        if found:
            row["ref"] = found.group()
    return rows


def read_settled(processes):
    """(delivery, attempt) → who said when that it ended in what; processes: (name, process) also of dead ones."""
    settled = {}
    for name, process in processes:
        while not process.events.empty():
            event = process.events.get()
            if event and event.get("event") == "delivery.attempt":
                at = datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp() * 1000
                settled.setdefault((event["delivery"], event["attempt"]), []).append((at, name, event["outcome"]))
    return settled


def read_log(cluster):
    """The ids of all requests that the log holds."""
    ids = set()
    for lane in ("critical", "normal", "bulk"):
        command = ["kcat", "-C", "-q", "-e", "-b", cluster.settings["KAFKA_BOOTSTRAP_SERVERS"], "-o", "beginning",
                   "-t", f"{cluster.name}.requests.{lane}", "-X", "fetch.wait.max.ms=10"]
        said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert said.returncode == 0, said.stderr
        ids.update(json.loads(line)["id"] for line in said.stdout.splitlines())
    return ids


def unfinished(cluster):
    broker = Broker(cluster.settings["KAFKA_BOOTSTRAP_SERVERS"])
    try:
        return broker.unfinished(cluster.name + ".")
    finally:
        broker.close()


def read_books(cluster, asked, simulators, processes, call_deadline_ms):
    rows = [row for number, own in enumerate(simulators, 1) for row in read_ledger(own, number)]
    return Books(asked, read_store(cluster), rows, read_settled(processes), read_log(cluster), unfinished(cluster),
                 call_deadline_ms=call_deadline_ms)
