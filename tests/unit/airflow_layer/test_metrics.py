"""The declared metrics, and what is made of them: documentation, mapping, rules, dashboard."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shutil
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from mode_catalog_provider.errors import LockLostError
from mode_catalog_provider.http.statistics import RequestStatistics
from mode_catalog_provider.lock import Holder, RunLock
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.compat import AirflowSkipException
from mode_catalog_provider.tasks.job import job
from mode_catalog_provider.tasks.refresh_news import sentence
from mode_catalog_provider.tasks.request_meter import RequestMeter
from mode_catalog_provider.triggers.lock import RunLockTrigger
from tests.airflow_exceptions import TaskDeferred
from tests.metrics_page import DOCS, MAPPING, mapping, prometheus_names

RULES = DOCS / "monitoring" / "prometheus-alerts.yaml"
DASHBOARD = DOCS / "monitoring" / "grafana-dashboard.json"
SEEN = Path(__file__).resolve().parents[2] / "monitoring" / "alerts.yaml"

promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")


@pytest.fixture
def sent(monkeypatch):
    """What goes to Airflow: kind, name, value, tags."""
    sent = []

    class Recorder:
        @staticmethod
        def incr(name, value, tags=None):
            sent.append(("counter", name, value, tags))

        @staticmethod
        def gauge(name, value, tags=None):
            sent.append(("gauge", name, value, tags))

        @staticmethod
        def timing(name, value, tags=None):
            sent.append(("timer", name, value, tags))

    monkeypatch.setattr(metrics, "Stats", Recorder)
    return sent


def tagged(sent, name):
    return [(value, tags) for _, found, value, tags in sent if found == f"mode_catalog.{name}"]


def looked_at(path):
    """Let the lock's trigger look at a place until it has something to tell."""

    async def first():
        trigger = RunLockTrigger(
            path=str(path), ttl=3600.0, generation=1, deadline=time.time() + 60, poll_interval=0.01
        )
        return await anext(trigger.run())

    return asyncio.run(first()).payload["status"]


def test_each_look_of_the_locks_trigger_is_counted_by_how_it_ended(sent, tmp_path):
    lock = RunLock(tmp_path, ttl=timedelta(hours=1))
    lock.release(lock.try_acquire(Holder.here("mode-catalog")))
    assert looked_at(tmp_path) == "free"
    assert tagged(sent, "trigger.polls") == [(1, {"trigger": "lock", "outcome": "answered"})]


def test_a_look_at_a_lock_that_cannot_be_read_is_counted_as_failed(sent):
    assert looked_at("unknown-scheme://nowhere/lock") == "blind"
    counted = tagged(sent, "trigger.polls")
    assert counted
    assert all(tags == {"trigger": "lock", "outcome": "failed"} for _, tags in counted)


def test_the_mapping_is_made_of_the_declarations():
    assert MAPPING.read_text() == mapping()
    assert yaml.safe_load(mapping())["mappings"]


def test_every_tag_of_every_metric_has_a_closed_list_of_few_values():
    for metric in metrics.METRICS.values():
        assert set(metric.tags) <= set(metrics.TAGS), metric.name
    for tag, values in metrics.TAGS.items():
        assert len(values) == len(set(values)) < 60, tag
        # They become parts of names: a dot would be another part.
        assert all(re.fullmatch(r"[a-z0-9_]+", value) for value in values), tag


def test_a_metric_with_tags_goes_out_under_two_names(sent):
    metrics.gauge(metrics.EXTRACT_ROWS, 7, asset="report")
    assert sent == [
        ("gauge", "mode_catalog.extract.rows.report", 7, None),
        ("gauge", "mode_catalog.extract.rows", 7, {"asset": "report"}),
    ]


def test_a_counter_is_not_sent_for_nothing_and_a_timer_in_milliseconds(sent):
    metrics.count(metrics.LOCK_WAITS, 0)
    metrics.timing(metrics.UPLOAD_DURATION, 1.5)
    assert sent == [("timer", "mode_catalog.upload.duration", 1500.0, None)]


def test_requests_are_told_about_once_a_minute_while_work_goes_on_and_each_once(sent):
    now = [0.0]
    statistics = RequestStatistics()
    meter = RequestMeter(statistics, "mode", monotonic=lambda: now[0])
    for second in range(150):
        now[0] = float(second)
        statistics.ended("reports", "2xx", seconds=0.01, bytes_received=10)
    told = tagged(sent, "http.requests")
    assert [value for value, _ in told] == [61, 60]
    meter.send()
    told = tagged(sent, "http.requests")
    assert sum(value for value, _ in told) == 150
    assert sum(value for value, _ in tagged(sent, "http.bytes")) == 1500
    assert told[0][1] == {"service": "mode", "operation": "reports", "outcome": "2xx"}


