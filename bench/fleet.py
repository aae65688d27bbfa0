"""Herald's roles on engines of their own, for the benchmark: started, given people and history, watched, stopped."""

import json
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from cluster import Cluster, Stack  # noqa: E402
from herald import PROVIDERS, ROOT, binary_path, call, environment_with, to_ms, wait_until  # noqa: E402,F401
from probes import run  # noqa: E402

STACK_DIR = ROOT / "build/stack-bench"
STACK_PORT = 18432
JMX_PORT = STACK_PORT + 8
ROLE_OF_CHANNEL = {"push": "worker push", "sms": "worker sms", "email": "worker email"}


class Engines(Stack):
    """A stack that keeps nothing from an earlier run, and whose broker answers questions about its requests."""

    def __init__(self):
        jmx = {"port": JMX_PORT, "rmi.port": JMX_PORT, "host": "127.0.0.1", "authenticate": "false", "ssl": "false"}
        options = [f"-Dcom.sun.management.jmxremote.{name}={value}" for name, value in jmx.items()]
        super().__init__(HERALD_STACK_DIR=STACK_DIR, HERALD_STACK_PORT=STACK_PORT,
                         JAVA_TOOL_OPTIONS=" ".join([*options, "-Djava.rmi.server.hostname=127.0.0.1"]))

    def up(self, *words):
        self("down", "--wipe")
        return super().up(*words)

    def pid(self, part):
        return int(self("pid", part))


class Kafka:
    """The broker's own programs."""

    def __init__(self, stack):
        self.servers = stack.urls["KAFKA_BOOTSTRAP_SERVERS"]
        plan = json.loads((STACK_DIR / "stack.json").read_text())
        self.jars = ROOT / f"build/stack-cache/kafka-{plan['kafka']}"

    def tool(self, name, *words):
        return run("java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{self.jars}/*",
                   f"org.apache.kafka.tools.{name}", *words)

    def topics(self, *words):
        return self.tool("TopicCommand", "--bootstrap-server", self.servers, *words)

    def create_topic(self, topic, **configs):
        self.topics("--create", "--topic", topic, "--partitions", 4,
                    *(word for name, value in configs.items() for word in ("--config", f"{name}={value}")))

    def delete_topic(self, topic):
        self.topics("--delete", "--topic", topic)

    def counters(self):
        """JMX name → count, of requests and of syncs of the log."""
        url = f"service:jmx:rmi:///jndi/rmi://127.0.0.1:{JMX_PORT}/jmxrmi"
        told = self.tool("JmxTool", "--jmx-url", url, "--one-time",
                         "--object-name", "kafka.network:type=RequestMetrics,name=RequestsPerSec,request=*,version=*",
                         "--object-name", "kafka.log:type=LogFlushStats,name=LogFlushRateAndTimeMs",
                         "--attributes", "Count", "--report-format", "properties")
        return {name: int(count) for name, count in re.findall(r"^(\S+:\S+):Count=(\d+)$", told, re.M)}


class Role:
    """A process whose log goes to a file: nobody spends this machine's CPU on reading it."""

    def __init__(self, role, settings, log):
        self.role, self.log, self.url = role, log, None
        with open(log, "ab") as file:
            self.process = subprocess.Popen([binary_path(), *role.split()], env=environment_with(settings),
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file)

    def wait_until_ready(self):
        def ready():
            assert self.process.poll() is None, f"{self.role} ended: {self.log.read_text()[-2000:]}"
            lines = [line for line in self.log.read_text().splitlines() if '"serve.ready"' in line]
            return lines and json.loads(lines[0])

        self.url = f"http://127.0.0.1:{wait_until(ready, 60, self.role)['port']}"

    def kill(self):
        self.process.kill()
        self.process.wait()


