"""What the audit of the workspace returns, whole."""

from __future__ import annotations

import json

import pytest
from structlog.testing import capture_logs

from mode_catalog_provider.operators.audit import ModeWorkspaceAuditOperator
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.links import ModeWorkspaceLink
from tests.unit.airflow_layer.telling import TaskInstance
from tests.unit.snapshot.days import day
from tests.unit.snapshot.sets import AT

REPORTS = [("report", f"r{number:02}", {"name": "Untitled Report"}) for number in range(60)]


def audit(**arguments):
    ti = TaskInstance()
    operator = ModeWorkspaceAuditOperator(task_id="audit", **{"checks": ["unnamed"], **arguments})
    return operator.execute({"ti": ti}), ti.pushed


def test_an_audit_of_the_workspace_is_returned_with_its_first_fifty_findings(tmp_path):
    snapshot = day(tmp_path, 0, REPORTS, host="https://app.mode.com")
    result, pushed = audit(
        manifest=str(snapshot.manifest_path), ignore=["r00"], index=[str(tmp_path / "index.csv")]
    )
    first = result.pop("first")
    assert [one["token"] for one in first] == [f"r{number:02}" for number in range(1, 51)]
    (kept,) = tmp_path.rglob("*.audit")
    assert result == {
        "snapshot": str(snapshot.manifest_path),
        "audit": str(kept),
        "timestamp": AT,
        "workspace": "acme",
        "findings": {"unnamed": 59},
        "new": {"unnamed": 59},
        "not_checked": {},
        "compared_with": None,
        "narrowed": "",
        "families": 0,
        "index": [str(tmp_path / "index.csv")],
    }
    assert json.loads(json.dumps(first)) == first
    assert pushed[ModeWorkspaceLink().xcom_key] == "https://app.mode.com/acme"
    assert "59" in pushed["summary_markdown"]


def test_an_audit_of_nothing_is_a_failure_with_a_reason(tmp_path):
    with pytest.raises(AirflowFailException, match="manifest"):
        audit(manifest=str(tmp_path / "1.manifest"))


def test_a_check_that_should_fail_the_run_and_was_not_made_is_a_warning(tmp_path):
    snapshot = day(tmp_path, 0, [("report", "r1", {"name": "Sales"})])
    with capture_logs() as lines:
        audit(
            manifest=str(snapshot.manifest_path),
            checks=["owner_gone", "unnamed"],
            fail_on=["owner_gone", "stale", "unnamed"],
        )
    unknown = "Whether there is something new of {} is not known, so it fails nothing: {}."
    assert [line["event"] for line in lines if line["event"].startswith("Whether")] == [
        unknown.format("owner_gone", "the key may not list the members"),
        unknown.format("stale", "it is not among those that were asked for"),
    ]
