"""Each engine gone, slow, or silent: what the client sees, and that all comes back by itself."""

import threading
import time
from urllib.parse import urlsplit

import pytest

from cluster import ROLES
from herald import wait_until
from proxy import Proxy


def memory_kib(process):
    with open(f"/proc/{process.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def error_lines(process):
    return [line for line in process.lines if '"level":"error"' in line or '"level":"warning"' in line]


def send_for(cluster, seconds, **fields):
    """Every answer, and how long each took."""
    answers, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        answers.append((cluster.send(channels=("push", "email"), **fields), time.monotonic() - begun))
    return answers


def wait_accepting(cluster, seconds):
    """The answer of the first request that is taken, and how long that took."""
    begun = time.monotonic()
    answer = wait_until(lambda: (a := cluster.send()).status == 202 and a, seconds, "an api that accepts again")
    return answer.json["id"], time.monotonic() - begun


def ids_sent(cluster):
    """Notifications whose push or email reached a simulator, with how often each."""
    count = {}
    for row in cluster.simulators.all_messages():
        if row["delivery"]:
            count[row["delivery"]] = count.get(row["delivery"], 0) + 1
    return count


def test_kafka_gone(own_stack, start_cluster):
    cluster = start_cluster(own_stack)
    first = cluster.send().json["id"]
    cluster.wait_final(first)
    api = cluster.processes["api"]
    own_stack("kill", "kafka1")
    try:
        before = memory_kib(api)
        answers = send_for(cluster, 10)
        after = memory_kib(api)
        slowest = max(took for _, took in answers)
        statuses = {(a.status, a.json.get("code")) for a, _ in answers}
        assert slowest < 2, slowest
        assert statuses <= {(503, "not_accepted"), (503, "acceptance_unknown"), (503, "log_full")}, statuses
        assert all("Retry-After" in a.headers for a, _ in answers)
        wait_until(lambda: "log" in cluster.call("GET", "/health").json["parts"], 10, "an ill log")
        assert cluster.call("GET", "/ready").status == 503
        assert after - before < 8 * 1024, f"{before} KiB, then {after} KiB"
    finally:
        own_stack("start", "kafka1")
    ready, back = wait_accepting(cluster, 15)
    unknown = [a.json["id"] for a, _ in answers if a.json.get("code") == "acceptance_unknown"]
    print(f"{len(answers)} refused, slowest {slowest:.2f} s, {len(unknown)} unknown; back after {back:.1f} s; "
          f"memory {before} KiB, then {after} KiB")
    assert back < 5
    cluster.wait_final(ready)
    wait_until(lambda: cluster.call("GET", "/ready").status == 200, 10, "a ready api")
    time.sleep(2)
    sent = {delivery.split(".")[0] for delivery in ids_sent(cluster)}
    assert sent <= {first, ready, *unknown}
    for process in cluster.processes.values():
        assert len(error_lines(process)) < 60, error_lines(process)[:5]


def test_kafka_silent(own_stack, start_cluster):
    """A broker that is there and does not answer: stopped, not killed."""
    cluster = start_cluster(own_stack)
    cluster.wait_final(cluster.send().json["id"])
    own_stack("stop", "kafka1")
    try:
        answers = send_for(cluster, 6)
        assert max(took for _, took in answers) < 2
        assert {a.status for a, _ in answers} == {503}
    finally:
        own_stack("cont", "kafka1")
    id, back = wait_accepting(cluster, 20)
    assert back < 5
    cluster.wait_final(id)


@pytest.fixture
def postgres(own_stack, start_cluster):
    """A cluster that reaches PostgreSQL through a proxy."""
    started = []

    def start(**settings):
        url = urlsplit(own_stack.urls["DATABASE_URL"])
        proxy = Proxy(url.hostname, url.port)
        started.append(proxy)
        return start_cluster(own_stack, proxies={"DATABASE_URL": proxy}, **settings), proxy

    yield start
    for proxy in started:
        proxy.close()


@pytest.mark.parametrize("way", ["refused", "silent"])
def test_postgres_gone(postgres, way):
    cluster, proxy = postgres()
    cluster.wait_final(cluster.send().json["id"])
    if way == "refused":
        proxy.refuse()
    else:
        proxy.silent = True
    time.sleep(1)
    answers = send_for(cluster, 5)
    assert {a.status for a, _ in answers} == {202}, "accepting needs no store"
    assert max(took for _, took in answers) < 2
    ids = [a.json["id"] for a, _ in answers]
    keyed = cluster.send(headers={"Idempotency-Key": "k"})
    assert keyed.status == 503, keyed
    assert "store" in cluster.call("GET", "/health").json["parts"]
    assert cluster.call("GET", "/ready").status == 200
    wait_until(lambda: cluster.at("worker push").call("GET", "/ready").status == 503, 20, "a worker out of traffic")
    calls = len(cluster.simulators.all_messages())
    time.sleep(1)
    assert len(cluster.simulators.all_messages()) == calls, "sent without a claim"
    begun = time.monotonic()
    proxy.heal()
    stories = cluster.wait_all_final(ids, 60)
    print(f"{way}: {len(ids)} accepted meanwhile, all final {time.monotonic() - begun:.1f} s after the return")
    assert {story["status"] for story in stories.values()} == {"sent"}
    assert all(len(d["attempts"]) == 1 for s in stories.values() for d in s["deliveries"]), "an attempt was burnt"
    assert set(ids_sent(cluster).values()) == {1}
    for process in cluster.processes.values():
        assert len(error_lines(process)) < 60, error_lines(process)[:5]


def test_postgres_slow(postgres):
    """Two seconds a call: a claim is three round trips."""
    cluster, proxy = postgres()
    cluster.wait_final(cluster.send().json["id"])
    cluster.simulators.forget()
    proxy.delay = 0.65
    answers = send_for(cluster, 15)
    assert {a.status for a, _ in answers} == {202}
    assert cluster.simulators.all_messages(), "nothing went out while it was slow"
    proxy.heal()
    stories = cluster.wait_all_final([a.json["id"] for a, _ in answers], 60)
    assert {story["status"] for story in stories.values()} == {"sent"}
    assert set(ids_sent(cluster).values()) == {1}


def test_postgres_cut_again_and_again(postgres):
    """A transaction whose answer is lost is repeated, and has no second effect."""
    cluster, proxy = postgres(HERALD_RETRY_BASE_MS=100)
    stop = threading.Event()

    def cut():
        while not stop.wait(0.25):
            proxy.cut()

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        ids = [a.json["id"] for a, _ in send_for(cluster, 8) if a.status == 202]
    finally:
        stop.set()
        cutter.join()
    stories = cluster.wait_all_final(ids, 60)
    assert {story["status"] for story in stories.values()} == {"sent"}
    resent = sum(count - 1 for count in ids_sent(cluster).values())
    unknown = sum(a["state"] == "unknown" for s in stories.values() for d in s["deliveries"] for a in d["attempts"])
    assert resent <= unknown, "a duplicate that no attempt in doubt explains"


def test_redis_gone(own_stack, start_cluster):
    cluster = start_cluster(own_stack, roles=ROLES + ("worker push",), HERALD_PUSH_RATE=100)
    cluster.wait_final(cluster.send().json["id"])
    own_stack("kill", "redis")
    try:
        time.sleep(1.5)
        cluster.simulators.forget()
        ids = [a.json["id"] for a, _ in send_for(cluster, 3)]
        stories = cluster.wait_all_final(ids, 60)
        assert {story["status"] for story in stories.values()} == {"sent"}
        rows = cluster.simulators.messages("apns")
        times = sorted(row["at_ms"]["head"] for row in rows)
        assert rate_of(times) <= 110, "without Redis the shares together are more than the rate"
    finally:
        own_stack("start", "redis")
    wait_until(lambda: all(value == 1 for name in ("worker push", "worker push 2")
                           for _, value in cluster.at(name).metric("herald_redis_up")), 10, "Redis is back")


def rate_of(times_ms):
    """Calls a second over the whole of it, bursts left out."""
    return (len(times_ms) - 20) / max(1, times_ms[-1] - times_ms[0]) * 1000
