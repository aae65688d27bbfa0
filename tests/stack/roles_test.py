"""Roles as separate processes on Kafka, PostgreSQL and Redis."""

import re
import time

from cluster import ROLES, Load
from herald import run, wait_until


def tokens_of(cluster):
    return sorted((row["provider"], row["recipient"]) for row in cluster.simulators.all_messages())


def test_one_request_goes_all_the_way_through_six_processes(cluster):
    answer = cluster.send(channels=("push", "sms", "email"))
    assert answer.status == 202
    story = cluster.wait_final(answer.json["id"])
    assert story["status"] == "sent"
    assert sorted(d["route"] for d in story["deliveries"]) == ["email", "push.apns", "push.fcm", "sms"]
    assert all(d["attempts"][0]["reference"] for d in story["deliveries"])
    assert len(cluster.simulators.all_messages()) == 4


def test_every_process_tells_how_it_is_and_only_the_api_takes_requests(cluster):
    for name in cluster.processes:
        client = cluster.at(name)
        assert client.call("GET", "/ready").status == 200, name
        assert client.call("GET", "/health").json["status"] == "ok", name
        assert "herald_part_ill" in client.metrics(), name
        if name != "api":
            assert client.send().status == 404, name


def test_a_single_role_without_engines_refuses_and_names_them():
    for role in ROLES:
        answer = run(role)
        assert answer.returncode == 2
        for variable in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "REDIS_URL"):
            assert variable in answer.stderr, answer.stderr


def test_serve_refuses_to_start_before_the_topics_and_tables_are_made(stack, start_cluster):
    cluster = start_cluster(stack, roles=(), migrate="version")
    answer = run("serve", **cluster.settings)
    assert answer.returncode != 0
    assert "herald migrate" in answer.stderr


def test_serve_on_engines_needs_its_providers_named(cluster):
    settings = {k: v for k, v in cluster.settings.items() if k != "HERALD_SMS_PROVIDERS"}
    answer = run("serve", **settings)
    assert answer.returncode == 2
    assert "HERALD_SMS_PROVIDERS" in answer.stderr


def test_serve_runs_all_roles_on_engines(stack, start_cluster):
    cluster = start_cluster(stack, roles=("serve",))
    story = cluster.wait_final(cluster.send().json["id"])
    assert story["status"] == "sent"


def test_several_of_each_role_share_the_work_and_send_once(stack, start_cluster):
    cluster = start_cluster(stack, roles=ROLES + ROLES[1:])
    ids = [cluster.send(channels=("push", "sms", "email")).json["id"] for _ in range(200)]
    stories = cluster.wait_all_final(ids)
    assert {story["status"] for story in stories.values()} == {"sent"}
    rows = cluster.simulators.all_messages()
    assert len(rows) == 800
    assert len({row["delivery"] for row in rows if row["delivery"]}) == len([row for row in rows if row["delivery"]])


def test_an_idempotency_key_is_one_for_all_processes(stack, start_cluster):
    cluster = start_cluster(stack, roles=ROLES + ("api",))
    headers = {"Idempotency-Key": "order-1"}
    first = cluster.send(headers=headers)
    assert first.status == 202
    second = wait_until(lambda: (a := cluster.at("api 2").send(headers=headers)).status == 202 and a, what="a replay")
    assert second.json["id"] == first.json["id"]
    assert second.headers["Idempotency-Replayed"] == "true"
    cluster.wait_final(first.json["id"])
    time.sleep(1)
    assert len(cluster.simulators.all_messages()) == 3


def test_any_api_process_knows_an_id_from_the_moment_of_its_202(stack, start_cluster):
    cluster = start_cluster(stack, roles=("api", "api"))  # nobody plans
    id = cluster.send().json["id"]
    assert cluster.at("api 2").notification(id)["status"] == "accepted"


def test_a_killed_worker_is_replaced_by_the_other(stack, start_cluster):
    cluster = start_cluster(stack, roles=ROLES + ("worker push", "worker email", "worker sms"),
                            HERALD_APNS_CALL_DEADLINE_MS=1000, HERALD_FCM_CALL_DEADLINE_MS=1000,
                            HERALD_SENDGRID_CALL_DEADLINE_MS=1000, HERALD_RECONCILE_EMAIL_S=0)
    ids = []
    for i in range(100):
        ids.append(cluster.send().json["id"])
        if i == 50:
            cluster.kill("worker push")
            cluster.kill("worker email 2")
    stories = cluster.wait_all_final(ids, 60)
    assert {story["status"] for story in stories.values()} == {"sent"}


