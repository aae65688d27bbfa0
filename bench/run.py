"""Speed of the embedded Herald, each figure beside a probe of this machine taken in the same run. `make bench`."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from herald import Herald, Simulators  # noqa: E402

SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))


def wrk(url, script=None):
    command = ["wrk", "-t1", "-c64", f"-d{SECONDS}s", "--latency"] + (["-s", str(script)] if script else []) + [url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return rate, re.search(r"99%\s+(\S+)", out).group(1), int(failed.group(1)) if failed else 0


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def metric(herald, name, **labels):
    total = 0.0
    for line in herald.metrics().splitlines():
        if line.startswith(name) and all(f'{k}="{v}"' in line for k, v in labels.items()):
            total += float(line.rsplit(" ", 1)[1])
    return total


def sqlite_probe(folder):
    """Rows/s of 300 bytes in transactions of 100, each synced: what the disk and SQLite give here."""
    db = sqlite3.connect(Path(folder) / "probe.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
    rows, body, end = 0, b"x" * 300, time.monotonic() + 2
    while time.monotonic() < end:
        db.execute("BEGIN")
        db.executemany("INSERT INTO t (body) VALUES (?)", [(body,)] * 100)
        db.execute("COMMIT")
        rows += 100
    return rows / 2


def drained(herald):
    return metric(herald, "herald_consumer_lag_records") == 0 and metric(herald, "herald_calls_in_flight{") == 0


def main():
    if not shutil.which("wrk"):
        sys.exit("bench needs wrk: apt-get install wrk")
    folder = tempfile.mkdtemp(prefix="herald-bench-")
    simulators = Simulators(folder)
    herald = Herald(folder=folder, simulators=simulators, LOG_LEVEL="INFO")
    try:
        disk = sqlite_probe(folder)
        bare, bare_p99, _ = wrk(herald.url + "/health")
        pids = {"herald": herald.process.process.pid, "simulators": simulators.process.process.pid}
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        began = time.monotonic()
        accepted, p99, refused = wrk(herald.url + "/api/v1/notifications", HERE / "post.lua")
        while not drained(herald):
            time.sleep(0.1)
        seconds = time.monotonic() - began
        deliveries = metric(herald, "herald_attempts_total", outcome="accepted")
        cpu = {name: (cpu_seconds(pid) - before[name]) / max(1, deliveries) * 1e6 for name, pid in pids.items()}
        rss = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pids['herald']}/status").read_text()).group(1)) // 1024
        sent = metric(herald, "herald_requests_accepted_total")
        print(f"""
probe: GET /health, 64 connections                {bare:10.0f} /s   p99 {bare_p99}
probe: SQLite, 300 B rows, transactions of 100    {disk:10.0f} rows/s
accept: POST, 64 connections, closed loop         {accepted:10.0f} /s   p99 {p99}   {accepted / bare:6.1%} of the bare server
not accepted (503 under full load)                {refused:10d}
deliveries, 3 for each of {sent:.0f} notifications   {deliveries:10.0f}
deliveries/s end to end, load and drain           {deliveries / seconds:10.0f} /s   {deliveries / seconds / disk:6.1%} of the SQLite probe
CPU a delivery: herald                            {cpu['herald']:10.1f} us
CPU a delivery: simulators                        {cpu['simulators']:10.1f} us
memory of herald                                  {rss:10d} MiB""")
    finally:
        herald.close()
        simulators.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
