"""Each engine gone, slow, or silent: what the client sees, and that all comes back by itself."""

import contextlib
import threading
import time
from collections import Counter
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


@contextlib.contextmanager
def cut_again_and_again(proxy):
    """Four times a second."""
    stop = threading.Event()

    def cut():
        while not stop.wait(0.25):
            proxy.cut()

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        yield
    finally:
        stop.set()
        cutter.join()


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
def kafka(own_stack, start_cluster):
    """A cluster that reaches Kafka through a proxy: that is the address which the broker tells it."""
    proxy = own_stack.kafka_through_a_proxy()
    yield start_cluster(own_stack, proxies={"KAFKA_BOOTSTRAP_SERVERS": proxy}, HERALD_RETRY_BASE_MS=100), proxy
    proxy.close()


def check_answers_while_kafka_is_ill(answers):
    """Each in time and true; the ids that were accepted, and those that nobody could say it of."""
    assert max(took for _, took in answers) < 2
    kinds = Counter((a.status, a.json.get("code")) for a, _ in answers)
    assert kinds.keys() <= {(202, None), (503, "not_accepted"), (503, "acceptance_unknown")}, kinds
    assert all("Retry-After" in a.headers for a, _ in answers if a.status == 503)
    print(dict(kinds), f"slowest {max(took for _, took in answers):.2f} s")
    return ([a.json["id"] for a, _ in answers if a.status == 202],
            [a.json["id"] for a, _ in answers if a.json.get("code") == "acceptance_unknown"])


def check_each_arrived_once(cluster, accepted, unknown=()):
    """All that was accepted was sent, once but for an attempt in doubt; of the rest only what was announced."""
    stories = cluster.wait_all_final(accepted, 60)
    assert {story["status"] for story in stories.values()} == {"sent"}
    cluster.wait_idle(60)
    sent = ids_sent(cluster)
    assert {delivery.split(".")[0] for delivery in sent} <= {*accepted, *unknown}
    resent = sum(count - 1 for count in sent.values())
    told = [cluster.notification(id) for id in (*accepted, *unknown)]
    in_doubt = sum(a["state"] == "unknown" for s in told for d in s.get("deliveries", []) for a in d["attempts"])
    assert resent <= in_doubt, "a duplicate that no attempt in doubt explains"
    print(f"{len(accepted)} accepted, {len(unknown)} unknown, of them sent "
          f"{len({d.split('.')[0] for d in sent} & set(unknown))}; {resent} sent again, {in_doubt} in doubt")


def test_kafka_slow(kafka):
    """Two seconds a call is longer than anybody who asks is kept waiting."""
    cluster, proxy = kafka
    answers = send_for(cluster, 2)
    proxy.delay = 2.0
    answers += send_for(cluster, 12)
    proxy.heal()
    accepted, unknown = check_answers_while_kafka_is_ill(answers)
    assert unknown, "it was not slow"
    id, back = wait_accepting(cluster, 20)
    print(f"back after {back:.1f} s")
    assert back < 5
    check_each_arrived_once(cluster, [*accepted, id], unknown)


def test_kafka_half_open(kafka):
    """Packets are dropped both ways, and no connection breaks."""
    cluster, proxy = kafka
    answers = send_for(cluster, 1)
    api = cluster.processes["api"]
    proxy.silent = True
    answers += send_for(cluster, 2)
    before = memory_kib(api)
    ill = send_for(cluster, 10)
    after = memory_kib(api)
    assert {a.status for a, _ in ill} == {503}
    assert "log" in cluster.call("GET", "/health").json["parts"]
    assert cluster.call("GET", "/ready").status == 503
    assert after - before < 8 * 1024, f"{before} KiB, then {after} KiB"
    accepted, unknown = check_answers_while_kafka_is_ill(answers + ill)
    proxy.heal()
    id, back = wait_accepting(cluster, 20)
    print(f"back after {back:.1f} s; memory {before} KiB, then {after} KiB")
    assert back < 5
    check_each_arrived_once(cluster, [*accepted, id], unknown)
    for process in cluster.processes.values():
        assert len(error_lines(process)) < 60, error_lines(process)[:5]


def test_kafka_connections_lost(kafka):
    """What is connected hears nothing more, as behind a firewall that was restarted; new connections are well."""
    cluster, proxy = kafka
    answers = send_for(cluster, 1)
    proxy.lose()
    begun = time.monotonic()
    answers += send_for(cluster, 0.01)
    while answers[-1][0].status != 202 and time.monotonic() < begun + 20:
        answers += send_for(cluster, 0.01)
    back = time.monotonic() - begun
    accepted, unknown = check_answers_while_kafka_is_ill(answers)
    assert unknown, "the lost connection still answered"
    assert back < 10
    check_each_arrived_once(cluster, accepted, unknown)
    print(f"accepts again {back:.1f} s after the loss, all arrived after {time.monotonic() - begun:.1f} s")


def test_kafka_cut_again_and_again(kafka):
    cluster, proxy = kafka
    with cut_again_and_again(proxy):
        answers = send_for(cluster, 8)
    accepted, unknown = check_answers_while_kafka_is_ill(answers)
    assert accepted, "nothing was accepted in between"
    id, back = wait_accepting(cluster, 20)
    print(f"back after {back:.1f} s")
    assert back < 5
    check_each_arrived_once(cluster, [*accepted, id], unknown)


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
    """Two seconds a call, of which a claim makes two: everything is late, and no try is burnt."""
    cluster, proxy = postgres()
    cluster.wait_final(cluster.send().json["id"])
    cluster.simulators.forget()
    proxy.delay = 2.0
    answers = send_for(cluster, 20)
    assert {a.status for a, _ in answers} == {202}
    wait_until(cluster.simulators.all_messages, 20, "a message that goes out while it is slow")
    time.sleep(10)
    sent_slowly = len(cluster.simulators.all_messages())
    proxy.heal()
    stories = cluster.wait_all_final([a.json["id"] for a, _ in answers], 60)
    attempts = Counter(a["state"] for s in stories.values() for d in s["deliveries"] for a in d["attempts"])
    print(f"{len(answers)} accepted, {sent_slowly} messages sent while it was slow, attempts: {dict(attempts)}")
    assert {story["status"] for story in stories.values()} == {"sent"}
    assert attempts.keys() == {"accepted"}, "a try was burnt"
    assert set(ids_sent(cluster).values()) == {1}


def test_postgres_cut_again_and_again(postgres):
    """A transaction whose answer is lost is repeated, and has no second effect."""
    cluster, proxy = postgres(HERALD_RETRY_BASE_MS=100)
    with cut_again_and_again(proxy):
        ids = [a.json["id"] for a, _ in send_for(cluster, 8) if a.status == 202]
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
