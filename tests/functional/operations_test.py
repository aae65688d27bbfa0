"""What an operator does: start, stop, look, and get it wrong."""

import json
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from books import compare
from fast import FAST
from herald import OPEN_STATES, Herald, Process, binary_path, call, run, wait_until
from problems import assert_problem

CHANNELS = ["push", "sms", "email"]


def test_version_help_and_config_say_what_they_should():
    version = run("version")
    assert version.returncode == 0 and re.fullmatch(r"herald \d+\.\d+\.\d+\S*\n", version.stdout)
    help = run("--help")
    assert help.returncode == 0
    assert all(word in help.stdout for word in ("serve", "simulate", "migrate", "config", "version", "HERALD_DATA_DIR"))
    config = run("config", HERALD_LISTEN="127.0.0.1:8123", HERALD_TWILIO_AUTH_TOKEN="very-secret")
    assert config.returncode == 0
    assert "HERALD_LISTEN = 127.0.0.1:8123   (set)" in config.stdout and "HERALD_RETRY_BASE_MS = 1000\n" in config.stdout
    assert "very-secret" not in config.stdout + config.stderr


def test_a_bare_or_unknown_command_is_refused_with_a_hint():
    for command in ("", "sevre", "serve --fast"):
        answer = run(command)
        assert answer.returncode != 0 and "--help" in answer.stdout + answer.stderr, answer


SIMULATED = {f"HERALD_{channel}_PROVIDERS": "simulator" for channel in ("PUSH", "SMS", "EMAIL")}
WRONG_SETTINGS = {
    "an unknown one": (dict(HERALD_LISTNE="127.0.0.1:0"), "HERALD_LISTNE"),
    "not a number": (dict(HERALD_RETRY_LIMIT="many"), "HERALD_RETRY_LIMIT"),
    "out of range": (dict(HERALD_RETRY_LIMIT=0), "HERALD_RETRY_LIMIT"),
    "not a level": (dict(LOG_LEVEL="chatty"), "LOG_LEVEL"),
    "an unknown provider": (dict(HERALD_SMS_PROVIDERS="pigeon"), "HERALD_SMS_PROVIDERS"),
    "a provider without its settings": (dict(HERALD_SMS_PROVIDERS="twilio"), "HERALD_TWILIO_ACCOUNT_SID"),
    "Kafka, the providers unnamed": (dict(KAFKA_BOOTSTRAP_SERVERS="localhost:9092"), "HERALD_PUSH_PROVIDERS"),
    "PostgreSQL, the providers unnamed": (dict(DATABASE_URL="postgresql://u:very-secret@localhost/x"),
                                          "HERALD_PUSH_PROVIDERS"),
    "Redis, the providers unnamed": (dict(REDIS_URL="redis://localhost"), "HERALD_PUSH_PROVIDERS"),
    "no URL of Redis": (dict(REDIS_URL="very-secret", **SIMULATED), "redis://"),
    "no URL of PostgreSQL": (dict(DATABASE_URL="very-secret", **SIMULATED), "postgres"),
    "an unknown property of Kafka": (dict(KAFKA_BOOTSTRAP_SERVERS="localhost:1", HERALD_KAFKA_NO_SUCH="1", **SIMULATED),
                                     "no.such"),
    "no address": (dict(HERALD_LISTEN="nowhere"), "HERALD_LISTEN"),
    "every address without a key": (dict(HERALD_LISTEN="0.0.0.0:0"), "HERALD_API_KEY"),
    "every address with a key, the providers unnamed": (dict(HERALD_LISTEN="0.0.0.0:0", HERALD_API_KEY="k"),
                                                        "HERALD_PUSH_PROVIDERS"),
}


@pytest.mark.parametrize("settings, named", WRONG_SETTINGS.values(), ids=WRONG_SETTINGS)
def test_wrong_settings_are_refused_by_name(tmp_path, settings, named):
    answer = run("serve", **{"HERALD_DATA_DIR": tmp_path, "HERALD_LISTEN": "127.0.0.1:0", "HERALD_SIMULATOR_PORT": 0, **settings})
    assert answer.returncode == 2, answer
    assert "herald: " in answer.stderr
    assert named in answer.stderr and "very-secret" not in answer.stderr
    assert "serve.ready" not in answer.stderr


def test_several_wrong_settings_are_named_at_once():
    answer = run("config", HERALD_RETRY_LIMIT="x", HERALD_UNKNOWN=1)
    assert answer.returncode == 2 and "HERALD_RETRY_LIMIT" in answer.stderr and "HERALD_UNKNOWN" in answer.stderr


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    answer = run("serve", HERALD_DATA_DIR=tmp_path / "file" / "data", HERALD_LISTEN="127.0.0.1:0", HERALD_SIMULATOR_PORT=0)
    assert answer.returncode == 1 and str(tmp_path / "file") in answer.stderr


