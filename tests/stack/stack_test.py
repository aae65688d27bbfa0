"""tools/stack on a folder and ports of its own: what it starts is real, stays apart, and comes back."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PARTS = ["postgres", "redis", "kafka1"]
PSQL = "/usr/lib/postgresql/15/bin/psql"


class Stack:
    def __init__(self, folder, port):
        self.folder = folder
        self.settings = {**os.environ, "HERALD_STACK_DIR": str(folder), "HERALD_STACK_PORT": str(port)}
        self.settings.pop("KAFKA_VERSION", None)

    def run(self, *arguments, **settings):
        return subprocess.run([ROOT / "tools/stack", *arguments], env={**self.settings, **settings},
                              timeout=120, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def do(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def states(self):
        lines = [line.split(maxsplit=3) for line in self.run("status").stdout.splitlines()]
        return {name: state for name, _, _, state in lines}

    def wait_for(self, name, state):
        until = time.monotonic() + 20
        while self.states()[name] != state:
            assert time.monotonic() < until, f"{name} is {self.states()[name]}, not {state}"

    def pids(self):
        return [self.do("pid", name) for name in PARTS]

    def env(self):
        return dict(shlex.split(line)[1].split("=", 1) for line in self.do("env").splitlines())

    def psql(self, statement):
        return output(PSQL, self.env()["DATABASE_URL"], "-XAtqc", statement)

    def produce(self, topic, text):
        output("kcat", "-b", self.brokers(), "-P", "-t", topic, "-X", "acks=all", given=text)

    def consume(self, topic):
        return output("kcat", "-b", self.brokers(), "-C", "-t", topic, "-e", "-q").split()

    def create_topic(self, topic):
        jars = ROOT / "build/stack-cache/kafka-4.1.0"
        output("java", "-cp", f"{jars}/*", "org.apache.kafka.tools.TopicCommand", "--bootstrap-server",
               self.brokers(), "--create", "--topic", topic)

    def brokers(self):
        return self.env()["KAFKA_BOOTSTRAP_SERVERS"]

    def redis(self):
        url = urlsplit(self.env()["REDIS_URL"])
        asked = ("redis-cli", "-p", str(url.port), "-a", url.password, "--no-auth-warning", "PING")
        return output(*asked).strip()


def output(*command, given=""):
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def free_block(size=8):
    """The first of that many free ports in a row, below those that the system lends to clients."""
    for first in range(22000, 32000, size):
        if all(port_is_free(port) for port in range(first, first + size)):
            return first
    raise AssertionError("no free ports")


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


@pytest.fixture(scope="module")
def made():
    # pytest's own folders are closed to other users, and PostgreSQL runs as one when the tests run as root.
    folder = Path(tempfile.mkdtemp(prefix="herald-stack-"))
    folder.chmod(0o755)
    stack = Stack(folder, free_block())
    yield stack
    stack.run("down", "--wipe")
    shutil.rmtree(folder)


@pytest.fixture
def stack(made):
    made.do("up")
    return made


def test_names_three_engines_that_answer(stack):
    assert list(stack.env()) == ["KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "REDIS_URL"]
    assert stack.psql("SELECT current_user") == "herald\n"
    assert stack.redis() == "PONG"
    assert stack.states() == {"postgres": "usable", "redis": "usable", "kafka1": "usable"}


def test_wants_the_passwords(stack):
    url = stack.env()["DATABASE_URL"].replace(":herald@", ":wrong@")
    refused = subprocess.run([PSQL, url, "-Xc", "SELECT 1"], capture_output=True, text=True)
    assert "password authentication failed" in refused.stderr
    port = urlsplit(stack.env()["REDIS_URL"]).port
    assert "NOAUTH" in output("redis-cli", "-p", str(port), "PING")


def test_keeps_what_a_database_must_keep_switched_on(stack):
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert stack.psql(f"SHOW {setting}") == "on\n"


def test_up_leaves_alone_what_runs(stack):
    before = stack.pids()
    assert len(stack.do("up").splitlines()) == 1
    assert stack.pids() == before


def test_data_outlives_down_and_a_kill(stack):
    stack.create_topic("kept")
    stack.psql("CREATE TABLE kept AS SELECT 7 AS x")
    stack.produce("kept", "one\n")
    stack.do("down")
    assert set(stack.states().values()) == {"down"}
    stack.do("up")
    stack.produce("kept", "two\n")
    for name in PARTS:
        stack.do("kill", name)
    stack.do("up")
    assert stack.psql("SELECT x FROM kept") == "7\n"
    assert sorted(stack.consume("kept")) == ["one", "two"]


def test_a_pid_file_that_names_a_stranger_is_noticed(stack):
    stack.do("kill", "redis")
    (stack.folder / "redis/pid").write_text(f"{os.getpid()}\n")
    assert stack.states()["redis"] == "down"
    stack.do("up")
    assert stack.redis() == "PONG"


def test_starts_again_after_the_first_process_alone_was_killed(stack):
    os.kill(int(stack.do("pid", "postgres")), signal.SIGKILL)
    stack.wait_for("postgres", "down")
    stack.do("start", "postgres")
    assert stack.psql("SELECT 1") == "1\n"


@pytest.mark.parametrize("name", PARTS)
def test_a_frozen_part_is_alive_and_goes_on(stack, name):
    before = stack.pids()
    stack.do("stop", name)
    assert stack.states()[name] == "frozen"
    stack.do("cont", name)
    assert stack.pids() == before
    stack.wait_for(name, "usable")


def test_does_not_become_another_stack_in_silence(stack):
    for arguments, settings in ((["up", "--brokers", "3"], {}), (["up"], {"KAFKA_VERSION": "3.9.2"}),
                                (["up", "--kafka-proxy", "21000"], {}), (["up"], {"HERALD_STACK_PORT": "21000"})):
        refused = stack.run(*arguments, **settings)
        assert refused.returncode == 1
        assert "was made with" in refused.stderr
    assert set(stack.states().values()) == {"usable"}


def test_does_not_take_another_stacks_ports(stack, tmp_path):
    other = Stack(tmp_path, stack.settings["HERALD_STACK_PORT"])
    refused = other.run("up")
    assert refused.returncode == 1
    assert "is taken" in refused.stderr
    assert not (tmp_path / "stack.json").exists()


def test_tells_a_groups_lag(stack):
    stack.create_topic("lagging")
    stack.produce("lagging", "1\n2\n3\n")
    earliest = "auto.offset.reset=earliest"
    output("kcat", "-b", stack.brokers(), "-X", earliest, "-c", "1", "-G", "slow", "lagging")
    line = next(line for line in stack.do("lag", "slow").splitlines() if line.startswith("slow"))
    assert line.split()[1:6] == ["lagging", "0", "1", "3", "2"]
