"""Where the time of a stretch of work goes: threads by /proc, functions by perf, statements by pg_stat_statements."""

import signal
import subprocess
from collections import Counter, defaultdict
from pathlib import Path

from books import PARTS, Processes, cpu_seconds
from probes import run

SHOWN = 12


def load_statement_statistics(stack):
    """The extension must be loaded when the server starts. It costs some percent: no figures are taken with it."""
    run("psql", "-XAtq", "-c", "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'",
        stack.urls["DATABASE_URL"])
    stack("kill", "postgres")
    stack("start", "postgres")


class Profile:
    """Of all processes of a fleet that live at the `with`, until its end."""

    def __init__(self, fleet):
        self.fleet, self.data = fleet, fleet.folder / "perf.data"
        fleet.query("CREATE EXTENSION pg_stat_statements")

    def __enter__(self):
        self.fleet.query("SELECT pg_stat_statements_reset()")
        self.pids = Processes(self.fleet).pids
        self.perf = subprocess.Popen(["perf", "record", "-q", "-a", "-F", "999", "-o", self.data],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.before = self.threads()
        return self

    def __exit__(self, *_):
        after = self.threads()
        self.spent = {key: seconds - self.before.get(key, 0) for key, seconds in after.items()}
        self.perf.send_signal(signal.SIGINT)
        self.perf.wait(60)

    def threads(self):
        spent = {}
        for part, pids in self.pids.items():
            for pid in pids:
                for task in Path(f"/proc/{pid}/task").glob("*"):
                    try:
                        name = (task / "comm").read_text().strip()
                        spent[part, name, task.name] = cpu_seconds(f"{pid}/task/{task.name}")
                    except (FileNotFoundError, ProcessLookupError):
                        pass
        return spent

    def show(self, deliveries):
        by_thread = defaultdict(float)
        for (part, name, _), seconds in self.spent.items():
            by_thread[part, name] += seconds * 1e6 / deliveries
        print("\nthreads of that name together, us of CPU a delivery")
        for (part, name), us in sorted(by_thread.items(), key=lambda item: -item[1]):
            if us >= 0.3:
                print(f"{part:<12}{name:<18}{us:>9.1f}")
        self.show_functions()
        print("\nPostgreSQL's statements by time: ms in all, calls, rows a call, us a row, text")
        print(self.fleet.query(
            "SELECT round(total_exec_time), calls, round(rows::numeric / calls, 1),"
            " round((total_exec_time * 1000 / greatest(rows, 1))::numeric, 1),"
            " left(regexp_replace(query, '\\s+', ' ', 'g'), 160)"
            " FROM pg_stat_statements WHERE calls > 1 ORDER BY total_exec_time DESC LIMIT 20"))

    def show_functions(self):
        """What perf calls a pid is a thread's id, and it merges those of one name unless it sorts by them: parts
        are put together here."""
        part_of = {int(task): part for part, _, task in self.spent}
        told = run("perf", "report", "-i", self.data, "--stdio", "-t", "\t", "-F", "sample,pid,dso,sym")
        samples = defaultdict(Counter)
        for fields in (text.split("\t") for text in told.splitlines() if text.count("\t") == 3):
            count, process, library, function = (field.strip() for field in fields)
            pid = process.partition(":")[0].strip()
            if count.isdigit() and pid.isdigit() and int(pid) in part_of:
                samples[part_of[int(pid)], "library"][library] += int(count)
                samples[part_of[int(pid)], "function"][f"{library:<24} {function}"] += int(count)
        for part in PARTS:
            for kind in ("library", "function"):
                counts = samples[part, kind]
                print(f"\n{part}: share of its CPU by {kind}")
                for name, count in counts.most_common(SHOWN):
                    print(f"{count / counts.total():>7.1%}  {name[:110]}")