@pytest.fixture(scope="module")
def herald(shared_herald):
    return shared_herald


def test_a_second_process_on_the_same_folder_is_refused_and_the_first_goes_on(herald):
    answer = run("serve", HERALD_DATA_DIR=herald.folder / "data", HERALD_LISTEN="127.0.0.1:0",
                 HERALD_SIMULATOR_DIR=herald.simulators.dir)
    assert answer.returncode == 1
    assert "in use by another Herald" in answer.stderr and str(herald.folder / "data") in answer.stderr
    assert run("migrate", HERALD_DATA_DIR=herald.folder / "data").returncode == 1
    assert herald.wait_final(herald.send().json["id"])["status"] == "sent"


def test_a_port_that_is_taken_is_refused_by_name(herald, tmp_path):
    port = herald.url.rsplit(":", 1)[1]
    answer = run("serve", HERALD_DATA_DIR=tmp_path, HERALD_LISTEN=f"127.0.0.1:{port}", HERALD_SIMULATOR_DIR=herald.simulators.dir)
    assert answer.returncode == 1 and port in answer.stderr


def test_serve_alone_brings_its_own_simulators_and_the_demo(tmp_path):
    process = Process("serve", {"HERALD_DATA_DIR": tmp_path, "HERALD_LISTEN": "127.0.0.1:0", "HERALD_SIMULATOR_PORT": 0})
    try:
        simulator = process.wait_for("simulator.started")
        url = f"http://127.0.0.1:{process.wait_for('serve.ready')['port']}"
        body = {"user_id": "user123", "template_id": "welcome", "data": {"username": "x"}}
        id = call("POST", f"{url}/api/v1/notifications", body).json["id"]
        wait_until(lambda: call("GET", f"{url}/api/v1/notifications/{id}").json["status"] == "sent", what="it is sent")
        assert call("GET", f"http://127.0.0.1:{simulator['twilio']}/messages").json["count"] == 1
    finally:
        assert process.stop() == 0


def test_the_demo_comes_once_and_what_was_changed_stays(start_herald):
    herald = start_herald()
    herald.put_user("user123", email="mine@example.com")
    herald.process.stop()
    herald.start()
    assert herald.call("GET", "/api/v1/users/user123").json["email"] == "mine@example.com"
    assert herald.call("GET", "/api/v1/templates/welcome").json["version"] == 1


KEY = "a-key-of-my-own"


@pytest.fixture(scope="module")
def guarded():
    running = Herald(HERALD_API_KEY=KEY)
    yield running
    running.close()


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", "Bearer ", "Bearer",
                                           f"Basic {KEY}", KEY])
@pytest.mark.parametrize("method, path", [("POST", "/api/v1/notifications"), ("GET", "/api/v1/users/user123"),
                                          ("DELETE", "/api/v1/users/user123"), ("GET", "/api/v1/templates")])
