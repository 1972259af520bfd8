"""What the audit of the workspace and the reconciliation tell: result, figures, and when they fail."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from mode_catalog_provider.audit.finding import CHECKS, AuditReport
from mode_catalog_provider.catalog.arrival_report import KINDS, ArrivalReport, Item
from mode_catalog_provider.errors import ConfigurationError, SnapshotNotFoundError
from mode_catalog_provider.operators import reconcile
from mode_catalog_provider.operators.audit import ModeWorkspaceAuditOperator
from mode_catalog_provider.operators.audit import _newest as newest_to_audit
from mode_catalog_provider.operators.reconcile import CatalogReconcileOperator
from mode_catalog_provider.operators.schedules import _newest as newest_to_ask_about
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.rendered import rendered
from tests.unit.airflow_layer.telling import TaskInstance, finding
from tests.unit.snapshot.days import day


def audited(*findings):
    return AuditReport(timestamp=7, workspace="acme", checks=tuple(CHECKS), findings=findings, not_checked={})


def workspace_audit(**arguments):
    return ModeWorkspaceAuditOperator(task_id="audit", output_dir="/staging", **arguments)


def test_an_audit_of_the_workspace_sets_two_gauges_for_each_check(gauges):
    known, new = finding("stale", "a", is_new=False), finding("stale", "b")
    with capture_logs() as lines:
        workspace_audit()._tell(audited(known, new), [new, known])
    warned = [line["event"] for line in lines if line["log_level"] == "warning"]
    assert len(warned) == 1
    assert "b is off." in warned[0]
    for name, number in (("audit.findings", 2), ("audit.new_findings", 1)):
        named = {key[1]: value for key, value in gauges.items() if key[0] == name and len(key) > 1}
        assert named == {**dict.fromkeys(CHECKS, 0), "stale": number}


@pytest.mark.parametrize(
    ("fail_on", "fails"), [(("stale",), True), (("unnamed",), False), (("same_name",), False), ((), False)]
)
def test_an_audit_of_the_workspace_fails_for_what_is_new_of_what_was_named(fail_on, fails):
    report = audited(
        finding("unnamed", "a", is_new=False), finding("stale", "b", is_new=False), finding("stale", "c")
    )
    ti = TaskInstance()
    if not fails:
        workspace_audit()._fail(fail_on, report, {"ti": ti}, {"findings": {}})
        assert ti.pushed == {}
        return
    with pytest.raises(
        AirflowFailException, match=r"New findings: 1 stale\. The first: c is off\. Mend it\."
    ):
        workspace_audit()._fail(fail_on, report, {"ti": ti}, {"findings": {}})
    assert ti.pushed == {"return_value": {"findings": {}}}
    with pytest.raises(AirflowFailException):
        workspace_audit()._fail(fail_on, report, {}, {})


def test_fail_on_of_an_audit_is_checked_and_may_be_nothing():
    assert workspace_audit()._fail_on() == ()
    assert workspace_audit(fail_on="['stale', 'unnamed']")._fail_on()
    with pytest.raises(ConfigurationError, match="lost"):
        workspace_audit(fail_on=["lost"])._fail_on()


@pytest.mark.parametrize(
    ("given", "meant"), [("None", None), (None, None), ("^x", "^x"), ({"a": "b"}, {"a": "b"})]
)
def test_what_jinja_makes_of_nothing_is_nothing(given, meant):
    assert rendered(given) == meant


@pytest.mark.parametrize("newest", [newest_to_audit, newest_to_ask_about])
def test_where_there_is_no_snapshot_the_sentence_says_what_makes_one(tmp_path, newest):
    with pytest.raises(
        SnapshotNotFoundError, match=r"no complete snapshot of workspace 'acme'.*mode_catalog_sync"
    ):
        newest(Layout.nested(tmp_path, "acme"), "acme")
    day(tmp_path, 0, [])
    assert newest(Layout.nested(tmp_path, "acme"), "acme").manifest.workspace == "acme"


ARRIVED = ArrivalReport(
    source_id="source",
    timestamp=7,
    workspace="acme",
    reports=3,
    arrived=2,
    with_lineage=1,
    dashboards=2,
    child_rows=0,
    matched_by={"url": 2},
    counts={**dict.fromkeys(KINDS, 0), "missing": 4},
    items={
        **dict.fromkeys(KINDS, ()),
        "missing": (
            Item(finding=finding("missing", "a"), entry={}),
            Item(finding=finding("missing", "b", is_new=False), entry={}),
        ),
    },
    not_checked={"lineage": "not asked"},
    compared_with=6,
)


def test_a_reconciliation_is_told_in_xcom():
    assert reconcile._result(ARRIVED, "/staging/7.manifest", "/staging/7.arrival") == {
        "source_id": "source",
        "snapshot": "/staging/7.manifest",
        "timestamp": 7,
        "workspace": "acme",
        "reports": 3,
        "arrived": 2,
        "with_lineage": 1,
        "arrived_share": 0.6667,
        "lineage_share": 0.5,
        "counts": {**dict.fromkeys(KINDS, 0), "missing": 4},
        "new": {**dict.fromkeys(KINDS, 0), "missing": 1},
        "matched_by": {"url": 2},
        "not_checked": {"lineage": "not asked"},
        "compared_with": 6,
        "kept": "/staging/7.arrival",
        "first": {
            **{kind: [] for kind in KINDS},
            "missing": [finding("missing", "a").to_json(), finding("missing", "b", is_new=False).to_json()],
        },
    }


def test_a_reconciliation_warns_of_what_is_new_and_sets_its_gauges(gauges):
    operator = CatalogReconcileOperator(task_id="reconcile", output_dir="/staging")
    with capture_logs() as lines:
        operator._tell(ARRIVED)
    warned = [line["event"] for line in lines if line["log_level"] == "warning"]
    assert warned == ["https://mode.example.com/a missing: a is off. Mend it."]
    table = next(line["event"] for line in lines if line["log_level"] == "info")
    assert "2 of 3 reports arrived (66.7 %), 1 of them with lineage (50.0 %)" in table
    assert "note on lineage: not asked" in table
    assert [gauges[f"arrival.{name}",] for name in ("reports", "arrived", "with_lineage")] == [3, 2, 1]
    for name, number in (("arrival.findings", 4), ("arrival.new_findings", 1)):
        named = {key[1]: value for key, value in gauges.items() if key[0] == name and len(key) > 1}
        assert named == {**dict.fromkeys(KINDS, 0), "missing": number}


@pytest.mark.parametrize(
    ("given", "share"), [(None, None), ("", None), (" None ", None), ("0", 0), (1, 1), ("0.5", 0.5)]
)
def test_a_threshold_is_a_share_or_none(given, share):
    operator = CatalogReconcileOperator(task_id="reconcile", output_dir="/staging", min_arrived=given)
    assert operator._share("min_arrived") == share
