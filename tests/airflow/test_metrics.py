"""What a real DAG run sends to a StatsD listener is what is declared, also when the run fails."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from mode_catalog_provider.tasks.metrics import METRICS, TAGS
from tests.metrics_page import PREFIX

RULES = Path(__file__).resolve().parents[2] / "docs" / "monitoring" / "prometheus-alerts.yaml"
KINDS = {"c": "counter", "g": "gauge", "ms": "timer"}


class Listener:
    """A StatsD server that keeps what it gets; Airflow's other metrics are dropped."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]

    def received(self):
        """Name with its tags, value and kind of everything that came so far."""
        found = []
        while True:
            try:
                text = self._socket.recv(65536).decode()
            except BlockingIOError:
                return found
            for line in text.splitlines():
                name, value, kind = re.fullmatch(r"(\S+):(-?[\d.e-]+)\|(\w+).*", line).groups()
                if name.startswith(f"{PREFIX}.mode_catalog."):
                    found.append((name.removeprefix(f"{PREFIX}."), float(value), kind))

    def close(self):
        self._socket.close()


@pytest.fixture
def statsd(airflow_home, monkeypatch):
    from airflow.sdk.observability import stats
    from airflow.sdk.observability.metrics import stats_utils

    listener = Listener()
    for option, value in {
        "STATSD_ON": "True",
        "STATSD_HOST": "127.0.0.1",
        "STATSD_PORT": str(listener.port),
        "STATSD_INFLUXDB_ENABLED": "True",
    }.items():
        monkeypatch.setenv(f"AIRFLOW__METRICS__{option}", value)
    # As Airflow does at the beginning of each task's process.
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)
    yield listener
    for name in [name for name in os.environ if name.startswith("AIRFLOW__METRICS__")]:
        monkeypatch.delenv(name)
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)
    listener.close()


def declared_as(name):
    """The metric and the tags that a received name stands for."""
    bare, *pairs = name.split(",")
    if pairs:
        return METRICS[bare], dict(pair.split("=") for pair in pairs)
    if bare in METRICS:
        return METRICS[bare], {}
    for metric in METRICS.values():
        if metric.tags and bare.startswith(f"{metric.name}."):
            values = bare.removeprefix(f"{metric.name}.").split(".")
            assert len(values) == len(metric.tags), name
            return metric, dict(zip(metric.tags, values, strict=True))
    raise AssertionError(f"{name} is not declared in tasks/metrics.py")


def sums(received):
    """Counters added up, gauges and timers as they came last; by name and tags. Both forms must agree."""
    plain, tagged = defaultdict(float), defaultdict(float)
    for name, value, kind in received:
        metric, tags = declared_as(name)
        assert KINDS[kind] == metric.kind, name
        assert tuple(tags) == metric.tags, name
        assert all(word in TAGS[tag] for tag, word in tags.items()), name
        into = tagged if "," in name or not metric.tags else plain
        key = (metric.name.removeprefix("mode_catalog."), *tags.values())
        into[key] = into[key] + value if kind == "c" else value
    assert plain == {key: value for key, value in tagged.items() if len(key) > 1}
    return tagged


def test_a_good_run_sends_what_is_declared_in_both_forms(statsd, sync, sandbox):
    run = sync()
    assert run.state == "success"
    sent = sums(statsd.received())
    rows = run.result("extract")["rows"]
    for asset, count in rows.items():
        assert sent["extract.rows", asset] == count
    asked = sum(value for key, value in sent.items() if key[:2] == ("http.requests", "mode"))
    assert asked == len(sandbox.mode.requests)
    assert sent["http.requests", "catalog", "upload", "2xx"] == 6
    for job in ("preflight", "wait_for_source", "acquire_lock", "extract", "upload", "release_lock"):
        assert sent["job.ended", job, "succeeded"] == 1
        assert sent["job.failing", job] == 0
    assert sent["lock.held_since",] == 0
    assert sent["catalog.fed_age_seconds",] == 0
    assert sent["catalog.fed_at",] > 1.6e9
    names = {key[0] for key in sent}
    assert names >= {
        *("http.requests", "http.bytes", "http.milliseconds", "http.slowest_seconds", "job.duration"),
        *("extract.rows", "extract.left_out", "extract.requests", "extract.duration", "upload.files"),
        *("upload.bytes", "upload.duration", "key.age_days", "lock.held_since"),
    }


