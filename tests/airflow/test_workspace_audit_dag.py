"""The DAG ``mode_workspace_audit`` over what the sync staged."""

from __future__ import annotations

import pytest

from mode_catalog_provider.audit.finding import CHECKS, AuditReport
from mode_catalog_provider.tasks.compat import only_runs
from tests.airflow.conftest import parse_dag


@pytest.fixture
def audit(run_dag, sandbox, staging):
    environment = {**sandbox.environment(), "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": str(staging)}
    return lambda conf=None, **env: run_dag("mode_workspace_audit", conf, {**environment, **env})


def test_it_audits_the_newest_snapshot_and_asks_mode_nothing(sync, audit, sandbox):
    assert sync().state == "success"
    asked = len(sandbox.mode.requests)
    run = audit()
    assert run.state == "success"
    assert len(sandbox.mode.requests) == asked
    result = run.result("audit")
    assert set(result["findings"]) | set(result["not_checked"]) == set(CHECKS)
    assert run.result("audit", "summary_markdown").startswith("**Audit of Mode workspace")
    assert result["findings"]["refused"] > 0
    assert result["new"] == result["findings"]


def test_a_new_finding_fails_the_run_that_was_asked_to_and_the_next_snapshot_knows_it(sync, audit):
    sync()
    first = audit({"fail_on": ["refused"]})
    assert first.state == "failed"
    assert first.result("audit")["new"]["refused"] > 0
    sync()
    again = audit({"fail_on": ["refused"]})
    assert again.state == "success"
    assert again.result("audit")["new"]["refused"] == 0
    assert again.result("audit")["findings"]["refused"] > 0


def test_the_form_narrows_one_audit(sync, audit, staging):
    sync()
    run = audit({"checks": ["refused"], "ignore": ["*"]})
    assert run.result("audit")["findings"] == {"refused": 0}
    (record,) = staging.glob("*/*.audit")
    assert AuditReport.from_bytes(record.read_bytes()).findings == ()


def test_without_a_snapshot_the_message_says_what_makes_one(audit, capsys):
    assert audit().state == "failed"
    assert "Extract first: mode_catalog_sync does." in capsys.readouterr().out


def test_it_cannot_be_backfilled_where_airflow_can_forbid_it():
    dag = parse_dag("mode_workspace_audit")
    if only_runs("manual"):
        assert {run_type.value for run_type in dag.allowed_run_types} == {"scheduled", "manual"}


def test_every_field_of_the_form_has_a_title_and_a_help_text():
    for name, param in parse_dag("mode_workspace_audit").params.items():
        assert {"title", "description_md"} <= set(param.schema), name