def test_a_counter_never_goes_back_when_an_answer_turns_out_spoiled(sent):
    statistics = RequestStatistics()
    meter = RequestMeter(statistics, "mode")
    statistics.ended("reports", "2xx", seconds=0.01)
    meter.send()
    statistics.spoiled("reports", 200)
    meter.send()
    assert all(value > 0 for value, _ in tagged(sent, "http.requests"))


class Task:
    """Stands for an operator."""

    def __init__(self, raised=None):
        self.raised = raised

    @job("extract", lambda self: "Extracting everything.")
    def execute(self):
        if self.raised is not None:
            raise self.raised
        return "done"


@pytest.mark.parametrize(
    ("raised", "outcome", "failing"),
    [
        (None, "succeeded", [0]),
        (LockLostError("lost"), "failed", [1]),
        (KeyboardInterrupt(), "failed", [1]),
        (AirflowSkipException("nothing to do"), "skipped", []),
    ],
    ids=str,
)
def test_a_log_begins_with_what_will_be_done_and_ends_with_its_outcome(
    sent, caplog, raised, outcome, failing
):
    caplog.set_level(logging.INFO)
    if raised is None:
        assert Task().execute() == "done"
    else:
        with pytest.raises(type(raised)):
            Task(raised).execute()
    first, *_, last = caplog.messages
    assert first == "Extracting everything."
    assert re.match(rf"Outcome: extract {outcome} in 0\.\d s", last)
    assert tagged(sent, "job.ended") == [(1, {"job": "extract", "outcome": outcome})]
    assert [value for value, _ in tagged(sent, "job.failing")] == failing


def test_a_task_that_will_be_back_has_no_outcome_yet(sent, caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(TaskDeferred):
        Task(TaskDeferred(trigger=object(), method_name="execute_complete")).execute()
    assert caplog.messages == ["Extracting everything."]
    assert sent == []


def test_a_refresh_that_goes_on_tells_done_to_do_rate_and_time_left():
    assert sentence(30, 90, 4, since=600.0, new=30) == (
        "30 of 90 Mode runs are over, 4 under way, 56 to start; 3.0 a minute, about 20 minutes left."
    )
    assert sentence(0, 90, 4, since=600.0, new=0) == ("0 of 90 Mode runs are over, 4 under way, 86 to start.")


# -- rules and dashboard ---------------------------------------------------------------------------------


def named(text):
    return set(re.findall(r"\bairflow_mode_catalog_\w+", text))


def test_rules_and_dashboard_use_declared_metrics_only():
    for path in (RULES, DASHBOARD):
        used = named(path.read_text())
        assert used, path
        assert used <= prometheus_names(), path


def test_each_alert_says_what_to_do_and_is_seen_to_fire_and_to_clear():
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    seen = {}
    for case in yaml.safe_load(SEEN.read_text())["tests"]:
        for test in case["alert_rule_test"]:
            seen.setdefault(test["alertname"], []).append(bool(test["exp_alerts"]))
    for rule in group["rules"]:
        assert rule["annotations"]["action"].endswith("."), rule["alert"]
        looks = seen.pop(rule["alert"])
        # Quiet again after it fired.
        assert True in looks, rule["alert"]
        assert looks[-1] is False, rule["alert"]
    assert not seen


def test_the_dashboard_is_what_grafana_imports():
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["title"]
    assert dashboard["uid"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    for panel in dashboard["panels"]:
        assert panel["title"]
        assert panel["targets"], panel["title"]
        assert all(target["expr"] for target in panel["targets"])
        assert panel["datasource"]["uid"] == "${datasource}"


@promtool
def test_prometheus_takes_the_rules():
    run(["promtool", "check", "rules", str(RULES)])


@promtool
def test_each_alert_fires_and_clears_in_prometheus():
    run(["promtool", "test", "rules", str(SEEN)])


@promtool
def test_prometheus_takes_each_query_of_the_dashboard(tmp_path):
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    rules = [
        {"record": f"panel_{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(queries)
    ]
    path = tmp_path / "panels.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    run(["promtool", "check", "rules", str(path)])


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