def test_a_run_that_dies_has_sent_what_its_requests_came_to(statsd, sync, sandbox):
    sandbox.mode.fault("spaces/*/reports", status=429, headers={"Retry-After": "1"})
    sandbox.mode.fault("reports/*/queries", nth=5, times=None, status=400)
    run = sync()
    assert run.state == "failed"
    sent = sums(statsd.received())
    asked = {key[2:]: value for key, value in sent.items() if key[:2] == ("http.requests", "mode")}
    answered = sum(value for (_, outcome), value in asked.items() if outcome != "cancelled")
    # What was under way when it died was cancelled: it may have reached the server, or not.
    assert answered <= len(sandbox.mode.requests) <= sum(asked.values())
    assert asked["queries", "4xx"] >= 1
    assert sent["http.requests", "mode", "reports", "429"] == 1
    assert sent["http.retries", "mode", "reports"] == 1
    assert sent["http.retry_after_milliseconds", "mode"] >= 1000
    assert sent["job.ended", "extract", "failed"] >= 1
    assert sent["job.failing", "extract"] == 1
    # The lock was given back by the teardown all the same.
    assert sent["lock.held_since",] == 0


def series_of(received):
    """What statsd_exporter makes of it for Prometheus, were such a run to come every minute."""
    found = {}
    for name, value, kind in received:
        metric, tags = declared_as(name)
        if kind != "ms" and bool(metric.tags) == ("," in name):
            labels = ", ".join(f'{tag}="{word}"' for tag, word in tags.items())
            key = f"{PREFIX}_{metric.name.replace('.', '_')}{{{labels}}}"
            found[key] = (found[key][0] + value if kind == "c" and key in found else value, kind)
    return [
        {"series": key, "values": f"0+{value}x60" if kind == "c" else f"{value}x60"}
        for key, (value, kind) in found.items()
    ]


def fire_in_prometheus(received, alerts, folder):
    """Whether exactly these alerts fire, by the shipped rules; Prometheus says what fires instead."""
    firing = [{"labels": f'ALERTS{{alertstate="firing", {labels}}}', "value": 1} for labels in alerts]
    expected = {"expr": 'ALERTS{alertstate="firing"}', "eval_time": "50m", "exp_samples": firing}
    test = {"interval": "1m", "input_series": series_of(received), "promql_expr_test": [expected]}
    path = folder / "run.yaml"
    rules = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}
    path.write_text(json.dumps(rules))
    done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_a_run_with_faults_sets_off_the_alerts_and_a_good_one_after_it_clears_them(
    statsd, sync, sandbox, tmp_path
):
    sandbox.mode.switches.throw(random_faults=0.5, random_fault_kinds=(503,))
    sandbox.mode.fault("reports/*/queries", nth=9, times=None, status=400)
    assert sync().state == "failed"
    fails = 'alertname="ModeCatalogServiceFails", service="mode", severity="warning"'
    red = 'alertname="ModeCatalogTaskFails", job="extract", severity="warning"'
    fire_in_prometheus(statsd.received(), [fails, red], tmp_path)
    sandbox.mode.switches.throw(random_faults=0.0)
    sandbox.mode.faults.clear()
    assert sync().state == "success"
    fire_in_prometheus(statsd.received(), [], tmp_path)


def test_an_airflow_that_wants_no_names_with_values_gets_none(statsd, sync, monkeypatch):
    monkeypatch.setenv("AIRFLOW__METRICS__LEGACY_NAMES_ON", "False")
    sync({"skip_warehouse_check": True})
    received = statsd.received()
    assert received
    assert all("," in name or name in METRICS for name, _, _ in received)
