"""An embedded data folder on its way to the engines: nothing is lost, nothing is sent twice without a reason."""

import subprocess
import threading

import pytest

from herald import Herald, binary_path, environment_with, in_seconds, run, wait_until

FAST = {"HERALD_RETRY_BASE_MS": 50, "HERALD_RECONCILE_SMS_S": 0, "HERALD_RECONCILE_EMAIL_S": 0}


@pytest.fixture
def engines(stack, start_cluster):
    """A cluster whose tables and topics are made, and on which nobody runs yet."""
    return start_cluster(stack, roles=(), migrate="migrate", **FAST)


@pytest.fixture
def old(engines, tmp_path):
    """An embedded Herald in front of the same providers, with people and templates of its own."""
    running = Herald(tmp_path, engines.simulators, **FAST)
    for n in range(5):
        running.put_user(f"u{n}", email=f"u{n}@example.org", phone=f"+1415555010{n}",
                         devices=[{"platform": "ios", "token": f"{n}" * 64}])
    running.post_template("hello", channels={"sms": {"body": "Hello {{ username }}"},
                                             "email": {"subject": "Hello", "text": "Hello {{ username }}"},
                                             "push": {"title": "Hello", "body": "{{ username }}"}})
    wanted = running.call("PUT", "/api/v1/users/u4/preferences", {"channels": {"sms": False}})
    assert wanted.status == 200, wanted
    yield running
    running.close()


def data(old):
    return old.folder / "data"


def send(herald, n, **fields):
    answer = herald.send(f"u{n % 5}", "hello", ("push", "sms", "email"), **fields)
    assert answer.status == 202, answer
    return answer.json["id"]


def states(herald, ids):
    return {delivery["state"] for id in ids for delivery in herald.notification(id)["deliveries"]}


def send_until_killed(herald):
    """The ids that were answered 202 while it was killed under load."""
    ids, enough = [send(herald, 0)], threading.Event()
    herald.wait_final(ids[0])

    def load():
        try:
            while True:
                ids.append(send(herald, len(ids)))
                if len(ids) > 400:
                    enough.set()
        except (OSError, AssertionError):
            enough.set()

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    enough.wait(30)
    herald.process.kill()
    for thread in threads:
        thread.join()
    return ids


def migrate(engines, folder, seconds=60):
    answer = run(f"migrate --from {folder}", seconds, **engines.settings)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def requests_by_delivery(simulators):
    found = {}
    for row in simulators.all_messages():
        if row["body_complete"] and str(row["verdict"]).startswith("2"):
            found.setdefault(row["delivery"], []).append(row["attempt"])
    return found


def check_each_arrived(cluster, stories):
    """Every delivery was taken by its provider; a second time only after an attempt whose end nobody knows."""
    taken = requests_by_delivery(cluster.simulators)
    for id, story in stories.items():
        assert story["status"] == "sent", story
        for delivery in story["deliveries"]:
            if story["user_id"] == "u4" and delivery["channel"] == "sms":
                assert delivery["state"] == "skipped", "u4 wants none"
                continue
            attempts = taken.get(delivery["id"], [])
            assert attempts, f"{delivery['id']} never arrived"
            unknown = [a["n"] for a in delivery["attempts"] if a["state"] == "unknown"]
            assert set(sorted(attempts)[:-1]) <= set(unknown), (attempts, delivery)
            assert len(attempts) == len(set(attempts)), (attempts, delivery)


def test_what_an_embedded_herald_had_accepted_is_delivered_by_the_cluster(engines, old):
    keyed = old.send("u1", "hello", ("push", "sms", "email"), {"Idempotency-Key": "order-7"}).json["id"]
    finished = [keyed] + [send(old, n) for n in range(3)]
    old.wait_all_final(finished)
    old.simulators.faults("sendgrid", {"fault": "status", "status": 503, "headers": {"retry-after": "8"}, "times": 3})
    retrying = [send(old, n) for n in range(3)]
    wait_until(lambda: "retrying" in states(old, retrying), 10, "a retry")
    waiting = [send(old, n, send_at=in_seconds(10)) for n in range(3)]
    wait_until(lambda: {old.notification(id)["status"] for id in waiting} == {"scheduled"}, 10, "three that wait")
    held = run(f"migrate --from {data(old)}", **engines.settings)
    assert held.returncode == 1 and "in use" in held.stderr, held.stderr

    loaded = send_until_killed(old)
    refused = run("serve", **{**engines.settings, "HERALD_DATA_DIR": data(old)})
    assert refused.returncode == 2
    assert "users" in refused.stderr and f"herald migrate --from {data(old)}" in refused.stderr, refused.stderr
    print(migrate(engines, data(old)))

    for role in ("api", "planner", "worker push", "worker sms", "worker email", "scheduler"):
        engines.start(role, HERALD_DATA_DIR=data(old))
    stories = engines.wait_all_final(finished + retrying + waiting + loaded, 90)
    check_each_arrived(engines, stories)
    assert all(len(d["attempts"]) == 1 for id in finished for d in stories[id]["deliveries"])

    assert engines.call("GET", f"/api/v1/notifications/{keyed}").status == 200
    assert engines.call("GET", f"/api/v1/notifications/{keyed[:-4]}0000").status == 404
    again = engines.send("u1", "hello", ("push", "sms", "email"), {"Idempotency-Key": "order-7"})
    assert (again.status, again.json["id"]) == (202, keyed)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert engines.call("GET", "/api/v1/users/u1").json["email"] == "u1@example.org"

    spent = run("serve", HERALD_DATA_DIR=data(old), HERALD_LISTEN="127.0.0.1:0")
    assert spent.returncode == 2
    assert engines.name in spent.stderr and "carried_over.json" in spent.stderr, spent.stderr
    assert ":herald@" not in spent.stderr


@pytest.mark.parametrize("point", ["carried_rows:1", "carried_rows:6", "carried_rows:8", "carried_records:1"])
def test_a_migration_that_was_killed_is_finished_by_the_next(engines, old, point):
    ids = send_until_killed(old)
    killed = subprocess.run([str(binary_path("herald-crash")), "migrate", "--from", str(data(old))], timeout=60,
                            env=environment_with({**engines.settings, "HERALD_CRASH_AT": point}), capture_output=True)
    assert killed.returncode == -9, killed.stderr
    assert run("serve", **{**engines.settings, "HERALD_DATA_DIR": data(old)}).returncode == 2
    migrate(engines, data(old))
    engines.start("serve", HERALD_DATA_DIR=data(old))
    check_each_arrived(engines, engines.wait_all_final(ids, 60))


def test_only_the_store_is_carried_where_the_log_stays_embedded(engines, old):
    ids = send_until_killed(old)
    engines.settings = {k: v for k, v in engines.settings.items() if k != "KAFKA_BOOTSTRAP_SERVERS"}
    behind = run(f"migrate --from {data(old)}", **engines.settings)
    assert behind.returncode == 2 and "would stay behind" in behind.stderr, behind.stderr
    engines.settings["HERALD_DATA_DIR"] = data(old)
    migrate(engines, data(old))
    engines.start("serve")
    check_each_arrived(engines, engines.wait_all_final(ids, 60))


def test_what_only_concerns_the_demo_holds_nobody_up(engines, tmp_path):
    demo = Herald(tmp_path, engines.simulators, **FAST)
    demo.send(send_at=in_seconds(3600))
    wait_until(lambda: demo.timers_waiting() == 1, 10, "a waiting notification of the demo's person")
    demo.process.kill()
    engines.start("serve", HERALD_DATA_DIR=data(demo))
