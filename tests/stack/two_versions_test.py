"""The program of today beside the next one, which knows one schema of records more."""

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest

import patched_build
from cluster import ROLES, Load
from herald import run, wait_until

QUEUES = ("requests.normal", "deliveries.push.apns.normal", "deliveries.push.fcm.normal", "deliveries.email.normal")


@pytest.fixture(scope="session")
def next_herald():
    return patched_build.build(Path(__file__).with_name("next_schema.patch"))


def schemas(cluster, *topics):
    """How many records of each schema the topics have. Under load the end is found only by who does not wait there."""
    found = Counter()
    for topic in topics:
        read = ["kcat", "-b", cluster.settings["KAFKA_BOOTSTRAP_SERVERS"], "-C", "-q", "-e",
                "-X", "fetch.wait.max.ms=5", "-t", cluster.settings["HERALD_TOPIC_PREFIX"] + topic]
        records = subprocess.run(read, text=True, capture_output=True, check=True, timeout=30, stdin=subprocess.DEVNULL)
        found.update(json.loads(line)["schema"] for line in records.stdout.splitlines())
    return found


def worked(client):
    return any(value > 0 for name in ("herald_steps_planned_total", "herald_attempts_total")
               for _, value in client.metric(name))


def holds_newer_records(client):
    return any(part.endswith(".records") and "schema 2" in why
               for part, why in client.call("GET", "/health").json["parts"].items())


def test_a_rolling_upgrade_to_the_next_schema_of_records_loses_nothing(stack, start_cluster, next_herald):
    cluster = start_cluster(stack)
    people = cluster.put_people(20)
    old_load = Load(cluster, people=people)
    for role in ROLES:
        cluster.start(role, f"next {role}", next_herald)
    load = Load(cluster.at("next api"), people=people)
    for name in ("next planner", "next worker push", "next worker email"):
        wait_until(lambda: worked(cluster.at(name)), 20, f"a {name} that takes part")
    assert schemas(cluster, *QUEUES).keys() == {1}, "old processes cannot read what new ones write"

    finished = run("migrate --finish", 60, next_herald, **cluster.settings)
    assert finished.returncode == 0, finished.stderr
    for name in ("planner", "worker push", "worker email"):
        wait_until(lambda: holds_newer_records(cluster.at(name)), 20, f"a {name} that holds what it cannot read")
        assert cluster.at(name).call("GET", "/ready").status == 503
    lowered = run("migrate --finish", 60, **cluster.settings)
    assert lowered.returncode == 1 and "schema 2 already" in lowered.stderr, lowered.stderr
    assert not schemas(cluster, "dead")

    old_load.stop()
    cluster.url = cluster.processes["next api"].url
    held = [id for id in load.accepted if cluster.notification(id)["status"] in ("accepted", "in_progress")]
    for role in ROLES:
        assert cluster.stop(role) == 0, role
    load.stop()
    assert held, "there was nothing to take over"
    assert load.errors == old_load.errors == [] and load.broken == old_load.broken == 0
    stories = cluster.wait_all_final(old_load.accepted + load.accepted, 60)
    assert {story["status"] for story in stories.values()} == {"sent"}
    assert len(cluster.simulators.all_messages()) == 3 * len(stories), "something was sent twice, or not at all"
    assert not schemas(cluster, "dead")
    written = schemas(cluster, *QUEUES)
    assert written.keys() == {1, 2}
    print(f"{len(stories)} accepted, {len(held)} of them open when the old ones ended; records by schema {dict(written)}")
