"""Herald as separate processes on real engines: the stack of tools/stack, and roles on top of it."""

import itertools
import os
import secrets
import shutil
import subprocess
import threading
import time
from urllib.parse import urlsplit, urlunsplit

from herald import ROOT, Client, Process, Simulators, run
from proxy import Proxy
from scratch import scratch_folder

ROLES = ("api", "planner", "worker push", "worker sms", "worker email", "scheduler")


class Stack:
    """PostgreSQL, Redis and Kafka as tools/stack runs them; with `kafka_proxy` as its --kafka-proxy says."""

    def __init__(self, kafka_proxy=None, **environment):
        self.kafka_proxy = kafka_proxy
        self.environment = {k: str(v) for k, v in environment.items()}

    def __call__(self, *words, seconds=120):
        answer = subprocess.run([str(ROOT / "tools/stack"), *words], env={**os.environ, **self.environment}, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds)
        assert answer.returncode == 0, f"tools/stack {' '.join(words)}: {answer.stdout}{answer.stderr}"
        return answer.stdout

    def up(self, *words):
        proxied = ("--kafka-proxy", str(self.kafka_proxy)) if self.kafka_proxy else ()
        self("up", *proxied, *words, seconds=600)
        self.urls = dict(line.removeprefix("export ").replace("'", "").split("=", 1)
                         for line in self("env").splitlines() if line.strip())
        return self

    def kafka_through_a_proxy(self):
        return Proxy("127.0.0.1", self.kafka_proxy + 3, self.kafka_proxy)


class Cluster(Client):
    """One Herald on a stack: a database, topics and keys of its own, simulators, and any number of each role.

    `proxies`: variable → Proxy that the roles reach that engine through. Its API is the first api process's;
    `processes` maps `api`, `worker push`, `worker push 2` … to processes.
    """

    def __init__(self, stack, roles=ROLES, binary="herald", migrate="migrate --demo", proxies=None, **settings):
        self.stack, self.binary = stack, binary
        self.name = "t" + secrets.token_hex(6)
        self.folder = scratch_folder("cluster")
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
        try:
            self._begin(migrate, proxies, roles)
        except BaseException:
            self.close()
            raise

    def _begin(self, migrate, proxies, roles):
        answer = run(migrate, seconds=60, **self.settings)
        assert answer.returncode == 0, f"{migrate} ended with {answer.returncode}: {answer.stderr}"
        for variable, proxy in (proxies or {}).items():
            place, _, port_and_path = self.settings[variable].rpartition(":")
            self.settings[variable] = f"{place}:{proxy.port}{port_and_path.lstrip('0123456789')}"
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

    def start(self, role, name=None, binary=None, **more):
        """One more process of that role: the next free name, or the one given."""
        number = 2
        while name is None or name in self.processes and self.alive(name):
            name = role if role not in self.processes or not self.alive(role) else f"{role} {number}"
            number += 1
        process = Process(role, {**self.settings, **more}, binary or self.binary)
        process.role, process.binary, process.own_settings, process.url = role, binary, more, None
        self.processes[name] = process
        process.url = f"http://127.0.0.1:{process.wait_for('serve.ready', 30)['port']}"
        if name == "api" or name == "serve":
            self.url = process.url
        return name

    def start_again(self, name):
        """In the place of one that ended, with its settings."""
        dead = self.processes[name]
        return self.start(dead.role, name, dead.binary, **dead.own_settings)

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

    def records_in_the_log(self):
        name = "scheduler" if "scheduler" in self.processes else "serve"  # which must know of all groups
        return self.at(name).records_in_the_log()

    def timers_waiting(self):
        name = "scheduler" if "scheduler" in self.processes else "serve"
        return sum(value for _, value in self.at(name).metric("herald_timers_waiting"))

    def put_people(self, count):
        """Their ids; spread over all partitions, and each with an address for every route."""
        people = [f"u{n}" for n in range(count)]
        for n, id in enumerate(people):
            devices = [{"platform": "ios", "token": f"{n:064x}"}, {"platform": "android", "token": f"demo-android:{id}"}]
            self.put_user(id, email=f"{id}@example.org", phone=f"+1415555{n:04}", devices=devices)
        return people

    def close(self):
        try:
            for process in self.processes.values():
                if process.process.poll() is None:
                    process.kill()
            self.simulators.stop()
            self.database(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class Load:
    """Sends from a thread until it is stopped, and keeps every answer."""

    def __init__(self, client, pause=0.01, people=("user123",), channels=("push", "email")):
        self.client, self.pause, self.people, self.channels = client, pause, itertools.cycle(people), channels
        self.accepted, self.errors, self.times, self.broken = [], [], [], 0
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while self.running:
            begun = time.monotonic()
            try:
                answer = self.client.send(next(self.people), channels=self.channels)
            except OSError:
                self.broken += 1  # a connection that closes: the client sends again elsewhere
                time.sleep(self.pause)
                continue
            self.times.append(time.monotonic() - begun)
            if answer.status == 202:
                self.accepted.append(answer.json["id"])
            else:
                self.errors.append(answer)
            time.sleep(self.pause)

    def stop(self):
        self.running = False
        self.thread.join()
        return self
