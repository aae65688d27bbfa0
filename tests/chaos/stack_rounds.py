"""Rounds of load and faults on real engines: two processes of each role, and everything that can be killed is."""

import os
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from auditor import Verdict, audit
from broker import Broker
from cluster import Cluster
from evidence import is_settled, read_books, unfinished
from herald import PROVIDERS, ROOT, Simulators
from load import Load, prepare
from mishaps import ROLES, WORKERS, Deck, FaultBook
from proxy import Proxy

# Below the ports that the kernel gives to connections: one of those would keep a killed engine from coming back.
OWN_STACK = {"HERALD_STACK_DIR": os.environ.get("HERALD_CHAOS_STACK_DIR", str(ROOT / "build/stack-chaos")),
             "HERALD_STACK_PORT": os.environ.get("HERALD_CHAOS_STACK_PORT", "26432")}
CALL_DEADLINE_MS = 300
SETTINGS = {
    **{f"HERALD_RECONCILE_{channel}_S": 0 for channel in ("PUSH", "SMS", "EMAIL")},
    **{f"HERALD_{provider.upper()}_CALL_DEADLINE_MS": CALL_DEADLINE_MS for provider in PROVIDERS},
    "HERALD_RETRY_BASE_MS": 50, "HERALD_RETRY_CAP_MS": 400, "HERALD_RETRY_LIMIT": 40,
    # A killed worker's partitions move after this; the broker allows no less.
    "HERALD_KAFKA_SESSION_TIMEOUT_MS": 6000, "HERALD_KAFKA_HEARTBEAT_INTERVAL_MS": 300,
    # High enough to limit nothing, and the tokens come from Redis.
    **{f"HERALD_{channel}_RATE": 2000 for channel in ("PUSH", "SMS", "EMAIL")},
}
PROVIDER_FAULTS = {
    "errors": {"share": 0.08, "fault": "status", "status": 503, "headers": {"retry-after": "0"}},
    "throttling": {"share": 0.04, "fault": "status", "status": 429, "headers": {"retry-after": "1"}},
    "lost answers": {"share": 0.05, "fault": "answer_lost"},
    "resets": {"share": 0.05, "fault": "reset_after_body"},
    "early resets": {"share": 0.05, "fault": "reset_before_body"},
    "silence": {"share": 0.03, "fault": "hang", "ms": 2 * CALL_DEADLINE_MS},
}
SLOWNESS = {"fault": "latency", "ms": 40, "share": 0.5}
# Beyond this the sweeper would find again what the log has lost.
PATIENCE_S = 45
SWEEPER_S = 120


def proxy_to(url):
    parts = urlsplit(url)
    return Proxy(parts.hostname, parts.port)


class Ground:
    """A Herald of two processes of each role on a database and topics of its own, behind proxies. The second worker of
    each kind has simulators of its own, so that every row of a ledger names its sender."""

    def __init__(self, stack, binary):
        urls = {"postgres": "DATABASE_URL", "redis": "REDIS_URL"}
        self.proxies = {engine: proxy_to(stack.urls[variable]) for engine, variable in urls.items()}
        self.cluster = Cluster(stack, roles=(), binary=binary, migrate="migrate",
                               proxies={urls[engine]: proxy for engine, proxy in self.proxies.items()}, **SETTINGS)
        self.simulators = [self.cluster.simulators, Simulators(self.cluster.folder / "second")]
        try:
            with ThreadPoolExecutor(12) as threads:
                for started in [threads.submit(self._start, role, number) for role in ROLES for number in (1, 2)]:
                    started.result()
        except BaseException:
            self.close()
            raise

    def _start(self, role, number):
        own = {"HERALD_SIMULATOR_DIR": self.simulators[number - 1].dir} if role in WORKERS else {}
        self.cluster.start(role, role if number == 1 else f"{role} {number}", **own)

    def urls(self):
        """Of the api processes, also of those that are just gone: a client would not know."""
        return [url for name in ("api", "api 2") if (url := self.cluster.processes[name].url)]

    def close(self):
        prefix, servers = self.cluster.name + ".", self.cluster.settings["KAFKA_BOOTSTRAP_SERVERS"]
        self.simulators[1].stop()
        for process in self.cluster.processes.values():
            process.thaw()
        self.cluster.close()
        for proxy in self.proxies.values():
            proxy.close()
        broker = Broker(servers)
        broker.delete(prefix)
        broker.close()


