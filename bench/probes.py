"""What this machine gives without Herald: each figure of Herald stands beside one of these, taken in the same run."""

import base64
import json
import os
import re
import sqlite3
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
POSTGRES_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
ROW_BYTES = 300  # of the rows and records of all probes


def run(*command, seconds=120, given=None, **environment):
    done = subprocess.run([str(word) for word in command], text=True, input=given, capture_output=True, timeout=seconds,
                          stdin=subprocess.DEVNULL if given is None else None, env={**os.environ, **environment})
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}"
    return done.stdout


class Load:
    """What wrk saw: 64 connections, each with one request at a time."""

    def __init__(self, url, seconds, script=None, connections=64, **environment):
        scripted = ["-s", script] if script else []
        out = run("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *scripted, url,
                  seconds=seconds + 60, **environment)
        failed = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
        self.answers = int(re.search(r"(\d+) requests in", out).group(1))
        self.refused = int(failed.group(1)) if failed else 0
        answered = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
        self.rate = answered * (self.answers - self.refused) / max(1, self.answers)  # of those that were not refused
        self.p99 = re.search(r"99%\s+(\S+)", out).group(1)


def sqlite_rows(folder, seconds=2):
    """Rows/s in transactions of 100, each synced."""
    db = sqlite3.connect(Path(folder) / "probe.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
    rows, body, begun = 0, b"x" * ROW_BYTES, time.monotonic()
    while time.monotonic() < begun + seconds:
        db.execute("BEGIN")
        db.executemany("INSERT INTO t (body) VALUES (?)", [(body,)] * 100)
        db.execute("COMMIT")
        rows += 100
    return rows / (time.monotonic() - begun)


def disk_syncs(folder, seconds):
    """Appends of 4 KiB a second, each synced before the next: every promise to keep something waits for one."""
    path, count, begun = Path(folder) / "probe.syncs", 0, time.monotonic()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while time.monotonic() < begun + seconds:
        os.write(file, bytes(4096))
        os.fdatasync(file)
        count += 1
    seconds = time.monotonic() - begun
    os.close(file)
    path.unlink()
    return count / seconds


def postgres_rows(url, folder, seconds, batch=1000):
    """Rows/s over one connection, a commit for each batch."""
    def sql(statement):
        run("psql", "-XAtq", "-c", statement, url)

    script = Path(folder) / "probe.sql"
    script.write_text(f"INSERT INTO probe (body) SELECT repeat('x', {ROW_BYTES}) FROM generate_series(1, {batch});\n")
    sql("DROP TABLE IF EXISTS probe; CREATE TABLE probe (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text)")
    out = run(POSTGRES_PROGRAMS / "pgbench", "-n", "-f", script, "-T", seconds, "-c", 1, url)
    sql("DROP TABLE probe")
    return batch * float(re.search(r"tps = ([\d.]+)", out).group(1))


def produced_records(kafka, folder, count):
    """Records/s that the broker acknowledged with acks=all, to a topic that is synced like `requests.*`."""
    records, topic = Path(folder) / "probe.records", "bench.probe"
    records.write_text("".join(f"{n:0{ROW_BYTES}}\n" for n in range(count)))
    kafka.create_topic(topic, **{"flush.messages": 1})
    properties = {"acks": "all", "enable.idempotence": "true", "compression.type": "lz4", "linger.ms": 3}
    begun = time.monotonic()
    run("kcat", "-b", kafka.servers, "-P", "-t", topic, "-l", records,
        *(word for name, value in properties.items() for word in ("-X", f"{name}={value}")))
    seconds = time.monotonic() - begun
    records.unlink()
    kafka.delete_topic(topic)
    return count / seconds


def simulator_calls(simulators, seconds):
    """Calls/s that the SMS simulator answers over 64 connections: the most that any sender could reach on it."""
    twilio = json.loads((simulators.dir / "credentials.json").read_text())["twilio"]
    sid, secret = twilio["account_sid"], twilio["auth_token"]
    load = Load(f"{simulators.control['twilio']}/2010-04-01/Accounts/{sid}/Messages.json", seconds, HERE / "call.lua",
                CALL_AUTHORIZATION="Basic " + base64.b64encode(f"{sid}:{secret}".encode()).decode())
    assert load.refused == 0, f"{load.refused} calls were refused"
    return load
