"""Speed and cost of Herald on Kafka, PostgreSQL and Redis, all on this machine, each figure beside a probe of it taken
in the same run. `make bench-stack`; how to read it is in docs/performance.md."""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

import probes
from books import ALL, COMPILER, PAID, PARTS, Bill, Engines as EngineCounters, Processes
from fleet import Engines, Fleet, to_ms
from probes import HERE, Load, run
from profiling import Profile, load_statement_statistics

RATE = 500  # notifications a second of the open loop
FILLING_S = 60  # the longest that a backlog is made; a slow machine drains a smaller one, and says so


class Size:
    def __init__(self, small):
        self.probe_s, self.load_s, self.open_s = (2, 3, 5) if small else (5, 10, 20)
        self.backlog = 6_000 if small else 200_000  # deliveries
        self.users = 1_000 if small else 10_000
        self.history = 5_000 if small else 100_000
        self.produced = 50_000 if small else 500_000


class Run:
    """One Herald, the load on it, and what it cost."""

    def __init__(self, stack, size, channels, settings):
        self.size, self.channels = size, channels
        self.fleet = Fleet(stack, channels, **settings)
        self.fleet.add_people(size.users)

    def load(self, seconds):
        return Load(self.fleet.url + "/api/v1/notifications", seconds, HERE / "send.lua",
                    SEND_USERS=str(self.fleet.users), SEND_CHANNELS=json.dumps(self.channels))

    def measured(self, work, *roles):
        """`work` on a fleet that begins with these roles and ends with it; what it said, with the bill and counts."""
        fleet = self.fleet
        fleet.simulators.forget()
        engines = EngineCounters(fleet)
        fleet.start_roles(*roles)
        done = work()
        done.counts = self.counts(engines)
        return done

    def counts(self, engines):
        fleet = self.fleet
        fleet.check_that_each_arrived_once()
        notifications, (statements, exchanges) = fleet.planned(), fleet.statements()
        fleet.stop_roles()
        counts = {"statements": statements, "round_trips": exchanges, **EngineCounters(fleet).since(engines)}
        return {name: count / notifications for name, count in counts.items()}

    def warm_up(self):
        """The first half minute goes to the broker's compiler as much as to its work."""
        self.fleet.start_roles("api", "planner", "scheduler", *self.fleet.worker_roles)
        self.load(3 * self.size.load_s)
        self.fleet.watch(self.fleet.delivered, self.fleet.accepted() * len(self.channels), "warming up")
        self.fleet.stop_roles()

    def end_to_end(self, workers, watch=contextlib.nullcontext()):
        """A closed loop of 64 connections for a while, and all that it left behind."""
        def work():
            fleet, done = self.fleet, Done()
            fleet.warm_up()
            before, sent_before, old = Processes(fleet), fleet.accepted(), fleet.delivered()
            with watch:
                begun = time.monotonic()
                done.load = self.load(self.size.load_s)
                wanted = old + (fleet.accepted() - sent_before) * len(self.channels)
                _, _, ended, delivered = fleet.watch(fleet.delivered, wanted, "delivering")
            done.deliveries = delivered - old
            done.rate = done.deliveries / (ended - begun)
            done.bill = Bill(before, Processes(fleet), done.deliveries)
            return done

        return self.measured(work, "api", "planner", "scheduler", *self.fleet.worker_roles * workers)

    def drain(self, deliveries, latency_ms=0):
        """A backlog of about that many, accepted in whole seconds: planned at once, then sent at once."""
        def work():
            fleet, done = self.fleet, Done()
            wanted = deliveries // len(self.channels)
            before = Processes(fleet)
            done.load = self.load(self.size.probe_s)
            patience = FILLING_S
            while (left := wanted - fleet.accepted()) > 0 and patience > 0:
                seconds = min(patience, max(1, round(left / max(1, done.load.rate))))
                self.load(seconds)
                patience -= seconds
            fleet.start_roles("planner")
            watched = fleet.watch(fleet.planned, fleet.accepted(), "planning")
            done.planned, wanted = speed(watched), watched[3] * len(self.channels)
            fleet.start_roles("scheduler", *fleet.worker_roles)
            watched = fleet.watch(fleet.delivered, wanted, "draining")
            done.rate, done.deliveries = speed(watched), watched[3]
            done.bill = Bill(before, Processes(fleet), done.deliveries)
            return done

        if latency_ms:
            for provider in ("apns", "fcm", "twilio", "sendgrid"):
                self.fleet.simulators.faults(provider, {"fault": "latency", "ms": latency_ms})
        done = self.measured(work, "api")
        self.fleet.simulators.no_faults()
        return done

    def open_loop(self):
        """A fixed rate, at which nothing waits for a batch."""
        def work():
            fleet, done = self.fleet, Done()
            fleet.warm_up()
            done.bare = open_loop(fleet.url + "/health", self.size.open_s / 2)
            before, old = Processes(fleet), fleet.delivered()
            told = open_loop(fleet.url + "/api/v1/notifications", self.size.open_s, self.fleet.users,
                             json.dumps(self.channels))
            done.accept, done.failed = told, told["failed"]
            wanted = old + len(told["accepted"]) * len(self.channels)
            _, _, _, delivered = fleet.watch(fleet.delivered, wanted, "delivering")
            done.deliveries = delivered - old
            done.bill = Bill(before, Processes(fleet), done.deliveries)
            done.to_provider = self.times_to_provider(told["accepted"])
            return done

        return self.measured(work, "api", "planner", "scheduler", *self.fleet.worker_roles)

    def times_to_provider(self, accepted):
        """From the `accepted_at` of the 202 to the head of the request at the provider, of every delivery."""
        at = {id: to_ms(when) for id, when in accepted}
        return [row["at_ms"]["head"] - at[id] for row in self.fleet.simulators.all_messages()
                if (id := row["delivery"].partition(".")[0]) in at]