class Fleet(Cluster):
    """One Herald. Its roles come and go; people and history stay."""

    stack_dir = STACK_DIR

    def __init__(self, stack, channels, **settings):
        # As shipped, but for the number of calls that a sender has in flight: the smaller default of email and SMS
        # is a limit against a provider's patience, which here would be the only thing that is measured.
        unbounded = {f"HERALD_{name.upper()}_MAX_IN_FLIGHT": 1000 for name in PROVIDERS}
        self.channels, self.users, self.count = channels, 0, 0
        super().__init__(stack, roles=(), **{"HERALD_TOPIC_PARTITIONS": 12, **unbounded, **settings})
        self.kafka = Kafka(stack)
        parts = {"PostgreSQL": "postgres", "Redis": "redis", "Kafka": "kafka1"}
        self.engine_pids = {name: stack.pid(part) for name, part in parts.items()}

    @property
    def worker_roles(self):
        return [ROLE_OF_CHANNEL[channel] for channel in self.channels]

    def start_roles(self, *roles):
        """All at once; ready when all are."""
        started = []
        for role in roles:
            self.count += 1
            name = role if role not in self.processes else f"{role} {self.count}"
            log = self.folder / f"{self.count}-{role.replace(' ', '-')}.log"
            self.processes[name] = Role(role, self.settings, log)
            started.append(name)
        for name in started:
            self.processes[name].wait_until_ready()
            if name == "api":
                self.url = self.processes[name].url

    def stop_roles(self):
        for process in self.processes.values():
            process.process.terminate()
        for process in self.processes.values():
            assert process.process.wait(60) == 0, f"{process.role}: {process.log.read_text()[-2000:]}"
            process.log.unlink()
        self.processes.clear()

    def pids(self):
        for process in self.processes.values():
            yield process.role.split()[0].replace("worker", "workers"), process.process.pid
        yield from self.engine_pids.items()
        yield "simulators", self.simulators.process.process.pid

    def total(self, metric, roles, **labels):
        """Over all processes of these roles."""
        return sum(value for name, process in self.processes.items() if process.role.split()[0] in roles
                   for found, value in self.at(name).metric(metric) if labels.items() <= found.items())

    def accepted(self):
        return int(self.total("herald_requests_accepted_total", ("api",)))

    def planned(self):
        return int(self.total("herald_steps_planned_total", ("planner",)))

    def delivered(self):
        """Attempts that ended; nothing here gives a provider a reason to refuse one."""
        return int(self.total("herald_attempts_total", ("worker",)))

    def statements(self):
        names = "herald_postgres_statements_total", "herald_postgres_round_trips_total"
        return [int(self.total(name, ("api", "planner", "worker", "scheduler"))) for name in names]

    def watch(self, count, wanted, what, patience_s=60):
        """Until it is reached and stands still: (first time that it was above zero, count then, last time that it
        moved, count then). Looks often enough for a figure, and seldom enough not to be one."""
        first, moved, last = None, time.monotonic(), 0
        while last < wanted or time.monotonic() < moved + 0.4:
            assert time.monotonic() < moved + patience_s, f"{what}: stays at {last} of {wanted}"
            seen, now = count(), time.monotonic()
            if seen > 0 and not first:
                first = (now, seen)
            if seen != last:
                moved, last = now, seen
            time.sleep(0.1)
        return (*first, moved, last)

    def arrived(self):
        """Messages in the simulators' own books."""
        asked = (call("GET", f"{self.simulators.control[p]}/messages?count=1", timeout=60) for p in PROVIDERS)
        return sum(answer.json["count"] for answer in asked)

    def check_that_each_arrived_once(self):
        """What was sent after the last look may still be on its way into the books."""
        end = time.monotonic() + 15
        while (arrived := self.arrived()) != (delivered := self.delivered()) and time.monotonic() < end:
            time.sleep(0.1)
        if arrived != delivered:
            rows = Counter((row["delivery"], row["recipient"]) for row in self.simulators.all_messages())
            twice = [delivery for (delivery, _), count in rows.items() if count > 1]
            outcomes = {labels["outcome"]: value for name in self.worker_roles
                        for labels, value in self.at(name).metric("herald_attempts_total")}
            raise AssertionError(f"{arrived} messages for {delivered} deliveries; more than once: {twice[:10]}; {outcomes}")

    def warm_up(self):
        """A connection to each engine and provider, a template read, a consumer that has its partitions."""
        before = self.delivered()
        sent = 0
        for number in range(1, 21):
            sent += self.send(f"user-{number:07d}", channels=self.channels).status == 202
        self.watch(self.delivered, before + sent * len(self.channels), "warming up")

    def add_people(self, count):
        """People with an iPhone, a telephone number and an email address, up to that many."""
        numbers = f"generate_series({self.users + 1}, {count}) AS n"
        self.query(f"""
            INSERT INTO users (tenant, id, email, phone, locale, timezone)
            SELECT 'default', 'user-' || lpad(n::text, 7, '0'), 'user-' || n || '@example.com',
                   '+1415' || lpad(n::text, 7, '0'), 'en', 'Europe/Paris' FROM {numbers};
            INSERT INTO devices (tenant, token, user_id, position, platform, registered_at)
            SELECT 'default', 'c0ffee' || lpad(to_hex(n), 58, '0'), 'user-' || lpad(n::text, 7, '0'), 0, 'ios', 0
            FROM {numbers};
            ANALYZE users, devices;""")
        self.users = count

    def add_history(self, first, last):
        """Finished notifications with their deliveries, in today's partition and of the same shape as real ones."""
        begun = time.time_ns() // 1_000_000 - 3_600_000
        id = (f"(lpad(to_hex({begun} + n / 10), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8' ||"
              " substr(md5(n::text), 4, 15))::uuid")
        pattern = self.query("SELECT id FROM notifications WHERE plan IS NOT NULL ORDER BY id LIMIT 1")
        of_notification = "deadline_at, template_version, tenant, lane, template_id, channels, data, plan"
        of_delivery = ("step, ordinal, token, lease_until, begun_at, ended_at, closed_at, epoch, attempt, tries, tenant,"
                       " state, verdict, best, attempt_state, account, reference")
        for low in range(first, last + 1, 100_000):
            numbers = f"generate_series({low}, {min(last, low + 99_999)}) AS n"
            self.query(f"""
                INSERT INTO notifications (id, accepted_at, user_id, {of_notification})
                SELECT {id}, {begun} + n / 10, 'user-' || lpad((n % {self.users} + 1)::text, 7, '0'), {of_notification}
                FROM notifications, {numbers} WHERE id = '{pattern}'""")
            self.query(f"""
                INSERT INTO deliveries (id, {of_delivery})
                SELECT {id}, {of_delivery} FROM deliveries, {numbers} WHERE id = '{pattern}'""")
        self.query("ANALYZE notifications, deliveries; CHECKPOINT")