def one_round(stack, deck, rng, mishaps=4, within_s=3.0, longest_s=2.0, binary="herald", sweeper_s=SWEEPER_S):
    """Returns (verdict, what happened)."""
    begun = time.monotonic()
    ground = Ground(stack, binary)
    cluster, book = ground.cluster, None
    try:
        for provider in PROVIDERS:
            rules = [rule for rule in PROVIDER_FAULTS.values() if rng.random() < 0.5]
            for simulators in ground.simulators:
                simulators.faults(provider, *rules, SLOWNESS, seed=rng.randrange(1 << 30))
        prepare(cluster)
        drawn = deck.draw(mishaps, within_s, longest_s)
        book = FaultBook(cluster, ground.proxies, rng)
        load = Load(ground.urls, rng.randrange(1 << 30))
        ready = time.monotonic()
        book.run(drawn)
        time.sleep(max(0.3, ready + within_s - time.monotonic()))
        asked = load.stop()
        healed = time.monotonic()
        for simulators in ground.simulators:
            simulators.no_faults()
        swept = settle_down(cluster, load.ids(), sweeper_s)
        settled = time.monotonic()
        book.stop_watching()
        processes = [*book.dead, *cluster.processes.items()]
        books = read_books(cluster, asked, ground.simulators, processes, CALL_DEADLINE_MS)
        books.stories = told(cluster, load.ids())
        verdict = audit(books, book.faults)
        verdict.mismatches += book.died_by_themselves
        verdict.mismatches += [f"{ref} was never answered 202, though all was well" for ref in load.never_answered]
        if swept:
            verdict.mismatches.append(f"only the sweeper found what the log had lost: {swept}")
        what = dict(accepted=verdict.accepted, drawn=[str(m) for m in drawn],
                    seconds=dict(start=round(ready - begun, 1), faults=round(healed - ready, 1),
                                 settle=round(settled - healed, 1), verdict=round(time.monotonic() - settled, 1)))
        return verdict, what
    finally:
        if book:
            book.stop_watching()
        ground.close()


def settle_down(cluster, ids, sweeper_s):
    """Until all that was answered 202 is final, no timer is left and the log is finished. Returns what the sweeper
    found, for which nobody waits in the ordinary case."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if is_settled(cluster, ids) and not unfinished(cluster):
            return []
        time.sleep(0.1)
    end = time.monotonic() + sweeper_s
    while time.monotonic() < end and not (is_settled(cluster, ids) and not unfinished(cluster)):
        time.sleep(1)
    return [line.strip() for process in cluster.processes.values() for line in process.lines if "sweeper.found" in line]


def told(cluster, ids):
    with ThreadPoolExecutor(4) as threads:
        return dict(zip(ids, threads.map(lambda id: cluster.notification(id)["status"], ids)))


def run(stack, rounds, seed, report=print, **how):
    """Each round draws from the seed; all of them use one deck, so that they differ."""
    rng = random.Random(seed)
    deck = Deck(rng)
    total = Verdict()
    for number in range(1, rounds + 1):
        try:
            verdict, what = one_round(stack, deck, rng, **how)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            total.mismatches.append(f"round {number} could not be judged: {error}")
            report(f"round {number} could not be judged: {error!r}")
            stack.up()
            continue
        total.add(verdict)
        report(f"round {number}: {what['accepted']} accepted, {verdict.duplicates_explained} duplicates explained, "
               f"{what['seconds']}; {', '.join(what['drawn'])}" + verdict.complaints())
    return total
