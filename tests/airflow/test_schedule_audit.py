"""``ModeScheduleAuditOperator`` in a real DAG run."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest


@pytest.fixture
def audit(run_dag, sandbox, staging, sync):
    """The snapshot of one sync, then the audit of it."""
    assert sync().state == "success"
    environment = {**sandbox.environment(), "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": str(staging)}
    return lambda **conf: run_dag("schedule_audit_probe", conf, environment)


def test_what_shows_old_results_is_handed_to_the_refresh(audit, sandbox):
    loaded = max(one.last_successfully_run_at for one in sandbox.mode.world.reports)
    run = audit(loaded_at=loaded)
    stale = run.result("schedules")["stale"]
    started = {started.report.token for started in sandbox.mode.runs.started()}
    # One of them refuses its runs to this key.
    assert len(started) >= len(stale) - 1 > 0
    assert started <= set(stale)


def test_a_finding_fails_the_task_that_was_asked_to(audit):
    run = audit(loaded_at=datetime.now(UTC).isoformat(), fail_on=["stale_results"])
    assert run.state == "failed"
    assert run.result("schedules")["findings"]["stale_results"] > 0
