"""What can be done to a Herald on engines, and the book in which it is written down."""

import re
import threading
import time
from dataclasses import dataclass

from auditor import Fault
from herald import call, wait_until

WORKERS = ("worker push", "worker sms", "worker email")
ROLES = ("api", "planner", *WORKERS, "scheduler")
ENGINES = ("kafka1", "postgres", "redis")
# Each deck holds every kind once, so that a handful of rounds meets them all.
DECK = tuple(("kill", victim) for victim in ROLES + ENGINES) + (
    ("stop", "role"), ("stop", "worker"), ("stop", "engine"), ("stop", "postgres"),
    ("cut", "postgres"), ("cut", "redis"), ("delay", "postgres"), ("delay", "redis"), ("silence", "postgres"),
)


@dataclass
class Mishap:
    what: str
    victim: str
    at_s: float  # since the load began
    hold_s: float

    def __str__(self):
        return f"{self.what} {self.victim} at {self.at_s:.1f} s for {self.hold_s:.1f} s"


class Deck:
    """Kinds of mishaps in an order drawn from the seed, without end."""

    def __init__(self, rng):
        self.rng, self.cards = rng, []

    def draw(self, count, within_s, longest_s):
        """Mishaps of one round, no two of them to the same victim at once."""
        drawn = []
        while len(drawn) < count:
            if not self.cards:
                self.cards = self.rng.sample(DECK, len(DECK))
            mishap = self._mishap(*self.cards.pop(), within_s, longest_s)
            if all(mishap.victim != other.victim for other in drawn):
                drawn.append(mishap)
        return sorted(drawn, key=lambda mishap: mishap.at_s)

    def _mishap(self, what, victim, within_s, longest_s):
        rng = self.rng
        victim = {"role": lambda: rng.choice(ROLES), "worker": lambda: rng.choice(WORKERS),
                  "engine": lambda: rng.choice(ENGINES)}.get(victim, lambda: victim)()
        if victim in ROLES and rng.random() < 0.5:
            victim += " 2"
        short = min(longest_s, 2.0)
        hold_s = {
            "kill": lambda: rng.uniform(0, 0.8),
            # Half of them shorter than a claim's lease, half as long as they may be.
            "stop": lambda: rng.uniform(0.1, short) if rng.random() < 0.5 else rng.uniform(short / 2, longest_s),
            "cut": lambda: 0,
            "delay": lambda: rng.uniform(0.3, short),
            "silence": lambda: rng.uniform(0.2, longest_s),
        }[what]()
        return Mishap(what, victim, rng.uniform(0.3, within_s), hold_s)


