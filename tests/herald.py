"""Starts the built program and talks to it as anybody would: processes, HTTP, JSON."""

import json
import os
import queue
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

from scratch import scratch_folder

ROOT = Path(__file__).resolve().parent.parent
PROVIDERS = ("apns", "fcm", "twilio", "sendgrid")
ROUTE_OF = {"apns": "push.apns", "fcm": "push.fcm", "twilio": "sms", "sendgrid": "email"}
OPEN_STATES = ("accepted", "scheduled", "in_progress")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.text = status, headers, body

    @property
    def json(self):
        return json.loads(self.text)

    def __repr__(self):
        return f"{self.status} {self.text[:500]}"


def call(method, url, body=None, headers=None, timeout=10):
    """Any status is an answer; no answer is an exception."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)
    if data is not None:
        request.add_header("Content-Type", "application/json")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return Answer(response.status, response.headers, response.read().decode())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read().decode())


def wait_until(condition, seconds=10, what="the condition"):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.02)


def talk(url, request, timeout=10):
    """Sends bytes that no HTTP library would send; what came back until the other side closed."""
    host, port = re.fullmatch(r"http://([^:]+):(\d+)", url).groups()
    with socket.create_connection((host, int(port)), timeout) as connection:
        try:
            connection.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all of it was sent
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
    return to_answer(received)


def to_answer(received):
    head, _, body = received.partition(b"\r\n\r\n")
    status, _, lines = head.decode().partition("\r\n")
    headers = {}
    for line in lines.splitlines():
        name, _, value = line.partition(":")
        headers[name.strip().title()] = value.strip()
    return Answer(int(status.split()[1]), headers, body.decode())


def binary_path(binary="herald"):
    return Path(os.environ.get("BUILD_DIR", ROOT / "build" / "release")) / binary


def environment_with(settings):
    """The test's own environment must not reach the program."""
    foreign = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "REDIS_URL", "LOG_LEVEL")
    env = {k: v for k, v in os.environ.items() if not k.startswith("HERALD_") and k not in foreign}
    env.update({k: str(v) for k, v in settings.items()})
    return env


def run(command, seconds=20, binary="herald", **settings):
    """A command that ends by itself, with its output."""
    return subprocess.run([str(binary_path(binary)), *command.split()], env=environment_with(settings), text=True,
                          capture_output=True, timeout=seconds)


def in_seconds(seconds):
    """A time from now as the API takes it."""
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def to_ms(rfc3339):
    return datetime.fromisoformat(rfc3339.replace("Z", "+00:00")).timestamp() * 1000


class Process:
    """One herald process; its JSON log lines are kept and can be waited for."""

    def __init__(self, command, environment, binary="herald"):
        self.started = time.monotonic()
        self.process = subprocess.Popen([str(binary_path(binary)), *command.split()], env=environment_with(environment),
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.lines, self.events = [], queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            del self.lines[:-5000]
            try:
                self.events.put(json.loads(line))
            except json.JSONDecodeError:
                pass
        self.events.put(None)

    def wait_for(self, event, seconds=10):
        end = time.monotonic() + seconds
        while True:
            try:
                found = self.events.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {event} within {seconds} s:\n{''.join(self.lines[-30:])}")
            if found is None:
                self.process.wait()
                raise AssertionError(f"ended with {self.process.returncode} before {event}:\n{''.join(self.lines[-30:])}")
            if found.get("event") == event:
                return found

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self, seconds=30):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


def free_ports():
    """The first of a block of ports that the simulators can have."""
    for base in random.sample(range(20_000, 30_000, 16), 100):
        try:
            for offset in (0, 1, 2, 3, 10, 11):
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", base + offset))
            return base
        except OSError:
            continue
    raise AssertionError("no free ports")