class Done:
    pass


def speed(watched):
    """Between the first look that saw work done and the last: without the start of the process."""
    begun, first, ended, last = watched
    return (last - first) / max(1e-9, ended - begun)


def open_loop(url, seconds, *more):
    told = run(sys.executable, HERE / "open_loop.py", url, RATE, seconds, *more, seconds=seconds + 60)
    return json.loads(told)


def percentiles(times):
    ordered = sorted(times)
    return [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99, 0.999)]


class Probes:
    def __init__(self, fleet, size):
        fleet.start_roles("api")
        self.bare = Load(fleet.url + "/health", size.probe_s)
        fleet.stop_roles()
        self.syncs = probes.disk_syncs(fleet.stack_dir, size.probe_s)
        before = Processes(fleet)
        self.rows = probes.postgres_rows(fleet.settings["DATABASE_URL"], fleet.folder, size.probe_s)
        spent = Processes(fleet).cpu["PostgreSQL"] - before.cpu["PostgreSQL"]
        self.row_us = spent / (self.rows * size.probe_s) * 1e6
        before = Processes(fleet)
        self.records = probes.produced_records(fleet.kafka, fleet.folder, size.produced)
        self.record_us = (Processes(fleet).cpu["Kafka"] - before.cpu["Kafka"]) / size.produced * 1e6
        self.calls = probes.simulator_calls(fleet.simulators, size.probe_s)
        fleet.simulators.forget()


def durability(fleet):
    """What the engines say of themselves: speed without it would mean nothing."""
    names = "fsync", "synchronous_commit", "full_page_writes", "data_directory"
    settings = dict(zip(names, fleet.query("SELECT " + ", ".join(f"current_setting('{n}')" for n in names)).split("|")))
    described = fleet.kafka.topics("--describe")
    flushed = {line.split("flush.messages=")[1].split(",")[0].split()[0] if "flush.messages=" in line else "unset"
               for line in described.splitlines() if f"Topic: {fleet.name}.requests." in line and "Configs:" in line}
    disks = {file_system(settings["data_directory"]), file_system(settings["data_directory"] + "/pg_wal")}
    for name in names[:3]:
        print(f"PostgreSQL: {name} = {settings[name]}")
    print(f"PostgreSQL: data and log on {', '.join(sorted(disks))}")
    print(f"Kafka: flush.messages of requests.* = {', '.join(sorted(flushed))}, replicas 1, acks=all, "
          f"log on {file_system(str(fleet.stack_dir / 'kafka1/data'))}")