class FaultBook:
    """Does the mishaps, each in its time, and writes down when each began and was over."""

    def __init__(self, cluster, proxies, rng):
        self.cluster, self.proxies, self.rng = cluster, proxies, rng
        self.faults, self.dead, self.lock = [], [], threading.Lock()
        self.errors, self.died_by_themselves = [], []
        self.held = set()  # names of processes that are ours to start again
        self.peaks = {}  # name → calls in flight, as last seen
        self.watching = True
        self.watcher = threading.Thread(target=self._watch, daemon=True)
        self.watcher.start()

    def stop_watching(self):
        self.watching = False
        self.watcher.join()

    def run(self, mishaps):
        """Returns when the last one is healed."""
        begun = time.monotonic()
        threads = [threading.Thread(target=self._one, args=(mishap, begun), daemon=True) for mishap in mishaps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not self.errors, self.errors

    def _one(self, mishap, begun):
        time.sleep(max(0, begun + mishap.at_s - time.monotonic()))
        try:
            self._do(mishap)
        except Exception as error:  # of a thread of its own: told by run()
            self.errors.append(f"{mishap}: {error!r}")

    def _do(self, mishap):
        if mishap.what == "cut":
            for _ in range(self.rng.randint(1, 3)):
                fault = self._begin(mishap)
                self.proxies[mishap.victim].cut()
                self._end(fault)
                time.sleep(self.rng.uniform(0.05, 0.4))
            return
        fault = self._begin(mishap)
        on_engine = mishap.victim in ENGINES
        if mishap.what in ("delay", "silence"):
            proxy = self.proxies[mishap.victim]
            if mishap.what == "delay":
                proxy.delay = self.rng.uniform(0.01, 0.2)
            else:
                proxy.silent = True
            time.sleep(mishap.hold_s)
            proxy.heal()
        elif on_engine:
            self._hurt_engine(mishap)
        else:
            self._hurt_process(mishap, fault)
        self._end(fault)

    def _hurt_engine(self, mishap):
        stack = self.cluster.stack
        stack("kill" if mishap.what == "kill" else "stop", mishap.victim)
        time.sleep(mishap.hold_s)
        if mishap.what == "stop":
            return stack("cont", mishap.victim)
        wait_until(lambda: self._starts(mishap.victim), 60, f"{mishap.victim} to start again")

    def _starts(self, engine):
        """Right after a kill -9 the kernel may still be closing its port."""
        try:
            self.cluster.stack("start", engine)
            return True
        except AssertionError as refused:
            if "is taken" not in str(refused):
                raise
            return False

    def _hurt_process(self, mishap, fault):
        process = self.cluster.processes[mishap.victim]
        if mishap.what == "stop":
            process.freeze()
            time.sleep(mishap.hold_s)
            process.thaw()
            return
        with self.lock:
            self.held.add(mishap.victim)
        process.kill()
        fault.ended_ms = time.time() * 1000  # it does nothing more; what follows is another process
        with self.lock:
            self.dead.append((mishap.victim, process))
        time.sleep(mishap.hold_s)
        self._start_again(mishap.victim)

    def _watch(self):
        """Nobody may die but by our hand: it is an offence, and who did is started again so that the round goes on."""
        looks = 0
        while self.watching:
            seen_ms = time.time() * 1000
            time.sleep(0.05)
            looks += 1
            for name, process in list(self.cluster.processes.items()):
                if looks % 20 == 0 and name.startswith("worker "):
                    self._peak(name)
                if process.process.poll() is not None and self._take(name, process):
                    threading.Thread(target=self._bury, args=(name, process, seen_ms), daemon=True).start()

    def _take(self, name, process):
        """Whether this death is nobody's: it is not being replaced, and has not been."""
        with self.lock:
            if name in self.held or self.cluster.processes[name] is not process:
                return False
            self.held.add(name)
            return True

    def _bury(self, name, process, seen_ms):
        with self.lock:
            self.dead.append((name, process))
            self.faults.append(Fault("death", name, seen_ms, time.time() * 1000, self.peaks.get(name, 0)))
            last_words = "".join(process.lines[-10:])
            self.died_by_themselves.append(
                f"{name} ended by itself with {process.process.returncode} at {seen_ms:.0f}:\n{last_words}")
        try:
            self._start_again(name)
        except Exception as error:  # of the watcher's thread: told by run()
            self.errors.append(f"{name}, which had died by itself: {error!r}")

    def _start_again(self, name, seconds=60):
        """As a supervisor would: while an engine is away a start may fail."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.cluster.start_again(name)
                with self.lock:
                    self.held.discard(name)
                return
            except AssertionError:
                with self.lock:
                    self.dead.append((name, self.cluster.processes[name]))
                self.cluster.processes[name].kill()
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def _begin(self, mishap):
        fault = Fault(mishap.what, mishap.victim, 0, in_flight=self._in_flight(mishap.victim))
        fault.begun_ms = time.time() * 1000
        with self.lock:
            self.faults.append(fault)
        return fault

    def _end(self, fault):
        if fault.ended_ms == float("inf"):
            fault.ended_ms = time.time() * 1000
        if fault.what != "kill" or fault.victim in ENGINES:
            fault.in_flight = max(fault.in_flight, self._in_flight(fault.victim))

    def _in_flight(self, victim):
        """The peak at that sender, or, for the store, at all of them."""
        names = [name for name in self.cluster.processes if name.startswith("worker ")]
        if victim not in ENGINES:
            names = [name for name in names if name == victim]
        elif victim != "postgres":
            names = []
        return sum(self._peak(name) for name in names)

    def _peak(self, name):
        if self.cluster.processes[name].url is None:
            return 0  # it is being started
        try:
            answer = call("GET", self.cluster.processes[name].url + "/metrics", timeout=1)
        except OSError:
            return 0  # dead or stopped itself: its own fault counts it
        peaks = re.findall(r"^herald_calls_in_flight_peak\{[^}]*\} (\S+)", answer.text, re.M)
        self.peaks[name] = int(sum(map(float, peaks)))
        return self.peaks[name]
