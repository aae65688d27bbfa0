"""What deploy/ and docker-compose.yml hold is valid, and speaks only of what exists."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from cluster import Cluster, Stack

ROOT = Path(__file__).resolve().parent.parent
PROMETHEUS = ROOT / "deploy/prometheus"
GRAFANA = ROOT / "deploy/grafana"
RULES = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
ALERTS = [rule for group in RULES for rule in group["rules"]]
DASHBOARD = json.loads((GRAFANA / "dashboard.json").read_text())
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
HERALDS = {name: service for name, service in SERVICES.items() if service["image"] == "herald:local"}
ROLES = {"api", "planner", "worker-push", "worker-sms", "worker-email", "scheduler"}

# Shown only once it has happened, and nothing makes it happen within a test: the code must name it.
RARE = {"herald_log_records_expired_total"}


def promtool(*arguments):
    return subprocess.run(["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, timeout=60)


def names_in(expression):
    """Metrics of ours, as they are declared: without what a histogram's series append."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bherald_\w+", expression)}


def queries():
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


# Alerts.


def test_the_rules_are_valid_and_fire_when_they_should():
    for arguments in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")):
        done = promtool(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_its_configuration():
    done = promtool("check", "config", "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_what_to_do(rule):
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert set(rule["annotations"]) == {"summary", "action"}
    assert len(rule["annotations"]["action"]) > 20


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_is_tested_with_every_label_that_it_speaks_of(rule):
    tests = (PROMETHEUS / "alerts_test.yml").read_text()
    series = re.findall(rf'ALERTS\{{alertname="{rule["alert"]}", alertstate="firing", ([^}}]*)\}}', tests)
    assert series, "no test in which it fires"
    for label in re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())):
        assert f'{label}="' in series[0], label


def test_the_operators_page_names_every_alert_and_no_other():
    page = (ROOT / "docs/operating.md").read_text()
    assert set(re.findall(r"`(Herald[A-Z]\w+)`", page)) == {rule["alert"] for rule in ALERTS}


# Metrics.


@pytest.fixture(scope="module")
def live_metrics():
    """Of all processes on real engines, after what counters wait for: accepted, tried again, refused."""
    cluster = Cluster(Stack().up())
    try:
        later = {"fault": "status", "status": 429, "headers": {"retry-after": "1"}, "times": 1}
        cluster.simulators.faults("sendgrid", later)
        sent = cluster.send()
        assert sent.status == 202
        story = cluster.wait_final(sent.json["id"], 60)
        assert {len(delivery["attempts"]) for delivery in story["deliveries"]} == {1, 2}
        assert cluster.send(template="no_such_template").status == 422
        yield "".join(cluster.at(name).metrics() for name in cluster.processes)
    finally:
        cluster.close()


def test_alerts_and_dashboard_ask_for_metrics_that_exist(live_metrics):
    there = set(re.findall(r"^# TYPE (herald_\w+)", live_metrics, re.M))
    asked = {(rule["alert"], name) for rule in ALERTS for name in names_in(f'{rule["expr"]} {rule["annotations"]}')}
    asked |= {(title, name) for title, expression in queries() for name in names_in(expression)}
    assert {(where, name) for where, name in asked if name not in there | RARE} == set()


def test_what_is_too_rare_to_be_seen_live_is_in_the_code(live_metrics):
    code = "".join(path.read_text() for path in (ROOT / "src").rglob("*.cpp"))
    for name in RARE:
        assert f"# TYPE {name} " not in live_metrics
        assert re.search(rf'(counter|gauge|histogram)\(\s*"{name}"', code)


def test_the_labels_that_are_asked_for_exist(live_metrics):
    known = {"job", "role", "instance", "le", "alertname", "alertstate"}
    known |= set(re.findall(r'[{,](\w+)="', live_metrics))
    for where, expression in [*queries(), *((rule["alert"], rule["expr"]) for rule in ALERTS)]:
        used = set(re.findall(r'[{,]\s*(\w+)\s*(?:=~|!~|!=|=)"', expression))
        used |= {label.strip() for words in re.findall(r"\bby \(([^)]*)\)", expression) for label in words.split(",")}
        assert used <= known, where


# The dashboard.


