"""Speed of the embedded Herald, each figure beside a probe of this machine taken in the same run. `make bench`."""

import os
import re
import shutil
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from books import cpu_seconds  # noqa: E402
from herald import Herald, Simulators  # noqa: E402
from probes import Load, sqlite_rows  # noqa: E402
from scratch import scratch_folder  # noqa: E402

SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))


def metric(herald, name, **labels):
    total = 0.0
    for line in herald.metrics().splitlines():
        if line.startswith(name) and all(f'{k}="{v}"' in line for k, v in labels.items()):
            total += float(line.rsplit(" ", 1)[1])
    return total


def drained(herald):
    return metric(herald, "herald_consumer_lag_records") == 0 and metric(herald, "herald_calls_in_flight{") == 0


def main():
    if not shutil.which("wrk"):
        sys.exit("bench needs wrk: apt-get install wrk")
    folder = scratch_folder("bench")
    simulators = Simulators(folder)
    herald = Herald(folder=folder, simulators=simulators, LOG_LEVEL="INFO")
    try:
        disk = sqlite_rows(folder)
        bare = Load(herald.url + "/health", SECONDS)
        pids = {"herald": herald.process.process.pid, "simulators": simulators.process.process.pid}
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        began = time.monotonic()
        load = Load(herald.url + "/api/v1/notifications", SECONDS, HERE / "post.lua")
        while not drained(herald):
            time.sleep(0.1)
        seconds = time.monotonic() - began
        deliveries = metric(herald, "herald_attempts_total", outcome="accepted")
        cpu = {name: (cpu_seconds(pid) - before[name]) / max(1, deliveries) * 1e6 for name, pid in pids.items()}
        rss = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pids['herald']}/status").read_text()).group(1)) // 1024
        sent = metric(herald, "herald_requests_accepted_total")
        print(f"""
probe: GET /health, 64 connections                {bare.rate:10.0f} /s   p99 {bare.p99}
probe: SQLite, 300 B rows, transactions of 100    {disk:10.0f} rows/s
accept: POST, 64 connections, closed loop         {load.rate:10.0f} /s   p99 {load.p99}   {load.rate / bare.rate:6.1%} of the bare server
not accepted (503 under full load)                {load.refused:10d}
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
