"""Herald as separate processes on real engines: the stack of tools/stack, and roles on top of it."""

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from herald import ROOT, Client, Process, Simulators, run

ROLES = ("api", "planner", "worker push", "worker sms", "worker email", "scheduler")


class Stack:
    """PostgreSQL, Redis and Kafka as tools/stack runs them."""

    def __init__(self, **environment):
        self.environment = {k: str(v) for k, v in environment.items()}

    def __call__(self, *words, seconds=120):
        answer = subprocess.run([str(ROOT / "tools/stack"), *words], env={**os.environ, **self.environment}, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds)
        assert answer.returncode == 0, f"tools/stack {' '.join(words)}: {answer.stdout}{answer.stderr}"
        return answer.stdout

    def up(self, *words):
        self("up", *words, seconds=600)
        self.urls = dict(line.removeprefix("export ").replace("'", "").split("=", 1)
                         for line in self("env").splitlines() if line.strip())
        return self


class Cluster(Client):
    """One Herald on a stack: a database, topics and keys of its own, simulators, and any number of each role.

    `proxies`: variable → Proxy that the roles reach that engine through. Its API is the first api process's;
    `processes` maps `api`, `worker push`, `worker push 2` … to processes.
    """

    def __init__(self, stack, roles=ROLES, binary="herald", migrate="migrate --demo", proxies=None, **settings):
        self.stack, self.binary = stack, binary
        self.name = "t" + secrets.token_hex(6)
        self.folder = Path(tempfile.mkdtemp(prefix="herald-cluster-"))
        self.database("CREATE DATABASE " + self.name)
        url = urlsplit(stack.urls["DATABASE_URL"])
        self.settings = {
            **stack.urls,
            "DATABASE_URL": urlunsplit(url._replace(path="/" + self.name)),
            "HERALD_TOPIC_PREFIX": self.name + ".",
            "HERALD_TOPIC_PARTITIONS": 4,
            "HERALD_DATA_DIR": self.folder / "data",
            "HERALD_LISTEN": "127.0.0.1:0",
            **{f"HERALD_{channel}_PROVIDERS": "simulator" for channel in ("PUSH", "SMS", "EMAIL")},
            **settings,
        }
        self.simulators = Simulators(self.folder)
        self.settings["HERALD_SIMULATOR_DIR"] = self.simulators.dir
        self.processes = {}
        answer = run(migrate, seconds=60, **self.settings)
        assert answer.returncode == 0, f"{migrate} ended with {answer.returncode}: {answer.stderr}"
        for variable, proxy in (proxies or {}).items():
            url = urlsplit(self.settings[variable])
            self.settings[variable] = urlunsplit(url._replace(netloc=f"{url.netloc.rpartition(':')[0]}:{proxy.port}"))
        for role in roles:
            self.start(role)

    def database(self, statement, name=None):
        url = urlsplit(self.stack.urls["DATABASE_URL"])
        if name:
            url = url._replace(path="/" + name)
        answer = subprocess.run(["psql", "-XAtq", "-c", statement, urlunsplit(url)], text=True, capture_output=True,
                                stdin=subprocess.DEVNULL, timeout=60)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.strip()

    def query(self, statement):
        return self.database(statement, self.name)

    def start(self, role, name=None, **more):
        """One more process of that role: the next free name, or the one given."""
        number = 2
        while name is None or name in self.processes and self.alive(name):
            name = role if role not in self.processes or not self.alive(role) else f"{role} {number}"
            number += 1
        process = Process(role, {**self.settings, **more}, self.binary)
        process.role, process.own_settings, process.url = role, more, None
        self.processes[name] = process
        process.url = f"http://127.0.0.1:{process.wait_for('serve.ready', 30)['port']}"
        if name == "api" or name == "serve":
            self.url = process.url
        return name

    def start_again(self, name):
        """In the place of one that ended, with its settings."""
        dead = self.processes[name]
        return self.start(dead.role, name, **dead.own_settings)

    def alive(self, name):
        return self.processes[name].process.poll() is None

    def kill(self, name):
        self.processes[name].kill()

    def stop(self, name):
        return self.processes[name].stop()

    def at(self, name):
        """A client of that process."""
        client = Client()
        client.url = self.processes[name].url
        return client

    def timers_waiting(self):
        name = "scheduler" if "scheduler" in self.processes else "serve"
        return sum(value for _, value in self.at(name).metric("herald_timers_waiting"))

    def close(self):
        for process in self.processes.values():
            if process.process.poll() is None:
                process.kill()
        self.simulators.stop()
        self.database(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        shutil.rmtree(self.folder, ignore_errors=True)