def file_system(path):
    mounts = [line.split()[:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    real = os.path.realpath(path) + "/"
    device, place, kind = max((m for m in mounts if real.startswith(m[1].rstrip("/") + "/")), key=lambda m: len(m[1]))
    return f"{kind} ({device} at {place})"


def rate(what, per_second, unit, beside=""):
    print(f"{what:<58}{per_second:>12,.0f} {unit + '/s':<17}{beside}", flush=True)


def show_probes(p):
    print("\nThis machine without Herald")
    rate("bare Beast server: GET /health, 64 connections", p.bare.rate, "requests", f"p99 {p.bare.p99}")
    rate("disk: 4 KiB appended and synced, one after the other", p.syncs, "syncs", f"{1000 / p.syncs:.2f} ms each")
    rate("PostgreSQL: 1000 rows of 300 B a commit", p.rows, "rows", f"{p.row_us:.1f} us of its CPU a row")
    rate("Kafka: records of 300 B, acks=all, synced", p.records, "records", f"{p.record_us:.1f} us of its CPU a record")
    rate("simulator: SMS calls over 64 connections", p.calls.rate, "calls", f"p99 {p.calls.p99}")


def show_drain(p, drain, what=""):
    rate("accept: POST, 64 connections, closed loop", drain.load.rate, "notifications",
         f"{drain.load.rate / p.bare.rate:.0%} of bare, {drain.load.rate / p.syncs:.1f} for a sync of the disk; "
         f"p99 {drain.load.p99}; {drain.load.refused} refused")
    rate("  all of that planned, no workers", drain.planned, "notifications")
    rate(f"  drain of {drain.deliveries:,} deliveries{what}", drain.rate, "deliveries", beside(p, drain))


def show_end_to_end(p, one, workers):
    rate(f"end to end, load and drain, {workers} a channel", one.rate, "deliveries",
         f"{beside(p, one)}; {one.deliveries:,} of them, {one.load.refused} refused")


def beside(p, done):
    return f"{done.rate / p.rows:.1%} of PostgreSQL's rows, {done.rate / p.calls.rate:.0%} of the simulator's calls"


def show_latency(open):
    print(f"\nAt {RATE} notifications/s, open loop, {open.failed} of {len(open.accept['times_ms'])} not accepted"
          f"{'':<10}p50        p99      p99.9  ms")
    for what, times in (("probe: GET /health at the same rate", open.bare["times_ms"]),
                        ("accept, from when the request was due to its 202", open.accept["times_ms"]),
                        ("from accepted_at to the provider", open.to_provider)):
        print(f"{what:<65}" + "".join(f"{value:>11.1f}" for value in percentiles(times)))


COLUMNS = {"open": f"{RATE}/s", "one": "end to end", "three": "3 workers", "drain": "drain", "slow": "drain, 50 ms"}


def table(title, names, value):
    print(f"\n{title:<40}" + "".join(f"{name:>14}" for name in COLUMNS.values()))
    for name, shown in names:
        print(f"{shown:<40}" + "".join(f"{value(key, name):>14,.2f}" for key in COLUMNS))


def show_costs(done):
    table("CPU, us a delivery", COSTS, lambda key, part: done[key].bill.us(part))
    table("context switches a delivery", [(part, part) for part in PARTS], lambda key, part: done[key].bill.switches[part])
    table("memory at the end, MiB", [(part, part) for part in PARTS], lambda key, part: done[key].bill.memory_mib[part])
    table("for each notification", COUNTS, lambda key, name: done[key].counts[name])


COSTS = [*((part, part) for part in PAID), (ALL, "all of these"), (COMPILER, COMPILER),
         ("simulators", "simulators, not counted")]
COUNTS = [("statements", "PostgreSQL: statements"), ("round_trips", "PostgreSQL: round trips"),
          ("rows", "PostgreSQL: rows written"), ("commits", "PostgreSQL: commits"),
          ("wal_syncs", "PostgreSQL: syncs of its log"), ("wal_bytes", "PostgreSQL: bytes of its log"),
          ("requests", "Kafka: requests"), ("produces", "Kafka: of these to produce"),
          ("fetches", "Kafka: of these to fetch"), ("log_syncs", "Kafka: syncs of its log")]


def whole(stack, args):
    size = Size(args.small)
    bench = Run(stack, size, args.channels, args.settings)
    try:
        durability(bench.fleet)
        bench.warm_up()
        found = Probes(bench.fleet, size)
        show_probes(found)
        print("\nHerald")
        done = {"drain": bench.drain(size.backlog)}
        show_drain(found, done["drain"])
        done["slow"] = bench.drain(size.backlog, latency_ms=50)
        show_drain(found, done["slow"], ", provider takes 50 ms")
        for key, workers, words in (("one", 1, "1 worker"), ("three", 3, "3 workers")):
            done[key] = bench.end_to_end(workers)
            show_end_to_end(found, done[key], words)
        done["open"] = bench.open_loop()
        show_latency(done["open"])
        show_costs(done)
    finally:
        bench.fleet.close()


def tenfold(stack, args):
    """The same drain with ten times the people, the history and the backlog."""
    size = Size(args.small)
    bench = Run(stack, size, args.channels, args.settings)
    try:
        durability(bench.fleet)
        bench.warm_up()  # is the pattern of the history, too
        bench.fleet.add_history(1, size.history)
        small = bench.drain(0)
        bench.fleet.add_people(size.users * 10)
        bench.fleet.add_history(size.history + 1, size.history * 10)
        large = bench.drain(10 * small.deliveries)
        print(f"\n{'CPU, us a delivery':<40}{'base':>14}{'ten times':>14}{'more':>10}")
        for part, shown in COSTS:
            a, b = small.bill.us(part), large.bill.us(part)
            print(f"{shown:<40}{a:>14.2f}{b:>14.2f}{(b - a) / a if a else 0:>10.0%}")
        for what, a, b in (("deliveries/s", small.rate, large.rate), ("planned/s", small.planned, large.planned),
                           ("backlog, deliveries", small.deliveries, large.deliveries),
                           ("people", size.users, size.users * 10),
                           ("history, notifications", size.history, size.history * 10)):
            print(f"{what:<40}{a:>14,.0f}{b:>14,.0f}")
    finally:
        bench.fleet.close()


def profile(stack, args):
    """Where the time goes, while all of it is at work."""
    load_statement_statistics(stack)
    bench = Run(stack, Size(args.small), args.channels, args.settings)
    try:
        bench.warm_up()
        watch = Profile(bench.fleet)
        done = bench.end_to_end(1, watch)
        print(f"\n{done.rate:,.0f} deliveries/s while watched, {done.bill.us(ALL):.0f} us of CPU a delivery")
        watch.show(done.deliveries)
    finally:
        bench.fleet.close()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split(";")[0].replace("\n", " "))
    parser.add_argument("--small", action="store_true", help="a minute or two: to see whether it works")
    parser.add_argument("--tenfold", action="store_true", help="the cost with ten times the people, history and backlog")
    parser.add_argument("--profile", action="store_true", help="where the time goes, by perf and pg_stat_statements")
    parser.add_argument("--channels", type=lambda text: text.split(","), default=["push", "email"], help="push,email")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="a setting of all roles")
    args = parser.parse_args()
    args.settings = dict(setting.split("=", 1) for setting in args.set)
    return args


def main():
    args = arguments()
    sys.stdout.reconfigure(line_buffering=True)
    print(f"{datetime.now():%Y-%m-%d %H:%M}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start; "
          f"channels {', '.join(args.channels)}; {' '.join(args.set)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # through the `finally` of whatever is running
    stack = Engines().up()
    try:
        (tenfold if args.tenfold else profile if args.profile else whole)(stack, args)
    finally:
        stack("down", "--wipe")
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
