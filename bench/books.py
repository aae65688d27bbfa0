"""What a stretch of work cost: CPU, context switches and memory by part, and what the engines counted."""

import os
import re
import time
from collections import defaultdict
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
# What an operator pays for; the simulators stand for somebody else's servers.
PAID = ("api", "planner", "workers", "scheduler", "PostgreSQL", "Kafka", "Redis")
PARTS = (*PAID, "simulators")
ALL = "all"
COMPILER = "of Kafka: Java's compiler"


def stat(process):
    """The fields of /proc/PID/stat from the state on; none for one that has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def children(process):
    found = ((int(p), stat(p)) for p in os.listdir("/proc") if p.isdigit())
    return [number for number, fields in found if fields and int(fields[1]) == process]


def cpu_seconds(process, with_the_dead=False):
    """`with_the_dead` adds the children that have ended and been waited for."""
    fields = stat(process)
    return sum(map(int, fields[11:15 if with_the_dead else 13])) * TICK_S if fields else 0.0


def compiler_seconds(process):
    """Of a Java process: its first minutes go to its compiler more than to its work."""
    spent = 0.0
    for task in Path(f"/proc/{process}/task").iterdir():
        try:
            if re.match("C[12] Compiler", (task / "comm").read_text()):
                spent += cpu_seconds(f"{process}/task/{task.name}")
        except (FileNotFoundError, ProcessLookupError):
            pass
    return spent


def switches(process):
    total = 0
    for task in Path(f"/proc/{process}/task").glob("*/status"):
        try:
            total += sum(map(int, re.findall(r"ctxt_switches:\s+(\d+)", task.read_text())))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total


def memory_kib(process):
    """Shared pages count for their share, or PostgreSQL's buffers would count once a connection."""
    try:
        return int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{process}/smaps_rollup").read_text(), re.M).group(1))
    except (FileNotFoundError, ProcessLookupError):
        return 0


class Engines:
    """The counters that PostgreSQL and Kafka keep. PostgreSQL's are late by seconds while a connection lives, so
    these are read when the roles have ended."""

    def __init__(self, fleet):
        rows, commits, self.wal_bytes, self.wal_syncs = map(int, fleet.query(
            "SELECT tup_inserted + tup_updated + tup_deleted, xact_commit, w.wal_bytes, w.wal_sync"
            " FROM pg_stat_database d, pg_stat_wal w WHERE d.datname = current_database()").split("|"))
        self.rows, self.commits = rows, commits
        kafka = fleet.kafka.counters()
        # A consumer's fetch is counted twice, also under a name of its own.
        self.requests = sum(count for name, count in kafka.items()
                            if "RequestsPerSec" in name and "request=FetchConsumer," not in name)
        self.produces = sum(count for name, count in kafka.items() if "request=Produce," in name)
        self.fetches = sum(count for name, count in kafka.items() if "request=Fetch," in name)
        self.log_syncs = sum(count for name, count in kafka.items() if "LogFlush" in name)

    def since(self, before):
        return {name: value - getattr(before, name) for name, value in vars(self).items()}


class Processes:
    """CPU and switches of every part at one moment, and memory when asked."""

    def __init__(self, fleet):
        self.at = time.monotonic()
        self.cpu, self.switches, self.pids = defaultdict(float), defaultdict(int), defaultdict(list)
        for part, process in fleet.pids():
            self.pids[part] += [process, *(children(process) if part == "PostgreSQL" else [])]
            self.cpu[part] += cpu_seconds(process, with_the_dead=part == "PostgreSQL")
        for process in self.pids["PostgreSQL"][1:]:
            self.cpu["PostgreSQL"] += cpu_seconds(process)
        self.cpu[COMPILER] = sum(map(compiler_seconds, self.pids["Kafka"]))
        for part, processes in self.pids.items():
            self.switches[part] = sum(map(switches, processes))

    def memory_mib(self):
        return {part: sum(map(memory_kib, self.pids[part])) / 1024 for part in PARTS}


class Bill:
    """Between two looks at the processes, for a number of deliveries."""

    def __init__(self, before, after, deliveries):
        self.seconds, self.deliveries = after.at - before.at, deliveries
        per = 1e6 / max(1, deliveries)
        self.cpu_us = {part: (after.cpu[part] - before.cpu[part]) * per for part in (*PARTS, COMPILER)}
        self.switches = {part: (after.switches[part] - before.switches[part]) * per / 1e6 for part in PARTS}
        self.memory_mib = after.memory_mib()

    def us(self, part):
        return sum(self.cpu_us[paid] for paid in PAID) if part == ALL else self.cpu_us[part]