def test_timers_are_shared_and_each_takes_effect_once(stack, start_cluster):
    cluster = start_cluster(stack, roles=ROLES + ("scheduler", "scheduler"), HERALD_RETRY_BASE_MS=100,
                            HERALD_RECONCILE_EMAIL_S=0)
    for provider in ("apns", "fcm", "sendgrid"):
        cluster.simulators.faults(provider, {"fault": "status", "status": 503, "share": 0.3})
    ids = [cluster.send().json["id"] for _ in range(100)]
    stories = cluster.wait_all_final(ids, 60)
    assert {story["status"] for story in stories.values()} == {"sent"}
    written = sum(len(d["attempts"]) for story in stories.values() for d in story["deliveries"])
    assert len(cluster.simulators.all_messages()) == written
    moved = [sum(v for _, v in cluster.at(name).metric("herald_timers_moved_total"))
             for name in ("scheduler", "scheduler 2", "scheduler 3")]
    assert all(count > 0 for count in moved), f"one of them moved nothing: {moved}"


def test_the_work_of_a_dead_scheduler_is_taken_over(stack, start_cluster):
    cluster = start_cluster(stack, roles=ROLES + ("scheduler",), HERALD_RETRY_BASE_MS=100,
                            HERALD_RECONCILE_EMAIL_S=0)
    time.sleep(3)  # both hold their share
    cluster.kill("scheduler")
    cluster.simulators.faults("sendgrid", {"fault": "status", "status": 503, "times": 20})
    ids = [cluster.send(channels=("email",)).json["id"] for _ in range(20)]
    assert {s["status"] for s in cluster.wait_all_final(ids, 30).values()} == {"sent"}


def p99(times):
    return sorted(times)[int(len(times) * 0.99)]


def test_a_rolling_restart_of_every_role_under_load_loses_nothing(stack, start_cluster):
    cluster = start_cluster(stack, roles=ROLES + ROLES)
    calm = Load(cluster)
    time.sleep(3)
    calm.stop()
    load = Load(cluster)
    for name in list(cluster.processes):
        role = cluster.processes[name].role
        if role == "api":
            # The load balancer's part: traffic goes to the other one first.
            cluster.url = cluster.processes["api 2" if name == "api" else "api"].url
            time.sleep(0.1)
        assert cluster.stop(name) == 0, name
        cluster.start(role, name)
        if name == "api":
            cluster.url = cluster.processes["api"].url
    load.stop()
    assert load.errors == []
    assert load.broken == 0
    stories = cluster.wait_all_final(calm.accepted + load.accepted, 60)
    assert {story["status"] for story in stories.values()} == {"sent"}
    assert len(cluster.simulators.all_messages()) == 3 * len(stories), "something was sent twice, or not at all"
    print(f"accepted {len(load.accepted)}, p99 {p99(load.times) * 1000:.1f} ms, calm {p99(calm.times) * 1000:.1f} ms")


def groups_by_kafka(stack, cluster):
    """(topic, partition) → lag, as Kafka's own tool tells it."""
    lags = {}
    for group in ("planner", "sender"):
        for line in stack("lag", "--all").splitlines():
            fields = line.split()
            if len(fields) > 5 and fields[0].startswith(f"{cluster.name}.{group}") and fields[5].isdigit():
                lags[fields[1].removeprefix(cluster.name + "."), int(fields[2])] = int(fields[5])
    return lags


def test_the_lag_is_what_kafka_itself_says(stack, start_cluster):
    cluster = start_cluster(stack, roles=("api", "planner", "scheduler"))  # nobody sends: deliveries pile up
    all_lags = cluster.at("scheduler")  # which must know how far everybody is
    for _ in range(30):
        cluster.send()

    def lag_of(topics):
        return sum(value for labels, value in all_lags.metric("herald_consumer_lag_records")
                   if labels["topic"].startswith(topics))

    wait_until(lambda: (lag_of("requests."), lag_of("deliveries.")) == (0, 90), 20, "the lag of the deliveries")
    ours = {(labels["topic"], int(labels["partition"])): int(value)
            for labels, value in all_lags.metric("herald_consumer_lag_records")}
    theirs = groups_by_kafka(stack, cluster)
    for place, lag in theirs.items():
        assert ours[place] == lag, place
    table = run("lag", seconds=30, **cluster.settings)
    assert table.returncode == 0, table.stderr
    rows = [line.split() for line in table.stdout.splitlines()[1:]]
    assert sum(int(row[3]) for row in rows if row[1].startswith("deliveries.")) == 90
    assert all(re.fullmatch(r"\d+\.\ds", row[4]) for row in rows)