def test_without_the_key_nothing_is_shown_or_done(guarded, method, path, authorization):
    headers = {"Authorization": authorization} if authorization else {}
    answer = guarded.call(method, path, {} if method == "POST" else None, headers=headers)
    assert_problem(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_with_the_key_it_is_202_and_operators_need_none(guarded):
    assert guarded.send(headers={"Authorization": f"Bearer {KEY}"}).status == 202
    assert guarded.send(headers={"Authorization": f"bearer {KEY}"}).status == 202
    assert guarded.call("GET", "/api/v1/users/user123", headers={"Authorization": f"Bearer {KEY}"}).status == 200
    for path in ("/health", "/ready", "/metrics", "/openapi.json"):
        assert guarded.call("GET", path).status == 200


def test_neither_keys_nor_addresses_nor_payloads_are_logged(guarded):
    answer = guarded.send(headers={"Authorization": f"Bearer {KEY}"}, data={"username": "Rumpelstilzchen"}, channels=CHANNELS)
    wait_until(lambda: guarded.call("GET", f"/api/v1/notifications/{answer.json['id']}",
                                    headers={"Authorization": f"Bearer {KEY}"}).json["status"] == "sent", what="it is sent")
    wait_until(lambda: sum(answer.json["id"] in line for line in guarded.process.lines) >= 4, what="its attempts are logged")
    log = "".join(guarded.process.lines)
    for secret in (KEY, "Rumpelstilzchen", "user123@example.com", "+14155550123", "a1b2c3d4e5f6"):
        assert secret not in log


def test_every_line_of_the_log_is_json_with_time_level_and_event(herald):
    herald.wait_final(herald.send().json["id"])
    for line in list(herald.process.lines):
        entry = json.loads(line)
        assert {"time", "level", "event"} <= set(entry), line


def test_health_and_ready_are_well(herald):
    health = herald.call("GET", "/health")
    assert health.status == 200 and health.json["status"] == "ok" and health.json["parts"] == {}
    ready = herald.call("GET", "/ready")
    assert ready.status == 200 and ready.json["status"] == "ready"


def test_the_lag_of_every_group_and_partition_is_told_and_returns_to_zero(herald):
    stages = {f"deliveries.{route}.{lane}" for route in ("push.apns", "push.fcm", "sms", "email")
              for lane in ("critical", "normal", "bulk")} | {f"requests.{lane}" for lane in ("critical", "normal", "bulk")}
    herald.simulators.faults("twilio", {"fault": "latency", "ms": 500})
    ids = [herald.send(channels=CHANNELS, lane=lane).json["id"] for lane in ("critical", "normal", "bulk") for _ in range(10)]

    def lag_of(topic, name="herald_consumer_lag_records"):
        return sum(value for labels, value in herald.metric(name) if labels["topic"] == topic)

    for lane in ("critical", "normal", "bulk"):
        topic = f"deliveries.sms.{lane}"
        wait_until(lambda topic=topic: lag_of(topic) > 0 and lag_of(topic, "herald_consumer_lag_seconds") > 0,
                   what=f"lag of {topic}")
    herald.wait_all_final(ids)
    herald.simulators.no_faults()
    herald.wait_idle()
    for name in ("herald_consumer_lag_records", "herald_consumer_lag_seconds"):
        rows = herald.metric(name)
        assert stages <= {labels["topic"] for labels, _ in rows}
        assert all(labels["group"] in ("planner", "sender") and labels["partition"].isdigit() for labels, _ in rows)
        partitions = {labels["partition"] for labels, _ in rows if labels["topic"] == "requests.normal"}
        assert partitions == {"0", "1", "2", "3"}
        assert {value for _, value in rows} == {0}


def test_metrics_count_what_was_done(herald):
    def total(name, **wanted):
        return sum(value for labels, value in herald.metric(name) if wanted.items() <= labels.items())

    accepted, refused = "herald_requests_accepted_total", "herald_requests_refused_total"
    before = total(accepted), total(refused, reason="unknown_template")
    attempts = total("herald_attempts_total", route="sms", outcome="accepted")
    for _ in range(3):
        herald.wait_final(herald.send(channels=["sms"]).json["id"])
    herald.send(template="no-such")
    assert (total(accepted), total(refused, reason="unknown_template")) == (before[0] + 3, before[1] + 1)
    assert total("herald_attempts_total", route="sms", outcome="accepted") == attempts + 3
    assert total("herald_accepted_to_provider_seconds_count", route="sms", lane="normal") >= 3
    assert {labels["account"] for labels, _ in herald.metric("herald_breaker_state")} == {
        "simulator.apns", "simulator.fcm", "simulator.twilio", "simulator.sendgrid"}


def test_the_metrics_are_in_prometheus_text_format(herald):
    answer = herald.call("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    typed, sample = set(), re.compile(r'^[a-z_]+(\{([a-z_]+="[^"]*",?)+\})? (NaN|[+-]?Inf|-?[0-9.e+-]+)$')
    for line in answer.text.splitlines():
        if line.startswith("# TYPE "):
            name = line.split()[2]
            assert name not in typed, f"{name} has two types"
            typed.add(name)
        elif not line.startswith("#"):
            assert sample.match(line), line


