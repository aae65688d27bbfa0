"""Processes whose wall clocks disagree by ten seconds: leases and timers go by the store's clock and by uptime."""

import json
import subprocess
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from cluster import Load
from herald import PROVIDERS, wait_until

SKEW_MS = {
    "api": 0, "planner": 5000, "scheduler": -5000, "worker push": -5000, "worker push 2": 5000,
    "worker email": 5000, "worker email 2": -5000, "worker sms": -5000,
}
ROUNDING_MS = 2
# A lease outlives a session of Kafka: the records of the killed come to the others while it still stands.
SESSION_MS = 6000
CALL_DEADLINE_MS = 6000
LEASE_MS = CALL_DEADLINE_MS + 5000
RETRY_AFTER_S = 4
NOT_SETTLED = "its sender did not settle it"
SETTINGS = {
    **{f"HERALD_{provider.upper()}_CALL_DEADLINE_MS": CALL_DEADLINE_MS for provider in PROVIDERS},
    **{f"HERALD_RECONCILE_{channel}_S": 0 for channel in ("PUSH", "SMS", "EMAIL")},
    "HERALD_RETRY_BASE_MS": 200, "HERALD_RETRY_LIMIT": 40,
    "HERALD_KAFKA_SESSION_TIMEOUT_MS": SESSION_MS, "HERALD_KAFKA_HEARTBEAT_INTERVAL_MS": 300,
}
FAULTS = (
    {"fault": "status", "status": 503, "headers": {"retry-after": "0"}, "share": 0.1},
    {"fault": "status", "status": 429, "headers": {"retry-after": str(RETRY_AFTER_S)}, "share": 0.05},
    {"fault": "answer_lost", "share": 0.05},
    {"fault": "latency", "ms": 800, "share": 0.5},
)


@pytest.fixture(scope="session")
def skewed_clock(tmp_path_factory):
    library = tmp_path_factory.mktemp("clock") / "skewed_clock.so"
    source = Path(__file__).with_name("skewed_clock.c")
    build = ["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source]
    subprocess.run(build, check=True, timeout=60)
    return library


@pytest.fixture
def cluster(stack, start_cluster, skewed_clock):
    cluster = start_cluster(stack, roles=(), **SETTINGS)
    for name, skew_ms in SKEW_MS.items():
        cluster.start(name.removesuffix(" 2"), name, LD_PRELOAD=skewed_clock, CLOCK_SKEW_MS=skew_ms)
        assert abs(clock_of(cluster.processes[name]) - skew_ms) < 4000, f"{name} does not go by the clock it was given"
    return cluster


def clock_of(process):
    """How far it is from ours, by the time of its newest line of log."""
    told = datetime.fromisoformat(json.loads(process.lines[-1])["time"].replace("Z", "+00:00"))
    return (told.timestamp() - time.time()) * 1000


def taken(row):
    decided = row["reason"] if row["fault"] == "answer_lost" else row["verdict"]
    return row["body_complete"] and str(decided).startswith("2")


def rows_by_delivery(cluster):
    found = {}
    for row in sorted(cluster.simulators.all_messages(), key=lambda row: row["at_ms"]["head"]):
        found.setdefault(row["delivery"], []).append(row)
    return found


def calls_in_flight(client):
    return sum(value for _, value in client.metric("herald_calls_in_flight"))


def check(delivery, rows, waits, left_alone):
    """What is wrong with it; appends the waits after a 429, and those for what a killed sender had left."""
    attempts = {attempt["n"]: attempt for attempt in delivery["attempts"]}
    wrong = []
    if delivery["state"] != "sent" or not any(taken(row) for row in rows):
        wrong.append(f"is {delivery['state']}, and was taken {sum(map(taken, rows))} times")
    if len({row["attempt"] for row in rows}) != len(rows):
        wrong.append("has an attempt of two calls")
    for earlier, later in zip(rows, rows[1:]):
        apart_ms = later["at_ms"]["head"] - earlier["at_ms"]["head"]
        attempt = attempts[earlier["attempt"]]
        if taken(earlier) and attempt["state"] != "unknown":
            wrong.append(f"was sent again after attempt {earlier['attempt']}, which was {attempt['state']}")
        if earlier["verdict"] == "429" and earlier["answer_written"]:
            waits.append(apart_ms)
        if NOT_SETTLED in (attempt["reason"] or ""):
            left_alone.setdefault(delivery["channel"], []).append(apart_ms)
    return [f"{delivery['id']} {what}" for what in wrong]


def test_clocks_that_differ_by_ten_seconds_do_no_harm(cluster):
    for provider in PROVIDERS:
        cluster.simulators.faults(provider, *FAULTS, seed=7)
    load = Load(cluster, 0.03, cluster.put_people(40), ("push", "sms", "email"))
    time.sleep(3)
    for name in ("worker push", "worker email"):  # ten seconds behind and ahead of who takes over
        wait_until(lambda: calls_in_flight(cluster.at(name)) > 5, 20, f"calls of {name}")
        cluster.kill(name)
    time.sleep(5)
    ids = load.stop().accepted
    assert load.errors == [] and load.broken == 0
    stories = cluster.wait_all_final(ids, 90)
    rows = rows_by_delivery(cluster)
    wrong, waits, left_alone = [], [], {}
    for story in stories.values():
        for delivery in story["deliveries"]:
            wrong += check(delivery, rows.get(delivery["id"], []), waits, left_alone)
    assert wrong == [], f"{len(wrong)} wrong: {wrong[:5]}"
    assert min(waits) >= RETRY_AFTER_S * 1000 - ROUNDING_MS, f"called before its Retry-After: {sorted(waits)[:5]}"
    assert left_alone.keys() == {"push", "email"}, "no lease of a killed sender was judged"
    assert min(map(min, left_alone.values())) >= LEASE_MS - 500, f"a lease was judged while it stood: {left_alone}"
    attempts = Counter(a["state"] for s in stories.values() for d in s["deliveries"] for a in d["attempts"])
    print(f"{len(ids)} accepted, attempts {dict(attempts)}, {len(waits)} Retry-After of {RETRY_AFTER_S} s "
          f"kept for {min(waits):.0f} ms and more, leases of the killed judged after ms: "
          f"{ {channel: sorted(map(round, waited)) for channel, waited in left_alone.items()} }")