class Simulators:
    """`herald simulate` in a process of its own, and the books it keeps."""

    def __init__(self, folder, port=0):
        """With a port of their own they can be stopped and started again at the same place."""
        self.dir, self.port = Path(folder) / "simulator", port
        self.start()

    def start(self):
        self.process = Process("simulate", {"HERALD_SIMULATOR_DIR": self.dir, "HERALD_SIMULATOR_PORT": self.port})
        ready = self.process.wait_for("simulate.ready")
        self.control = {
            "apns": f"http://127.0.0.1:{ready['apns_control']}",
            "fcm": f"http://127.0.0.1:{ready['fcm_control']}",
            "twilio": f"http://127.0.0.1:{ready['twilio']}",
            "sendgrid": f"http://127.0.0.1:{ready['sendgrid']}",
        }

    def faults(self, provider, *rules, seed=1):
        answer = call("PUT", self.control[provider] + "/faults", {"rules": list(rules), "seed": seed})
        assert answer.status in (200, 204), answer

    def no_faults(self):
        for provider in PROVIDERS:
            call("DELETE", self.control[provider] + "/faults")

    def messages(self, provider, **filters):
        query = "&".join(f"{k}={v}" for k, v in {"limit": 1000000, **filters}.items())
        return call("GET", f"{self.control[provider]}/messages?{query}", timeout=30).json["data"]

    def all_messages(self, **filters):
        return [dict(row, provider=p) for p in PROVIDERS for row in self.messages(p, **filters)]

    def forget(self):
        for provider in PROVIDERS:
            call("DELETE", self.control[provider] + "/messages")

    def stop(self):
        self.process.stop()


class Client:
    """Talks to the API of a running Herald, at `url`, and reads its metrics."""

    url = None

    def call(self, method, path, body=None, **kwargs):
        return call(method, self.url + path, body, **kwargs)

    def send(self, user="user123", template="welcome", channels=("push", "email"), headers=None, **fields):
        body = {"user_id": user, "template_id": template, "data": {"username": "john_doe"}, **fields}
        if channels:
            body["channels"] = list(channels)
        return self.call("POST", "/api/v1/notifications", body, headers=headers)

    def notification(self, id):
        return self.call("GET", f"/api/v1/notifications/{id}").json

    def wait_final(self, id, seconds=15):
        def final():
            answer = self.call("GET", f"/api/v1/notifications/{id}")
            return answer.status == 200 and answer.json["status"] not in OPEN_STATES and answer.json

        return wait_until(final, seconds, f"{id} final")

    def wait_all_final(self, ids, seconds=30):
        """The stories by id, each asked for until it is final."""
        end = time.monotonic() + seconds
        return {id: self.wait_final(id, max(0.1, end - time.monotonic())) for id in ids}

    def put_user(self, id, **fields):
        answer = self.call("PUT", f"/api/v1/users/{id}", fields)
        assert answer.status == 200, answer
        return answer.json

    def post_template(self, id, **fields):
        fields.setdefault("channels", {"sms": {"body": "Hello"}})
        answer = self.call("POST", "/api/v1/templates", {"id": id, **fields})
        assert answer.status == 201, answer
        return answer.json["version"]

    def metrics(self):
        return self.call("GET", "/metrics").text

    def metric(self, name):
        """Every series of one metric: (labels, value)."""
        found = re.findall(rf"^{name}(?:\{{([^}}]*)\}})? (\S+)$", self.metrics(), re.M)
        return [(dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value)) for labels, value in found]

    def records_in_the_log(self):
        return sum(value for _, value in self.metric("herald_consumer_lag_records"))

    def timers_waiting(self):
        return sum(value for _, value in self.metric("herald_timers_waiting"))

    def wait_idle(self, seconds=15):
        """Nothing is in the log, in flight or on a timer."""
        wait_until(lambda: self.records_in_the_log() == 0 and self.timers_waiting() == 0, seconds, "an idle Herald")


class Herald(Client):
    """One `herald serve` over a data folder, with simulators beside it."""

    def __init__(self, folder=None, simulators=None, binary="herald", **settings):
        self.own_folder = folder is None
        self.folder = Path(folder or scratch_folder("herald"))
        self.simulators = simulators or Simulators(self.folder)
        self.own_simulators = simulators is None
        self.settings = settings
        self.binary = binary
        self.start()

    def start(self, **more):
        environment = {
            "HERALD_DATA_DIR": self.folder / "data",
            "HERALD_LISTEN": "127.0.0.1:0",
            "HERALD_SIMULATOR_DIR": self.simulators.dir,
            **self.settings,
            **more,
        }
        self.process = Process("serve", environment, self.binary)
        try:
            ready = self.process.wait_for("serve.ready")
        except AssertionError:
            self.process.kill()
            self.close()
            raise
        self.seconds_to_ready = time.monotonic() - self.process.started
        self.url = f"http://127.0.0.1:{ready['port']}"

    def close(self):
        if self.process.process.poll() is None:
            self.process.stop()
        if self.own_simulators:
            self.simulators.stop()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