def test_every_panel_of_the_dashboard_asks_something_in_valid_promql(tmp_path):
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    assert len(panels) > 20
    assert all(panel["targets"] and panel["description"] for panel in panels)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    rules = [{"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "1m")}
             for number, (_, expression) in enumerate(queries())]
    (tmp_path / "queries.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    done = promtool("check", "rules", str(tmp_path / "queries.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_panels_do_not_lie_on_each_other():
    taken = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


def test_grafana_is_given_the_source_that_the_panels_ask():
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    asking = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"] + DASHBOARD["annotations"]["list"]
    asked = {who["datasource"]["uid"] for who in asking}
    assert asked == {source["uid"]}
    assert source["url"] == "http://prometheus:9090" and "prometheus" in SERVICES
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/herald.yml").read_text())["providers"][0]
    folder = provider["options"]["path"]
    assert f"./deploy/grafana/dashboard.json:{folder}/herald.json:ro" in SERVICES["grafana"]["volumes"]


# docker-compose.yml.


@pytest.mark.parametrize("name", SERVICES)
def test_a_port_is_published_on_loopback_or_not_at_all(name):
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port)
    ports = {"api": ["127.0.0.1:8000:8000"], "prometheus": ["127.0.0.1:9090:9090"], "grafana": ["127.0.0.1:3000:3000"]}
    assert SERVICES[name].get("ports") == ports.get(name)


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_has_a_version(name):
    assert re.fullmatch(r"[a-z/]+:(v?\d[\w.]*|local)", SERVICES[name]["image"])


def has_healthcheck(name):
    service = SERVICES[name]
    disabled = service.get("healthcheck", {}).get("disable", False)
    from_image = "HEALTHCHECK" in (ROOT / "deploy/Dockerfile").read_text() and name in HERALDS
    return not disabled and ("test" in service.get("healthcheck", {}) or from_image)


@pytest.mark.parametrize("name", SERVICES)
def test_what_others_wait_for_tells_when_it_is_there(name):
    for other, how in SERVICES[name].get("depends_on", {}).items():
        if other == "migrate":
            assert how == {"condition": "service_completed_successfully"}
        else:
            assert how == {"condition": "service_healthy"}
            assert has_healthcheck(other)


def test_every_role_runs_and_waits_for_the_engines_and_their_schema():
    assert ROLES <= set(HERALDS)
    for name in ROLES:
        assert SERVICES[name]["command"] == name.split("-")
        assert {"kafka", "postgres", "redis", "migrate"} <= set(SERVICES[name]["depends_on"])
    for name in ("worker-push", "worker-sms", "worker-email"):
        assert "simulator" in SERVICES[name]["depends_on"]
    assert SERVICES["migrate"]["command"] == ["migrate", "--demo"]


@pytest.mark.parametrize("name", HERALDS)
def test_herald_runs_with_as_little_as_possible(name):
    service = HERALDS[name]
    assert service["read_only"] is True and service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert re.search(r"^USER herald$", (ROOT / "deploy/Dockerfile").read_text(), re.M)


@pytest.mark.parametrize("name", SERVICES)
def test_what_dies_is_started_again_and_logs_within_bounds(name):
    assert SERVICES[name]["logging"]["options"] == {"max-size": "20m", "max-file": "3"}
    assert SERVICES[name]["restart"] == ("no" if name == "migrate" else "unless-stopped")


def test_what_must_survive_lies_in_a_named_volume():
    places = {"kafka": "/var/lib/kafka/data", "postgres": "/var/lib/postgresql/data"}
    for name, place in places.items():
        assert f"{name}:{place}" in SERVICES[name]["volumes"]
    assert SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"] == places["kafka"]
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {volume for volume in used if not volume.startswith(".")} == set(COMPOSE["volumes"])


def test_monitoring_is_started_only_when_asked_for():
    asked_for = {name for name, service in SERVICES.items() if service.get("profiles") == ["monitoring"]}
    assert asked_for == {"prometheus", "grafana"}


def test_prometheus_looks_for_every_role():
    job = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"][0]
    assert set(job["dns_sd_configs"][0]["names"]) == ROLES
    missing = next(rule for rule in ALERTS if rule["alert"] == "HeraldRoleMissing")
    assert set(re.findall(r'role="([^"]+)"', missing["expr"])) == ROLES


def test_every_setting_of_the_file_is_one_of_herald():
    page = (ROOT / "docs/configuration.md").read_text()
    names = set().union(*(service.get("environment", {}) for service in HERALDS.values()))
    assert names <= set(re.findall(r"^\| `(\w+)`", page, re.M))