class Load:
    """Sends until the process is gone; knows what was promised."""

    def __init__(self, herald, threads=4, pace=0.0):
        self.accepted, self.other = [], []
        self.herald, self.pace, self.stopped = herald, pace, threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        while not self.stopped.wait(self.pace):
            try:
                answer = self.herald.send(channels=CHANNELS)
            except OSError:
                return  # no answer: nothing was promised
            except Exception as broken:  # an answer cut short is no promise either
                self.other.append(repr(broken))
                return
            (self.accepted if answer.status == 202 else self.other).append(answer.json.get("id") or answer)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def test_sigterm_lets_calls_in_flight_end_and_nothing_is_in_doubt(start_herald):
    herald = start_herald()
    for provider in ("apns", "fcm", "twilio", "sendgrid"):
        herald.simulators.faults(provider, {"fault": "latency", "ms": 400})
    load = Load(herald)
    wait_until(lambda: all(herald.simulators.messages(p) for p in ("apns", "fcm", "twilio", "sendgrid")), what="calls in flight")
    began = time.monotonic()
    assert herald.process.stop() == 0
    took = time.monotonic() - began
    load.stop()
    assert took < 5, f"the shutdown took {took:.1f} s"
    log = "".join(herald.process.lines)
    assert "serve.stopping" in log and "serve.stopped" in log
    rows_at_stop = herald.simulators.all_messages()
    assert all(row["answer_written"] for row in rows_at_stop), "a call was cut off"

    herald.simulators.no_faults()
    herald.start()
    stories = herald.wait_all_final(load.accepted)
    assert {story["status"] for story in stories.values()} == {"sent"}
    attempts = [a for s in stories.values() for d in s["deliveries"] for a in d["attempts"]]
    assert {a["state"] for a in attempts} == {"accepted"}
    herald.wait_idle()
    assert compare(stories.values(), [row for row in herald.simulators.all_messages()
                                      if row["delivery"].split(".")[0] in stories]) == []


def test_a_call_that_hangs_does_not_hold_up_the_end(start_herald):
    herald = start_herald(HERALD_SHUTDOWN_S=1)
    herald.simulators.faults("twilio", {"fault": "hang"})
    id = herald.send(channels=["sms"]).json["id"]
    wait_until(lambda: herald.simulators.messages("twilio"), what="the call that hangs")
    began = time.monotonic()
    assert herald.process.stop() == 0
    assert time.monotonic() - began < 4
    herald.simulators.no_faults()
    herald.start(HERALD_RECONCILE_SMS_S=0)
    story = herald.wait_final(id)
    assert [a["state"] for a in story["deliveries"][0]["attempts"]] == ["unknown", "accepted"], story


def test_a_second_signal_ends_it_at_once(start_herald):
    herald = start_herald(HERALD_SHUTDOWN_S=20)
    herald.simulators.faults("twilio", {"fault": "hang"})
    herald.send(channels=["sms"])
    wait_until(lambda: herald.simulators.messages("twilio"), what="the call that hangs")
    process = herald.process
    process.process.send_signal(signal.SIGTERM)
    process.wait_for("serve.stopping")
    assert process.stop(5) == -signal.SIGTERM


def test_while_it_stops_it_takes_no_more_requests(start_herald):
    herald = start_herald(HERALD_SHUTDOWN_S=3)
    herald.simulators.faults("twilio", {"fault": "latency", "ms": 1500})
    id = herald.send(channels=["sms"]).json["id"]
    wait_until(lambda: herald.simulators.messages("twilio"), what="a call in flight")
    herald.process.process.send_signal(signal.SIGTERM)
    herald.process.wait_for("serve.stopping")

    def refused():
        try:
            return herald.send(channels=["sms"]).status == 503
        except OSError:
            return True

    wait_until(refused, 1, what="no more requests are taken")
    assert herald.process.process.wait(10) == 0
    herald.simulators.no_faults()
    herald.start()
    assert [a["state"] for a in herald.wait_final(id)["deliveries"][0]["attempts"]] == ["accepted"]


def test_a_kill_right_after_the_202_loses_nothing(start_herald):
    herald = start_herald(**FAST)
    with ThreadPoolExecutor(8) as clients:
        accepted = list(clients.map(lambda _: herald.send(channels=CHANNELS).json["id"], range(40)))
    herald.process.kill()
    herald.start()
    stories = herald.wait_all_final(accepted)
    assert {story["status"] for story in stories.values()} == {"sent"}


def test_a_kill_under_load_loses_nothing_that_was_answered_202(start_herald):
    herald = start_herald(**FAST)
    load = Load(herald)
    wait_until(lambda: len(load.accepted) > 50, what="load")
    herald.process.kill()
    load.stop()
    herald.start()
    stories = herald.wait_all_final(load.accepted)
    assert not any(story["status"] in OPEN_STATES for story in stories.values())
    assert {story["status"] for story in stories.values()} == {"sent"}
    took = {row["delivery"] for row in herald.simulators.all_messages() if row["verdict"].startswith("2")}
    assert {d["id"] for story in stories.values() for d in story["deliveries"]} <= took


def test_the_data_folder_is_closed_to_others(herald):
    folder = herald.folder / "data"
    assert folder.stat().st_mode & 0o077 == 0
    assert {"log.db", "store.db"} <= {path.name for path in folder.iterdir()}


def test_the_binary_is_where_the_readme_says():
    assert binary_path().is_file()
